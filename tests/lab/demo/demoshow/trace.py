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
VDEVICE = re.compile(r'(\S+) vsid=(\S+) vdevice=')
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
KERNEL_MODE = {
    'nested': 'page tables for bypass and abort (Linux 6.19 or later)',
    'no-nested': 'stage 2 for bypass, no page table for abort '
                 '(before Linux 6.19)',
}
# Why a device is attached to what it is; the rest are wrong Stream table
# entries, whose names say enough.
REASON = {'gbpa': 'GBPA says', 'ste': 'its Stream table entry says'}


class Event:
    """One thing that happened: when, to whom, and what in words.

    kind is 'state' (the device's DMA now meets `state`), 'register', 'fault'
    or 'note'; device is None for what concerns the whole vSMMU. label is the
    text in two or three words, for a picture.
    """

    def __init__(self, time, kind, device, text, state=None, label=''):
        self.time = time
        self.kind = kind
        self.device = device
        self.text = text
        self.state = state
        self.label = label or text


class Reader:
    """Turns lines into events; it knows what each device was before."""

    def __init__(self):
        self.state = {}
        self.wanted = {}
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

    def _trigger(self, time, rest):
        name, value = rest.split()
        value = int(value, 0)
        label = name
        if name == 'smmuen':
            label = f'SMMUEN = {value}'
            text = (f'{label}: each device now follows ' +
                    ('its Stream table entry' if value else 'GBPA'))
        elif name == 'gbpa':
            text = label = 'GBPA says ' + ('abort' if value & GBPA_ABORT
                                           else 'bypass')
        elif name == 'renumbered':
            text = 'a bus got another number; StreamIDs change with it'
        elif name == 'reset':
            text = 'the SMMU was reset; devices now follow GBPA'
        else:
            # Such as the guest's reset of a device: its state stays.
            return None
        return Event(time, 'register', None, text, label=label)

    def _viommu_new(self, time, rest):
        viommu, parent, bypass, abort = VIOMMU.match(rest).groups()
        return Event(time, 'note', None,
                     f'the host made vIOMMU {viommu}, with page tables '
                     f'(HWPTs) for stage 2 ({parent}), bypass ({bypass}) and '
                     f'abort ({abort})')

    def _kernel_mode(self, time, rest):
        how = rest.split(': ', 1)[1]
        return Event(time, 'note', None,
                     'devices that do not translate: '
                     + KERNEL_MODE.get(how, how))

    def _resolve(self, _time, rest):
        device, sid, wanted, reason, *_ = RESOLVE.match(rest).groups()
        self.wanted[device] = (sid, wanted, reason)

    def _vdevice_new(self, _time, rest):
        device, vsid = VDEVICE.match(rest).groups()
        self.sid_owner[int(vsid, 0)] = device

    def _attach(self, time, rest):
        device, attached, hwpt, vsid = ATTACH.match(rest).groups()
        before = self.state.get(device, 'VFIO\'s stage 2')
        self.state[device] = attached
        _, _, reason = self.wanted.get(device, (None, None, '?'))
        text = f'{before} -> {attached}'
        if attached == 'translate':
            text += f' (StreamID {vsid}, page table HWPT {hwpt})'
        else:
            text += f' (as {REASON.get(reason, reason)})'
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
