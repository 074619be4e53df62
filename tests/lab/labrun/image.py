# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's initramfs, put together from cached pieces."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

from . import debian as debian_disk
from . import debtree, elf, libvirt, selftests
from .cpio import CpioWriter
from .paths import (BUILD, DEB_FETCH, LAB, LINUX, OUT, SYSROOT,
                    TESTED_QEMU, TOP, LabError)

sys.path[1:1] = [os.path.join(TOP, 'scripts', d) for d in ('lib', 'check')]

from faultlist import all_at_once, read_faults  # noqa: E402

# Static programs that run in the host; sources are in tests/lab/programs.
SOURCES = os.path.join(LAB, 'programs')
PROGRAMS = {
    'host-abi': ['host-abi.c', 'host-abi-attach.c', 'host-abi-calls.c',
                 'host-abi-cmdqv.c', 'host-abi-events.c',
                 'host-abi-invalidate.c', 'iommufd.c', 'edu.c', 'stage1.c',
                 'tap.c'],
    'cut-stream': ['cut-stream.c'],
    'edu-dma': ['edu-dma.c'],
    'dma-loop': ['dma-loop.c', 'testdev.c', 'iommufd.c', 'tap.c'],
    'dma-states': ['dma-states.c', 'testdev.c', 'iommufd.c', 'tap.c'],
    'vfio-of': ['vfio-of.c', 'iommufd.c'],
    'kexec': ['kexec.c'],
    'testdev-guest': ['testdev-guest.c', 'testdev.c', 'iommufd.c', 'tap.c'],
    'testdev-host': ['testdev-host.c', 'testdev.c', 'iommufd.c', 'stage1.c',
                     'tap.c'],
    'vfio-dma': ['vfio-dma.c', 'edu.c', 'iommufd.c', 'tap.c'],
    'smmuv3-host-check': ['../../../tools/smmuv3-host-check/main.c',
                          '../../../tools/smmuv3-host-check/ask.c',
                          '../../../tools/smmuv3-host-check/command.c',
                          '../../../tools/smmuv3-host-check/host-check.h',
                          '../../../tools/smmuv3-host-check/p2p.c',
                          '../../../tools/smmuv3-host-check/report.c',
                          '../../../tools/smmuv3-host-check/sysfs.c'],
    'pasid-host.so': ['pasid-host.c', 'preload-ioctl.h'],
    'bar-faults': ['bar-faults.c', 'iommufd.c', 'tap.c'],
    'p2p-host.so': ['p2p-host.c', 'preload-ioctl.h'],
    'cmdqv-host.so': ['cmdqv-host.c', 'preload-ioctl.h'],
    'p2p-abi': ['p2p-abi.c', 'edu.c', 'iommufd.c', 'tap.c'],
    'fail-nth.so': ['fail-nth.c', '../../qtest/smmuv3-accel-fail-nth.h'],
    'command-lines': ['command-lines.c', 'vm.c', 'tap.c'],
    'bad-input': ['bad-input.c', 'bad-input-table.c', 'vm.c', 'tap.c'],
}
HOST_CHECK_FAULTS = os.path.join(LAB, 'host-check-faults')
FIRMWARE = 'usr/share/qemu-efi-aarch64/QEMU_EFI.fd'


def _path(name):
    os.makedirs(OUT, exist_ok=True)
    return os.path.join(OUT, name)


def _changed(source):
    """When; an older file that was put in its place keeps its st_mtime."""
    stat = os.stat(source)
    return max(stat.st_mtime, stat.st_ctime)


def _is_current(product, sources):
    if not os.path.exists(product):
        return False
    made = os.stat(product).st_mtime
    return all(_changed(s) <= made for s in sources)


def _write_cpio(name, fill):
    """Writes through a temporary name: an interrupted run leaves no half."""
    path = _path(name)
    new = f'{path}.{os.getpid()}'
    with CpioWriter(new) as cpio:
        fill(cpio)
    os.replace(new, path)
    return path


