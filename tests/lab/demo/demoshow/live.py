# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens, on the terminal, as it happens."""

import os
import sys
import textwrap
import time

COLOUR = {'board': '36', 'host': '34', 'guest': '32', 'vSMMU': '35',
          'fault': '31', 'demo': '1'}
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

    def show(self, who, text):
        name = f'{who:<6}'
        when = f'{self.seconds():5.1f} s  '
        first, *more = wrap(text, WIDTH - len(when) - len(name) - 1)
        if self.colour and who in COLOUR:
            name = f'\033[{COLOUR[who]}m{name}\033[0m'
        print(f'{when}{name} {first}', flush=True)
        for line in more:
            print(f'{"":{len(when)}}{"":6} {line}', flush=True)

    def plain(self, text=''):
        print(text, flush=True)
