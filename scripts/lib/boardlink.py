# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's board: the native QEMU, linked anew with what is in board/."""

import concurrent.futures
import os
import shlex

import boardtree
from relink import BINARY, Relink
from srctree import SRC, TreeError, newer

# Files that only the board has are compiled as this one is.
LIKE = 'hw/arm/smmuv3.c'
# The parts of a library that the emulator is linked with
LIBRARY = 'libqemuutil.a.p/'


class Board(Relink):
    """files: those that the board alone has, as boardtree.sync() says"""

    def __init__(self, files, suffix='', compiler='gcc'):
        super().__init__('native', f'board{suffix}', compiler)
        self.files = files
        self.ending = suffix and f'.{self.suffix}.o'
        self.relative = os.path.relpath(SRC, self.where)
        self.stamp = f'{self.result}.stamp'

    def paths(self, path):
        """What a file of QEMU's tree is called in the build."""
        return {f'{self.relative}/{path}', os.path.join(SRC, path)}

    def moved(self, arg):
        """An argument of the compiler, for the board's tree"""
        return arg.replace(SRC, boardtree.SRC).replace(
            self.relative, os.path.relpath(boardtree.SRC, self.where))

    def dependents(self):
        """The objects that are made from a file that differs"""
        differ = set().union(*map(self.paths, self.files))
        found, output = set(), None
        for line in self.output('ninja', '-t', 'deps').decode().splitlines():
            if not line.startswith(' '):
                output = line.partition(':')[0]
            elif line.strip() in differ:
                found.add(output)
        return found

    def object_of(self, entry, path=None):
        """What is compiled for an entry, or as the entry is for a file of
        board/"""
        return entry['output'].replace('.c.o', '.board.o') if not path else \
            os.path.join(os.path.dirname(entry['output']),
                         path.replace(self.relative + '/', 'board_')
                         .replace('/', '_') + '.o')

    def compile(self, entry, path=None, other=None, cflags=()):
        """From the board's tree, the file at path there or its own; or, as
        if it were that one, another"""
        source = self.moved(path or entry['file'])
        to = self.object_of(entry, path) + self.ending
        args = shlex.split(entry['command'])
        replaced = {a: self.moved(a) for a in args if self.moved(a) != a}
        replaced[entry['file']] = other or source
        self.run({**entry, 'file': source}, to, replaced, cflags)
        self.check_deps(to)
        return to

    def check_deps(self, output):
        with open(os.path.join(self.where, f'{output}.d'),
                  encoding='utf-8') as f:
            seen = set(f.read().split())
        for path in self.files:
            if seen & self.paths(path):
                raise TreeError(f'{output} was made with {path} of '
                                'build/qemu/src, which the board has another '
                                'of')

    def parts(self):
        """(the link, objects that are compiled again, by what, new files)"""
        by_output = {e['output']: e for e in self.compdb}
        link = by_output[BINARY]
        linked = set(shlex.split(link['command']))
        old = [by_output[o] for o in sorted(self.dependents())
               if o in linked or o.startswith(LIBRARY)]
        like = next(self.sources(LIKE.__eq__))
        new = [f'{self.relative}/{f}' for f in self.files
               if f.endswith('.c') and
               not os.path.exists(os.path.join(SRC, f))]
        return link, old, like, new

    def link_board(self, link, replaced, more):
        """replaced: {object of the build: the board's}"""
        self.link_to(self.result, link, replaced,
                     [*more, *(new for old, new in replaced.items()
                               if old.startswith(LIBRARY))])

    def make(self, wanted, cflags, ldflags=(), source=None):
        """As a Relink does, but of the board that is built"""
        link, old, like, new = self.parts()
        source = source or {}
        replaced = {e['output']: self.object_of(e) for e in old}
        added = {f: self.object_of(like, f) for f in new}
        ours = [f for f in new if wanted(os.path.relpath(f, self.relative))]
        qemus = list(self.sources(wanted))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            added.update(zip(ours, pool.map(
                lambda f: self.compile(
                    like, f, source.get(os.path.relpath(f, self.relative)),
                    cflags), ours)))
            replaced.update(zip([e['output'] for e in qemus], pool.map(
                lambda e: self.compile(
                    e, None, source.get(self.path_of(e)), cflags), qemus)))
        self.link_board(link, replaced, [*ldflags, *added.values()])
        return len(ours) + len(qemus)

    def build(self):
        link, old, like, new = self.parts()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            replaced = dict(zip([e['output'] for e in old],
                                pool.map(self.compile, old)))
            added = list(pool.map(lambda f: self.compile(like, f), new))
        self.link_board(link, replaced, added)
        return len(replaced) + len(added)

    def what(self, tip):
        """What the result is made of, but for the native build"""
        return '\n'.join([tip, *self.files]) + '\n'

    def is_current(self, tip):
        files = [os.path.join(boardtree.SRC, f) for f in self.files]
        if not newer(self.result, self.original, __file__, *files) or \
                not os.path.exists(self.stamp):
            return False
        with open(self.stamp, encoding='utf-8') as f:
            return f.read() == self.what(tip)
