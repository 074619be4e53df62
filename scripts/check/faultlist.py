# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of faults to put into the overlay's sources: tests/unit/mutants says
how they are written."""

import os

from srctree import TreeError


class Fault:
    """What to replace by what in which file, and why it would be wrong."""

    def __init__(self, why, path):
        """path: in QEMU's tree"""
        self.why, self.path = why, path
        self.name = os.path.basename(path)
        self.old, self.new = [], []

    def unit(self, build):
        found = [u for u in build.units if u.path.endswith(f'/{self.path}')]
        if not found:
            raise TreeError(f'{self.path} is not linked with the unit tests')
        return found[0]

    def text(self, path):
        """The source at path, made faulty"""
        with open(path, encoding='utf-8') as f:
            text = f.read()
        old, new = '\n'.join(self.old), '\n'.join(self.new)
        if text.count(old) != 1:
            raise TreeError(f'{self.why}: {text.count(old)} places in '
                            f'{self.name} read\n{old}')
        return text.replace(old, new)


def all_at_once(faults, top, where):
    """{path below top: the file with all of its faults, in the directory where}
    """
    files = {}
    for fault in faults:
        text = fault.text(files.get(fault.path) or
                          os.path.join(top, fault.path))
        files[fault.path] = os.path.join(where, fault.path.replace('/', '-'))
        with open(files[fault.path], 'w', encoding='utf-8') as f:
            f.write(text)
    return files


def read_faults(path):
    faults = []
    why = ''
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f.read().splitlines(), 1):
            if not line or line.startswith('#'):
                continue
            if line.startswith('= '):
                why = line[2:]
            elif line.startswith('@ '):
                faults.append(Fault(why, line[2:]))
            elif line[0] in '-+' and faults:
                (faults[-1].old if line[0] == '-' else
                 faults[-1].new).append(line[1:])
            else:
                raise TreeError(f'{path}:{number}: cannot be understood')
    return faults


def faults_with(text, *paths):
    """Of each list, the faults whose first line has text in it"""
    found = [[f for f in read_faults(path) if text in f.why] for path in paths]
    if not any(found):
        raise TreeError(f'no fault has {text}')
    return found
