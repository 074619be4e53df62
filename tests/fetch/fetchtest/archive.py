# SPDX-License-Identifier: GPL-2.0-or-later
"""A signed archive of a few packages, as files in memory.

Suites: one (parcel 2.0, and bundle, which depends on it), old (parcel 1.0,
and crate, which takes no newer one), bare (no package), other (as one, signed by a key that nobody knows),
one-backports (parcel 3.0, which apt takes only when asked for). Each has
an index of architecture all that is broken, and whose use is an error: as on
a mirror whose Release file does not say that it need not be read.
"""

import gzip
import hashlib
import os
import subprocess

ARCHES = ('all', 'amd64', 'arm64')
SIZE = 300000


def run(*cmd, **kw):
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **kw).stdout


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Archive:
    """paths: {path below the archive's root: bytes}."""

    def __init__(self, where):
        self.where = where
        self.paths = {}
        self.names = {}             # (package, version): file name
        self.gnupg = os.path.join(where, 'gnupg')
        os.makedirs(self.gnupg, mode=0o700)
        self.keyring = os.path.join(where, 'archive.gpg')
        self._key('known')
        self._key('unknown')
        with open(self.keyring, 'wb') as f:
            f.write(self._gpg('--export', '=known'))
        two = [self._deb('parcel', '2.0'),
               self._deb('bundle', '1.0+b1', 'Depends: parcel\n'),
               self._deb('bundle-meta', '1.0', 'Depends: bundle (= 1.0+b1)\n')]
        one = [self._deb('parcel', '1.0'),
               self._deb('crate', '1.0', 'Depends: parcel (= 1.0)\n')]
        self.stale = self._index(one)
        self._suite('one', two, 'known')
        self._suite('old', one, 'known')
        self._suite('bare', [], 'known')
        self._suite('other', two, 'unknown')
        self._suite('one-backports', [self._deb('parcel', '3.0')], 'known',
                    'NotAutomatic: yes\nButAutomaticUpgrades: yes\n')

    def close(self):
        env = dict(os.environ, GNUPGHOME=self.gnupg)
        subprocess.run(['gpgconf', '--kill', 'gpg-agent'], env=env,
                       check=False)

    def _gpg(self, *args, **kw):
        return run('gpg', '--homedir', self.gnupg, '--batch', '--quiet',
                   '--pinentry-mode=loopback', '--passphrase', '', *args,
                   **kw)

    def _key(self, name):
        self._gpg('--quick-generate-key', name, 'ed25519', 'sign', 'never')

    def _deb(self, package, version, more=''):
        tree = os.path.join(self.where, f'{package}-{version}')
        os.makedirs(os.path.join(tree, 'DEBIAN'))
        os.makedirs(os.path.join(tree, 'usr', 'share'))
        control = (f'Package: {package}\nVersion: {version}\n'
                   'Architecture: all\nMaintainer: nobody <nobody@localhost>\n'
                   f'{more}Description: for a test\n')
        with open(os.path.join(tree, 'DEBIAN', 'control'), 'w',
                  encoding='ascii') as f:
            f.write(control)
        with open(os.path.join(tree, 'usr', 'share', package), 'wb') as f:
            f.write(os.urandom(SIZE))
        name = f'{package}_{version}_all.deb'
        path = os.path.join(self.where, name)
        run('dpkg-deb', '--root-owner-group', '-Znone', '-b', tree, path)
        with open(path, 'rb') as f:
            data = f.read()
        self.paths[f'pool/{name}'] = data
        self.names[package, version] = name
        return (f'{control}Filename: pool/{name}\nSize: {len(data)}\n'
                f'SHA256: {sha256(data)}\n')

    @staticmethod
    def _index(rows):
        return gzip.compress('\n'.join(rows).encode(), mtime=0)

    def _suite(self, suite, rows, key, more=''):
        index = self._index(rows)
        top = f'dists/{suite}'
        lines = []
        for arch in ARCHES:
            path = f'main/binary-{arch}/Packages.gz'
            self.paths[f'{top}/{path}'] = index if arch != 'all' else b'bad'
            plain = gzip.decompress(index)
            lines += [f' {sha256(index)} {len(index)} {path}',
                      f' {sha256(plain)} {len(plain)} {path[:-3]}']
        release = ('Origin: Debian\n'
                   f'Suite: {suite}\nCodename: {suite}\n{more}'
                   'Date: Thu, 01 Jan 2026 00:00:00 UTC\n'
                   f'Architectures: {" ".join(ARCHES)}\nComponents: main\n'
                   'SHA256:\n' + '\n'.join(lines) + '\n')
        self.paths[f'{top}/InRelease'] = self._gpg(
            '--local-user', f'={key}', '--clearsign', input=release.encode())
