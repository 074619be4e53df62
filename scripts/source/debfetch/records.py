# SPDX-License-Identifier: GPL-2.0-or-later
"""What an earlier run brought: asked before anything asks the network."""

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


class Record:
    """The files that answered a request.

    It is written after the last of them is whole and in its place.
    """

    def __init__(self, request):
        key = json.dumps(request.identity(), sort_keys=True)
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        self.path = os.path.join(BUILD, 'apt', 'have', name)
        self.dest = request.dest

    def files(self):
        """Paths of the files if all of them are whole, else None."""
        try:
            with open(self.path, encoding='utf-8') as f:
                rows = json.load(f)['files']
        except (FileNotFoundError, ValueError, KeyError):
            return None
        if not all(self._whole(row) for row in rows):
            return None
        return [os.path.join(self.dest, row['name']) for row in rows]

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
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        rows = []
        for _, name, size, digest in uris:
            st = os.stat(os.path.join(self.dest, name))
            rows.append({'name': name, 'size': size, 'sha256': digest,
                         'mtime': st.st_mtime_ns})
        write_whole(self.path, json.dumps({'files': rows}, indent=1) + '\n')
