# SPDX-License-Identifier: GPL-2.0-or-later
"""What the programs of tests/machine are made of, which run in a native QEMU in
place of its main()."""

import os
from collections import namedtuple

from srctree import ROOT

Program = namedtuple('Program', 'sources entry ldflags')


def sources(room, *names):
    return [os.path.join(ROOT, 'tests', room, f'{name}.c') for name in names]


REGISTERS = Program(
    sources('machine', 'smmuv3-registers', 'smmuv3-register-model',
            'smmuv3-register-rules', 'smmuv3-queue-rules',
            'smmuv3-update-rules', 'smmuv3-handover-rules',
            'smmuv3-device-rules', 'smmuv3-machine') +
    sources('conformance', 'machine') +
    sources('unit', 'smmuv3-fake-host', 'smmuv3-oracle', 'smmuv3-program'),
    'registers_main', ['-Wl,--wrap=smmuv3_event_read'])
THREADS = Program(
    sources('machine', 'smmuv3-threads', 'smmuv3-threads-bench',
            'smmuv3-threads-model') +
    sources('conformance', 'machine') +
    sources('unit', 'smmuv3-fake-host', 'smmuv3-oracle'),
    'threads_main', [])
