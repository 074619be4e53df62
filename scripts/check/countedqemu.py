# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU in which device/ and machine/ are compiled for gcov, and the programs of
tests/machine that run it."""

import os
import re
import subprocess
from collections import namedtuple

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

File = namedtuple('File', 'name path link')


class Counted(Relink):
    def __init__(self, which):
        super().__init__(which, 'coverage')
        os.makedirs(WHERE, exist_ok=True)
        self.replaced = self.objects(
            lambda path: UPPER_FLOORS.match(path) and not STUB.search(path),
            CFLAGS)
        for obj in self.replaced.values():
            counts = self.counts_of(obj)
            if os.path.exists(counts):
                os.unlink(counts)

    def run(self, entry, output, replaced=None, more=()):
        # Where the build says so, -O2 would come later than CFLAGS
        super().run(entry, output, {'-O2': '-O0', **(replaced or {})}, more)

    def counts_of(self, obj):
        return os.path.join(self.where, obj[:-len('o')] + 'gcda')

    def files(self):
        """(file, its object)"""
        for entry in self.compdb:
            obj = self.replaced.get(entry['output'])
            if obj:
                link = os.path.normpath(os.path.join(self.where,
                                                     entry['file']))
                yield (File(os.path.basename(link), os.path.realpath(link),
                            link), os.path.join(self.where, obj))


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

    @staticmethod
    def run_test(*command, **env):
        p = subprocess.run(command, cwd=WHERE, check=False, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           errors='replace', env={**os.environ, **env})
        if p.returncode:
            raise TreeError(f'{" ".join(command)} fails:\n{p.stdout[-2000:]}')
        return p.stdout

    def run_each(self, program, under):
        """A process for each test, as scripts/check/registers and tsan do"""
        for test in self.run_test(program, '-l').split():
            if test.startswith(under):
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
