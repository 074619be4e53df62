# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are, and what an error is."""

import enum
import os
import sys


def _top():
    where = os.path.dirname(os.path.abspath(__file__))
    while not os.path.exists(os.path.join(where, 'configure')):
        where = os.path.dirname(where)
    return where


ROOT = _top()
# The tests have a build directory, a keyring and pauses of their own.
BUILD = os.environ.get('FETCH_BUILD') or os.path.join(ROOT, 'build')
DOWNLOADS = os.path.join(BUILD, 'downloads')
# Seconds before each further try, and until a silent connection is given up.
PAUSES = tuple(map(float, os.environ.get('FETCH_PAUSES', '2 5 10 20').split()))
STALL = float(os.environ.get('FETCH_STALL', '30'))


class Kind(enum.Enum):
    """What kind of thing went wrong decides what is tried next."""

    CHANGING = 'the mirror contradicts itself'
    SILENT = 'the mirror stopped sending'
    UNREACHABLE = 'the mirror cannot be reached'
    UNTRUSTED = 'the signature is by a key that is not known'
    ABSENT = 'the mirror does not have it'
    FATAL = 'nothing that another mirror could mend'


class FetchError(Exception):
    """Something that the user has to know about."""

    def __init__(self, text, kind=Kind.FATAL):
        super().__init__(text)
        self.kind = kind


def say(text):
    print(f'deb-fetch: {text}', file=sys.stderr, flush=True)


def config():
    """The NAME := VALUE lines that configure wrote to build/config.mk."""
    values = {}
    try:
        with open(os.path.join(BUILD, 'config.mk'), encoding='utf-8') as f:
            for line in f:
                name, sep, value = line.partition(':=')
                if sep and not line.startswith('#'):
                    values[name.strip()] = value.strip()
    except FileNotFoundError:
        pass
    return values


def write_whole(path, text):
    """Replace a file: whoever reads it finds the old text or the new one."""
    new = f'{path}.new'
    with open(new, 'w', encoding='utf-8') as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(new, path)
