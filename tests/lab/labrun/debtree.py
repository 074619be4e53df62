# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's arm64 packages, unpacked for the lab's host to mount."""

import os
import subprocess

from .paths import DEB_FETCH, LabError


def fetch(part, where, finish=lambda: None):
    """Fetch the part, whose place this is; finish() adds to it."""
    stamp = os.path.join(where, 'tmp', 'complete')
    if os.path.exists(stamp):
        return
    done = subprocess.run(
        [DEB_FETCH, part], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise LabError(f'{part}: could not be fetched')
    finish()
    os.makedirs(os.path.dirname(stamp), exist_ok=True)
    with open(stamp, 'w', encoding='ascii'):
        pass
