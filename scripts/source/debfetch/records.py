# SPDX-License-Identifier: GPL-2.0-or-later
"""What an earlier run brought: asked before anything asks the network.

A copy lies beside the packages. Of a directory with packages of several
releases, apt would take the newest of each, which may not fit together.
"""

import hashlib
import json
import os

from .common import BUILD, write_whole


def digest_of(path):
    sha = hashlib.sha256()
    with open(path, 'rb') as f:
        while block := f.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def name_of(key):
    text = json.dumps(key, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def read_rows(path):
    """[{name, size, sha256, mtime}], or None if there is no such record."""
    try:
        with open(path, encoding='utf-8') as f:
            return json.load(f)['files']
    except (FileNotFoundError, ValueError, KeyError):
        return None


class Record:
    """The files that answered a request.

    It is written after the last of them is whole and in its place.
    """

    def __init__(self, request):
        self.path = os.path.join(BUILD, 'apt', 'have',
                                 name_of(request.identity()))
        self.dest = request.dest
        self.copy = os.path.join('.have', name_of(request.question()))

    def files(self):
        """Paths of the files if all of them are whole, else None."""
        rows = read_rows(self.path)
        if rows is None or not all(self._whole(row) for row in rows):
            return None
        return [os.path.join(self.dest, row['name']) for row in rows]

    def given(self, directory):
        """[(URI, name, size, SHA-256)] of another machine's answer, or None.

        directory is that machine's, or a copy of it.
        """
        rows = read_rows(os.path.join(directory, self.copy)) or []
        uris = [('file:' + os.path.join(os.path.abspath(directory),
                                        row['name']),
                 row['name'], row['size'], row['sha256']) for row in rows]
        there = all(os.path.exists(uri[len('file:'):]) for uri, *_ in uris)
        return uris if uris and there else None

    def _whole(self, row):
        path = os.path.join(self.dest, row['name'])
        try:
            st = os.stat(path)
        except FileNotFoundError:
            return False
        if st.st_size != row['size']:
            return False
        # A file that somebody has written to since is read.
        return (st.st_mtime_ns == row['mtime']
                or digest_of(path) == row['sha256'])

    def write(self, uris):
        rows = []
        for _, name, size, digest in uris:
            st = os.stat(os.path.join(self.dest, name))
            rows.append({'name': name, 'size': size, 'sha256': digest,
                         'mtime': st.st_mtime_ns})
        for path in (os.path.join(self.dest, self.copy), self.path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_whole(path, json.dumps({'files': rows}, indent=1) + '\n')
