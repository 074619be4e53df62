# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: the rows of the table, and how a guest does each."""

# guest.sh adds this many operations before the first marker.
WARM_UP = 40


# What differs between two runs at least: a tick here or there; and how often
# the host wakes while a disk is waited for.
NOISE = 0.005
NVME_NOISE = 0.05


class Row:
    """One loop in the guest; goal is a ratio to the other QEMU, or None."""

    def __init__(self, name, ril, call, ops, goal=None, noise=NOISE):
        self.number = None
        self.name = name
        self.ril = ril
        self.call = call
        self.ops = ops
        self.goal = goal
        self.noise = noise

    def key(self):
        return f'{self.name}, ril={self.ril}' if self.ril else self.name

    def script(self):
        """The line of /bench/rows that does it."""
        function, *words = self.call.split()
        words = [w.replace('OPS', str(self.ops)) for w in words]
        return f'{function} {self.number} {" ".join(words)}'


def _rows():
    kib = 1024
    # So many that a timer tick more or less does not show: it costs 20,000
    # instructions every 4 million.
    dma = [('unmap 4 KB', 4, 2000), ('unmap 64 KB', 64, 1200),
           ('unmap 1 MB', 1024, 150), ('unmap 2044 KB', 2044, 60)]
    nvme = [('NVMe read 4 KB', 4, 1500), ('NVMe read 128 KB', 128, 500),
            ('NVMe read 1 MB', 1024, 80)]
    goals = {('unmap 1 MB', 'off'): 0.10, ('unmap 64 KB', 'off'): 0.35,
             ('NVMe read 128 KB', 'off'): 0.50, ('unmap 4 KB', 'on'): 0.65,
             ('NVMe read 4 KB', 'on'): 0.80, ('NVMe read 4 KB', 'off'): 0.80}
    for ril in ('on', 'off'):
        for name, size, ops in dma:
            yield Row(name, ril, f'dma map OPS {size * kib}', ops,
                      goals.get((name, ril), 1.0))
        for name, size, ops in nvme:
            yield Row(name, ril, f'nvme OPS {size * kib}', ops,
                      goals.get((name, ril), 1.0), NVME_NOISE)
    # The last ones take the SMMU from the guest's own driver.
    yield Row('GBPA written, unchanged', '', 'dma gbpa-same OPS', 500, 1.0)
    yield Row('GBPA written, ABORT changed', '', 'dma gbpa-change OPS', 500, 1.0)
    yield Row('CFGI_ALL, nothing changed', '', 'dma cfgi-all OPS', 500, 1.0)
    # The other QEMU does nothing there, which is wrong.
    yield Row('SMMUEN on and off', '', 'dma smmuen OPS', 200)


def load():
    rows = list(_rows())
    for number, row in enumerate(rows):
        row.number = number
    return rows


def guest_script(rows):
    """/bench/rows, which guest.sh reads."""
    lines = []
    taken = False
    for row in rows:
        if not row.ril and not taken:
            lines += ['[ "$ril" = on ] || { echo "bench done"; return; }',
                      'take_smmu']
            taken = True
        lines.append(row.script() if not row.ril else
                     f'[ "$ril" != {row.ril} ] || {row.script()}')
    return '\n'.join(lines) + '\n'