def _fetch(part):
    """Path of the part's file."""
    fetch = subprocess.run([DEB_FETCH, part], stdout=subprocess.PIPE,
                           text=True, check=False)
    if fetch.returncode:
        raise LabError(f'{part}: could not be fetched')
    return fetch.stdout.strip()


def _add_program(cpio, where, source):
    cpio.add_file(where, source)
    if elf.is_elf(source):
        for name, path in elf.libraries(source).items():
            cpio.add_file(name, path)


def base():
    _fetch('busybox')
    busybox = os.path.join(_path('busybox'), 'usr', 'bin', 'busybox')
    if not os.path.exists(busybox):
        busybox = os.path.join(_path('busybox'), 'bin', 'busybox')
    scripts = os.path.join(LAB, 'image')
    sources = [busybox, __file__] + [os.path.join(scripts, f) for f in
                                     ('init', 'lib.sh', 'README')]
    if _is_current(_path('base.cpio'), sources):
        return _path('base.cpio')

    def fill(cpio):
        cpio.add_file('bin/busybox', busybox)
        # The kernel opens this before init can mount anything.
        cpio.add_char_device('dev/console', 5, 1)
        cpio.add_data('init', open(sources[2], 'rb').read(), 0o755)
        cpio.add_file('lab/lib.sh', sources[3])
        cpio.add_file('lab/README', sources[4])
    return _write_cpio('base.cpio', fill)


def _cross(tool):
    return tool if os.uname().machine == 'aarch64' else f'{elf.TRIPLET}-{tool}'


def _compile(name, files, flags=()):
    program = _path(f'bin/{name}')
    os.makedirs(os.path.dirname(program), exist_ok=True)
    sources = [os.path.join(SOURCES, f) for f in files]
    headers = [os.path.join(SOURCES, f) for f in os.listdir(SOURCES)
               if f.endswith('.h')]
    if _is_current(program, sources + headers):
        return program
    include = os.path.join(LINUX, 'headers', 'include')
    if not os.path.isdir(include):
        raise LabError(f'{include}: missing; run tests/lab/build-kernel')
    new = f'{program}.{os.getpid()}'
    kind = ['-shared', '-fPIC'] if name.endswith('.so') else ['-static']
    cmd = [_cross('gcc'), *kind, '-O1', '-g0', '-std=gnu11', '-Wall',
           '-Wextra', '-Wno-missing-field-initializers', '-Werror',
           '-isystem', include, *flags, '-o', new,
           *(s for s in sources if s.endswith('.c'))]
    if subprocess.run(cmd, check=False).returncode:
        raise LabError(f'{name}: does not compile')
    os.replace(new, program)
    return program


def tests():
    programs = {n: _compile(n, f) for n, f in PROGRAMS.items()}
    if _is_current(_path('tests.cpio'), programs.values()):
        return _path('tests.cpio')

    def fill(cpio):
        for name, path in programs.items():
            cpio.add_file(f'opt/tests/{name}', path)
    return _write_cpio('tests.cpio', fill)


def _compile_host_check_faulty():
    """smmuv3-host-check with all of its faults, each off until it is named."""
    sources = [os.path.normpath(os.path.join(SOURCES, f))
               for f in PROGRAMS['smmuv3-host-check']]
    program = _path('bin/smmuv3-host-check-faulty')
    if _is_current(program, [*sources, HOST_CHECK_FAULTS, __file__]):
        return program
    with tempfile.TemporaryDirectory(dir=OUT) as where:
        faulty = all_at_once(read_faults(HOST_CHECK_FAULTS), TOP, where)
        files = [faulty.get(os.path.relpath(s, TOP), s) for s in sources]
        return _compile(os.path.basename(program), files, [
            '-D_GNU_SOURCE', '-include', 'stdlib.h', '-include', 'string.h',
            '-DHOST_CHECK_FAULT(f)=(!strcmp(getenv("HOST_CHECK_FAULT"), #f))',
            '-iquote', os.path.dirname(sources[0])])


