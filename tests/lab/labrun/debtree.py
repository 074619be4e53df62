# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's arm64 packages, unpacked for the lab's host to mount."""

import os
import subprocess

from .paths import DEB_FETCH, DOWNLOADS, LabError


def fetch(what, where, suite, packages, finish=lambda: None):
    """Unpack the packages and what they depend on; finish() adds to it."""
    stamp = os.path.join(where, 'tmp', 'complete')
    if os.path.exists(stamp):
        return
    done = subprocess.run(
        [DEB_FETCH, '--arch=arm64',
         f'--suite={suite}', '--deps', f'--dest={DOWNLOADS}',
         f'--unpack={where}', *packages], stdout=subprocess.DEVNULL,
        check=False)
    if done.returncode:
        raise LabError(f'{what}: could not be fetched')
    finish()
    os.makedirs(os.path.dirname(stamp), exist_ok=True)
    with open(stamp, 'w', encoding='ascii'):
        pass
