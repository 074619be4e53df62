# SPDX-License-Identifier: GPL-2.0-or-later
"""A timeline of what each device's DMA met, as an SVG."""

import os
import sys
from xml.sax.saxutils import escape

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                *['..'] * 4, 'scripts', 'lib'))

from statecolours import COLOURS, FAULT  # noqa: E402

WIDTH = 1000
LEFT = 150
RIGHT = 50
TOP = 92
LANE = 46
BAR = 20
MEANING = {
    'parent': "VFIO's stage 2", 'bypass': 'bypass: stage 2 alone',
    'abort': 'abort: blocked', 'translate': 'translate: stage 1 and stage 2',
    'nothing': 'nothing: detached, blocked',
    'quarantine': 'quarantine: no bus mastering',
}
TITLE = "What each device's DMA met, from the guest's start to its end"


def _segments(events, device, end):
    """[(from, to, state)] of a device, from its first event on."""
    mine = [e for e in events if e.device == device and e.state]
    stops = [e.time for e in mine[1:]] + [end]
    return [(e.time, stop, e.state) for e, stop in zip(mine, stops)]


class Drawing:
    def __init__(self, events, names, ahead, note):
        self.events = [e for e in events if e.time is not None]
        if not self.events:
            raise ValueError('no trace event with a time: QEMU takes '
                             '-msg timestamp=on')
        self.names = names
        self.note = note
        # The axis begins with the first event, or when the caller's clock did.
        first, last = self.events[0].time, self.events[-1].time
        self.start = first if ahead is None else -ahead
        # The last state is seen as well.
        self.end = last + max((last - self.start) * 0.03, 0.001)
        self.span = self.end - self.start
        self.devices = list(dict.fromkeys(
            e.device for e in self.events if e.device))
        self.height = TOP + LANE * len(self.devices) + (92 if note else 70)
        self.out = []

    def x(self, time):
        return LEFT + (time - self.start) / self.span * (WIDTH - LEFT - RIGHT)

    def text(self, x, y, text, style=''):
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}>'
                        f'{escape(text)}</text>')

    def lane(self, index, device):
        y = TOP + LANE * index
        self.text(LEFT - 10, y + 10, self.names.get(device, device),
                  'text-anchor="end" font-weight="bold"')
        if device in self.names:
            self.text(LEFT - 10, y + 23, device,
                      'text-anchor="end" fill="#444" font-size="12"')
        for start, stop, state in _segments(self.events, device, self.end):
            self.out.append(
                f'<rect x="{self.x(start):.1f}" y="{y}" height="{BAR}" '
                f'width="{max(self.x(stop) - self.x(start), 1):.1f}" '
                f'fill="{COLOURS[state][0] if state in COLOURS else "#000"}" '
                f'stroke="{COLOURS[state][1] if state in COLOURS else "#000"}"'
                f'><title>'
                f'{escape(MEANING.get(state, state))}, '
                f'{stop - start:.3f} s</title></rect>')
        for e in self.events:
            if e.kind == 'fault' and e.device == device:
                x = self.x(e.time)
                self.out.append(
                    f'<path d="M{x:.1f} {y + BAR + 2} l5 9 h-10 z" '
                    f'fill="{FAULT}"><title>{escape(e.text)}</title></path>')

    def registers(self):
        bottom = TOP + LANE * len(self.devices)
        last = -1000
        for e in self.events:
            if e.kind != 'register':
                continue
            x = self.x(e.time)
            self.out.append(
                f'<path d="M{x:.1f} {TOP - 16} V{bottom}" stroke="#335" '
                'stroke-dasharray="3 3"/>')
            # Names that would overlap go onto a second line.
            row = 1 if x - last < 96 else 0
            last = x if not row else last
            self.text(x, TOP - 20 - 13 * row, e.label,
                      'text-anchor="middle" fill="#335" font-size="12"')

    def axis(self):
        y = TOP + LANE * len(self.devices) + 8
        self.out.append(f'<path d="M{LEFT} {y} H{WIDTH - RIGHT}" '
                        'stroke="#888"/>')
        step = next(s for s in (.1, .2, .5, 1, 2, 5, 10, 30, 60, 600, 1e9)
                    if self.span / s <= 12)
        n = 0
        while n * step <= self.span:
            x = self.x(self.start + n * step)
            self.out.append(f'<path d="M{x:.1f} {y} v5" stroke="#888"/>')
            self.text(x, y + 17, f'{n * step:g} s',
                      'text-anchor="middle" fill="#444" font-size="12"')
            n += 1

    def legend(self):
        y = self.height - (36 if self.note else 14)
        x = LEFT
        used = {e.state for e in self.events if e.state}
        for state in [s for s in COLOURS if s in used]:
            self.out.append(f'<rect x="{x}" y="{y - 10}" width="12" '
                            f'height="12" fill="{COLOURS[state][0]}" '
                            f'stroke="{COLOURS[state][1]}"/>')
            self.text(x + 18, y, MEANING[state], 'font-size="12"')
            x += 40 + 7 * len(MEANING[state])
        if any(e.kind == 'fault' for e in self.events):
            self.out.append(f'<path d="M{x + 6} {y - 10} l5 9 h-10 z" '
                            f'fill="{FAULT}"/>')
            self.text(x + 18, y, "a fault in the guest's event queue",
                      'font-size="12"')
        if self.note:
            self.text(LEFT, self.height - 12, self.note,
                      'font-size="12" fill="#444"')

    def draw(self):
        self.text(20, 28, TITLE, 'font-size="15" font-weight="bold"')
        for i, device in enumerate(self.devices):
            self.lane(i, device)
        self.registers()
        self.axis()
        self.legend()
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
                f'height="{self.height}" viewBox="0 0 {WIDTH} {self.height}" '
                'font-family="sans-serif" font-size="13">\n'
                '<!--\nSPDX-License-Identifier: GPL-2.0-or-later\n-->\n'
                '<rect width="100%" height="100%" fill="#fff"/>\n'
                + '\n'.join(self.out) + '\n</svg>\n')


def draw(events, names=None, ahead=None, note=''):
    """The SVG's text.

    names says how to call a device. ahead is the time on the caller's clock at
    which the events' clock was 0: the axis then is that of the caller's clock.
    """
    return Drawing(events, names or {}, ahead, note).draw()
