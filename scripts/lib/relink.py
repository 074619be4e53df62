# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU beside one that is built: a few files compiled in another way, and
everything else linked as it is."""

import functools
import json
import os
import shlex
import subprocess

from roombuild import ONLY_GCC
from srctree import QEMU, ROOT, SRC, TreeError

BINARY = 'qemu-system-aarch64'
SANITIZE = '-fsanitize=address,undefined'
SANITIZE_CFLAGS = [SANITIZE, '-fno-sanitize-recover=all', '-fno-sanitize=shift',
                   '-fno-omit-frame-pointer', '-DSMMUV3_ACCEL_CHECKS', '-w']
# A link without debug information takes a fraction of the time.
STRIP = ['-Wl,--strip-debug']
MAIN = 'system/main.c'
HOOKED = ('hw/arm/smmuv3.c', 'hw/arm/smmu-common.c')
# Compiled as are files that are linked in besides
LIKE = 'hw/arm/smmuv3-accel/device/device.c'


def worth_sanitizing(path):
    """Is it of the overlay, or the SMMUv3 that it hooks into?"""
    return path in HOOKED or os.path.exists(os.path.join(ROOT, path))


def faulty_source(fault, where):
    """What Relink.make() is to take in place of a file: itself, with a fault"""
    path = os.path.join(where, fault.name)
    # That of board/ is at the rest of its path in the board's tree.
    inside = fault.path.removeprefix('board/')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(fault.text(os.path.join(SRC if inside == fault.path else ROOT,
                                        fault.path)))
    return {inside: path}


def instead_of_main(entry):
    """What the linker is told, so that a function is called for main()"""
    return ['-Wl,--wrap=main', f'-Wl,--defsym=__wrap_main={entry}']


@functools.cache
def linker(compiler):
    """lld, which takes a third of GNU ld's time, if the compiler finds it: one
    for another machine looks for an lld of that machine's name"""
    lld = ['-fuse-ld=lld']
    return [] if subprocess.run([compiler, *lld, '-Wl,--version'], check=False,
                                capture_output=True).returncode else lld


@functools.cache
def commands(where):
    """Of all that is built there: half a second for ninja"""
    return json.loads(subprocess.run(['ninja', '-t', 'compdb', '-x'], cwd=where,
                                     check=True, capture_output=True).stdout)


class Relink:
    """Of build/qemu/WHICH; the result is qemu-system-aarch64-SUFFIX there."""

    # Where objects are that can be others
    replaceable = ('libsystem', f'{BINARY}.p/')

    def __init__(self, which, suffix, compiler='gcc'):
        self.where = os.path.join(QEMU, which)
        self.src = os.path.realpath(SRC)
        self.suffix = suffix
        self.compiler = compiler
        self.original = os.path.join(self.where, BINARY)
        self.result = f'{self.original}-{suffix}'
        if not os.path.exists(self.original):
            raise TreeError(f'there is no {which} build yet: run make {which} '
                            'first')
        self.compdb = commands(self.where)

    def output(self, *command):
        return subprocess.run(command, cwd=self.where, check=True,
                              capture_output=True).stdout

    def run(self, entry, output, replaced=None, more=()):
        replaced = {'gcc': self.compiler, **(replaced or {})}
        command = [replaced.get(arg, arg)
                   for arg in shlex.split(entry['command'])
                   if self.compiler == 'gcc' or not arg.startswith(ONLY_GCC)]
        command[command.index('-o') + 1] = output
        if '-MF' in command:
            command[command.index('-MF') + 1] = f'{output}.d'
        if entry['file'].endswith('.c'):
            # First, so that headers can be put before others. Those beside a
            # file are found wherever the one in its place is.
            at = next(i for i, arg in enumerate(command) if arg[0] == '-')
            command[at:at] = [*more, '-iquote', os.path.dirname(entry['file'])]
        else:
            # Before the libraries: the linker then takes nothing from them
            # that is here.
            at = command.index('-Wl,--start-group')
            command[at:at] = [*linker(command[0]), *more]
        p = subprocess.run(command, cwd=self.where, check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True)
        if p.returncode:
            raise TreeError(f'{output}:\n{p.stdout}')

    def path_of(self, entry):
        """Of what an object is made, in QEMU's tree"""
        return os.path.relpath(
            os.path.normpath(os.path.join(self.where, entry['file'])), self.src)

    def sources(self, wanted):
        """The emulator's objects of which wanted(path in QEMU's tree)"""
        for entry in self.compdb:
            if entry['output'].startswith(self.replaceable) and \
                    wanted(self.path_of(entry)):
                yield entry

    def add(self, path, cflags=(), like=LIKE):
        """The object of one more file"""
        like = next(self.sources(like.__eq__))
        to = os.path.join(os.path.dirname(like['output']),
                          f'{os.path.basename(path)}.{self.suffix}.o')
        self.run(like, to, {like['file']: path}, cflags)
        return to

    def test_program(self, sources, entry, wanted, flags, source=None,
                     ldflags=()):
        """QEMU with SOURCES, whose function ENTRY is called in place of its
        own main(); the rest as in make()"""
        self.make(wanted, flags,
                  [*flags, *self.in_place_of_main(sources, entry, flags),
                   *ldflags], source)
        return self.result

    def in_place_of_main(self, sources, entry, cflags):
        """The linker's arguments for that"""
        return [*instead_of_main(entry),
                *(self.add(path, cflags) for path in sources)]

    def objects(self, wanted, cflags, source=None):
        """{object of the build: the one compiled in its place}"""
        replaced = {}
        for entry in self.sources(wanted):
            to = entry['output'].replace('.c.o', f'.{self.suffix}.o')
            replaced[entry['output']] = to
            self.run(entry, to, {entry['file']:
                                 (source or {}).get(self.path_of(entry),
                                                    entry['file'])}, cflags)
        return replaced

    def link(self, replaced, ldflags=(), result=None):
        link = [e for e in self.compdb if e['output'] == BINARY]
        if not link:
            raise TreeError('build.ninja does not say how ' + BINARY +
                            ' is made')
        self.link_to(result or self.result, link[0], replaced, ldflags)

    def link_to(self, result, entry, replaced, ldflags):
        """Whole or not at all: what a killed linker leaves is newer than all"""
        result = os.path.join(self.where, result)
        self.run(entry, f'{result}.new', replaced, ldflags)
        os.replace(f'{result}.new', result)

    def make(self, wanted, cflags, ldflags=(), source=None):
        """source: {path in QEMU's tree: a file in its place}; how many objects"""
        replaced = self.objects(wanted, cflags, source)
        self.link(replaced, ldflags)
        return len(replaced)
