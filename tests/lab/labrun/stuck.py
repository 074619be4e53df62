# SPDX-License-Identifier: GPL-2.0-or-later
"""What a board does that has to be stopped: its threads, and where its vCPUs are.

A vCPU that is at the same place each time waits or loops there; a board that does
not answer is itself what hangs. "gdb build/linux/obj/vmlinux" with "info line
*ADDRESS" says what the host's kernel has at a PC.
"""

import glob
import json
import os
import re
import socket
import time

LOOKS = 3
ANSWER_SECONDS = 20
VECTOR = re.compile(r'Q\d\d=')


class Monitor:
    """The board's QMP, by a socket that it inherits: a path could be too long."""

    def __init__(self):
        self.ours, self.boards = socket.socketpair()
        self.ours.settimeout(ANSWER_SECONDS)
        self.lines = self.ours.makefile('r', encoding='utf-8')
        self.greeted = False

    def options(self):
        return ['-chardev', f'socket,id=qmp,fd={self.boards.fileno()}',
                '-mon', 'chardev=qmp,mode=control']

    def close(self):
        self.lines.close()
        self.ours.close()
        self.boards.close()

    def _execute(self, command, **arguments):
        self.ours.sendall(json.dumps(
            {'execute': command, 'arguments': arguments}).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if 'return' in answer:
                return answer['return']
            if 'error' in answer:
                raise OSError(answer['error']['desc'])

    def ask(self, line):
        """What HMP says to it; OSError or ValueError if nothing."""
        if not self.greeted:
            self._execute('qmp_capabilities')
            self.greeted = True
        return self._execute('human-monitor-command', **{'command-line': line})


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


def describe(pid, monitor):
    text = ''
    for look in range(1, LOOKS + 1):
        text += f'--- look {look}\n{threads(pid)}'
        try:
            text += ''.join(
                line + '\n'
                for line in monitor.ask('info registers -a').splitlines()
                if not VECTOR.match(line))
        except (OSError, ValueError) as e:
            return f'{text}the board does not answer: {e}\n'
        time.sleep(1)
    return text