def host_check_faulty():
    """That program, its list of faults, and what looks whether each is seen."""
    program = _compile_host_check_faulty()

    def fill(cpio):
        cpio.add_file('opt/faulty/smmuv3-host-check', program)
        cpio.add_file('lab/host-check-faults', HOST_CHECK_FAULTS)
        cpio.add_file('lab/host-check-faults.sh', os.path.join(
            LAB, 'functional', 'host-check-faults.sh'))
    return _write_cpio('host-check-faulty.cpio', fill)


def vfio_selftests():
    programs = {n: selftests.build(_cross('gcc'), n)
                for n in selftests.PROGRAMS}
    if _is_current(_path('selftests.cpio'), programs.values()):
        return _path('selftests.cpio')

    def fill(cpio):
        for name, path in programs.items():
            cpio.add_file(f'opt/tests/{name}', path)
    return _write_cpio('selftests.cpio', fill)


def qemu():
    """This project's QEMU, without its debug information (it stays here)."""
    if not os.path.exists(TESTED_QEMU):
        raise LabError(f'{TESTED_QEMU}: not built yet; run make')
    # By its whole path: one that is elsewhere may have the same name.
    where = os.path.relpath(os.path.realpath(TESTED_QEMU), TOP)
    name = f'qemu-{where.replace(os.sep, "-")}.cpio'
    if _is_current(_path(name), [TESTED_QEMU, __file__]):
        return _path(name)
    stripped = _path(f'qemu-stripped.{os.getpid()}')
    subprocess.run([_cross('strip'), '-o', stripped, TESTED_QEMU], check=True)

    def fill(cpio):
        _add_program(cpio, 'opt/qemu/bin/qemu-system-aarch64', stripped)
    try:
        return _write_cpio(name, fill)
    finally:
        os.unlink(stripped)


