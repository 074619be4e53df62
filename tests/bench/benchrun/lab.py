# SPDX-License-Identifier: GPL-2.0-or-later
"""One boot of the board, several guests, and what was counted."""

import configparser
import contextlib
import os
import re
import shutil

from labrun import cases, runner
from labrun.paths import BUILD, LabError

from . import parts

# ioctl numbers: _IO(0xae, 0x80), and IOMMU_HWPT_INVALIDATE and
# VFIO_DEVICE_ATTACH_IOMMUFD_PT, both _IO(';', ...)
KVM_RUN = '0xae80'
INVALIDATE = '0x3b8d'
ATTACH = '0x3b77'
# What the board's plugin writes
COUNTED = ('counts', 'profile')


class Guest:
    """A guest to run: which QEMU, with which values of ril and cmdqv."""

    def __init__(self, number, qemu, ril, cmdqv):
        self.number, self.qemu, self.ril = number, qemu, ril
        self.cmdqv = cmdqv


class Counts:
    """What one row cost in one guest, per operation."""

    def __init__(self, ops, start, end):
        def per_op(key):
            return (end.get(key, 0) - start.get(key, 0)) / ops
        self.user = per_op('user')
        self.kernel = per_op('kernel')
        self.guest = per_op('guest')
        self.total = self.user + self.kernel + self.guest
        self.calls = per_op(INVALIDATE)
        self.entries = per_op('entries')
        self.attaches = per_op(ATTACH)
        self.exits = per_op(KVM_RUN)
        self.host_calls = sum(per_op(k) for k in end if k.startswith('0x')
                              and k != KVM_RUN)
        self.ioctls = {k: per_op(k) for k in end if k.startswith('0x')
                       and per_op(k)}


def _read_case(name):
    ini = configparser.ConfigParser(interpolation=None, delimiters=('=',),
                                    comment_prefixes=('#',),
                                    default_section='bench')
    ini.read(os.path.join(parts.HERE, 'bench.ini'), encoding='utf-8')
    return cases.Case(name, ini[name])


def _case(guests, board, hugepages, profile, smmus):
    case = _read_case(board)
    case.devices = [d.replace('{build}', BUILD).replace(
        '{profile}', ',profile={run}/profile' if profile else '')
                    for d in case.devices]
    if profile:
        case.script += 'BENCH_PROFILE=yes\n'
    case.script += f'BENCH_SMMUS={smmus}\n'
    if hugepages:
        case.script += 'bench_take_hugepages\n'
    for g in guests:
        case.script += f'bench_guest {g.number} {g.qemu} {g.ril} {g.cmdqv}\n'
    return case


class _PeerRunner(runner.Runner):
    """The lab's runner, with the other QEMU in the host."""

    def __init__(self, peer_cpio, verbose):
        super().__init__(verbose=verbose)
        self.peer_cpio = peer_cpio

    def _watch(self, case, cmd, run_dir, outcome):
        with open(os.path.join(run_dir, 'initramfs'), 'ab') as out, \
                open(self.peer_cpio, 'rb') as f:
            shutil.copyfileobj(f, out)
        return super()._watch(case, cmd, run_dir, outcome)


class _BenchRunner(_PeerRunner):
    """The same, with a board that counts."""

    def _watch(self, case, cmd, run_dir, outcome):
        # Counting instructions and running vCPUs in parallel exclude another.
        cmd[cmd.index('tcg,thread=multi')] = 'tcg'
        for name in COUNTED:
            # An earlier run's
            with contextlib.suppress(FileNotFoundError):
                os.unlink(parts.path(name))
        timed_out = super()._watch(case, cmd, run_dir, outcome)
        for name in COUNTED:
            where = os.path.join(run_dir, name)
            if os.path.exists(where):
                shutil.copy(where, parts.path(name))
        return timed_out


def _parse(text):
    """{(run, row): Counts}"""
    found, started = {}, {}
    for line in text.splitlines():
        row, ops, user, kernel, guest, *pairs = line.split()
        now = dict(user=int(user), kernel=int(kernel), guest=int(guest))
        now.update((k, int(v)) for k, v in
                   (p.rsplit(':', 1) for p in pairs))
        if int(ops):
            started[row] = (int(ops), now)
        elif row in started:
            found[divmod(int(row), 100)] = Counts(*started[row], now)
    return found


def run(guests, rows_script, peer_cpio, board='plain', hugepages=False,
        profile=False, smmus=1, verbose=False):
    """{(run, row): Counts}; LabError if any guest failed."""
    parts.plugin()
    parts.guest_kernel()
    parts.guest_initrd(rows_script)
    _run(_BenchRunner(peer_cpio, verbose),
         _case(guests, board, hugepages, profile, smmus))
    try:
        with open(parts.path('counts'), encoding='utf-8') as f:
            return _parse(f.read())
    except FileNotFoundError:
        raise LabError('the board has counted nothing') from None


def _run(lab, case):
    outcome = lab.run(case)
    with open(parts.path('console'), 'w', encoding='utf-8') as f:
        f.write(outcome.console)
    if not outcome.passed():
        failed = [what for ok, what in outcome.points if not ok]
        raise LabError(f'{"; ".join(failed)}\n{runner.tail(outcome.console)}'
                       f'\nthe whole console: {parts.path("console")}')
    return outcome.console


# The guest's part, and whether host calls take longer meanwhile
WAITS = (('waits_of_vcpus', True), ('waits_of_the_monitor', False))


def run_waits(peer_cpio, seconds, verbose=False):
    """{QEMU: [what bench-waits said]}"""
    parts.guest_kernel()
    parts.slow_calls()
    parts.guest_initrd(f'eval "$(parameter waits) {seconds}"\n')
    case = _read_case('waits')
    ran = [(qemu, *part) for qemu in ('ours', 'peer') for part in WAITS]
    for number, (qemu, function, slow) in enumerate(ran):
        case.script += (
            f'BENCH_PRELOAD={"/bench/slow-calls.so" if slow else ""}\n'
            f'BENCH_APPEND=bench.waits={function}\n'
            f'echo "waits of {qemu}" >&2\n'
            f'waits_guest {number} {qemu}\n')
    console = _run(_PeerRunner(peer_cpio, verbose), case)
    said, of = {}, None
    for what, text in re.findall(r'^waits( of|:) (.*?)\r?$', console, re.M):
        if what == ' of':
            of = said.setdefault(text, [])
        else:
            of.append(text)
    return said
