# SPDX-License-Identifier: GPL-2.0-or-later
"""Which shared libraries an arm64 program needs, and where they are.

ldd would have to run the program; readelf reads any architecture.
"""

import os
import re
import subprocess

from .paths import LabError, SYSROOT

TRIPLET = 'aarch64-linux-gnu'


def is_elf(path):
    with open(path, 'rb') as f:
        return f.read(4) == b'\x7fELF'


def _readelf(option, path):
    return subprocess.run(['readelf', '-W', option, path], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def _library_dirs(root):
    if not root:
        root = SYSROOT if os.path.isdir(SYSROOT) else '/'
    return [os.path.join(root, d) for d in
            (f'lib/{TRIPLET}', f'usr/lib/{TRIPLET}', 'lib', 'usr/lib')]


def _find(name, root):
    dirs = _library_dirs(root)
    for directory in dirs:
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    raise LabError(f'{name}: not in {" ".join(dirs)}')


def libraries(program, root=None):
    """{path in the image: path here} of all that the program needs to run.

    root is where they are, if they are not the machine's or the sysroot's.
    """
    found = {}
    todo = [program]
    while todo:
        path = todo.pop()
        for name in re.findall(r'\(NEEDED\).*\[(.*)\]',
                               _readelf('-d', path)):
            if name.startswith('ld-linux'):
                continue
            where = f'lib/{TRIPLET}/{name}'
            if where not in found:
                found[where] = _find(name, root)
                todo.append(found[where])
    loader = re.search(r'interpreter: /(\S+)\]', _readelf('-l', program))
    if loader:
        found[loader.group(1)] = _find(os.path.basename(loader.group(1)),
                                       root)
    return found
