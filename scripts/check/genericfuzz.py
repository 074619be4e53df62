# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's own fuzzer of devices (generic-fuzz), for the registers of an
arm-smmuv3 with accel=on.

QEMU builds it in a tree of its own, all by clang. Here it takes the place of
main() in the native QEMU; only the SMMUv3 and the overlay are instrumented, and
what reads memory for a device calls the fuzzer, which then fills it.
"""

import os
import re

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
    os.path.join(HERE, 'virt.c'),
]
# Its reads call the fuzzer, as do those that the overlay has from headers
READS_MEMORY = 'system/physmem.c'
CONFIG = ['-w', '-iquote', HERE]
# The binary's name says which of QEMU's targets it is
TARGET = 'target-generic-fuzz'
START = '''#!/bin/sh
export QEMU_FUZZ_ARGS='-machine virt,gic-version=3 -nodefaults \\
    -device arm-smmuv3,accel=on,primary-bus=pcie.0'
export QEMU_FUZZ_OBJECTS='arm-smmuv3?0?'
exec '{qemu}' "$@"
'''


def wraps():
    """The functions that are stood before, as QEMU's build and virt.c say"""
    for path in (os.path.join(QTEST, 'fuzz', 'meson.build'),
                 os.path.join(HERE, 'virt.c')):
        with open(path, encoding='utf-8') as f:
            for name in re.findall(r'(?:-wrap,| __wrap_)(\w+)', f.read()):
                yield f'-Wl,-wrap,{name}'


def build(where, name, cflags, ldflags, fault=None):
    """The program, in where"""
    qemu = Relink('native', f'{name}-{TARGET}', 'clang')
    added = [qemu.add(path, CONFIG, MAIN) for path in SOURCES]
    source = faulty_source(fault, where) if fault else {}
    qemu.make(lambda path: worth_sanitizing(path) or
              path in (MAIN, READS_MEMORY),
              [*CONFIG, *cflags], [*ldflags, *wraps(), *added],
              {**source, f'../src/{MAIN}': FUZZER})
    program = os.path.join(where, name)
    with open(program, 'w', encoding='utf-8') as f:
        f.write(START.format(qemu=qemu.result))
    os.chmod(program, 0o755)
    return program
