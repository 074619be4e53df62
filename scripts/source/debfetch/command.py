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
# apt works on its lists for seconds without writing a byte.
LEAST_CPU = 0.3

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
    for kind, pattern in KINDS:
        if re.search(pattern, text):
            return kind
    return Kind.CHANGING


def _prepare_child():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
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
    """Processor time of all processes of a group."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/stat', encoding='ascii',
                      errors='replace') as f:
                fields = f.read().rsplit(')', 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf('SC_CLK_TCK')


class Watchdog:
    """Whether a command that fills directories is still getting on."""

    def __init__(self, group, directories):
        self.group, self.directories = group, directories
        self.since = time.monotonic()
        self.bytes, self.cpu = size_of_files(directories), 0.0

    def stalled(self):
        grown = size_of_files(self.directories)
        cpu = _group_seconds(self.group)
        if (abs(grown - self.bytes) >= LEAST_BYTES
                or cpu - self.cpu >= LEAST_CPU):
            self.since = time.monotonic()
            self.bytes, self.cpu = grown, cpu
        return time.monotonic() - self.since > STALL


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
                              stderr=err, text=True, start_new_session=True,
                              preexec_fn=_prepare_child, **kw) as p:
            try:
                stalled = _wait(p, watch, tick)
            finally:
                _end(p)
        err.seek(0)
        text = '\n'.join(l for l in err.read().strip().splitlines()
                         if not l.startswith('W: Unable to read'))
        if stalled:
            raise FetchError(f'no byte for {STALL:g} s: given up\n{text}',
                             Kind.SILENT)
        if p.returncode:
            words = [w for w in cmd if not w.startswith('-')][:2]
            raise FetchError(f'{" ".join(words)}: failed\n{text}',
                             kind_of(text))
        out.seek(0)
        return out.read()


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
