# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's libvirt for arm64, as a directory that the lab's host mounts."""

import os

from . import debtree
from .paths import BUILD

WHERE = os.path.join(BUILD, 'libvirt')
# What packages leave to the system, and what is mounted over.
LINKS = {'bin': 'usr/bin', 'sbin': 'usr/sbin', 'lib': 'usr/lib'}
DIRS = ('dev', 'proc', 'sys', 'run', 'tmp', 'opt', 'root', 'lab', 'var',
        'etc')


def _make_root():
    for name, target in LINKS.items():
        if not os.path.lexists(os.path.join(WHERE, name)):
            os.symlink(target, os.path.join(WHERE, name))
    for name in DIRS:
        os.makedirs(os.path.join(WHERE, name), exist_ok=True)


def fetch():
    debtree.fetch('libvirt', WHERE, _make_root)
