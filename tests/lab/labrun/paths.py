# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the lab finds its parts; the layout of build/ is the project's."""

import os

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(os.path.dirname(LAB))
BUILD = os.path.join(TOP, 'build')
DOWNLOADS = os.path.join(BUILD, 'downloads')
SYSROOT = os.path.join(BUILD, 'sysroot', 'arm64')
LINUX = os.path.join(BUILD, 'linux')
OUT = os.path.join(BUILD, 'lab')
LOGS = os.environ.get('LAB_LOGS') or os.path.join(OUT, 'logs')
DEB_FETCH = os.path.join(TOP, 'scripts', 'source', 'deb-fetch')
NATIVE_QEMU = os.path.join(BUILD, 'qemu', 'native', 'qemu-system-aarch64')
# Another QEMU can be the board for an experiment.
BOARD_QEMU = os.environ.get('LAB_BOARD_QEMU') or f'{NATIVE_QEMU}-board'
# On an arm64 machine there is one build, which is also the one that is tested.
_ARM64_QEMU = os.path.join(BUILD, 'qemu', 'arm64', 'qemu-system-aarch64')
TESTED_QEMU = os.environ.get('LAB_QEMU') or (
    _ARM64_QEMU if os.uname().machine != 'aarch64' else NATIVE_QEMU)


class LabError(Exception):
    """Something the lab needs is missing or unusable: no test has run."""


def timeout(default):
    """Seconds that something may take: LAB_TIMEOUT, or what it says itself."""
    text = os.environ.get('LAB_TIMEOUT') or str(default)
    if not text.isdigit() or not int(text):
        raise LabError(f'LAB_TIMEOUT={text}: not a number of seconds')
    return int(text)
