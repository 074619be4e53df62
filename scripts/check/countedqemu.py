# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU in which device/ and machine/ are compiled for gcov, and who runs it:
the programs of tests/machine, or cases of the lab."""

import base64
import contextlib
import os
import re
import subprocess
from collections import namedtuple

from gcovcounts import read_counts
from gtestlist import tests_of
from house import HOUSE, STUB
from machineprograms import REGISTERS, THREADS
from relink import Relink
from srctree import BUILD, ROOT, TreeError

# Threads count, too; and gcov miscounts what is inlined into two functions
CFLAGS = ['--coverage', '-fno-inline', '-D__always_inline__=__noinline__',
          '-fprofile-update=atomic', '-w']
UPPER_FLOORS = re.compile(rf'{HOUSE}/(device|machine)/')
WHERE = os.path.join(BUILD, 'coverage')
RANDOM_STEPS = '100000'
LAB = os.path.join(ROOT, 'tests', 'lab', 'run')
# How tests/lab/image/init begins a line of the result
MARK = '# counts: '

File = namedtuple('File', 'name path link')


class Counted(Relink):
    def __init__(self, which):
        super().__init__(which, 'coverage')
        os.makedirs(WHERE, exist_ok=True)
        self.replaced = self.objects(
            lambda path: UPPER_FLOORS.match(path) and not STUB.search(path),
            CFLAGS)
        self.forget()

    def forget(self):
        for obj in self.replaced.values():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.counts_of(obj))

    def run(self, entry, output, replaced=None, more=()):
        # Where the build says so, -O2 would come later than CFLAGS
        super().run(entry, output, {'-O2': '-O0', **(replaced or {})}, more)

    def counts_of(self, obj):
        return os.path.join(self.where, obj[:-len('o')] + 'gcda')

    def counts(self):
        """{file: its counts} of what has run"""
        return {unit: read_counts(obj, unit.name)
                for unit, obj in self.files()}

    def files(self):
        """(file, its object)"""
        for entry in self.compdb:
            obj = self.replaced.get(entry['output'])
            if obj:
                link = os.path.normpath(os.path.join(self.where,
                                                     entry['file']))
                yield (File(os.path.basename(link), os.path.realpath(link),
                            link), os.path.join(self.where, obj))

    @staticmethod
    def run_test(*command, **env):
        p = subprocess.run(command, cwd=WHERE, check=False, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           errors='replace', env={**os.environ, **env})
        if p.returncode:
            raise TreeError(f'{" ".join(command)} fails:\n{p.stdout[-2000:]}')
        return p.stdout


class Machine(Counted):
    def __init__(self):
        super().__init__('native')

    def program(self, name, program=None):
        result = f'{self.result}-{name}'
        ldflags = ['--coverage']
        if program:
            ldflags += [*self.in_place_of_main(*program[:2], ['-w']),
                        *program.ldflags]
        self.link(self.replaced, ldflags, result)
        return result

    def run_each(self, program, under):
        """A process for each test, as scripts/check/registers and tsan do"""
        for test in tests_of(program, under=under, cwd=WHERE):
            self.run_test(program, '-p', test)

    def run_all(self):
        registers = self.program('registers', REGISTERS)
        self.run_each(registers, '/smmuv3/rules/')
        self.run_test(registers, '-p',
                      '/smmuv3/registers/any access of any width',
                      SMMUV3_MODEL_STEPS=RANDOM_STEPS)
        self.run_each(self.program('threads', THREADS), '/smmuv3/threads/')
        self.run_test(os.path.join(ROOT, 'tests', 'machine', 'command-lines'),
                      QEMU=self.program('qemu'))


class Lab(Counted):
    def __init__(self):
        super().__init__('arm64')
        self.link(self.replaced, ['--coverage'])

    def run_case(self, name):
        """Its counts come with the result, as a tar of the objects' tree"""
        self.forget()
        logs = os.path.join(WHERE, 'logs')
        self.run_test(LAB, name, LAB_QEMU=self.result, LAB_LOGS=logs,
                      LAB_APPEND='GCOV_PREFIX=/tmp/counts '
                      f'GCOV_PREFIX_STRIP={self.where.count("/")}')
        with open(os.path.join(logs, name, 'result'), encoding='utf-8',
                  errors='replace') as f:
            tar = ''.join(line[len(MARK):] for line in f
                          if line.startswith(MARK))
        subprocess.run(['tar', '-xz', '-C', self.where], check=True,
                       input=base64.b64decode(tar))
