# SPDX-License-Identifier: GPL-2.0-or-later
"""All that a goal needs, brought before anything is built for it."""

import glob
import os
import sys
import time

from . import retry, table
from .common import BUILD, FetchError, say
from .records import Record
from .unpack import unpack


class Progress:
    """N of M parts, MB: rewritten on a terminal, else every five seconds."""

    def __init__(self, count, total):
        self.count, self.total = count, total
        self.before = 0         # bytes of the parts that are done
        self.number = 0
        self.name = ''
        self.tty = sys.stderr.isatty()
        self.shown = time.monotonic()

    def start(self, name):
        self.number += 1
        self.name = name

    def __call__(self, size):
        now = time.monotonic()
        if now - self.shown < (0.2 if self.tty else 5):
            return
        self.shown = now
        text = self.text(size)
        if self.tty:
            print(f'\r\033[K{text}', end='', file=sys.stderr, flush=True)
        else:
            say(text)

    def text(self, size):
        return (f'{self.number} of {self.count}, {self.name}: '
                f'{(self.before + size) / 1e6:.0f} of '
                f'{self.total / 1e6:.0f} MB')

    def end(self, size):
        text = self.text(size)
        self.before += size
        if self.tty:
            print('\r\033[K', end='', file=sys.stderr)
        say(text)


def bring_part(fetcher, part, progress=None):
    """Files of a part; it is unpacked if the table says where."""
    if part.given():
        return part.given()
    try:
        files = fetcher.fetch(part.request, progress)
    except retry.Missing:
        if part.installed and os.path.exists(part.installed):
            say(f'{part.name}: taking {part.installed} of this machine')
            return [part.installed]
        raise
    if part.unpack:
        unpack(files, part.unpack)
    return files


def missing_parts(goal):
    return [p for p in table.parts_for(goal) if p.is_needed()
            and Record(p.request).files() is None]


def _sizes(fetcher, todo):
    """Ask for each part first: a fault of the network is known at once."""
    sizes, failed = {}, []
    for part in todo:
        try:
            uris = fetcher.resolve(part.request)[1]
            sizes[part.name] = sum(size for _, _, size, _ in uris)
        except retry.Missing as e:
            if part.installed and os.path.exists(part.installed):
                sizes[part.name] = 0
                continue
            failed.append(str(e))
    _report(failed)
    return sizes


def _report(failed):
    if failed:
        raise FetchError('\n'.join([*failed, retry.HOW_TO_GIVE]))


def _forget_caches():
    """apt's digests of its lists, large and soon made anew."""
    for path in glob.glob(os.path.join(BUILD, 'apt', '*', 'pkgcache.bin')):
        os.unlink(path)


def bring_all(goal):
    """Bring and unpack what a goal needs."""
    fetcher = retry.Fetcher()
    todo = missing_parts(goal)
    if todo:
        say(f'make {goal} needs {len(todo)} more parts: '
            + ', '.join(p.name for p in todo))
        sizes = _sizes(fetcher, todo)
        progress = Progress(len(todo), sum(sizes.values()))
        failed = []
        for part in todo:
            progress.start(part.name)
            try:
                bring_part(fetcher, part, progress)
                progress.end(sizes[part.name])
            except retry.Missing as e:
                failed.append(str(e))
        _report(failed)
        _forget_caches()
    for part in table.parts_for(goal):
        if part.is_needed() and part.name not in (p.name for p in todo):
            bring_part(fetcher, part)
