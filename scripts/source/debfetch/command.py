# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a command that can neither hang nor outlive its caller."""

import ctypes
import os
import re
import resource
import signal
import subprocess
import tempfile
import time

from .common import STALL, FetchError, Kind

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
# A connection that brings less than this in STALL seconds is given up.
LEAST_BYTES = 1024

# The first pattern that apt's text has decides the kind.
KINDS = (
    (Kind.FATAL, r'No space left|Read-only file system|Permission denied'
     r'|File too large|Disk quota'),
    (Kind.UNTRUSTED, r'NO_PUBKEY|EXPKEYSIG|is not signed|Missing key'),
    (Kind.UNREACHABLE, r'Could not resolve|failure resolving|resolving .* '
     r'failed|Could not connect|Unable to connect|Connection refused'
     r'|Network is unreachable|No route to host|Cannot initiate'),
    (Kind.SILENT, r'[Tt]imed out|[Tt]imeout'),
    (Kind.ABSENT, r'Unable to locate package|no installation candidate'
     r'|was not found|Unable to find a source|does not have a Release file'
     r'|unmet dependencies|is invalid for APT::Default-Release'),
)


def kind_of(text):
    # apt says so for each reason that it cannot read the file.
    if 'does not have a Release file' in text and '404' not in text:
        text = text.replace('does not have a Release file', '')
    for kind, pattern in KINDS:
        if re.search(pattern, text):
            return kind
    return Kind.CHANGING


def _prepare_child():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Not a session: on a busy machine a new one may get next to no processor.
    os.setpgid(0, 0)
    # apt closes each possible descriptor in turn: in some containers these
    # are a billion.
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


def size_of_files(directories):
    total = 0
    for where in directories:
        try:
            with os.scandir(where) as entries:
                for e in entries:
                    try:
                        total += e.stat(follow_symlinks=False).st_size
                    except FileNotFoundError:
                        pass
        except FileNotFoundError:
            pass
    return total


def _group_seconds(group):
    """Time that a group's processes ran or waited for a processor."""
    total = 0
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/stat', encoding='ascii',
                      errors='replace') as f:
                if int(f.read().rsplit(')', 1)[1].split()[2]) != group:
                    continue
            with open(f'/proc/{pid}/schedstat', encoding='ascii') as f:
                ran, waited = map(int, f.read().split()[:2])
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += ran + waited
    return total / 1e9


class Watchdog:
    """Whether a command that fills directories is still getting on.

    apt works on its lists for a while without writing a byte, and on a busy
    machine it waits for a processor: only the time counts in which it waited
    for something else.
    """

    def __init__(self, group, directories):
        self.group, self.directories = group, directories
        self.looked = time.monotonic()
        self.bytes, self.busy = size_of_files(directories), 0.0
        self.silent = 0.0

    def stalled(self):
        now = time.monotonic()
        grown, busy = size_of_files(self.directories), \
            _group_seconds(self.group)
        self.silent += max(0, now - self.looked - max(0, busy - self.busy))
        self.looked, self.busy = now, busy
        if abs(grown - self.bytes) >= LEAST_BYTES:
            self.silent, self.bytes = 0.0, grown
        return self.silent > STALL


def _reasons(text):
    """Of apt's progress the lines that say why a file did not come."""
    return re.findall(r'(?m)^(?:Err|Ign):.*\n(?:  .*\n)*', text)


def _end(p):
    """End the whole group, and wait for its leader."""
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    p.wait()


def output(cmd, watch=(), tick=None, **kw):
    """Standard output of a command; FetchError with its stderr if it fails.

    watch: directories that a command which uses the network fills; if they
    do not grow for STALL seconds the command is ended.
    tick: called several times a second.
    """
    with tempfile.TemporaryFile('w+', errors='replace') as out, \
            tempfile.TemporaryFile('w+', errors='replace') as err:
        with subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=err, text=True,
                              preexec_fn=_prepare_child, **kw) as p:
            try:
                stalled = _wait(p, watch, tick)
            finally:
                _end(p)
        out.seek(0)
        err.seek(0)
        stdout = out.read()
        text = ''.join(_reasons(stdout)) + '\n'.join(
            l for l in err.read().strip().splitlines()
            if not l.startswith('W: Unable to read'))
        if stalled:
            raise FetchError(f'no byte for {STALL:g} s: given up\n{text}',
                             Kind.SILENT)
        if p.returncode:
            words = [w for w in cmd if not w.startswith('-')][:2]
            raise FetchError(f'{" ".join(words)}: failed\n{text}',
                             kind_of(text))
        return stdout


def _wait(p, watch, tick):
    """Until the command ends (False) or stalls (True)."""
    dog = Watchdog(p.pid, watch) if watch else None
    looked = time.monotonic()
    while True:
        try:
            p.wait(timeout=0.2 if tick or dog else None)
            return False
        except subprocess.TimeoutExpired:
            pass
        if tick:
            tick()
        if dog and time.monotonic() - looked > min(1, STALL / 4):
            looked = time.monotonic()
            if dog.stalled():
                return True
