# SPDX-License-Identifier: GPL-2.0-or-later
"""Run one case: boot the board, watch it, judge what it left."""

import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import board, image, messages, stuck, tap
from .paths import LAB, LOGS, OUT, LabError

PR_SET_PDEATHSIG = 1
TAIL_LINES = 30
# What a healthy kernel never prints.  Guests of the host write to the same
# console when a case lets them, and are held to the same.  What a program has
# printed can stand before it, without a newline.
BAD_CONSOLE = re.compile(
    r'Kernel panic|Internal error|Unable to handle kernel|Oops|(?<!DE)BUG:'
    r'|kernel BUG at|WARNING:|UBSAN:|refcount_t:|rcu: INFO|soft lockup'
    r'|blocked for more than|Call trace:|scheduling while atomic')
LIBC = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    # Even a runner that is killed outright leaves no board running.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_all(child, signum):
    """The child and what it started; False if there is nothing left."""
    try:
        os.killpg(child.pid, signum)
        return True
    except ProcessLookupError:
        return False


def _read(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()
    except FileNotFoundError:
        return ''


class Outcome:
    """What a case came to: points, and how it went."""

    def __init__(self, case):
        self.case = case
        self.points = []
        self.seconds = 0.0
        self.init_seconds = None
        self.console = ''

    def passed(self):
        return bool(self.points) and all(ok for ok, _ in self.points)


class Runner:
    def __init__(self, keep=False, verbose=False):
        self.keep = keep
        self.verbose = verbose
        self.child = None
        self.qmp = None

    def stop(self):
        """End our own board, or program with all of its own; gently first."""
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        child, self.child = self.child, None
        # Until somebody waits for it, the number is its own.
        if child is None or child.returncode is not None:
            return
        _signal_all(child, signal.SIGTERM)
        until = time.monotonic() + 3
        while _signal_all(child, 0) and time.monotonic() < until:
            child.poll()
            time.sleep(0.05)
        _signal_all(child, signal.SIGKILL)
        child.wait()

    def run(self, case):
        outcome = Outcome(case)
        start = time.monotonic()
        if case.host_program:
            self._run_here(case, outcome)
        else:
            self._run_board(case, outcome)
        outcome.seconds = time.monotonic() - start
        return outcome

    def _run_here(self, case, outcome):
        """A program of the build machine that prints TAP."""
        cmd = [os.path.join(LAB, case.host_program[0]),
               *case.host_program[1:]]
        self.child = subprocess.Popen(cmd, stdout=subprocess.PIPE, text=True,
                                      start_new_session=True,
                                      preexec_fn=_die_with_parent)
        try:
            text, _ = self.child.communicate(timeout=case.timeout)
            end = f'@end {case.name} {self.child.returncode}\n@done 0\n'
        except subprocess.TimeoutExpired:
            text, end = '', ''
            outcome.points.append((False, f'timeout: {case.timeout} s'))
        finally:
            self.stop()
        results = tap.Results(f'@begin {case.name}\n{text}\n{end}',
                              case.allow_skip)
        outcome.points += results.points()

    def _run_board(self, case, outcome):
        os.makedirs(os.path.join(OUT, 'run'), exist_ok=True)
        run_dir = tempfile.mkdtemp(prefix=f'{case.name}.',
                                   dir=os.path.join(OUT, 'run'))
        try:
            initramfs = image.compose(case, run_dir)
            cmd = board.command(case, run_dir, initramfs)
            timed_out = self._watch(case, cmd, run_dir, outcome)
            self._judge(case, run_dir, timed_out, outcome)
            self._keep_logs(case, run_dir)
        finally:
            self.stop()
            if self.keep:
                print(f'# {case.name}: kept {run_dir}', file=sys.stderr)
            else:
                shutil.rmtree(run_dir, ignore_errors=True)

    def _watch(self, case, cmd, run_dir, outcome):
        """Until the board is off; True if it had to be stopped."""
        with open(os.path.join(run_dir, 'command'), 'w',
                  encoding='utf-8') as f:
            f.write('\n'.join(cmd) + '\n')
        start = time.monotonic()
        stderr = open(os.path.join(run_dir, 'stderr'), 'wb')
        # A socket of the run's directory could have too long a path.
        self.qmp, boards = socket.socketpair()
        with boards:
            self.child = subprocess.Popen(
                [*cmd, '-chardev', f'socket,id=qmp,fd={boards.fileno()}',
                 '-mon', 'chardev=qmp,mode=control'],
                pass_fds=[boards.fileno()], stdin=subprocess.DEVNULL,
                stdout=stderr, stderr=stderr, start_new_session=True,
                preexec_fn=_die_with_parent)
        stderr.close()
        console = os.path.join(run_dir, 'console')
        shown = 0
        while self.child.poll() is None:
            time.sleep(0.05)
            text = _read(console)
            if self.verbose:
                sys.stderr.write(text[shown:])
                sys.stderr.flush()
                shown = len(text)
            if outcome.init_seconds is None and 'lab: init at' in text:
                outcome.init_seconds = time.monotonic() - start
            if time.monotonic() - start > case.timeout:
                with open(os.path.join(run_dir, 'stuck'), 'w',
                          encoding='utf-8') as f:
                    f.write(stuck.describe(self.child.pid, self.qmp))
                return True
        if self.verbose:
            sys.stderr.write(_read(console)[shown:])
        return False

    def _judge(self, case, run_dir, timed_out, outcome):
        status = None if timed_out else self.child.returncode
        outcome.console = _read(os.path.join(run_dir, 'console'))
        results = tap.Results(_read(os.path.join(run_dir, 'result')),
                              case.allow_skip)
        outcome.points += results.points()
        if timed_out:
            outcome.points.append((False, f'timeout: {case.timeout} s'))
        elif status != 0:
            text = _read(os.path.join(run_dir, 'stderr')).strip()
            outcome.points.append(
                (False, f'board: exit status {status}: {text}'))
        bad = self._bad_console_line(case, outcome.console)
        if bad:
            outcome.points.append((False, f'console: {bad}'))
        # Suites of qtests have no KVM, and hosts that fail on purpose.
        strange = case.suite == 'functional' and messages.unexplained(
            outcome.console)
        if strange:
            outcome.points.append(
                (False, f"the user's page does not explain: {strange}"))

    @staticmethod
    def _bad_console_line(case, console):
        for line in console.splitlines():
            if BAD_CONSOLE.search(line) and not any(
                    re.search(p, line) for p in case.allow_console):
                return line.strip()
        return None

    @staticmethod
    def _keep_logs(case, run_dir):
        logs = os.path.join(LOGS, case.name)
        os.makedirs(logs, exist_ok=True)
        for name in ('console', 'result', 'stderr', 'command', 'stuck'):
            path = os.path.join(run_dir, name)
            kept = os.path.join(logs, name)
            if os.path.exists(path):
                shutil.copy(path, kept)
            elif os.path.exists(kept):
                os.remove(kept)


def tail(text):
    return '\n'.join(text.splitlines()[-TAIL_LINES:])


def shell_dir(name):
    """A run directory that this process, and what replaces it, has alone."""
    run_dir = os.path.join(OUT, name)
    os.makedirs(run_dir, exist_ok=True)
    lock = os.open(run_dir, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LabError(f'another shell runs in {run_dir}') from None
    os.set_inheritable(lock, True)
    return run_dir


def shell(case):
    """Replace this process by a board with a prompt."""
    run_dir = shell_dir('shell')
    case.shell = True
    initramfs = image.compose(case, run_dir)
    cmd = board.command(case, run_dir, initramfs)
    os.execv(cmd[0], cmd)
