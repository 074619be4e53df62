# SPDX-License-Identifier: GPL-2.0-or-later
"""How much memory there is, and how much a lab's board takes."""

import os

# The board has 1 or 2 GB; QEMU takes some more, as does a link.
BOARD_MB = 2500


def memory_of_machine():
    """RAM and swap, in MB, or what a container may use of it."""
    total = 0
    with open('/proc/meminfo', encoding='ascii') as f:
        for line in f:
            if line.startswith(('MemTotal:', 'SwapTotal:')):
                total += int(line.split()[1]) >> 10
    try:
        with open('/sys/fs/cgroup/memory.max', encoding='ascii') as f:
            total = min(total, int(f.read()) >> 20)
    except (FileNotFoundError, ValueError):
        pass
    return total


def boards_at_a_time():
    """One more than processors, as most wait for something now and then; where
    there is memory for as many"""
    return max(1, min(len(os.sched_getaffinity(0)) + 1,
                      memory_of_machine() // BOARD_MB))
