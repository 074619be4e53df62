# SPDX-License-Identifier: GPL-2.0-or-later
"""deb-fetch on a machine whose apt knows the test's mirrors only."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../../../scripts/lib'))

# pylint: disable=wrong-import-position
import offline

from .archive import Archive, sha256
from .server import Server

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))))
DEB_FETCH = os.path.join(TOP, 'scripts', 'source', 'deb-fetch')
OFFLINE = os.path.join(TOP, 'scripts', 'check', 'offline')
TABLE = '''
[parcel]
for = demo check
packages = parcel
suites = bare one
unpack = parcel
by-hand = --parcel=FILE, or --debs=DIR

[bundle]
for = demo
packages = bundle-meta
kind = newest
suites = one

[installed]
for = check
packages = unheard-of
suites = one
installed = {installed}
'''


def without_network():
    """What a command runs under to have no network but the loopback.

    Where this is not allowed (in some containers), nothing: the callers name
    mirrors that do not answer as well.
    """
    return [] if subprocess.call([OFFLINE, 'true'],
                                 stderr=subprocess.DEVNULL) else [OFFLINE]


class World:
    """What all benches of a test have in common; use as a context."""

    def __init__(self):
        offline.loopback_up()
        self.where = tempfile.mkdtemp(prefix='fetch.')
        self.archive = Archive(self.where)
        self.benches = []
        self.installed = os.path.join(self.where, 'installed')
        with open(self.installed, 'w', encoding='ascii') as f:
            f.write('firmware')
        self.table = os.path.join(self.where, 'debs.ini')
        with open(self.table, 'w', encoding='utf-8') as f:
            f.write(TABLE.format(installed=self.installed))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for bench in self.benches:
            bench.server.close()
        self.archive.close()
        shutil.rmtree(self.where, ignore_errors=True)

    def run(self, *functions):
        """Each with a bench of its own, two at a time; prints TAP."""
        self.benches = [Bench(self) for _ in functions]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            done = [pool.submit(f, b)
                    for f, b in zip(functions, self.benches)]
        for d in done:
            d.result()
        points = [p for b in self.benches for p in b.points]
        print(f'TAP version 13\n1..{len(points)}')
        for n, (what, wrong, text) in enumerate(points, 1):
            print(f'{"not " if wrong else ""}ok {n} - {what}')
            for line in [wrong, *text.splitlines()] if wrong else []:
                print(f'# {line}')
        return int(any(wrong for _, wrong, _ in points))


class Bench:
    """A server of the archive, and a build directory for each case."""

    def __init__(self, world):
        self.world, self.archive = world, world.archive
        self.server = Server(self.archive)
        self.points = []
        self.sites = ()
        self.build = None

    def case(self, *faults, mirrors=('a', 'b')):
        """A new build directory, and the faults that the server has."""
        self.server.begin(*faults)
        self.sites = [self.server.site(m) for m in mirrors]
        self.build = tempfile.mkdtemp(prefix='build.', dir=self.world.where)

    def env(self, **more):
        state = os.path.join(self.build, 'machine')
        os.makedirs(os.path.join(state, 'lists', 'partial'), exist_ok=True)
        sources = os.path.join(self.build, 'sources.list')
        with open(sources, 'w', encoding='utf-8') as f:
            for site in self.sites:
                f.write(f'deb {site} one main\n')
        conf = os.path.join(self.build, 'machine.conf')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write(f'Dir::Etc::sourcelist "{sources}";\n'
                    'Dir::Etc::sourceparts "none";\n'
                    f'Dir::State "{state}";\n'
                    'Acquire::http::Proxy::127.0.0.1 "DIRECT";\n'
                    'APT::Architecture "amd64";\n'
                    'APT::Architectures { "amd64"; };\n')
        env = dict(os.environ, APT_CONFIG=conf, FETCH_BUILD=self.build,
                   FETCH_KEYRING=self.archive.keyring,
                   FETCH_PAUSES='0', FETCH_STALL='60',
                   FETCH_TABLE=self.world.table)
        env.update(more)
        return env

    def fetch(self, *args, prefix=(), **more):
        """The finished deb-fetch."""
        return subprocess.run([*prefix, DEB_FETCH, *args], check=False,
                              env=self.env(**more), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)

    def parcel(self, *packages, suite='one', **more):
        return self.fetch('--arch=amd64', f'--suite={suite}',
                          f'--dest={self.dest}', *(packages or ['parcel']),
                          **more)

    @property
    def dest(self):
        return os.path.join(self.build, 'dest')

    def whole(self, *wanted, dest=None):
        """Just these packages are there, each as the archive has it."""
        dest = dest or self.dest
        there = {n for n in os.listdir(dest) if n.endswith('.deb')} \
            if os.path.isdir(dest) else set()
        if there != {self.archive.names[w] for w in wanted}:
            return f'there are {sorted(there)}'
        for name in there:
            with open(os.path.join(dest, name), 'rb') as f:
                if sha256(f.read()) != sha256(
                        self.archive.paths[f'pool/{name}']):
                    return f'{name} has another content'
        return ''

    def asked(self, pattern):
        return [p for p in self.server.asked if re.search(pattern, p)]

    def point(self, what, wrong, p=None):
        """A TAP point; wrong says what is, '' if all is right."""
        self.points.append((what, wrong, p.stderr if p else ''))
        # The TAP is printed in order, at the end; this is for who waits.
        print(f'{"wrong" if wrong else "right"}: {what}', file=sys.stderr,
              flush=True)

    def succeeds(self, what, p, *wanted, where='', dest=None):
        """where: the mirror that the packages came from."""
        wrong = f'exit status {p.returncode}' if p.returncode else \
            self.whole(*wanted, dest=dest)
        if not wrong and where and not self.asked(f'^/{where}/pool'):
            wrong = f'mirror {where} was not asked for a package'
        self.point(what, wrong, p)

    def fails(self, what, p, *texts):
        """It ends with a message of these texts, and has left no package."""
        wrong = '' if p.returncode == 1 else f'exit status {p.returncode}'
        for text in texts:
            if text not in p.stderr:
                wrong = wrong or f'the message has no "{text}"'
        self.point(what, wrong or self.whole(), p)
