# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel of a Debian release, with what a guest needs to boot it.

The kernel is the release's own package, with the modules that its guest
needs. disk() makes a disk that UEFI boots: GRUB, kernel and initramfs are
files of a FAT file system without a partition table. add_kernel() puts kernel
and modules into an image, for a guest that is given them; kexec() is the
release's program that starts another kernel from there.
"""

import io
import lzma
import os
import re
import subprocess
import tarfile

from .cpio import CpioWriter
from .paths import DEB_FETCH, LAB, OUT, LabError

MODULES = ('nvme', 'virtio_pci', 'virtio_console')
IMAGE_MB = 96
GRUB = 'usr/lib/grub/arm64-efi/monolithic/grubaa64.efi'
GRUB_CFG = '''set timeout=0
linux /vmlinuz console=ttyAMA0 rdinit=/init loglevel=5 oops=panic panic=-1
initrd /initrd
boot
'''
# Modules first: the result channel is one of their devices.
INIT = '''#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys
for m in {modules}; do
    /bin/busybox insmod /lab/modules/$m.ko
done
exec /lab/init
'''


def _fetch(part):
    fetch = subprocess.run([DEB_FETCH, part], stdout=subprocess.PIPE,
                           text=True, check=False)
    if fetch.returncode:
        raise LabError(f'{part}: could not be fetched')
    return fetch.stdout.strip()


def _members(deb, pattern):
    """{base name: data} of a package's files whose names match."""
    tar = subprocess.run(['dpkg-deb', '--fsys-tarfile', deb], check=True,
                         stdout=subprocess.PIPE).stdout
    found = {}
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            if member.isfile() and re.search(pattern, member.name):
                found[os.path.basename(member.name)] = \
                    archive.extractfile(member).read()
    return found


def _module_name(file_name):
    return file_name.split('.')[0].replace('-', '_')


def _in_order(modules, wanted):
    """Names with what they depend on before them; built-in ones are none."""
    order = []

    def visit(name):
        data = modules.get(name)
        if data is None or name in order:
            return
        depends = re.search(rb'\0depends=([^\0]*)', data).group(1).decode()
        for other in filter(None, depends.split(',')):
            visit(other.replace('-', '_'))
        order.append(name)
    for name in wanted:
        visit(name)
    return order


def _load_modules(files):
    modules = {}
    for name, data in files.items():
        if name.endswith('.xz'):
            data = lzma.decompress(data)
        modules[_module_name(name)] = data
    return modules


def _write_initrd(path, base, files):
    modules = _load_modules(files)
    order = _in_order(modules, MODULES)
    own = f'{path}.own'
    with CpioWriter(own) as cpio:
        with open(os.path.join(LAB, 'image', 'init'), 'rb') as f:
            cpio.add_data('lab/init', f.read(), 0o755)
        cpio.add_data('init', INIT.format(modules=' '.join(order)).encode(),
                      0o755)
        for name in order:
            cpio.add_data(f'lab/modules/{name}.ko', modules[name])
        for name in ('guest.sh', 'checks.sh'):
            with open(os.path.join(LAB, 'functional', name), 'rb') as f:
                cpio.add_data(f'lab/functional/{name}', f.read())
        with open(os.path.join(LAB, 'functional', 'guest-debian.sh'),
                  'rb') as f:
            cpio.add_data('lab/run', f.read())
    with open(path, 'wb') as out:
        for part in (base, own):
            with open(part, 'rb') as f:
                out.write(f.read())
    os.unlink(own)


def _mtools():
    _fetch('mtools')
    return os.path.join(OUT, 'mtools', 'usr/bin/mtools')


def _write_disk(path, files):
    tool = _mtools()
    with open(path, 'wb') as f:
        f.truncate(IMAGE_MB << 20)

    def mtools(command, *args):
        subprocess.run([tool, '-c', command, '-i', path, *args], check=True)
    mtools('mformat', '-v', 'LAB', '::')
    mtools('mmd', '::/EFI', '::/EFI/BOOT', '::/EFI/debian')
    for name, data in files.items():
        part = f'{path}.part'
        with open(part, 'wb') as f:
            f.write(data)
        mtools('mcopy', part, f'::/{name}')
        os.unlink(part)


WANTED = (r'/boot/vmlinuz-|/kernel/drivers/(nvme|virtio|char/virtio_console)|'
          r'/kernel/(lib|crypto|block)/.*(crc|t10)')


def add_kernel(suite, cpio):
    """Adds lab/SUITE/vmlinuz, and in lab/modules the modules and an init.

    The guest's initramfs is to have lab/modules, and its init is
    lab/modules/init. NVMe's time-outs are short, for drivers that wait for an
    interrupt in vain.
    """
    files = _members(_fetch(f'kernel-{suite}'), WANTED)
    image = next(n for n in files if n.startswith('vmlinuz-'))
    cpio.add_data(f'lab/{suite}/vmlinuz', files[image])
    modules = _load_modules({n: d for n, d in files.items() if '.ko' in n})
    order = _in_order(modules, MODULES)
    for name in order:
        cpio.add_data(f'lab/modules/{name}.ko', modules[name])
    init = INIT.format(modules=' '.join(order)).replace(
        '$m.ko', '$m.ko $([ $m != nvme_core ] || '
        'echo admin_timeout=5 io_timeout=5)').replace('/lab/init', '/init')
    cpio.add_data('lab/modules/init', init.encode(), 0o755)


def kexec(suite):
    """The release's own program that loads another kernel."""
    return _members(_fetch(f'kexec-{suite}'), '/sbin/kexec$')['kexec']


def disk(suite, base):
    """Path of the disk image; base is the initramfs to build on."""
    path = os.path.join(OUT, f'{suite}.img')
    kernel = _fetch(f'kernel-{suite}')
    sources = [kernel, base, __file__] + [
        os.path.join(LAB, 'functional', n)
        for n in ('guest.sh', 'checks.sh', 'guest-debian.sh')]
    if os.path.exists(path) and all(
            os.stat(s).st_mtime <= os.stat(path).st_mtime for s in sources):
        return path
    files = _members(kernel, WANTED)
    image = next(data for name, data in files.items()
                 if name.startswith('vmlinuz-'))
    new = f'{path}.{os.getpid()}'
    _write_initrd(f'{new}.initrd', base, {
        n: d for n, d in files.items() if '.ko' in n})
    grub = _members(_fetch('grub'),
                    re.escape(GRUB))
    with open(f'{new}.initrd', 'rb') as f:
        initrd = f.read()
    os.unlink(f'{new}.initrd')
    _write_disk(new, {'EFI/BOOT/BOOTAA64.EFI': grub['grubaa64.efi'],
                      'EFI/debian/grub.cfg': GRUB_CFG.encode(),
                      'vmlinuz': image, 'initrd': initrd})
    os.replace(new, path)
    return path
