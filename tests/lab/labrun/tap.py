# SPDX-License-Identifier: GPL-2.0-or-later
"""Judge a result channel: TAP of one or more programs, with marks between.

    @begin NAME     the shell function tap starts a program
    @end NAME RC    it has ended
    @done RC        the script of the case has ended
"""

import re

POINT = re.compile(r'(not )?ok\b *(\d+)?(?: *-? *(.*))?$')
PLAN = re.compile(r'1\.\.(\d+)')
DONE = re.compile(r'@done (\d+)$')


class Program:
    def __init__(self, name):
        self.name = name
        self.points = []        # (passed, description)
        self.plan = None
        self.status = None      # exit status, once it has ended
        self.problems = []

    def line(self, text, allow_skip):
        plan = PLAN.match(text)
        point = POINT.match(text)
        if plan:
            if self.plan is not None:
                self.problems.append('a second plan')
            self.plan = int(plan.group(1))
            if self.plan == 0 and not allow_skip:
                self.problems.append(f'skipped: {text}')
        elif point:
            self.point(point, allow_skip)
        elif text.startswith('Bail out!'):
            self.problems.append(text)

    def point(self, match, allow_skip):
        failed, number, what = match.groups()
        if number and int(number) != len(self.points) + 1:
            self.problems.append(f'point {number} follows '
                                 f'{len(self.points)}')
        passed = not failed
        if passed and re.search(r'# *SKIP', what or '', re.I):
            passed = allow_skip
        self.points.append((passed, what or ''))

    def finish(self):
        if self.plan is None:
            self.problems.append('no plan')
        elif self.plan != len(self.points):
            self.problems.append(f'plan of {self.plan}, '
                                 f'{len(self.points)} points')
        if self.status is None:
            self.problems.append('did not end')
        elif self.status != 0:
            self.problems.append(f'exit status {self.status}')


class Results:
    """Everything that came over the result channel of one case."""

    def __init__(self, text, allow_skip=False):
        self.programs = []
        self.status = None      # of the script, once it has ended
        self.problems = []
        current = None
        for line in text.splitlines():
            if line.startswith('@begin '):
                current = Program(line.split(None, 1)[1])
                self.programs.append(current)
            elif line.startswith('@end ') and current:
                current.status = int(line.rsplit(None, 1)[1])
                current = None
            elif DONE.match(line):
                self.status = int(DONE.match(line).group(1))
            elif current:
                current.line(line, allow_skip)
            elif POINT.match(line):
                self.problems.append(f'result outside a program: {line}')
        for program in self.programs:
            program.finish()
        if self.status is None:
            self.problems.append('the script of the case did not end')
        elif self.status != 0:
            self.problems.append('exit status of the script: '
                                 f'{self.status}')
        if not self.programs:
            self.problems.append('no program has run')

    def points(self):
        """(passed, description) of every test point and every problem."""
        for program in self.programs:
            for passed, what in program.points:
                yield passed, f'{program.name}: {what}'
            for problem in program.problems:
                yield False, f'{program.name}: {problem}'
        for problem in self.problems:
            yield False, problem
