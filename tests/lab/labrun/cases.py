# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases as they are declared in tests/lab/cases/*.ini (see README.md)."""

import configparser
import glob
import os

from .paths import LAB, LabError, timeout

SUITES = ('lab', 'qtest', 'functional')
KEYS = {'suite', 'about', 'kernel', 'board', 'devices', 'disks', 'memory',
        'cpus', 'timeout', 'pieces', 'files', 'append', 'run', 'guest-run',
        'allow-skip', 'allow-console', 'hidden', 'host-program'}


class Case:
    """One case; attributes are the keys of its section, parsed."""

    def __init__(self, name, section):
        unknown = set(section) - KEYS
        if unknown:
            raise LabError(f'case {name}: unknown key {sorted(unknown)[0]}')
        self.name = name
        self.suite = section.get('suite', 'lab')
        self.about = ' '.join(section.get('about', '').split())
        self.kernel = section.get('kernel', 'default')
        self.board = section.get('board', 'nested')
        self.devices = section.get('devices', '').split()
        self.disks = [l.split() for l in _lines(section, 'disks')]
        self.memory = section.get('memory', '1G')
        # A qtest's requests go from program to program. From one CPU to the
        # other that is ten times as slow when this machine has more to do.
        self.cpus = section.getint('cpus', 1 if self.suite == 'qtest' else 2)
        self.timeout = timeout(section.getint('timeout', 180))
        self.pieces = section.get('pieces', '').split()
        self.files = _lines(section, 'files')
        self.append = section.get('append', '')
        self.script = section.get('run', '') + '\n'
        guest_run = section.get('guest-run', '')
        self.guest_script = guest_run + '\n' if guest_run else ''
        self.allow_skip = section.getboolean('allow-skip', False)
        self.allow_console = _lines(section, 'allow-console')
        self.hidden = section.getboolean('hidden', False)
        self.host_program = section.get('host-program', '').split()
        self.shell = False
        if self.suite not in SUITES:
            raise LabError(f'case {name}: unknown suite {self.suite}')
        if not self.script.strip() and not self.host_program:
            raise LabError(f'case {name}: has nothing to run')


def _lines(section, key):
    return [l for l in section.get(key, '').splitlines() if l.strip()]


def _take_over(ini, name, path):
    """What a section does not say itself, it has from the one that is "like"."""
    section = ini[name]
    other = section.pop('like', None)
    if other is None:
        return
    if other not in ini:
        raise LabError(f'{path}: {name} is like {other}, which is not here')
    for key, value in ini[other].items():
        if section.get(key) == ini.defaults().get(key):
            section[key] = value


def load():
    """{name: Case} of all declared cases, in the order of the files."""
    cases = {}
    for path in sorted(glob.glob(os.path.join(LAB, 'cases', '*.ini'))):
        ini = configparser.ConfigParser(
            interpolation=None, delimiters=('=',), comment_prefixes=('#',),
            default_section='defaults')
        try:
            ini.read(path, encoding='utf-8')
        except configparser.Error as e:
            raise LabError(f'{path}: {e}') from e
        for name in ini.sections():
            if name in cases:
                raise LabError(f'{path}: a second case {name}')
            _take_over(ini, name, path)
            cases[name] = Case(name, ini[name])
    return cases
