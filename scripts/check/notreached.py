# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of why tests do not reach lines and branches: tests/unit/not-reached
says how they are written."""

import re
from collections import namedtuple

from srctree import TreeError

# kind: of KINDS; text: how the line begins, or the function, '' for each
Reason = namedtuple('Reason', 'why file kind text')
FUNCTION, LINE, BRANCH = KINDS = ('()', '-', '?')
ANY_FILE = '*'
LABEL = re.compile(r'(?:case .*|default):')


def kind_of(line):
    return next((kind for kind in KINDS if line.startswith(kind)), None)


class Reasons:
    """Those of a list; a reason that was needed is noted as used."""

    def __init__(self, path):
        self.path = path
        self.all = list(self.read())
        self.used = set()

    def read(self):
        why = file = None
        with open(self.path, encoding='utf-8') as f:
            for number, line in enumerate(f.read().splitlines(), 1):
                kind = kind_of(line)
                if not line or line.startswith('#'):
                    continue
                if line.startswith('= '):
                    why, file = line[2:], None
                elif line.startswith('@ ') and why:
                    file = line[2:]
                elif kind and file:
                    yield Reason(why, file, kind, line[len(kind):])
                else:
                    raise TreeError(f'{self.path}:{number}: cannot be '
                                    'understood')

    def find(self, unit, kind, text, function):
        """Of a line of these; None if no reason fits. What is said of the
        line goes before what is said of the function."""
        fits = [r for r in self.all
                if (r.file == ANY_FILE or unit.path.endswith('/' + r.file)) and
                (r.kind == kind and text.startswith(r.text) or
                 r.kind == FUNCTION and r.text in ('', function))]
        if not fits:
            return None
        best = min(fits, key=lambda r: (r.kind == FUNCTION, not r.text))
        self.used.add(best)
        return best

    def unused(self):
        return [r for r in self.all if r not in self.used]


class Explainer:
    """Of one file: prints what is not reached, and why; good if there is a
    reason for all of it."""

    def __init__(self, unit, where, counts, reasons):
        """where: the file, as it is called in what is printed"""
        self.unit, self.where = unit, where
        self.counts, self.reasons = counts, reasons
        self.good = True
        with open(unit.link, encoding='utf-8') as f:
            self.text = [''] + f.read().splitlines()

    def say(self, what, number, name, kind, text, function):
        reason = self.reasons.find(self.unit, kind, text, function)
        print(f'{what}: {self.where}:{number}: {name}'
              f'{reason.why if reason else "NO REASON"}')
        self.good &= reason is not None

    def say_line(self, what, number, kind):
        text = self.text[number].strip()
        self.say(what, number, f'{text}: ', kind, text,
                 self.counts.lines[number].function)

    def functions(self):
        for name, line in sorted(self.counts.not_entered().items(),
                                 key=lambda item: item[1]):
            self.say('not entered', line, f'{name}(): ', FUNCTION, '', name)

    def indent(self, number):
        return len(self.text[number]) - len(self.text[number].lstrip())

    def goes_on(self, first, number):
        """Is it of the block, or of the statement, that begins at first?"""
        if not any(c in t for t in self.text[first:number] for c in ';{'):
            return True
        return self.indent(number) >= self.indent(first) and \
            not LABEL.match(self.text[number].strip())

    def lines(self):
        """One reason is enough for all of a block"""
        first = None
        unreached = self.counts.unreached()
        for number in sorted(self.counts.lines):
            if number not in unreached:
                first = None
            elif first is None or not self.goes_on(first, number):
                first = number
                self.say_line('not reached', number, LINE)

    def leads_to_unreached(self, number):
        """Is the way not taken that to the next line, or to that behind the
        block? It has its reason then"""
        if len(self.counts.lines[number].branches) != 2:
            return False
        later = [n for n in sorted(self.counts.lines) if n > number]
        behind = [n for n in later if self.indent(n) <= self.indent(number)]
        return not self.counts.unreached().isdisjoint(later[:1] + behind[:1])

    def branches(self):
        for number in sorted(self.counts.partly()):
            if not self.leads_to_unreached(number):
                self.say_line('not each way', number, BRANCH)

    def explain(self):
        self.functions()
        self.lines()
        self.branches()
        return self.good
