# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own tests of VFIO, as static programs.

build-kernel unpacks them, of the same kernel as the lab's host.
"""

import glob
import os
import subprocess

from .paths import LAB, LINUX, OUT, LabError

TREE = os.path.join(LINUX, 'selftests')
VFIO = os.path.join(TREE, 'tools', 'testing', 'selftests', 'vfio')
OWN = os.path.join(LAB, 'selftests')
# Name, and which header of ours is put before it, besides that for all
PROGRAMS = {
    'vfio_dma_mapping_test': [],
    'vfio_iommufd_setup_test': [],
    'vfio_pci_device_test': [],
    'vfio_pci_driver_test': ['small.h'],
}
# Of the devices that these have drivers for, QEMU has igb.
LIBRARY = ('lib/*.c', 'lib/drivers/igb/*.c', 'lib/drivers/nv_falcon/*.c')


def library():
    found = []
    for pattern in LIBRARY:
        found += sorted(glob.glob(os.path.join(VFIO, pattern)))
    return found


def build(compiler, name):
    """Path of the program, which is compiled if it is not there."""
    stamp = os.path.join(TREE, '.lab-source')
    if not os.path.exists(stamp):
        raise LabError(f'{TREE}: missing; run tests/lab/build-kernel')
    program = os.path.join(OUT, 'bin', name)
    depends = [stamp, __file__, *glob.glob(f'{OWN}/**/*.h', recursive=True)]
    if os.path.exists(program) and all(
            os.stat(d).st_mtime <= os.stat(program).st_mtime
            for d in depends):
        return program
    os.makedirs(os.path.dirname(program), exist_ok=True)
    new = f'{program}.{os.getpid()}'
    cmd = [compiler, '-pthread', '-O1', '-g0', '-D_GNU_SOURCE=',
           '-I', os.path.join(TREE, 'tools', 'include'),
           '-I', os.path.join(VFIO, 'lib', 'include'),
           '-I', os.path.dirname(VFIO), '-I', OWN,
           '-isystem', os.path.join(LINUX, 'headers', 'include')]
    # What is put before the test is not for the library.
    before = [arg for header in ('emulated.h', *PROGRAMS[name])
              for arg in ('-include', os.path.join(OWN, header))]
    for args in ([*before, '-c', '-o', f'{new}.o',
                  os.path.join(VFIO, f'{name}.c')],
                 ['-static', '-o', new, f'{new}.o', *library()]):
        if subprocess.run([*cmd, *args], check=False).returncode:
            raise LabError(f'{name}: does not compile')
    os.unlink(f'{new}.o')
    os.replace(new, program)
    return program
