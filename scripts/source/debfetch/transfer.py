# SPDX-License-Identifier: GPL-2.0-or-later
"""Bringing files: each is there whole, or not at all.

A file grows in DEST/.partial, from which an interrupted download goes on. It
gets its name once its SHA-256 is the one that the signed index has.
"""

import fcntl
import os
import shutil

from .command import output, size_of_files
from .common import FetchError, Kind
from .records import digest_of

AT_ONCE = 25
HELPER = '/usr/lib/apt/apt-helper'


def partial_directory(dest):
    return os.path.join(dest, '.partial')


def is_there(dest, row):
    _, name, size, digest = row
    path = os.path.join(dest, name)
    return (os.path.exists(path) and os.path.getsize(path) == size
            and digest_of(path) == digest)


def _settle(part, final):
    """Give a whole file its name."""
    with open(part, 'rb') as f:
        os.fsync(f.fileno())
    os.replace(part, final)


def _is_whole(part, size, digest):
    return (os.path.exists(part) and os.path.getsize(part) == size
            and digest_of(part) == digest)


def _download(state, rows, partial, tick):
    """Bring some files to the directory of beginnings."""
    args = []
    for uri, name, size, digest in rows:
        part = os.path.join(partial, name)
        if uri.startswith('file:'):
            shutil.copyfile(uri[len('file:'):], part)
            continue
        # apt goes on after what is there; all of it is no beginning.
        if os.path.exists(part) and os.path.getsize(part) >= size:
            os.unlink(part)
        args += [uri, part, f'SHA256:{digest}']
    try:
        if args:
            output([HELPER, '-qq', 'download-file', *args], env=state.env,
                   tick=tick, watch=[partial])
    finally:
        # apt's name for a file of another content.
        for name in os.listdir(partial):
            if name.endswith('.FAILED'):
                os.unlink(os.path.join(partial, name))


def bring(state, uris, dest, progress=None):
    """Bring the files that are not there; progress(bytes so far)."""
    partial = partial_directory(dest)
    os.makedirs(partial, exist_ok=True)
    with open(os.path.join(partial, '.lock'), 'w', encoding='ascii') as lock:
        # Requests for different architectures have files in common.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _bring(state, uris, dest, progress or (lambda _: None))
        for name in {row[1] for row in uris} & set(os.listdir(partial)):
            os.unlink(os.path.join(partial, name))


def _bring(state, uris, dest, progress):
    partial = partial_directory(dest)
    todo = [row for row in uris if not is_there(dest, row)]
    done = sum(row[2] for row in uris) - sum(row[2] for row in todo)
    while todo:
        # Starting apt for each of a hundred files would take minutes.
        now, todo = todo[:AT_ONCE], todo[AT_ONCE:]
        whole = set()
        try:
            _download(state, now, partial, lambda before=done: progress(
                before + size_of_files([partial])))
        finally:
            for row in now:
                _, name, size, digest = row
                part = os.path.join(partial, name)
                if _is_whole(part, size, digest):
                    _settle(part, os.path.join(dest, name))
                    whole.add(name)
                    done += size
        for name in {row[1] for row in now} - whole:
            raise FetchError(f'{name}: not the file that the index describes',
                             Kind.CHANGING)
        progress(done)
