# SPDX-License-Identifier: GPL-2.0-or-later
"""What a board does that has to be stopped: its threads, and where its vCPUs are.

A vCPU that is at the same place each time waits or loops there; a board that does
not answer is itself what hangs. "gdb build/linux/obj/vmlinux" with "info line
*ADDRESS" says what the host's kernel has at a PC.
"""

import glob
import os
import re
import time

from .qmp import Monitor

LOOKS = 3
ANSWER_SECONDS = 20
VECTOR = re.compile(r'Q\d\d=')


def threads(pid):
    """A line for each: what it is called, its state, its processor time in
    clock ticks, and where in the kernel it waits."""
    lines = []
    for task in sorted(glob.glob(f'/proc/{pid}/task/*')):
        try:
            with open(os.path.join(task, 'stat'), encoding='utf-8') as f:
                name, _, rest = f.read().rpartition(')')
            with open(os.path.join(task, 'wchan'), encoding='utf-8') as f:
                wchan = f.read()
        except OSError:
            continue
        fields = rest.split()
        lines.append(f'{name.partition("(")[2]}: {fields[0]}, '
                     f'{int(fields[11]) + int(fields[12])} ticks, {wchan}\n')
    return ''.join(lines)


def describe(pid, connection):
    """What the threads of the board do, and what its QMP says of its vCPUs."""
    text = f'--- before it is asked, which can wake it\n{threads(pid)}'
    connection.settimeout(ANSWER_SECONDS)
    try:
        monitor = Monitor(connection)
        for look in range(1, LOOKS + 1):
            registers = monitor.do('human-monitor-command',
                                   **{'command-line': 'info registers -a'})
            text += f'--- look {look}\n{threads(pid)}' + ''.join(
                line + '\n' for line in registers.splitlines()
                if not VECTOR.match(line))
            time.sleep(1)
    except (OSError, ValueError, KeyError) as e:
        text += f'the board does not answer: {e}\n'
    return text
