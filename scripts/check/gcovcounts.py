# SPDX-License-Identifier: GPL-2.0-or-later
"""How often the lines, branches and functions of a source file were reached, as
gcov says."""

import json
import os
import subprocess
from collections import namedtuple

# branches: how often each was taken; function: its name
Line = namedtuple('Line', 'count branches function')
Function = namedtuple('Function', 'line count')


class Counts:
    """lines: {number: Line}; functions: {name: Function}"""

    def __init__(self):
        self.lines, self.functions = {}, {}

    def add_line(self, number, line):
        """Where one line is in several functions, all of them count"""
        was = self.lines.get(number, Line(0, [], line.function))
        self.lines[number] = Line(was.count + line.count,
                                  was.branches + line.branches, was.function)

    def add(self, other):
        """Those of another run. On another processor a statement's branches can
        be on another one of its lines."""
        for number, line in other.lines.items():
            was = self.lines.get(number, line._replace(count=0, branches=[]))
            branches = [was.branches, line.branches]
            self.lines[number] = Line(
                was.count + line.count,
                [sum(pair) for pair in zip(*branches)]
                if len(was.branches) == len(line.branches)
                else max(branches, key=len), line.function)
        for name, function in other.functions.items():
            was = self.functions.get(name, Function(function.line, 0))
            self.functions[name] = Function(was.line,
                                            was.count + function.count)

    def entered(self, line):
        function = self.functions.get(line.function)
        return not function or function.count > 0

    def not_entered(self):
        """{name: line} of functions"""
        return {name: function.line for name, function in
                self.functions.items() if not function.count}

    def unreached(self):
        """The lines of functions that are entered, but not these lines"""
        return {n for n, line in self.lines.items()
                if not line.count and self.entered(line)}

    def partly(self):
        """Lines that are reached, with a branch that is not taken"""
        return {n for n, line in self.lines.items()
                if line.count and not all(line.branches)}

    def of_lines(self):
        """(reached, all)"""
        return (sum(1 for line in self.lines.values() if line.count),
                len(self.lines))

    def of_branches(self):
        branches = [b for line in self.lines.values() for b in line.branches]
        return sum(1 for b in branches if b), len(branches)


def run_gcov(obj):
    p = subprocess.run(['gcov', '--json-format', '--stdout',
                        '--branch-probabilities', obj],
                       cwd=os.path.dirname(obj), stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, text=True, check=True)
    return json.loads(p.stdout)['files']


def read_counts(obj, name):
    """Those of the file of this NAME, of which OBJ is the object"""
    counts = Counts()
    for data in run_gcov(obj):
        if os.path.basename(data['file']) != name:
            continue
        for f in data['functions']:
            counts.functions[f['name']] = Function(f['start_line'],
                                                   f['execution_count'])
        for line in data['lines']:
            counts.add_line(line['line_number'],
                            Line(line['count'],
                                 [b['count'] for b in line['branches']],
                                 line.get('function_name')))
    return counts
