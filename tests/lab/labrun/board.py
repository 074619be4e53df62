# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of the board (L0) for a case."""

import os

from . import image
from .paths import BOARD_QEMU, BUILD, LINUX, TOP, LabError

MACHINE = 'virt,virtualization=on,gic-version=3,its=on'
FWB = ['-global', 'arm-smmuv3.x-fwb=on']

# The machine sets the stage of the SMMU it makes by itself, so a board with
# another stage has to ask for a separate SMMU.
BOARDS = {
    'nested': ['-M', f'{MACHINE},iommu=smmuv3', *FWB],
    'no-fwb': ['-M', f'{MACHINE},iommu=smmuv3'],
    # Only the IORT says it, so this takes firmware.
    'canwbs': ['-M', f'{MACHINE},iommu=smmuv3', '-bios', '{firmware}',
               '-device', 'x-iort,x-canwbs=on'],
    'stage1': ['-M', MACHINE, *FWB,
               '-device', 'arm-smmuv3,primary-bus=pcie.0,stage=1'],
    # Devices of the case can go behind either: pcie.0 or pcie.1.  The board
    # can describe more than one SMMU only by ACPI, so this takes firmware.
    'two-smmus': ['-M', MACHINE, *FWB, '-bios', '{firmware}',
                  '-device', 'arm-smmuv3,primary-bus=pcie.0,id=smmu0,'
                             'stage=nested',
                  '-device', 'pxb-pcie,id=pcie.1,bus=pcie.0,bus_nr=64',
                  '-device', 'arm-smmuv3,primary-bus=pcie.1,id=smmu1,'
                             'stage=nested'],
    # As on Grace: pcie.1 to pcie.4, each with an SMMU that has SubstreamIDs,
    # ATS and 48 bits, and none on pcie.0.
    'grace': ['-M', MACHINE, *FWB, '-bios', '{firmware}',
              '-global', 'arm-smmuv3.x-smmu-ats=on',
              '-global', 'arm-smmuv3.x-ssidsize=20',
              '-global', 'arm-smmuv3.x-oas48=on',
              '-device', 'x-iort,x-iort-ats=on',
              *(option for n in range(1, 5) for option in (
                  '-device', f'pxb-pcie,id=pcie.{n},bus=pcie.0,bus_nr={n * 32}',
                  '-device', f'arm-smmuv3,primary-bus=pcie.{n},id=smmu{n},'
                             'stage=nested'))],
}

# An oops ends the run at once, by a panic that ends L0.
APPEND = ('console=ttyAMA0 rdinit=/init loglevel=7 oops=panic panic=-1 '
          'printk.time=1')


def kernel_image(which):
    """The Image that a case's kernel= names."""
    own = os.environ.get('LAB_HOST_KERNEL')
    if which == 'default' and own:
        if not os.path.isfile(own):
            raise LabError(f'LAB_HOST_KERNEL={own}: no such file')
        return own
    path = os.path.join(LINUX, 'Image' if which == 'default'
                        else f'Image-{which}')
    if not os.path.exists(path):
        option = {'debug': ' --debug', '64k': ' --pages=64k'}.get(which, '')
        raise LabError(f'{path}: missing; run tests/lab/build-kernel{option}')
    return path


def _disks(case, run_dir):
    """Sparse raw images in the run directory, gone with it."""
    args = []
    for name, size in case.disks:
        path = os.path.join(run_dir, f'{name}.img')
        with open(path, 'wb') as f:
            f.truncate(_bytes(size))
        args += ['-drive', f'if=none,id={name},format=raw,file={path}']
    return args


def _bytes(size):
    units = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
    if size[-1] in units:
        return int(size[:-1]) * units[size[-1]]
    return int(size)


def _result_channel(run_dir):
    return ['-device', 'virtio-serial-pci,bus=pcie.0,romfile=',
            '-chardev', f'file,id=result,path={run_dir}/result',
            '-device', 'virtserialport,chardev=result,name=lab.result']


def _board_options(board):
    """The firmware is fetched only for a board that starts with it."""
    return [o if o != '{firmware}' else image.firmware_file()
            for o in BOARDS[board]]


def command(case, run_dir, initramfs):
    if not os.path.exists(BOARD_QEMU):
        raise LabError(f'{BOARD_QEMU}: not built yet; run make board')
    if case.board not in BOARDS:
        raise LabError(f'case {case.name}: unknown board {case.board}')
    cmd = [BOARD_QEMU, '-nodefaults', '-display', 'none', '-no-reboot',
           *_board_options(case.board), '-cpu', 'neoverse-n1',
           '-accel', 'tcg,thread=multi', '-smp', str(case.cpus),
           '-m', case.memory, '-kernel', kernel_image(case.kernel),
           '-initrd', initramfs, '-append',
           ' '.join([APPEND, case.append, os.environ.get('LAB_APPEND', '')])]
    if case.shell:
        cmd += ['-serial', 'mon:stdio']
    else:
        cmd += ['-chardev', f'file,id=con,path={run_dir}/console',
                '-serial', 'chardev:con', *_result_channel(run_dir)]
    return cmd + _disks(case, run_dir) + [
        d.replace('{run}', run_dir).replace('{build}', BUILD)
        .replace('{top}', TOP) for d in case.devices]
