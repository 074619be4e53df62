# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/machine/not-reached says that cases of the lab reach: is it so?"""

import re

from notreached import BRANCH, FUNCTION, Explainer

CASES = re.compile(r'\[lab\] (.*?): ')


def cases_of(reason):
    """The lab's cases that it names"""
    match = CASES.match(reason.why)
    return tuple(match.group(1).split(', ')) if match else ()


class Claims(Explainer):
    """Of one file, and of these cases; prints those that are wrong"""

    def __init__(self, cases, in_lab, *args):
        """in_lab: the counts with these cases; the others are without"""
        super().__init__(*args)
        self.cases, self.in_lab = cases, in_lab
        self.judged = []

    def is_right(self, number, kind, function):
        if kind == FUNCTION:
            return self.in_lab.functions[function].count > 0
        return self.in_lab.lines[number].count > 0 and \
            not (kind == BRANCH and number in self.in_lab.partly())

    def say(self, what, number, name, kind, text, function):
        """Of what is not reached without the lab"""
        reason = self.reasons.find(self.unit, kind, text, function)
        if reason and cases_of(reason) == self.cases:
            right = self.is_right(number, kind, function)
            self.judged.append((kind, right))
            if not right:
                super().say(what, number, name, kind, text, function)

    def judge(self):
        """(kind, is it right?) of each"""
        self.explain()
        return self.judged
