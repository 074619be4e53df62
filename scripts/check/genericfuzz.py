# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's own fuzzer of devices (generic-fuzz), for the registers of an
arm-smmuv3 with accel=on, and for those of the lab's board.

QEMU builds it in a tree of its own, all by clang. Here it takes the place of
main() in the native QEMU, or in the board. Only the SMMUv3 and the overlay, or
the board's own files, are instrumented, and what reads memory for a device
calls the fuzzer, which then fills it.
"""

import os
import re
from collections import namedtuple

import boardtree
import srctree
from boardlink import Board
from relink import MAIN, Relink, faulty_source, worth_sanitizing
from srctree import ROOT, SRC

HERE = os.path.join(ROOT, 'tests', 'fuzz', 'generic')
QTEST = os.path.join(SRC, 'tests', 'qtest')
FUZZER = os.path.join(QTEST, 'fuzz', 'fuzz.c')
SOURCES = [
    *(os.path.join(QTEST, f'{name}.c')
      for name in ('fuzz/generic_fuzz', 'fuzz/qtest_wrappers', 'libqtest',
                   'libqmp', 'libqos/libqos-malloc', 'libqos/pci',
                   'libqos/pci-pc', 'libqos/qgraph')),
    os.path.join(SRC, 'hw', 'mem', 'sparse-mem.c'),
]
# Its reads call the fuzzer, as do those that the overlay has from headers
READS_MEMORY = 'system/physmem.c'
CONFIG = ['-w', '-iquote', HERE]
# The binary's name says which of QEMU's targets it is
TARGET = 'target-generic-fuzz'
Target = namedtuple('Target', 'args objects files')
TARGETS = {
    'generic': Target('-device arm-smmuv3,accel=on,primary-bus=pcie.0',
                      'arm-smmuv3?0?', ('virt.c',)),
    'board': Target('-device arm-smmuv3,primary-bus=pcie.0,stage=nested,'
                    'x-ssidsize=8,x-smmu-ats=on '
                    '-device x-tegra241-cmdqv '
                    '-device x-dma-testdev,addr=2,x-memory-size=0',
                    'arm-smmuv3?0? x-tegra241-cmdqv?0? x-dma-testdev?0?',
                    ('virt.c', 'board.c')),
}
START = '''#!/bin/sh
export QEMU_FUZZ_ARGS='-machine virt,gic-version=3 -nodefaults {target.args}'
export QEMU_FUZZ_OBJECTS='{target.objects}'
exec '{qemu.result}' "$@"
'''


def own_files(name):
    return [os.path.join(HERE, f) for f in TARGETS[name].files]


def wraps(name):
    """The functions that are stood before, as QEMU's build and our files say"""
    for path in (os.path.join(QTEST, 'fuzz', 'meson.build'),
                 *own_files(name)):
        with open(path, encoding='utf-8') as f:
            for function in re.findall(r'(?:-wrap,|\b__wrap_)(\w+)', f.read()):
                yield f'-Wl,-wrap,{function}'


def linked_anew(name, suffix):
    """(what is linked, which of its files are tested)"""
    if name != 'board':
        return Relink('native', suffix, 'clang'), worth_sanitizing
    with srctree.lock():
        files = boardtree.sync()
    return Board(files, f'-{suffix}', 'clang'), files.__contains__


def build(name, where, program, cflags, ldflags, fault=None):
    """The program that tests TARGETS[name], in where"""
    qemu, tested = linked_anew(name, f'{program}-{TARGET}')
    added = [qemu.add(path, CONFIG, MAIN)
             for path in (*SOURCES, *own_files(name))]
    source = faulty_source(fault, where) if fault else {}
    qemu.make(lambda path: tested(path) or path in (MAIN, READS_MEMORY),
              [*CONFIG, *cflags], [*ldflags, *wraps(name), *added],
              {**source, MAIN: FUZZER})
    program = os.path.join(where, program)
    with open(program, 'w', encoding='utf-8') as f:
        f.write(START.format(target=TARGETS[name], qemu=qemu))
    os.chmod(program, 0o755)
    return program
