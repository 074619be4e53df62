# SPDX-License-Identifier: GPL-2.0-or-later
"""Ratios with their noise, as a table and as a chart."""

import html


class Ratio:
    """One row: this build by the other QEMU."""

    def __init__(self, row, ratio, noise):
        self.row, self.ratio, self.noise = row, ratio, noise

    def verdict(self):
        if self.ratio > 1 + self.noise:
            return 'worse'
        return 'better' if self.ratio < 1 - self.noise else 'same'

    def meets_goal(self):
        return self.row.goal is None or \
            self.ratio <= self.row.goal * (1 + self.noise)


class Result(Ratio):
    """As it was measured: this build (ours) against the other QEMU (peer)."""

    def __init__(self, row, ours, peer):
        self.ours, self.peer = ours, peer
        super().__init__(row, _mean(ours, 'total') / _mean(peer, 'total'),
                         max(row.noise, _spread(ours), _spread(peer)))

    def recorded(self):
        """What baseline.json keeps."""
        return {'ratio': round(self.ratio, 4), 'noise': round(self.noise, 4),
                'calls': round(_mean(self.ours, 'calls'), 2),
                'attaches': round(_mean(self.ours, 'attaches'), 2),
                'totals': [round(_mean(c, 'total'))
                           for c in (self.ours, self.peer)]}


class Recorded(Ratio):
    """As baseline.json has it."""

    def __init__(self, row, kept):
        super().__init__(row, kept['ratio'], kept['noise'])
        self.calls, self.totals = kept['calls'], kept['totals']


def _mean(counts, key):
    return sum(getattr(c, key) for c in counts) / len(counts)


def _spread(counts):
    """A against A: the same build, measured more than once."""
    totals = [c.total for c in counts]
    return max(totals) / min(totals) - 1


def _pair(result, key, fmt='{:,.0f}'):
    return ' / '.join(fmt.format(_mean(c, key))
                      for c in (result.ours, result.peer))


def table(results, version):
    """Markdown; every pair is this build / the other one."""
    lines = [f'This build / Debian\'s QEMU {version}, per operation. '
             'Instructions of the host\'s programs (the QEMU that is '
             'measured), of the host\'s kernel, and of the guest.', '',
             '| operation | invalidate calls | entries | attaches | exits '
             '| QEMU | host kernel | guest | total | ratio | noise | goal | |',
             '|---|---|---|---|---|---|---|---|---|---|---|---|---|']
    for r in results:
        goal = '' if r.row.goal is None else f'{r.row.goal:.2f}'
        verdict = r.verdict() + ('' if r.meets_goal() else ', not the goal')
        cells = [r.row.key()]
        cells += [_pair(r, k, '{:.3g}') for k in
                  ('calls', 'entries', 'attaches', 'exits')]
        cells += [_pair(r, k) for k in ('user', 'kernel', 'guest', 'total')]
        cells += [f'**{r.ratio:.3f}**', f'{r.noise:.4f}', goal, verdict]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def compare(results, baseline):
    """Complaints about rows that are worse than what was recorded."""
    bad = []
    for r in results:
        old = baseline.get(r.row.key())
        if old is None:
            bad.append(f'{r.row.key()}: not in the baseline')
            continue
        limit = old['ratio'] * (1 + max(r.noise, old['noise']))
        if r.ratio > limit:
            bad.append(f'{r.row.key()}: ratio {r.ratio:.4f}, recorded '
                       f'{old["ratio"]:.4f}, limit {limit:.4f}')
        now = r.recorded()
        for key in ('calls', 'attaches'):
            if now[key] > old[key] + 0.05:
                bad.append(f'{r.row.key()}: {now[key]} {key} an operation, '
                           f'recorded {old[key]}')
    return bad


COLORS = {'better': '#2e7d32', 'same': '#757575', 'worse': '#c62828'}
LEFT, SCALE, BAR, GAP = 250, 420, 18, 8
# A ratio beyond this is drawn as long as this.
LONGEST = 1.5


def chart(results, version):
    """SVG: a bar for each ratio, a line at 1, a triangle at each goal."""
    height = 50 + (BAR + GAP) * len(results)
    width = LEFT + int(SCALE * LONGEST) + 70
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
           f'height="{height}" font-family="sans-serif" font-size="13">',
           '<!--', 'SPDX-License-Identifier: GPL-2.0-or-later', '-->',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{LEFT}" y="20">instructions an operation, relative to '
           f'QEMU {html.escape(version)} (= 1); the black triangles are '
           'goals</text>',
           f'<line x1="{LEFT + SCALE}" x2="{LEFT + SCALE}" y1="28" '
           f'y2="{height - 10}" stroke="#999" stroke-dasharray="4 3"/>']
    for i, r in enumerate(results):
        y = 35 + i * (BAR + GAP)
        length = SCALE * min(r.ratio, LONGEST)
        out += [f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">'
                f'{html.escape(r.row.key())}</text>',
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" '
                f'height="{BAR}" fill="{COLORS[r.verdict()]}"/>',
                f'<text x="{LEFT + 5}" y="{y + 14}" fill="white">'
                f'{r.ratio:.2f}</text>']
        if r.row.goal is not None:
            x = LEFT + SCALE * r.row.goal
            # A triangle is seen beside the dashed line at 1, too.
            out.append(f'<path d="M{x:.1f} {y + BAR / 2} l8 -6 v12 z"/>')
    return '\n'.join(out + ['</svg>']) + '\n'
