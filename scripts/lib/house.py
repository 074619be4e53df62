# SPDX-License-Identifier: GPL-2.0-or-later
"""The vSMMU's files, floor by floor, and who uses whom: read from the tree.

Used by the test of the floors and by the picture of them.
"""

import glob
import os
import re

from srctree import ROOT

HOUSE = 'hw/arm/smmuv3-accel'
# From the ground up: each may use those before it
FLOORS = ('core', 'device', 'machine')
# Of QEMU's folders, those with files of the overlay
NEIGHBOURS = ('hw/core', 'hw/pci', 'hw/pci-host', 'hw/vfio', 'backends')
TOOL = 'tools/smmuv3-host-check'
COMMENT = re.compile(r'(?s)/\*.*?\*/')
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
INCLUDE = re.compile(r'(?m)^#include ["<]([^">]+)[">]')
# At the start of a line: a function's own name, before its parenthesis; or a
# variable's, if it has a value
DEFINED = re.compile(r'(?m)^(?!static|typedef|extern|#|return)[A-Za-z][\w \*]*?'
                     r'\b(\w+)(?:\((?:[^;{}]*)\)\n\{|(?:\[\w*\])* = \{)')
NAME = re.compile(r'\b(\w+)\b')
# What another build has in place of these files
STUB = re.compile(r'stub\.c$')


def sources(*folders):
    """{path: text without comments} of the .c and .h files in the folders"""
    found = {}
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(ROOT, folder, '*.[ch]'))):
            with open(path, encoding='utf-8') as f:
                found[os.path.relpath(path, ROOT)] = COMMENT.sub(' ', f.read())
    return found


def house():
    return sources(*(f'{HOUSE}/{floor}' for floor in FLOORS))


def floor_of(path):
    """The number of the file's floor, from 0; None if it is not of the house"""
    where, name = os.path.split(os.path.dirname(path))
    return FLOORS.index(name) if where == HOUSE else None


def uses(texts):
    """{.c file: {.c file with what it uses of it: one name that it uses}}"""
    home = {}
    for path, text in texts.items():
        if path.endswith('.c') and not STUB.search(path):
            home.update({name: path for name in DEFINED.findall(text)})
    found = {}
    for path, text in texts.items():
        if not path.endswith('.c') or STUB.search(path):
            continue
        for name in NAME.findall(STRING.sub('""', text)):
            there = home.get(name)
            if there and there != path:
                found.setdefault(path, {})[there] = name
    return found


def circles(texts):
    """Each circle of files that use each other, as text"""
    used = uses(texts)
    done = set()

    def visit(path, way):
        if path in way:
            yield ' -> '.join(way[way.index(path):] + [path])
        elif path not in done:
            for there in used.get(path, ()):
                yield from visit(there, way + [path])
            done.add(path)
    for path in used:
        yield from visit(path, [])
