# SPDX-License-Identifier: GPL-2.0-or-later
"""A long step of a build: its output in a log, how far it is on the screen,
and the processor time that it took in build/logs/times."""

import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from srctree import LOGS, ROOT, TreeError, say

TIMES = os.path.join(LOGS, 'times')
TAIL = 40
# Seconds between two messages where there is no terminal to rewrite a line of.
QUIET = 30
# The first steps are no measure for the rest.
FEW = 20


def tail_of(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return ''.join(f.readlines()[-TAIL:])


def about(seconds):
    """A duration as it is said to a user."""
    if seconds < 45:
        return 'less than a minute'
    minutes = round(seconds / 60)
    return 'about a minute' if minutes <= 1 else f'about {minutes} minutes'


class Progress:
    """How many of the steps are done, and how long the rest may take."""

    def __init__(self, what, count):
        """count(line) is (done, total) when a line of output says so; total
        is 0 if nobody knows."""
        self.what, self.count = what, count
        self.tty = sys.stdout.isatty()
        self.start = self.said = time.monotonic()
        self.first = None
        self.done = 0

    def left(self, done, total, now):
        """Of this run's own steps, in the time that they have taken."""
        own = done - self.first[0]
        if own < FEW:
            return ''
        rest = (now - self.first[1]) / own * (total - done)
        return f', {about(rest)} left'

    def shown(self, done, total, now):
        if not total:
            return f'{self.what}: {done} file{"s"[done == 1:]} so far'
        return (f'{self.what}: {done * 100 // total:3}% ({done} of {total} '
                f'steps{self.left(done, total, now)})')

    def line(self, text):
        counted = self.count(text)
        if not counted:
            return
        done, total = counted
        now = time.monotonic()
        self.first = self.first or (done, now)
        self.done += 1
        shown = self.shown(done, total, now)
        if self.tty:
            width = shutil.get_terminal_size().columns - 3
            print(f'\r\033[K  {shown[:width]}', end='', flush=True)
        elif now - self.said >= QUIET:
            self.said = now
            say(shown)

    def end(self, text):
        if self.tty:
            print('\r\033[K', end='')
        if text:
            say(f'{self.what}: {text} '
                f'({time.monotonic() - self.start:.0f} s)')


def ninja_steps(text):
    """Of a line of ninja's whose NINJA_STATUS is '[%f/%t] '"""
    match = re.match(r'\[(\d+)/(\d+)\] ', text)
    return tuple(map(int, match.groups())) if match else None


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def record(what, cpu, wall, steps):
    """One more line; read_times() adds up those of a step."""
    with open(TIMES, 'a', encoding='utf-8') as f:
        f.write(f'{what}\t{cpu:.1f}\t{wall:.1f}\t{steps}\n')


def read_times():
    """{step: [processor seconds, seconds, files]}"""
    times = {}
    with open(TIMES, encoding='utf-8') as f:
        for line in f:
            what, *values = line.rstrip('\n').split('\t')
            before = times.get(what, [0, 0, 0])
            times[what] = [a + b for a, b in zip(before, (
                float(values[0]), float(values[1]), int(values[2])))]
    return times


def end_with_parent():
    """Else what was started goes on, in nobody's sight, when we are killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def run_logged(what, cmd, log, progress=None, **kw):
    """Run a long step: output to a log, whose end is shown if it fails."""
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, log)
    cpu, start = cpu_seconds(), time.monotonic()
    try:
        # By lines: somebody may watch it.
        with open(path, 'w', buffering=1, encoding='utf-8') as f:
            f.write(f'$ {" ".join(cmd)}\n')
            with subprocess.Popen(cmd, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  errors='replace',
                                  preexec_fn=end_with_parent, **kw) as p:
                for line in p.stdout:
                    f.write(line)
                    if progress:
                        progress.line(line)
    finally:
        # Of an interrupted step, too: the next run does only the rest.
        record(what, cpu_seconds() - cpu, time.monotonic() - start,
               progress.done if progress else 0)
    if p.returncode:
        if progress:
            progress.end('')
        raise TreeError(f'{what} failed (exit {p.returncode}). The end of '
                        f'{os.path.relpath(path, ROOT)}:\n{tail_of(path)}')