def _firmware_of(source):
    """A package's one file (the others are 400 MB), or the file itself."""
    if not source.endswith('.deb'):
        with open(source, 'rb') as f:
            return f.read()
    tar = subprocess.run(['dpkg-deb', '--fsys-tarfile', source], check=True,
                         stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return archive.extractfile(f'./{FIRMWARE}').read()


def firmware_file():
    """The guests' firmware, of what configure or Debian's archive gave."""
    path = _path('QEMU_EFI.fd')
    source = _fetch('firmware')
    # A machine without a mirror was given nothing but the file.
    if not source and os.path.exists(path):
        return path
    made_of = f'{source} {os.stat(source).st_mtime_ns}\n'
    try:
        with open(f'{path}.source', encoding='utf-8') as f:
            if os.path.exists(path) and f.read() == made_of:
                return path
    except FileNotFoundError:
        pass
    new = f'{path}.{os.getpid()}'
    with open(new, 'wb') as f:
        f.write(_firmware_of(source))
    os.replace(new, path)
    with open(new, 'w', encoding='utf-8') as f:
        f.write(made_of)
    os.replace(new, f'{path}.source')
    return path


def firmware():
    source = firmware_file()
    if _is_current(_path('firmware.cpio'), [source, __file__]):
        return _path('firmware.cpio')
    return _write_cpio('firmware.cpio', lambda cpio: cpio.add_file(
        'usr/share/qemu/QEMU_EFI.fd', source))


def guest():
    """The kernel and the base image once more, for a guest of the host."""
    kernel = os.path.join(LINUX, 'Image')
    if _is_current(_path('guest.cpio'), [kernel, base(), __file__]):
        return _path('guest.cpio')

    def fill(cpio):
        cpio.add_file('lab/guest/Image', kernel)
        cpio.add_file('lab/guest/base.cpio', base())
    return _write_cpio('guest.cpio', fill)


def guest_with_pages(size):
    """The kernel with pages of this size, for a guest of any host."""
    kernel = os.path.join(LINUX, f'Image-{size}')
    if not os.path.exists(kernel):
        raise LabError(f'{kernel}: missing; run tests/lab/build-kernel '
                       f'--pages={size}')
    return _write_cpio(f'guest-{size}.cpio', lambda cpio: cpio.add_file(
        f'lab/guest-{size}/Image', kernel))


def debian(suite):
    """Makes the suite's disk, which the board has, and a mark for it."""
    debian_disk.disk(suite, base())
    return _write_cpio(f'{suite}.cpio',
                       lambda cpio: cpio.add_data(f'lab/{suite}', b''))


def bullseye():
    """Debian 11's kernel, modules and kexec, for a guest that is given them."""
    kexec = _path(f'kexec.{os.getpid()}')
    with open(kexec, 'wb') as f:
        f.write(debian_disk.kexec('bullseye'))
    os.chmod(kexec, 0o755)

    def fill(cpio):
        debian_disk.add_kernel('bullseye', cpio)
        _add_program(cpio, 'lab/bullseye/kexec', kexec)
    try:
        return _write_cpio('bullseye.cpio', fill)
    finally:
        os.unlink(kexec)


def libvirt_mark():
    """Fetches libvirt, which a case shares as a directory; and a mark."""
    libvirt.fetch()
    return _write_cpio('libvirt.cpio',
                       lambda cpio: cpio.add_data('lab/libvirt/mark', b''))


def python_mark():
    """Fetches Python, which a case shares as a directory; and a mark."""
    debtree.fetch('python', os.path.join(BUILD, 'python-arm64'))
    return _write_cpio('python.cpio',
                       lambda cpio: cpio.add_data('lab/python/mark', b''))


def lspci():
    """Debian's, in one directory with its libraries, for guests."""
    _fetch('pciutils')
    root = os.path.join(BUILD, 'pciutils')
    program = os.path.join(root, 'usr/bin/lspci')

    def fill(cpio):
        cpio.add_file('opt/lspci/lspci', program)
        for name, path in elf.libraries(program, root).items():
            cpio.add_file(f'opt/lspci/{os.path.basename(name)}', path)
    return _write_cpio('lspci.cpio', fill)


PIECES = {'base': base, 'tests': tests, 'qemu': qemu, 'firmware': firmware,
          'guest': guest,
          'guest-16k': lambda: guest_with_pages('16k'),
          'guest-64k': lambda: guest_with_pages('64k'),
          'bookworm': lambda: debian('bookworm'),
          'trixie': lambda: debian('trixie'),
          'trixie-16k': lambda: debian('trixie-16k'),
          'bullseye': bullseye, 'libvirt': libvirt_mark,
          'selftests': vfio_selftests, 'python': python_mark,
          'lspci': lspci, 'host-check-faulty': host_check_faulty}


def _expand(path):
    path = path.replace('{top}', TOP).replace('{build}', BUILD)
    return path.replace('{sysroot}', SYSROOT)


def _case_piece(case, path):
    """What only this case has: its scripts and files."""
    with CpioWriter(path) as cpio:
        cpio.add_data('lab/run', case.script.encode())
        if case.guest_script:
            cpio.add_data('lab/guest/run', case.guest_script.encode())
            guest_cpio = path + '.guest'
            with CpioWriter(guest_cpio) as inner:
                inner.add_data('lab/run', case.guest_script.encode())
            with open(base(), 'rb') as a, open(guest_cpio, 'rb') as b:
                cpio.add_data('lab/guest/initrd', a.read() + b.read())
        if case.shell:
            cpio.add_data('lab/shell', b'')
        for line in case.files:
            source, *where = line.split()
            source = _expand(source)
            if not os.path.exists(source):
                raise LabError(f'{case.name}: {source}: missing')
            _add_program(cpio, where[0] if where else
                         f'opt/tests/{os.path.basename(source)}', source)


def compose(case, run_dir):
    """Write the initramfs of a case into its run directory."""
    unknown = [name for name in case.pieces if name not in PIECES]
    if unknown:
        raise LabError(f'case {case.name}: no piece {unknown[0]}; there are '
                       + ', '.join(sorted(PIECES)))
    pieces = [PIECES[name]() for name in ['base', *case.pieces]]
    own = os.path.join(run_dir, 'case.cpio')
    _case_piece(case, own)
    path = os.path.join(run_dir, 'initramfs')
    with open(path, 'wb') as out:
        for piece in [*pieces, own]:
            with open(piece, 'rb') as f:
                shutil.copyfileobj(f, out)
    return path
