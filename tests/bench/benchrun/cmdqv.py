# SPDX-License-Identifier: GPL-2.0-or-later
"""What queues of the guest's own save: each QEMU with cmdqv=on and off."""

# QEMU, cmdqv
GUESTS = (('ours', 'on'), ('ours', 'off'), ('peer', 'on'), ('peer', 'off'))
# The total with the queues, relative to this build without. Most of a longer
# unmap is the guest's work at its own page table, whoever has the queues.
GOALS = {'unmap 4 KB': 0.35, 'unmap 64 KB': 0.35}
# So many times the operations of the other table: with so few instructions an
# operation, a timer tick would show.
TIMES = 5
# Exits and host calls an operation that are a timer's
STRAY = 0.005


class Cell:
    """What one operation costs in one of the four guests."""

    def __init__(self, row, guest, ran, counts):
        self.counts = [counts[g.number, row.number] for g in ran
                       if (g.qemu, g.cmdqv) == guest
                       and (g.number, row.number) in counts]

    def __bool__(self):
        return bool(self.counts)

    def mean(self, key):
        return sum(getattr(c, key) for c in self.counts) / len(self.counts)

    def noise(self):
        totals = [c.total for c in self.counts]
        return max(totals) / min(totals) - 1


def rows(loaded):
    """Those of the other table that it is about."""
    found = [r for r in loaded if r.ril == 'on']
    for row in found:
        row.ops *= TIMES
    return found


def recorded(chosen, ran, counts):
    """What baseline.json keeps; totals in the order of GUESTS"""
    kept = {}
    for row in chosen:
        cells = [Cell(row, g, ran, counts) for g in GUESTS]
        kept[row.name] = {
            'exits': round(cells[0].mean('exits'), 3),
            'host_calls': round(cells[0].mean('host_calls'), 3),
            'totals': [round(c.mean('total')) for c in cells]}
    return kept


def _missed(row, cells):
    """The goals that a row misses."""
    on, off, peer = cells[:3]
    goal = GOALS.get(row.name, 1.0)
    missed = []
    for key in ('exits', 'host_calls'):
        if row.name.startswith('unmap') and on.mean(key) > STRAY:
            missed.append(f'{on.mean(key):.3f} {key.replace("_", " ")}')
    if off and on.mean('total') > goal * off.mean('total'):
        missed.append(f'{on.mean("total") / off.mean("total"):.3f} of the '
                      f'total without, not {goal}')
    if peer:
        noise = max(row.noise, on.noise(), peer.noise())
        ratio = on.mean('total') / peer.mean('total')
        if ratio > 1 + noise:
            missed.append(f'{ratio:.3f} of the other QEMU')
    return [f'{row.name}: {what}' for what in missed]


def _ratio(one, other):
    return f'{one.mean("total") / other.mean("total"):.3f}' if other else ''


def table(chosen, ran, counts, version):
    """(Markdown, the goals that are missed)"""
    lines = ['This build with cmdqv=on / off / Debian\'s QEMU '
             f'{version} with cmdqv=on / off, per operation. Exits are those '
             'to QEMU, host calls its other ioctls; then come instructions.',
             '',
             '| operation | exits | host calls | QEMU | host kernel | guest '
             '| total | on : off | on : other on | noise |',
             '|---|---|---|---|---|---|---|---|---|---|']
    missed = []
    for row in chosen:
        cells = [Cell(row, g, ran, counts) for g in GUESTS]
        on, off, peer = cells[:3]
        texts = [row.name]
        for key, fmt in (('exits', '{:.3g}'), ('host_calls', '{:.3g}'),
                         ('user', '{:,.0f}'), ('kernel', '{:,.0f}'),
                         ('guest', '{:,.0f}'), ('total', '{:,.0f}')):
            texts.append(' / '.join(fmt.format(c.mean(key))
                                    for c in cells if c))
        if on:
            texts += [_ratio(on, off), _ratio(on, peer), f'{on.noise():.4f}']
            missed += _missed(row, cells)
        lines.append('| ' + ' | '.join(texts) + ' |')
    return '\n'.join(lines) + '\n', missed
