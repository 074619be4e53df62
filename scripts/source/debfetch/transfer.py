# SPDX-License-Identifier: GPL-2.0-or-later
"""Bringing files: each is there whole, or not at all.

A file grows in DEST/.partial, from which an interrupted download goes on. It
gets its name once its SHA-256 is the one that the signed index has.
"""

import fcntl
import os
import shutil

from .command import output
from .common import FetchError, Kind
from .records import digest_of

HELPER = '/usr/lib/apt/apt-helper'


def partial_directory(dest):
    return os.path.join(dest, '.partial')


def is_there(dest, row):
    _, name, size, digest = row
    path = os.path.join(dest, name)
    return (os.path.exists(path) and os.path.getsize(path) == size
            and digest_of(path) == digest)


def _settle(part, final, digest):
    """Give a whole file its name."""
    if digest_of(part) != digest:
        os.unlink(part)
        raise FetchError(f'{os.path.basename(final)}: not the file that the '
                         'index describes', Kind.CHANGING)
    with open(part, 'rb') as f:
        os.fsync(f.fileno())
    os.replace(part, final)


def _download(state, row, part, tick):
    uri, _, size, digest = row
    if uri.startswith('file:'):
        shutil.copyfile(uri[len('file:'):], part)
        return
    # apt goes on after what is there; more than all cannot be a beginning.
    if os.path.exists(part) and os.path.getsize(part) >= size:
        os.unlink(part)
    try:
        output([HELPER, '-qq', 'download-file', uri, part,
                f'SHA256:{digest}'], env=state.env, tick=tick,
               watch=[os.path.dirname(part)])
    finally:
        # apt's name for a file of another content.
        if os.path.exists(part + '.FAILED'):
            os.unlink(part + '.FAILED')


def bring(state, uris, dest, progress=None):
    """Bring the files that are not there; progress(bytes so far)."""
    partial = partial_directory(dest)
    os.makedirs(partial, exist_ok=True)
    with open(os.path.join(partial, '.lock'), 'w', encoding='ascii') as lock:
        # Requests for different architectures have files in common.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _bring(state, uris, dest, progress or (lambda _: None))


def _bring(state, uris, dest, progress):
    partial = partial_directory(dest)
    done = 0
    for row in uris:
        _, name, size, digest = row
        if not is_there(dest, row):
            part = os.path.join(partial, name)

            def tick(before=done, path=part):
                if os.path.exists(path):
                    progress(before + os.path.getsize(path))
            _download(state, row, part, tick)
            _settle(part, os.path.join(dest, name), digest)
        done += size
        progress(done)
    for name in {row[1] for row in uris} & set(os.listdir(partial)):
        os.unlink(os.path.join(partial, name))
