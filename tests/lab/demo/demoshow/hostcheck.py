# SPDX-License-Identifier: GPL-2.0-or-later
"""Is this machine a host for an accelerated vSMMU, and if not, why not?

smmuv3-host-check knows; it is built with QEMU.
"""

import os
import platform
import re
import subprocess

TOOL = os.path.join('tools', 'smmuv3-host-check', 'smmuv3-host-check')


ADDRESS = re.compile(r'(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$', re.I)


class NotReady(Exception):
    """Something is missing; the text says what, and what to do."""

    status = 1


class UsageError(NotReady):
    """It was asked for in a wrong way."""

    status = 2


def check_request(address):
    """What can be told before anything is built."""
    if not address:
        raise UsageError('which device? make demo HOST=1 DEVICE=0000:01:00.0')
    if not ADDRESS.match(address):
        raise UsageError(f'DEVICE={address} is no PCI address like '
                         '0000:01:00.0; lspci -D lists them')
    if platform.machine() != 'aarch64':
        raise NotReady(f'this machine is {platform.machine()}: a real host '
                       'has to be arm64. "make demo" without HOST=1 emulates '
                       'one.')


def check(address, build, firmware):
    """What smmuv3-host-check says of the device, line by line."""
    check_request(address)
    tool = os.path.join(build, TOOL)
    if not os.path.exists(tool):
        raise NotReady(f'{tool}: not built yet; run make')
    # The emulator that it looks for is the one beside it.
    path = build + os.pathsep + os.environ.get('PATH', '')
    p = subprocess.run([tool, f'--firmware={firmware}', address],
                       env={**os.environ, 'PATH': path}, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, check=False)
    if p.returncode:
        raise NotReady(f'this host or device is not ready.\n{p.stdout}')
    # Then comes a command line for those who have none.
    report = p.stdout.split('\nReady.')[0]
    return [line.strip() for line in report.splitlines() if line.strip()]
