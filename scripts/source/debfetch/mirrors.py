# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's mirrors and keyrings, and the ways to a package."""

import hashlib
import os
import re

from .command import output
from .common import BUILD, FetchError, Kind, say

KEYRING = 'usr/share/keyrings/debian-archive-keyring.gpg'


def machine_arch():
    return output(['dpkg', '--print-architecture']).strip()


def machine_suite():
    with open('/etc/os-release', encoding='utf-8') as f:
        match = re.search(r'^VERSION_CODENAME=(\S+)', f.read(), re.M)
    if not match:
        raise FetchError('/etc/os-release has no VERSION_CODENAME: '
                         'give --suite=SUITE')
    return match.group(1)


def _targets(*options):
    fmt = '$(ORIGIN)|$(RELEASE)|$(REPO_URI)'
    for line in output(['apt-get', 'indextargets', *options,
                        '--format', fmt]).split():
        origin, release, site = line.split('|', 2)
        if 'security' not in release and 'security' not in site:
            yield origin, site


def mirror_sites():
    """Mirrors of Debian's main archive that this machine's apt uses.

    Before a first "apt-get update" the origin is not known; then every
    configured site is a candidate, and the signature check weeds out those
    that are not Debian's.
    """
    known = [site for origin, site in _targets() if origin == 'Debian']
    sites = known or [site for _, site in _targets('--no-release-info')]
    sites = list(dict.fromkeys(sites))
    if not sites:
        raise FetchError('no Debian archive among the apt sources of this '
                         'machine: add one to /etc/apt/sources.list')
    return sites


def keyrings():
    """The machine's keyring, then the newest one its own release offers.

    A machine's keyring can be older than the keys of a later suite. The newer
    one is itself verified, with the machine's keys.
    """
    own = os.environ.get('FETCH_KEYRING') or '/' + KEYRING
    if os.path.exists(own):
        yield own
    if 'FETCH_KEYRING' in os.environ:
        return
    where = os.path.join(BUILD, 'apt', 'keyring')
    os.makedirs(where, exist_ok=True)
    say("fetching this machine's newest debian-archive-keyring")
    output(['apt-get', 'download', 'debian-archive-keyring'], cwd=where,
           watch=[where])
    for deb in sorted(os.listdir(where)):
        if deb.endswith('.deb'):
            output(['dpkg-deb', '-x', os.path.join(where, deb), where])
    if os.path.exists(os.path.join(where, KEYRING)):
        yield os.path.join(where, KEYRING)


class Way:
    """A suite of a mirror, for an architecture."""

    def __init__(self, state, site):
        self.state, self.site = state, site

    @property
    def suite(self):
        return self.state.suite

    def __str__(self):
        return f'{self.site.rstrip("/")} {self.suite} ({self.state.arch})'

    def update(self):
        say(f'reading the package lists of {self}')
        error = None
        for keyring in keyrings():
            try:
                self.state.update(
                    self.site, self.state.source_lines(self.site, keyring))
                return
            except FetchError as e:
                error = e
                if e.kind is not Kind.UNTRUSTED:
                    break
        raise error or FetchError('no keyring: install '
                                  'debian-archive-keyring')

    def lists_there(self):
        return self.state.lists_are_of(self.site)


class DebsWay(Way):
    """A directory of packages that the user has given; it is trusted."""

    def __init__(self, state, directory):
        super().__init__(state, 'file:' + state.path('repo'))
        self.directory = directory

    def __str__(self):
        return f'--debs={self.directory} ({self.state.arch})'

    def update(self):
        repo = self.state.path('repo')
        os.makedirs(repo, exist_ok=True)
        for old in os.listdir(repo):
            os.unlink(os.path.join(repo, old))
        index = []
        for name in sorted(os.listdir(self.directory)):
            path = os.path.join(self.directory, name)
            if not re.search(rf'_({self.state.arch}|all)\.deb$', name):
                continue
            with open(path, 'rb') as f:
                digest = hashlib.sha256(f.read()).hexdigest()
            # Of its own name apt would make a URI, in which + is %2b.
            link = f'{digest}.deb'
            index.append(output(['dpkg-deb', '-f', path]).rstrip() + '\n'
                         f'Filename: ./{link}\nSHA256: {digest}\n'
                         f'Size: {os.path.getsize(path)}\n')
            os.symlink(os.path.abspath(path), os.path.join(repo, link))
        with open(os.path.join(repo, 'Packages'), 'w',
                  encoding='utf-8') as f:
            f.write('\n'.join(index))
        self.state.update(self.site, [
            f'deb [trusted=yes arch={self.state.arch}] {self.site} ./\n'],
            strict=False)

    def lists_there(self):
        # What is in the directory may have changed since.
        return self.state.fresh
