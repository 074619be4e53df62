# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's libvirt for arm64, as a directory that the lab's host mounts."""

import os
import subprocess

from .paths import BUILD, DOWNLOADS, TOP, LabError

WHERE = os.path.join(BUILD, 'libvirt')
# The first with ats, ril, ssidsize and oas is in no stable release.
PACKAGES = ('libvirt-daemon-driver-qemu>=12.8', 'libvirt-clients>=12.8')
SUITE = 'sid'
# What packages leave to the system, and what is mounted over.
LINKS = {'bin': 'usr/bin', 'sbin': 'usr/sbin', 'lib': 'usr/lib'}
DIRS = ('dev', 'proc', 'sys', 'run', 'tmp', 'opt', 'root', 'lab', 'var',
        'etc')


def fetch():
    stamp = os.path.join(WHERE, 'tmp', 'complete')
    if os.path.exists(stamp):
        return
    done = subprocess.run(
        [os.path.join(TOP, 'scripts', 'deb-fetch'), '--arch=arm64',
         f'--suite={SUITE}', '--deps', f'--dest={DOWNLOADS}',
         f'--unpack={WHERE}', *PACKAGES], stdout=subprocess.DEVNULL,
        check=False)
    if done.returncode:
        raise LabError('libvirt: could not be fetched')
    for name, target in LINKS.items():
        if not os.path.lexists(os.path.join(WHERE, name)):
            os.symlink(target, os.path.join(WHERE, name))
    for name in DIRS:
        os.makedirs(os.path.join(WHERE, name), exist_ok=True)
    with open(stamp, 'w', encoding='ascii'):
        pass
