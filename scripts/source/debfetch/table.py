# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's parts, as debs.ini has them."""

import configparser
import contextlib
import os
import platform
import re
import subprocess

from .common import BUILD, DOWNLOADS, ROOT, FetchError, config
from .request import Request

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PINS = os.path.join(HERE, 'qemu-source.sha256')
TABLE = os.environ.get('FETCH_TABLE') or os.path.join(HERE, 'debs.ini')
GOALS = ('demo', 'check', 'bench')
MESON_MIN = (1, 5)


def system_meson():
    """(major, minor) of the meson that the system's Python has."""
    p = subprocess.run(
        ['/usr/bin/python3', '-c',
         'from mesonbuild import coredata as c; print(c.version)'],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        check=False)
    parts = re.findall(r'\d+', p.stdout)[:2]
    return tuple(map(int, parts)) if p.returncode == 0 else (0, 0)


def qemu_given():
    """It was given, is unpacked, or its files are in a known directory."""
    conf = config()
    if conf.get('QEMU_SOURCE'):
        return True
    with contextlib.suppress(FileNotFoundError):
        # That of another choice is going to be unpacked over.
        with open(os.path.join(BUILD, 'qemu', 'source.stamp'),
                  encoding='utf-8') as f:
            if f.read().strip() == 'default':
                return True
    with open(PINS, encoding='utf-8') as f:
        names = [l.split()[1] for l in f if re.match('[0-9a-f]{64} ', l)]
    return any(where and all(os.path.exists(os.path.join(where, n))
                             for n in names)
               for where in (os.environ.get('QEMU_SOURCE_CACHE'),
                             conf.get('DEBS'), DOWNLOADS))


UNLESS = {
    'arm64-machine': lambda: platform.machine() == 'aarch64',
    'firmware-given': lambda: bool(config().get('FIRMWARE')),
    'meson-new-enough': lambda: system_meson() >= MESON_MIN,
    'qemu-given': qemu_given,
}


class Part:
    """A row of the table."""

    def __init__(self, name, row):
        self.name = name
        self.goals = row.get('for', '').split()
        packages = row['packages'].split()
        if config().get('FULL'):
            packages += row.get('full-packages', '').split()
        kind = row.get('kind', 'files')
        arch = row.get('arch', 'machine')
        self.request = Request(
            name, packages, arch=None if arch == 'machine' else arch,
            suites=row['suites'].split(), deps=kind == 'deps',
            source=kind == 'source', newest=kind == 'newest',
            by_hand=row.get('by-hand'))
        self.unpack = row.get('unpack')
        if self.unpack:
            self.unpack = os.path.join(BUILD, self.unpack)
        self.unless = row.get('unless')
        self.installed = row.get('installed')

    def is_needed(self):
        return not (self.unless and UNLESS[self.unless]())

    def given(self):
        """The file that configure was given for it."""
        firmware = config().get('FIRMWARE')
        return [firmware] if firmware and \
            self.unless == 'firmware-given' else []


def parts():
    table = configparser.ConfigParser(interpolation=None)
    with open(TABLE, encoding='utf-8') as f:
        table.read_file(f)
    return {name: Part(name, table[name]) for name in table.sections()}


def part(name):
    try:
        return parts()[name]
    except KeyError:
        raise FetchError(f'{name}: no part of '
                         f'{os.path.relpath(TABLE, ROOT)}') from None


def parts_for(goal):
    return [p for p in parts().values() if goal in p.goals]
