# SPDX-License-Identifier: GPL-2.0-or-later
"""Write initramfs archives (cpio, newc format) without root.

The kernel unpacks any number of concatenated archives, so an image is put
together from pieces that are each written once.
"""

import os

MODE_DIR = 0o040755
MODE_FILE = 0o100000
MODE_LINK = 0o120777
MODE_CHAR = 0o020600


def _pad4(data):
    return data + b'\0' * (-len(data) % 4)


class CpioWriter:
    def __init__(self, path):
        self._file = open(path, 'wb')
        self._inode = 0
        self._dirs = {''}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._entry('TRAILER!!!', 0, b'')
        self._file.close()

    def _entry(self, name, mode, data, rdev=(0, 0)):
        self._inode += 1
        raw_name = name.encode() + b'\0'
        # Magic, then 13 fields of 8 hexadecimal digits: inode, mode, uid,
        # gid, links, mtime, size, device (2), rdev (2), name size, checksum.
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0,
                  rdev[0], rdev[1], len(raw_name), 0]
        header = b'070701' + b''.join(b'%08X' % f for f in fields)
        self._file.write(_pad4(header + raw_name))
        self._file.write(_pad4(data))

    def add_dir(self, name):
        name = name.strip('/')
        if name in self._dirs:
            return
        self.add_dir(os.path.dirname(name))
        self._dirs.add(name)
        self._entry(name, MODE_DIR, b'')

    def add_data(self, name, data, mode=0o644):
        name = name.strip('/')
        self.add_dir(os.path.dirname(name))
        self._entry(name, MODE_FILE | mode, data)

    def add_file(self, name, source):
        with open(source, 'rb') as f:
            data = f.read()
        self.add_data(name, data, 0o755 if os.access(source, os.X_OK)
                      else 0o644)

    def add_link(self, name, target):
        name = name.strip('/')
        self.add_dir(os.path.dirname(name))
        self._entry(name, MODE_LINK, target.encode())

    def add_char_device(self, name, major, minor):
        name = name.strip('/')
        self.add_dir(os.path.dirname(name))
        self._entry(name, MODE_CHAR, b'', (major, minor))
