# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests' last run found, and what this one changed.

build/last-run.json has, for each test by its name, the result ("pass", "fail"
or "skip"), the number of its points and the seconds that it took. A run of
some tests replaces what is known of these and leaves the rest.
"""

import json
import os

from srctree import BUILD

RECORD = os.path.join(BUILD, 'last-run.json')
# Less than this is the machine's mood, not the test's.
SLOWER = 2
SLOWER_SECONDS = 30
NAMES_SHOWN = 8


def load(path=RECORD):
    """What is known of each test; nothing if there was no run, or if its
    record cannot be read: the record only helps."""
    try:
        with open(path, encoding='utf-8') as f:
            known = json.load(f)
        return {str(n): {'result': str(t['result']),
                         'points': int(t['points']),
                         'seconds': float(t['seconds'])}
                for n, t in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def save(now, path=RECORD, whole=False):
    """Whole: tests that did not run are no longer there."""
    known = now if whole else {**load(path), **now}
    with open(path + '.new', 'w', encoding='utf-8') as f:
        json.dump(known, f, indent=1, sort_keys=True)
    os.replace(path + '.new', path)


def result_of(count):
    """Of a test with so many points that passed, failed and were skipped."""
    if count['fail']:
        return 'fail'
    return 'pass' if count['pass'] else 'skip'


def _list(names):
    more = len(names) - NAMES_SHOWN
    return ', '.join(names[:NAMES_SHOWN]) + (f' and {more} more'
                                             if more > 0 else '')


def changes(before, now, whole):
    """Lines that say what is different now; one if nothing is."""
    both = sorted(set(before) & set(now))

    def turned(result):
        return [n for n in both if now[n]['result'] == result
                and before[n]['result'] != result]

    def points(n):
        return f'{n} ({before[n]["points"]} -> {now[n]["points"]})'

    def seconds(n):
        return f'{n} ({before[n]["seconds"]:.0f} -> {now[n]["seconds"]:.0f} s)'

    found = [
        ('fails now', turned('fail')),
        ('passes again', turned('pass')),
        ('is skipped now', turned('skip')),
        ('has fewer points', [points(n) for n in both
                              if now[n]['result'] == 'pass'
                              and now[n]['points'] < before[n]['points']]),
        ('is slower', [seconds(n) for n in both
                       if now[n]['seconds'] > SLOWER * before[n]['seconds']
                       and now[n]['seconds'] - before[n]['seconds']
                       > SLOWER_SECONDS]),
        ('is new', sorted(set(now) - set(before))),
        ('is gone', sorted(set(before) - set(now)) if whole else []),
    ]
    lines = [f'{what}: {_list(names)}' for what, names in found if names]
    return lines or [f'nothing else than before in {len(both)} tests']
