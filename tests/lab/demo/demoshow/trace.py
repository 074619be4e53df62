# SPDX-License-Identifier: GPL-2.0-or-later
"""The vSMMU's trace events, as QEMU logs them, made into events to show."""

import re

# -msg timestamp=on puts the time in front.
LINE = re.compile(r'^(?:\d+-\d+-\d+T(\d+):(\d+):([\d.]+)Z )?'
                  r'smmuv3_accel_(\w+) (.*)$')
RESOLVE = re.compile(r'(\S+) sid=(\S+) wanted=(\w+) reason=([\w-]+) '
                     r'vste=(\S+),(\S+)')
ATTACH = re.compile(r'(\S+) attached=(\S+) s1_hwpt=(\d+) vsid=(\S+)')
CLOSE = re.compile(r'(\S+) attached=(\S+): (.*)')
VDEVICE = re.compile(r'(\S+) vsid=(\S+) vdevice=(\d+)')
VIOMMU = re.compile(r'viommu=(\d+) parent=(\d+) bypass=(\d+) abort=(\d+)')
GUEST_EVENT = re.compile(r'(0x[0-9a-f]+) \.\.\. (0x[0-9a-f]+)')

# IHI 0070, 7.3: those that a stage 1 can cause
EVENT_NAMES = {
    0x02: 'C_BAD_STREAMID', 0x03: 'F_STE_FETCH', 0x04: 'C_BAD_STE',
    0x09: 'F_CD_FETCH', 0x0a: 'C_BAD_CD', 0x0b: 'F_WALK_EABT',
    0x10: 'F_TRANSLATION', 0x11: 'F_ADDR_SIZE', 0x12: 'F_ACCESS',
    0x13: 'F_PERMISSION', 0x20: 'F_TLB_CONFLICT', 0x21: 'F_CFG_CONFLICT',
}
GBPA_ABORT = 1 << 20


class Event:
    """One thing that happened: when, to whom, and what in words.

    kind is 'state' (the device's DMA now meets `state`), 'register', 'fault'
    or 'note'; device is None for what concerns the whole vSMMU.
    """

    def __init__(self, time, kind, device, text, state=None):
        self.time = time
        self.kind = kind
        self.device = device
        self.text = text
        self.state = state


class Reader:
    """Turns lines into events; it knows what each device was before."""

    def __init__(self):
        self.state = {}
        self.wanted = {}
        self.vdevice = {}
        self.sid_owner = {}

    def feed(self, line):
        """The event of a line, or None if there is nothing to show."""
        match = LINE.match(line.rstrip('\n'))
        if not match:
            return None
        hours, minutes, seconds, name, rest = match.groups()
        time = None
        if seconds is not None:
            time = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        handler = getattr(self, '_' + name, None)
        return handler(time, rest) if handler else None

    def _event(self, time, rest):
        name, value = rest.split()
        value = int(value, 0)
        if name == 'smmuen':
            text = (f'SMMUEN = {value}: ' +
                    ('the Stream table counts; a stream whose entry asks '
                     'for what it has stays as it is' if value else
                     'GBPA counts; no table is read'))
        elif name == 'gbpa':
            text = 'GBPA says ' + ('abort' if value & GBPA_ABORT
                                   else 'bypass')
        else:
            text = 'reset'
        return Event(time, 'register', None, text)

    def _viommu_new(self, time, rest):
        viommu, parent, bypass, abort = VIOMMU.match(rest).groups()
        return Event(time, 'note', None,
                     f'vIOMMU {viommu} on stage 2 HWPT {parent}; HWPT '
                     f'{bypass} is bypass, HWPT {abort} is abort')

    def _shared_mode(self, time, rest):
        how = rest.split(': ', 1)[1]
        return Event(time, 'note', None,
                     f'this kernel attaches bypass and abort by: {how}')

    def _resolve(self, _time, rest):
        device, sid, wanted, reason, *_ = RESOLVE.match(rest).groups()
        self.wanted[device] = (sid, wanted, reason)

    def _vdevice_new(self, _time, rest):
        device, vsid, vdevice = VDEVICE.match(rest).groups()
        self.vdevice[device] = vdevice
        self.sid_owner[int(vsid, 0)] = device

    def _attach(self, time, rest):
        device, attached, hwpt, vsid = ATTACH.match(rest).groups()
        before = self.state.get(device, 'VFIO\'s stage 2')
        self.state[device] = attached
        _, _, reason = self.wanted.get(device, (None, None, '?'))
        text = f'{before} -> {attached}'
        if attached == 'translate':
            text += (f' (vSID {vsid} is vDEVICE '
                     f'{self.vdevice.get(device, "?")}; HWPT {hwpt})')
        else:
            text += f' ({reason.upper()} says so)'
        return Event(time, 'state', device, text, attached)

    def _close(self, time, rest):
        device, attached, why = CLOSE.match(rest).groups()
        self.state[device] = attached
        return Event(time, 'state', device, f'closed, {attached}: {why}',
                     attached)

    def _guest_event(self, time, rest):
        word0, word2 = (int(w, 16)
                        for w in GUEST_EVENT.match(rest).groups())
        sid = word0 >> 32
        name = EVENT_NAMES.get(word0 & 0xff, f'event 0x{word0 & 0xff:x}')
        return Event(time, 'fault', self.sid_owner.get(sid),
                     f'{name} at 0x{word2:x}, for the guest')

    def _events_lost(self, time, rest):
        return Event(time, 'fault', None, f'{rest} events lost')


def read(lines):
    reader = Reader()
    return [e for e in map(reader.feed, lines) if e]
