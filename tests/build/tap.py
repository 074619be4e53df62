# SPDX-License-Identifier: GPL-2.0-or-later
"""Test results as TAP, of the programs here"""


class Tap:
    count = failed = 0

    def point(self, what, passed, shown=''):
        self.count += 1
        self.failed += not passed
        print(f'{"ok" if passed else "not ok"} {self.count} - {what}')
        for line in () if passed else str(shown).splitlines():
            print(f'# {line}')
