# SPDX-License-Identifier: GPL-2.0-or-later
"""Is this machine a host for an accelerated vSMMU, and if not, why not?"""

import ctypes
import fcntl
import glob
import os
import platform
import re
import struct

# linux/vfio.h and linux/iommufd.h: _IO(';', n)
VFIO_DEVICE_BIND_IOMMUFD = 0x3b00 + 118
IOMMU_GET_HW_INFO = 0x3b00 + 0x8a
HW_INFO_ARM_SMMUV3 = 2
# IHI 0070, 6.3
IDR0_S2P = 1 << 0
IDR0_S1P = 1 << 1
IDR3_FWB = 1 << 8


class NotReady(Exception):
    """Something is missing; the text says what, and what to do."""


def kernel_release():
    match = re.match(r'(\d+)\.(\d+)', platform.release())
    return tuple(map(int, match.groups()))


def check_machine():
    if platform.machine() != 'aarch64':
        raise NotReady(f'this machine is {platform.machine()}: a real host '
                       'has to be arm64. "make demo" without HOST=1 emulates '
                       'one.')
    if kernel_release() < (6, 13):
        raise NotReady(f'Linux {platform.release()} has no nested SMMUv3 for '
                       'guests: 6.19 or later is best, 6.13 the least.')
    if kernel_release() < (6, 15):
        yield 'Linux before 6.15 reports no faults to the guest'
    if kernel_release() < (6, 19):
        yield 'Linux before 6.19: bypass by the nesting parent, abort by ' \
              'detaching'
    for path, what in (('/dev/kvm', 'KVM'),
                       ('/dev/iommu', 'iommufd (CONFIG_IOMMUFD)')):
        if not os.path.exists(path):
            raise NotReady(f'{path} is not there: the kernel has no {what}, '
                           'or its module is not loaded.')
        if not os.access(path, os.R_OK | os.W_OK):
            raise NotReady(f'{path} may not be opened by you: try as root.')


def check_device(address):
    dev = f'/sys/bus/pci/devices/{address}'
    if not os.path.isdir(dev):
        raise NotReady(f'no PCI device {address} here. DEVICE= takes an '
                       'address such as 0000:01:00.0.')
    iommu = os.path.realpath(f'{dev}/iommu')
    if 'smmu3' not in iommu:
        raise NotReady(f'{address} is behind no SMMUv3'
                       + (f' but {iommu}' if os.path.exists(iommu) else
                          ': the kernel uses none, or the firmware does not '
                          'describe it') + '.')
    driver = os.path.basename(os.path.realpath(f'{dev}/driver'))
    if driver != 'vfio-pci':
        used = f'in use by the driver {driver}' if driver != 'driver' \
            else 'bound to no driver'
        raise NotReady(
            f'{address} is {used}. If nothing here needs it:\n'
            '    modprobe vfio-pci\n'
            f'    echo vfio-pci > {dev}/driver_override\n'
            f'    echo {address} > {dev}/driver/unbind\n'
            f'    echo {address} > /sys/bus/pci/drivers_probe')
    nodes = glob.glob(f'{dev}/vfio-dev/*')
    if not nodes:
        raise NotReady(f'{address} has no character device of its own: the '
                       'kernel lacks CONFIG_VFIO_DEVICE_CDEV.')
    return f'/dev/vfio/devices/{os.path.basename(nodes[0])}'


def hw_info(node):
    """ID registers of the SMMU that the device is behind."""
    idr = bytearray(8 * 4 + 4 * 4)
    with open('/dev/iommu', 'r+b', buffering=0) as iommu, \
            open(node, 'r+b', buffering=0) as vfio:
        bind = bytearray(struct.pack('=IIiI', 16, 0, iommu.fileno(), 0))
        fcntl.ioctl(vfio, VFIO_DEVICE_BIND_IOMMUFD, bind)
        dev_id = struct.unpack_from('=I', bind, 12)[0]
        where = (ctypes.c_char * len(idr)).from_buffer(idr)
        info = bytearray(struct.pack('=IIIIQIIQ', 40, 0, dev_id, len(idr),
                                     ctypes.addressof(where), 0, 0, 0))
        fcntl.ioctl(iommu, IOMMU_GET_HW_INFO, info)
        kind = struct.unpack_from('=I', info, 24)[0]
        del where
    return kind, struct.unpack_from('=6I', idr, 8)


def check_nesting(node):
    try:
        kind, idr = hw_info(node)
    except OSError as e:
        raise NotReady(f'{node}: {e.strerror}. Another program may own the '
                       'device, or its interrupts are not isolated.') from e
    if kind != HW_INFO_ARM_SMMUV3:
        raise NotReady(f'{node}: the kernel tells nothing of its SMMU '
                       '(CONFIG_ARM_SMMU_V3_IOMMUFD).')
    if not idr[0] & IDR0_S1P or not idr[0] & IDR0_S2P:
        raise NotReady('this SMMU has one stage of translation only: it '
                       'cannot nest.')
    if not idr[3] & IDR3_FWB:
        yield 'this SMMU has no S2FWB: the kernel allows nesting only if ' \
              'the firmware says CANWBS'


def check(address):
    """(notes, device node), or NotReady."""
    notes = list(check_machine())
    node = check_device(address)
    notes += check_nesting(node)
    return notes, node
