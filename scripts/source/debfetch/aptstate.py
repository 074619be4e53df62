# SPDX-License-Identifier: GPL-2.0-or-later
"""One apt configuration, with its package lists, under build/apt.

The machine's own package state has no say in what is downloaded (the dpkg
status is an empty file), and nothing of it is changed.
"""

import contextlib
import fcntl
import functools
import os
import re
import subprocess

from .command import output
from .common import BUILD, STALL, FetchError, Kind

# Settings of the machine that are about the way to its mirrors.
KEPT = re.compile(r'Acquire::(http|https|tor|ftp|mirror|socks|Proxy'
                  r'|Check-Valid-Until|Check-Date|Max-ValidTime'
                  r'|Min-ValidTime|ForceIP|AllowTLS|EnableSrv|By-Hash)',
                  re.IGNORECASE)
PACKAGES = 'Acquire::IndexTargets::deb::Packages'
NOT_KEPT = re.compile(r'::(Timeout|ConnectionAttemptDelayMsec) ', re.I)


@functools.cache
def transport_settings():
    return [l for l in output(['apt-config', 'dump']).splitlines()
            if KEPT.match(l) and not NOT_KEPT.search(l) and '""' not in l]


class AptState:
    """The lists of a suite for an architecture, or of its sources."""

    def __init__(self, arch, suite, source=False):
        self.arch, self.suite, self.source = arch, suite, source
        self.dir = os.path.join(BUILD, 'apt', f'{arch}-{suite}'
                                + ('-source' if source else ''))
        self.env = dict(os.environ, LC_ALL='C',
                        APT_CONFIG=self.path('apt.conf'))
        self.fresh = False      # the lists are of this run

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def make_directories(self):
        for sub in ('etc', 'lists/partial', 'archives/partial'):
            os.makedirs(self.path(sub), exist_ok=True)
        with open(self.path('status'), 'a', encoding='ascii'):
            pass

    @contextlib.contextmanager
    def lock(self):
        self.make_directories()
        with open(self.path('lock'), 'w', encoding='ascii') as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield

    def settings(self):
        return transport_settings() + [
            # Nothing but Packages or Sources: each further index can be out
            # of step with the others. Where a mirror has an index of
            # architecture "all", apt wants that as well, whatever
            # APT::Architectures and [arch=] say: for each architecture that
            # the index's path depends on. So the path has it spelled out.
            # What is for all architectures is in the machine's own index.
            'Acquire::Languages "none";',
            f'{PACKAGES}::MetaKey "$(COMPONENT)/binary-{self.arch}/Packages";',
            f'{PACKAGES}::Description "$(RELEASE)/$(COMPONENT) {self.arch}";',
            'Acquire::GzipIndexes "true";',
            'Acquire::ForceHash "SHA256";',
            # Asking again is done here, with fresh lists.
            'Acquire::Retries "0";',
            f'Acquire::http::Timeout "{max(1, round(STALL))}";',
            f'Acquire::https::Timeout "{max(1, round(STALL))}";',
            f'APT::Architecture "{self.arch}";',
            f'APT::Architectures {{ "{self.arch}"; }};',
            # Our directories need not be accessible to the user _apt.
            'APT::Sandbox::User "root";',
            'APT::Install-Recommends "0";',
            # We have a lock of our own, which ends with its holder.
            'Debug::NoLocking "true";',
            f'Dir::Etc "{self.path("etc")}";',
            'Dir::Etc::parts "none";',
            'Dir::Etc::trustedparts "none";',
            'Dir::Etc::netrc "/etc/apt/auth.conf";',
            'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
            f'Dir::State "{self.dir}";',
            f'Dir::State::status "{self.path("status")}";',
            f'Dir::Cache "{self.dir}";',
            'Dir::Cache::srcpkgcache "";',
        ]

    def write_config(self, lines):
        with open(self.path('apt.conf'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(self.settings()) + '\n')
        with open(self.path('etc', 'sources.list'), 'w',
                  encoding='utf-8') as f:
            f.writelines(lines)

    def source_lines(self, site, keyring):
        # A backport depends on packages of the release it is made for.
        suites = [self.suite]
        if self.suite.endswith('-backports'):
            suites.append(self.suite[:-len('-backports')])
        what = (f'deb-src [signed-by={keyring}]' if self.source else
                f'deb [signed-by={keyring} arch={self.arch}]')
        return [f'{what} {site} {suite} main\n' for suite in suites]

    def lists_are_of(self, site):
        try:
            with open(self.path('updated'), encoding='utf-8') as f:
                return f.read().strip() == site
        except FileNotFoundError:
            return False

    def update(self, site, lines, strict=True):
        """Read the lists anew; lines: what sources.list is to have."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path('updated'))
        self.write_config(lines)
        args = ['--error-on=any'] if strict else []
        output(['apt-get', '-q', 'update', *args], env=self.env,
               watch=[self.path('lists/partial'), self.path('lists')])
        with open(self.path('updated'), 'w', encoding='utf-8') as f:
            f.write(site)
        self.fresh = True

    def cache(self, *args):
        return output(['apt-cache', *args], env=self.env)

    def newest(self, name):
        """Of all versions: apt's candidate is never one of backports."""
        if self.source:
            text = self.cache('showsrc', '--only-source', name)
            versions = re.findall(r'^Version: (\S+)', text, re.M)
        else:
            text = self.cache('madison', name)
            versions = re.findall(r'^ *\S+ \| *(\S+) \|(?!.* Sources?$)',
                                  text, re.M)
        best = '(none)'
        for version in versions:
            if best == '(none)' or newer_or_same(version, best):
                best = version
        return best

    def depended_on(self, name, version):
        """The first package that a metapackage depends on."""
        text = self.cache('show', f'{name}={version}')
        match = re.search(r'^Depends: ([a-z0-9.+-]+)', text, re.M)
        if not match:
            raise FetchError(f'{name} {version} depends on nothing',
                             Kind.ABSENT)
        return match.group(1)

    def uris(self, action, *specs):
        """[(URI, name, size, SHA-256)] of what apt would download."""
        text = output(['apt-get', '-qq', *action, '--print-uris', *specs],
                      env=self.env)
        rows = re.findall(r"^'([^']*)' (\S+) (\d+) SHA256:([0-9a-f]{64})",
                          text, re.M)
        if not rows:
            raise FetchError(f'{" ".join(specs)}: apt names no file',
                             Kind.ABSENT)
        return [(uri, name, int(size), digest)
                for uri, name, size, digest in rows]


def newer_or_same(a, b):
    return subprocess.call(['dpkg', '--compare-versions', a, 'ge', b]) == 0
