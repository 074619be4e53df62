# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU beside one that is built: a few files compiled in another way, and
everything else linked as it is."""

import json
import os
import shlex
import subprocess

from srctree import QEMU, TreeError

BINARY = 'qemu-system-aarch64'


def newer(target, *sources):
    """Is target newer than all of sources?"""
    return os.path.exists(target) and all(
        os.path.getmtime(target) > os.path.getmtime(s) for s in sources)


class Relink:
    """Of build/qemu/WHICH; the result is qemu-system-aarch64-SUFFIX there."""

    def __init__(self, which, suffix):
        self.where = os.path.join(QEMU, which)
        self.suffix = suffix
        self.original = os.path.join(self.where, BINARY)
        self.result = f'{self.original}-{suffix}'
        if not os.path.exists(self.original):
            raise TreeError(f'there is no {which} build yet: run make {which} '
                            'first')
        self.compdb = json.loads(self.output('ninja', '-t', 'compdb', '-x'))

    def output(self, *command):
        return subprocess.run(command, cwd=self.where, check=True,
                              capture_output=True).stdout

    def run(self, entry, output, replaced=None, more=()):
        command = [(replaced or {}).get(arg, arg)
                   for arg in shlex.split(entry['command'])]
        command[command.index('-o') + 1] = output
        p = subprocess.run(command + list(more), cwd=self.where, check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True)
        if p.returncode:
            raise TreeError(f'{output}:\n{p.stdout}')

    def sources(self, wanted):
        """The emulator's objects of which wanted(path in QEMU's tree)"""
        src = os.path.realpath(os.path.join(QEMU, 'src'))
        for entry in self.compdb:
            path = os.path.normpath(os.path.join(self.where, entry['file']))
            if entry['output'].startswith('libsystem') and \
                    wanted(os.path.relpath(path, src)):
                yield entry

    def make(self, wanted, cflags, ldflags=(), source=None):
        """source: {path of a file: another in its place}; how many objects"""
        replaced = {}
        for entry in self.sources(wanted):
            to = entry['output'].replace('.c.o', f'.{self.suffix}.o')
            replaced[entry['output']] = to
            self.run(entry, to, {entry['file']:
                                 (source or {}).get(entry['file'],
                                                    entry['file'])}, cflags)
        link = [e for e in self.compdb if e['output'] == BINARY]
        if not link:
            raise TreeError('build.ninja does not say how ' + BINARY +
                            ' is made')
        self.run(link[0], self.result, replaced, ldflags)
        return len(replaced)
