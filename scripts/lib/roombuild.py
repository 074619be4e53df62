# SPDX-License-Identifier: GPL-2.0-or-later
"""The overlay's rooms and unit tests, compiled once more in another way.

A small compile by the side of the native build: for coverage, sanitizers,
fuzzing, and for sources with deliberate faults. The commands are those that
meson made for the unit tests.
"""

import json
import os
import re
import shlex
import shutil
import subprocess

from srctree import BUILD, QEMU, ROOT, TreeError

NATIVE = os.path.join(QEMU, 'native')
LIBRARY = 'libtest-smmuv3.a'
# What not every clang takes
ONLY_GCC = ('-fzero-call-used-regs', '-ftrivial-auto-var-init', '-fpch-deps')
# What is compiled again as it was comes from there.
CCACHE = ['ccache'] if shutil.which('ccache') else []
# What asks for a list of what a file includes; gcc 12 crashes with the second
# alone.
DEPENDENCIES = ('-MD', '-fpch-deps')


class Unit:
    """One source file: what it belongs to, and how it is compiled."""

    def __init__(self, entry):
        self.owner = entry['output'].split('/')[2].removesuffix('.p')
        self.path = os.path.realpath(os.path.join(NATIVE, entry['file']))
        self.name = os.path.basename(self.path)
        self.link = os.path.normpath(os.path.join(NATIVE, entry['file']))
        self.argv = self.trim(shlex.split(entry['command']), entry)

    @staticmethod
    def trim(argv, entry):
        """Without compiler, output and dependency files."""
        out = []
        skip = 0
        start = next(i for i, a in enumerate(argv) if a.startswith('-'))
        for arg in argv[start:]:
            if skip:
                skip -= 1
            elif arg in ('-o', '-c', '-MF', '-MQ'):
                skip = 1
            elif arg not in (*DEPENDENCIES, entry['file']):
                out.append(arg)
        return out

    @property
    def is_test(self):
        return self.owner != LIBRARY


def units():
    path = os.path.join(NATIVE, 'compile_commands.json')
    if not os.path.exists(path):
        raise TreeError('the native QEMU is not built yet: make native')
    with open(path, encoding='utf-8') as f:
        entries = [e for e in json.load(f)
                   if re.match(r'tests/unit/[^/]*smmuv3', e['output'])]
    return [Unit(e) for e in entries]


class Build:
    """Objects and programs in build/WHERE."""

    def __init__(self, where, cflags=(), compiler='gcc'):
        self.where = os.path.join(BUILD, where)
        self.cflags = list(cflags)
        self.compiler = compiler
        self.units = units()
        shutil.rmtree(self.where, ignore_errors=True)
        os.makedirs(self.where)

    def compile(self, unit, source=None, to=None):
        """Returns the object; None if SOURCE does not compile."""
        out = os.path.join(self.where, to or
                           unit.owner.split('.')[0] + '-' + unit.name + '.o')
        # In the place of its link, so that its headers are found.
        where = os.path.dirname(unit.link)
        argv = [a for a in unit.argv
                if self.compiler == 'gcc' or not a.startswith(ONLY_GCC)]
        cmd = [*CCACHE, self.compiler, *argv, f'-I{where}', *self.cflags,
               '-w', '-o', out, '-c', source or unit.link]
        p = subprocess.run(cmd, cwd=NATIVE, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
        if p.returncode:
            if source:
                return None
            raise TreeError(f'{unit.path}:\n{p.stdout}')
        return out

    def objects(self):
        """{unit: object} of everything."""
        return {u: self.compile(u) for u in self.units}

    def link(self, name, objects, shared=False):
        out = os.path.join(self.where, name)
        libs = subprocess.run(['pkg-config', '--libs', 'glib-2.0'],
                              stdout=subprocess.PIPE, text=True,
                              check=True).stdout.split()
        # ./configure --enable-sanitizers
        sanitizers = {a for u in self.units for a in u.argv
                      if a.startswith('-fsanitize')}
        # A shared one has QEMU's functions from the program that loads it.
        cmd = [self.compiler, *self.cflags, *sanitizers, '-o', out, *objects,
               *(['-shared'] if shared else ['-pie', 'libqemuutil.a']),
               *libs, '-lm', '-pthread']
        p = subprocess.run(cmd, cwd=NATIVE, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
        if p.returncode:
            raise TreeError(f'{name}:\n{p.stdout}')
        return out

    def library(self, objects):
        """Link all but the tests, to be loaded by each of them: where objects
        change, this alone is linked again. They take -fPIC. Returns its path
        """
        return self.link('libsmmuv3.so', self.of_library(objects), shared=True)

    def of_library(self, objects):
        return [objects[u] for u in self.units if not u.is_test]

    def tests(self, objects, library=None):
        """Link every test. Returns {name: path}"""
        return {n: self.test(n, objects, library) for n in self.test_names()}

    def test_names(self):
        return sorted({u.owner for u in self.units if u.is_test})

    def test(self, name, objects, library=None, to=None):
        """Link one test, under its own name if none is given, with what
        library() returned or with all that is in it. Returns its path"""
        own = [objects[u] for u in self.units if u.owner == name]
        return self.link(to or name, own + ([library] if library else
                                            self.of_library(objects)))


def run_test(path, env=None, timeout=600):
    """(passed?, output); neither True nor False if it does not end"""
    try:
        p = subprocess.run([path, '--tap', '-k'], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True,
                           errors='replace', timeout=timeout, check=False,
                           env={**os.environ, **(env or {})})
    except subprocess.TimeoutExpired:
        return None, f'more than {timeout} seconds'
    return p.returncode == 0, p.stdout


def short(path):
    return os.path.relpath(path, ROOT)
