# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens, on the terminal, as it happens."""

import os
import re
import sys
import textwrap
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                *['..'] * 4, 'scripts', 'lib'))

from statecolours import COLOURS, FAULT_ANSI  # noqa: E402

# Not those of a state or a fault, whose colour says the same everywhere.
COLOUR = {'board': '36', 'host': '96', 'guest': '1', 'vSMMU': '1;36',
          'fault': FAULT_ANSI, 'demo': '1'}
STATE = re.compile(r'\b(' + '|'.join(COLOURS) + r')\b')
WIDTH = 80


class Follower:
    """Complete lines of a file that grows, once each."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.rest = ''

    def lines(self):
        try:
            with open(self.path, 'rb') as f:
                f.seek(self.offset)
                data = f.read()
        except FileNotFoundError:
            return []
        self.offset += len(data)
        text = self.rest + data.decode(errors='replace').replace('\r', '')
        *lines, self.rest = text.split('\n')
        return lines


def wrap(text, width):
    """The lines of a text; those after the first are set in further."""
    indent = text[:len(text) - len(text.lstrip())]
    return textwrap.wrap(text.strip(), width, initial_indent=indent,
                         subsequent_indent=indent + '    ',
                         break_on_hyphens=False) or ['']


class Screen:
    def __init__(self):
        self.start = time.monotonic()
        self.colour = sys.stdout.isatty() and 'NO_COLOR' not in os.environ

    def seconds(self):
        return time.monotonic() - self.start

    def show(self, who, text, states=False):
        """states: colour the names of states"""
        name = f'{who:<6}'
        when = f'{self.seconds():5.1f} s  '
        lines = wrap(text, WIDTH - len(when) - len(name) - 1)
        if self.colour and states:
            lines = [STATE.sub(self.in_colour, line) for line in lines]
        if self.colour and who in COLOUR:
            name = f'\033[{COLOUR[who]}m{name}\033[0m'
        first, *more = lines
        print(f'{when}{name} {first}', flush=True)
        for line in more:
            print(f'{"":{len(when)}}{"":6} {line}', flush=True)

    @staticmethod
    def in_colour(match):
        state = match.group(1)
        return f'\033[{COLOURS[state][2]}m{state}\033[0m'

    def plain(self, text=''):
        print(text, flush=True)
