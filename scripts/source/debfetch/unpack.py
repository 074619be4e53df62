# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages as a directory: whole, or not at all."""

import fcntl
import json
import os
import shutil

from .command import output
from .common import write_whole

RECORD = '.deb-fetch'


def _wanted(debs):
    return json.dumps([[os.path.basename(d), os.path.getsize(d)]
                       for d in debs])


def is_unpacked(debs, target):
    try:
        with open(os.path.join(target, RECORD), encoding='utf-8') as f:
            return f.read() == _wanted(debs)
    except FileNotFoundError:
        return False


def unpack(debs, target):
    """Make target the content of the packages.

    It is unpacked beside its place, where an interrupted run is of no harm.
    """
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    with open(f'{target}.lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _unpack([d for d in debs if d.endswith('.deb')], target)


def _unpack(debs, target):
    if is_unpacked(debs, target):
        return
    new, old = f'{target}.new', f'{target}.old'
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    os.makedirs(new)
    for deb in debs:
        output(['dpkg-deb', '-x', deb, new])
    write_whole(os.path.join(new, RECORD), _wanted(debs))
    if os.path.lexists(target):
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)
