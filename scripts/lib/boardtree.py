# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's board as a tree of sources: QEMU, the hooks, and board/ on top.

build/qemu/board has a link for each file of build/qemu/src, except for the
files that a patch of board/patches changes: those are real. The files of
board/hw and board/include are links, too. So what is of the board alone is in
no file that the other QEMUs are compiled from.

The commits of board/patches are in the repository of the other tree, on top
of its hooks. This module has the same names as srctree where a script can
work on either.
"""

import contextlib
import os

import srctree
from srctree import QEMU, QEMU_VERSION, ROOT, TreeError, git, rev

SRC = os.path.join(QEMU, 'board')
OWN = os.path.join(ROOT, 'board')
OWN_ROOTS = ('hw', 'include')
PATCHES = os.path.join(OWN, 'patches', f'qemu-{QEMU_VERSION}')
# Where the patches are applied, and where they were when the tree was made
BASE, OLD_BASE, TIP = 'HEAD', 'refs/board/base', 'refs/board/tip'


def patches():
    return srctree.patches(PATCHES)


def _known(name):
    return git('for-each-ref', '--format=%(objectname)', name) or rev(BASE)


def applied():
    return srctree.applied(_known(OLD_BASE), _known(TIP))


def _commits():
    tip = rev(BASE)
    for patch in patches():
        tip = srctree.commit_exact(patch, tip)
    return tip


def in_tree(path):
    """The blob id of a file that is no link, '' for anything else."""
    full = os.path.join(SRC, path)
    return '' if os.path.islink(full) else srctree.in_tree(path, SRC)


def _real_files():
    for top, _, files in os.walk(SRC):
        for f in files:
            full = os.path.join(top, f)
            if not os.path.islink(full) and not srctree.JUNK.search(f):
                yield os.path.relpath(full, SRC)


def edited():
    """Files that differ from what the patches make of them."""
    tip = _known(TIP)
    return sorted(f for f in _real_files()
                  if in_tree(f) != srctree.blob(tip, f))


def edit_of(path):
    """The edit of one file, as a diff."""
    tip = _known(TIP)
    with srctree.index_of(tip) as index:
        return git('diff', '--no-ext-diff', '--no-renames', '--full-index',
                   '--binary', tip, '--', path, index=index, tree=SRC,
                   check=False).stdout


def _own_files():
    for root in OWN_ROOTS:
        yield from srctree.files_below(os.path.join(OWN, root), OWN)


def _link(path, to):
    srctree.link(os.path.join(SRC, path), to)


def _put(path, old, new, edits_are_in):
    """Make a file what the patches make of it; an edit of it is kept."""
    now, want = in_tree(path), srctree.blob(new, path)
    if now == want:
        return
    if now and now != srctree.blob(old, path) and not edits_are_in:
        if srctree.blob(old, path) == want:
            return
        raise TreeError(
            f'build/qemu/board/{path} was edited, and a patch that touches it '
            'changed, too. Either scripts/source/refresh-patches --board puts '
            'the edit into the patch, or you remove the file to drop the edit.')
    full = os.path.join(SRC, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(full)
    with open(full, 'wb') as f:
        f.write(git('cat-file', 'blob', want, check=False).stdout)


def _link_rest(real, old):
    """Link what is as in the other tree; remove links to what is gone."""
    for path in srctree.files_below(srctree.SRC, srctree.SRC, every=True):
        if path in real:
            continue
        now = in_tree(path)
        if now and now not in (srctree.blob(old, path),
                               srctree.blob('HEAD', path)):
            continue        # somebody begins to change this file
        _link(path, os.path.join(srctree.SRC, path))
    for top, _, files in os.walk(SRC):
        for f in files:
            full = os.path.join(top, f)
            if os.path.islink(full) and not os.path.exists(full):
                os.unlink(full)


def sync(edits_are_in=False):
    """Bring the tree up to date; the files that are the board's alone."""
    new, old = _commits(), _known(TIP)
    changed = git('diff-tree', '-r', '--name-only', '--no-renames', BASE,
                  new).splitlines()
    own = sorted(_own_files())
    for path in changed:
        _put(path, old, new, edits_are_in)
    for path in own:
        if os.path.exists(os.path.join(srctree.SRC, path)):
            raise TreeError(f'board/{path}: QEMU or the overlay has this file, '
                            'too; change it with a patch in '
                            + os.path.relpath(PATCHES, ROOT))
        _link(path, os.path.join(OWN, path))
    _link_rest({*changed, *own}, old)
    git('update-ref', OLD_BASE, rev(BASE))
    git('update-ref', TIP, new)
    return sorted({*own, *_real_files()})
