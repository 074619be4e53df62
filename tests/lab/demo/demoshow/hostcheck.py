# SPDX-License-Identifier: GPL-2.0-or-later
"""Is this machine a host for an accelerated vSMMU, and if not, why not?

smmuv3-host-check knows; it is built with QEMU.
"""

import os
import platform
import subprocess

TOOL = os.path.join('tools', 'smmuv3-host-check', 'smmuv3-host-check')


class NotReady(Exception):
    """Something is missing; the text says what, and what to do."""


def check_request(address):
    """What can be told before anything is built."""
    if platform.machine() != 'aarch64':
        raise NotReady(f'this machine is {platform.machine()}: a real host '
                       'has to be arm64. "make demo" without HOST=1 emulates '
                       'one.')
    if not address:
        raise NotReady('which device? make demo HOST=1 DEVICE=0000:01:00.0')


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
