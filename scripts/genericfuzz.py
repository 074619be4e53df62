# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's own fuzzer of devices (generic-fuzz), for the registers of an
arm-smmuv3 with accel=on.

QEMU builds it in a tree of its own, all by clang. Here it takes the place of
main() in the native QEMU; only the SMMUv3 and the overlay are instrumented, and
what reads memory for a device calls the fuzzer, which then fills it.
"""

import os
import re

from relink import Relink, faulty_source, worth_sanitizing
from srctree import ROOT, SRC

QTEST = os.path.join(SRC, 'tests', 'qtest')
SOURCES = [
    *(os.path.join(QTEST, 'fuzz', name)
      for name in ('fuzz.c', 'generic_fuzz.c', 'qtest_wrappers.c')),
    *(os.path.join(QTEST, name) for name in ('libqtest.c', 'libqmp.c')),
    *(os.path.join(QTEST, 'libqos', name)
      for name in ('libqos-malloc.c', 'pci.c', 'pci-pc.c',
                   'qgraph.c')),
    os.path.join(SRC, 'hw', 'mem', 'sparse-mem.c'),
]
MAIN = 'qemu-system-aarch64.p/system_main.c.o'
# Their reads call the fuzzer, and the weak function that is there without it
READS_MEMORY = ('system/memory.c', 'system/physmem.c')
CONFIG = ['-w', '-iquote', os.path.join(ROOT, 'tests', 'fuzz', 'generic')]
TARGET = 'aarch64-softmmu-config-'
PER_TARGET = ['-DCOMPILING_PER_TARGET',
              f'-DCONFIG_TARGET="{TARGET}target.h"',
              f'-DCONFIG_DEVICES="{TARGET}devices.h"']
ENVIRONMENT = {
    # A step of the clock wants a timer to go to: slirp has one for IPv6.
    'QEMU_FUZZ_ARGS': '-machine virt,gic-version=3 -nodefaults '
                      '-netdev user,id=timer '
                      '-device arm-smmuv3,accel=on,primary-bus=pcie.0',
    'QEMU_FUZZ_OBJECTS': 'arm-smmuv3',
}


def wraps():
    """The functions that the fuzzer puts itself before, as QEMU's build says"""
    with open(os.path.join(QTEST, 'fuzz', 'meson.build'),
              encoding='utf-8') as f:
        return re.findall(r'-Wl,-wrap,\w+', f.read())


def build(suffix, sanitizers, cflags, where, fault=None):
    """The program, which takes its target from its name"""
    qemu = Relink('native', f'{suffix}-target-generic-fuzz', 'clang')
    added = [qemu.add(path, CONFIG + PER_TARGET) for path in SOURCES]
    instrumented = [*CONFIG, *cflags]
    source = faulty_source(fault, where) if fault else None
    qemu.make(lambda path: worth_sanitizing(path) or path in READS_MEMORY,
              instrumented, [f'-fsanitize=fuzzer,{sanitizers}', *wraps(),
                             *added[1:]], source, {MAIN: added[0]})
    return qemu.result
