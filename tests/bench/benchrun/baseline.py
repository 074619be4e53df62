# SPDX-License-Identifier: GPL-2.0-or-later
"""What was recorded last: tests/bench/baseline.json.

"rows" has the first table by operation, "cmdqv" that of a CMDQV, "peer" the
other QEMU of both.
"""

import json
import os

PATH = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'baseline.json')


def load():
    with open(PATH, encoding='utf-8') as f:
        return json.load(f)


def save(peer, **tables):
    """Replaces the given tables, and leaves the other one"""
    kept = {**load(), 'peer': peer, **tables}
    with open(PATH, 'w', encoding='utf-8') as f:
        json.dump(kept, f, indent=1)
        f.write('\n')
