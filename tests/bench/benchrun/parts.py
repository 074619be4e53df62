# SPDX-License-Identifier: GPL-2.0-or-later
"""What a bench run is made of: the other QEMU, a plugin, a guest."""

import contextlib
import os
import re
import shutil
import subprocess

from labrun import elf, image
from labrun.cpio import CpioWriter
from labrun.paths import BUILD, DEB_FETCH, LINUX, TOP, LabError

OUT = os.path.join(BUILD, 'bench')
HERE = os.path.join(TOP, 'tests', 'bench')
PEER_DIRS = ('usr/lib/aarch64-linux-gnu', 'usr/lib')


def path(name):
    os.makedirs(OUT, exist_ok=True)
    return os.path.join(OUT, name)


def _run(cmd, what, **kw):
    done = subprocess.run(cmd, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          **kw)
    if done.returncode:
        raise LabError(f'{what}: failed\n{done.stdout[-2000:]}')
    return done.stdout


def _cross(tool):
    return tool if os.uname().machine == 'aarch64' else f'{elf.TRIPLET}-{tool}'


def _is_current(product, *sources):
    return os.path.exists(product) and all(
        os.stat(s).st_mtime <= os.stat(product).st_mtime for s in sources)


@contextlib.contextmanager
def _new(product):
    """Its name until it is whole: half of it would be taken for current."""
    new = f'{product}.{os.getpid()}'
    yield new
    os.replace(new, product)


def plugin():
    source = os.path.join(HERE, 'insn-count.c')
    product = path('insn-count.so')
    if not _is_current(product, source):
        flags = _run(['pkg-config', '--cflags', 'glib-2.0'],
                     'pkg-config glib-2.0').split()
        include = os.path.join(BUILD, 'qemu', 'src', 'include')
        # The header moved between releases.
        with _new(product) as new:
            _run(['gcc', '-O2', '-Wall', '-Wextra', '-Wno-unused-parameter',
                  '-Werror', '-shared', '-fPIC', f'-I{include}/qemu',
                  f'-I{include}/plugins', *flags, '-o', new, source],
                 'insn-count.c')
    return product


def _compiled(name, product, *flags):
    source = os.path.join(HERE, name)
    product = path(product)
    if not _is_current(product, source):
        with _new(product) as new:
            _run([_cross('gcc'), *flags, '-O1', '-Wall', '-Wextra', '-Werror',
                  '-o', new, source], name)
    return product


def slow_calls():
    return _compiled('slow-calls.c', 'slow-calls.so', '-shared', '-fPIC')


def guest_kernel():
    """The lab's kernel with the bench's driver in it.

    make prefers a source file in the tree of objects to the one in the tree of
    sources; so a copy of the objects and one file are enough.
    """
    source = os.path.join(HERE, 'guest-driver.c')
    product = path('Image')
    built = os.path.join(LINUX, 'obj')
    stamp = os.path.join(LINUX, 'stamp')
    if _is_current(product, source, stamp):
        return product
    if not os.path.isdir(built):
        raise LabError(f'{built}: missing; run tests/lab/build-kernel')
    objects = path('guest-obj')
    shutil.rmtree(objects, ignore_errors=True)
    _run(['cp', '-a', built, objects], 'copying the kernel')
    shutil.copy(source, os.path.join(objects, 'kernel/dma/map_benchmark.c'))
    ccache = 'ccache ' if shutil.which('ccache') else ''
    cross = '' if os.uname().machine == 'aarch64' else f'{elf.TRIPLET}-'
    _run(['make', '-s', '-C', os.path.join(LINUX, 'src'), f'O={objects}',
          'ARCH=arm64', f'CROSS_COMPILE={cross}', f'CC={ccache}{cross}gcc',
          'KBUILD_BUILD_TIMESTAMP=1970-01-01', 'KBUILD_BUILD_USER=lab',
          'KBUILD_BUILD_HOST=lab', f'-j{os.cpu_count()}', 'Image'],
         "the guest's kernel")
    shutil.copy(os.path.join(objects, 'System.map'), path('System.map'))
    with _new(product) as new:
        shutil.copy(os.path.join(objects, 'arch/arm64/boot/Image'), new)
    return product


def guest_initrd(rows_script):
    own = path('guest.cpio')
    with CpioWriter(own) as cpio:
        with open(os.path.join(HERE, 'guest.sh'), 'rb') as f:
            cpio.add_data('lab/run', f.read())
        cpio.add_data('bench/rows', rows_script.encode())
        for name in ('bench-read', 'bench-waits'):
            cpio.add_file(f'opt/tests/{name}',
                          _compiled(f'{name}.c', name, '-static'))
    with open(path('initrd'), 'wb') as out:
        for piece in (image.base(), own):
            with open(piece, 'rb') as f:
                shutil.copyfileobj(f, out)


def _peer_find(root, name):
    for directory in PEER_DIRS:
        found = os.path.join(root, directory, name)
        if os.path.exists(found):
            return found
    raise LabError(f"{name}: not among the packages of Debian's QEMU")


def _needed(program):
    return re.findall(r'\(NEEDED\).*\[(.*)\]',
                      _run(['readelf', '-W', '-d', program], 'readelf'))


def peer():
    """(version, cpio) of Debian's QEMU, in /opt/peer with what it needs."""
    files = _run([DEB_FETCH, 'peer'], 'deb-fetch')
    deb = re.search(r'^\S*/qemu-system-arm_\S+\.deb$', files, re.M).group(0)
    version = _run(['dpkg-deb', '-f', deb, 'Version'], 'dpkg-deb').strip()
    product = path('peer.cpio')
    if _is_current(product, deb, __file__):
        return version, product
    root = path('peer')
    program = os.path.join(root, 'usr', 'bin', 'qemu-system-aarch64')
    todo, names = [program], {'ld-linux-aarch64.so.1'}
    while todo:
        for name in _needed(todo.pop()):
            if name not in names:
                names.add(name)
                todo.append(_peer_find(root, name))
    with _new(product) as new, CpioWriter(new) as cpio:
        cpio.add_file('opt/peer/bin/qemu-system-aarch64', program)
        for name in sorted(names):
            cpio.add_file(f'opt/peer/lib/{name}', _peer_find(root, name))
    return version, product
