# SPDX-License-Identifier: GPL-2.0-or-later
"""The unpacked QEMU tree under build/qemu/src, and the overlay on it.

A git repository beside the tree (build/qemu/src.git, so that QEMU's own
scripts do not take the tree for a checkout) keeps QEMU's files as they came
(the tag "pristine") and one commit for each hook patch. A changed hook then
only touches the files whose content really differs, which keeps the next
build short.
"""

import contextlib
import errno
import fcntl
import glob
import hashlib
import importlib.machinery
import importlib.util
import os
import platform
import re
import subprocess
import sys

QEMU_VERSION = '10.2.2'
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, 'build')
QEMU = os.path.join(BUILD, 'qemu')
SRC = os.path.join(QEMU, 'src')
GITDIR = os.path.join(QEMU, 'src.git')
LINKS = os.path.join(QEMU, 'overlay.links')
PATCHES = os.path.join(ROOT, 'patches', f'qemu-{QEMU_VERSION}')
LOGS = os.path.join(BUILD, 'logs')
# Debian's package of network cards' ROMs, unpacked.
IPXE = os.path.join(BUILD, 'ipxe-qemu')

# Those of QEMU's own qtests that could notice a hook: built and run.
QEMU_QTESTS = ('arm-cpu-features', 'device-introspect-test', 'numa-test',
               'qmp-cmd-test', 'qmp-test', 'qom-test', 'test-hmp')

# Directories whose files appear in the QEMU tree at the same path.
OVERLAY_ROOTS = ('hw', 'include', 'backends', 'configs', 'docs', 'qapi',
                 'tools', 'tests/unit', 'tests/qtest',
                 'tests/conformance')
# The commit that the hooks are applied to
BASE = 'pristine'
JUNK = re.compile(r'^\.|~$|\.(orig|rej|swp|pyc)$')


class TreeError(Exception):
    """Something the user has to know about; the text says what to do."""


def fail_nicely(main):
    """Run a command's main(); what goes wrong is a message, not a trace."""
    try:
        sys.exit(main())
    except TreeError as e:
        text = str(e)
    except PermissionError as e:
        text = f'{e.filename}: {e.strerror} (was build/ made by root?)'
    except OSError as e:
        text = str(e)
        if e.errno == errno.ENOSPC:
            text = (f'{e.strerror}, in {BUILD}. Make room and run it again: '
                    'it continues there.')
    except subprocess.CalledProcessError as e:
        text = f'{" ".join(e.cmd)}: exit status {e.returncode}'
    except KeyboardInterrupt:
        sys.exit(130)
    print(f'{os.path.basename(sys.argv[0])}: {text}', file=sys.stderr)
    sys.exit(1)


def say(text):
    print(f'  {text}', flush=True)


def config():
    """The NAME := VALUE lines that configure wrote to build/config.mk."""
    values = {}
    with contextlib.suppress(FileNotFoundError):
        with open(os.path.join(BUILD, 'config.mk'), encoding='utf-8') as f:
            for line in f:
                name, sep, value = line.partition(':=')
                if sep and not line.startswith('#'):
                    values[name.strip()] = value.strip()
    return values


def package_version():
    """Of the packages, from their changelog: 10.2.2+smmuv3-N."""
    with open(os.path.join(ROOT, 'packaging', 'changelog'),
              encoding='utf-8') as f:
        return re.match(r'\S+ \((.*?)\)', f.readline()).group(1)


def option_roms():
    """They are in another directory since Debian 13."""
    return sorted(glob.glob(os.path.join(IPXE, 'usr', '**', '*.rom'),
                            recursive=True))


def newer(target, *sources):
    """Is target newer than all of sources?"""
    return os.path.exists(target) and all(
        os.path.getmtime(target) > os.path.getmtime(s) for s in sources)


@contextlib.contextmanager
def lock(name='qemu'):
    """One process at a time changes the tree (make -j runs several)."""
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, f'.{name}.lock'), 'w',
              encoding='utf-8') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def on_arm64():
    return platform.machine() == 'aarch64'


def build_lock(which):
    """Of that QEMU's build; on arm64 there is one for both."""
    return lock('qemu-native' if on_arm64() else f'qemu-{which}')


def git_env(index=None, tree=SRC):
    env = {k: v for k, v in os.environ.items() if not k.startswith('GIT_')}
    env.update(LC_ALL='C', GIT_DIR=GITDIR, GIT_WORK_TREE=tree,
               GIT_CONFIG_GLOBAL='/dev/null', GIT_CONFIG_NOSYSTEM='1')
    # The same hooks give the same commits, whoever builds and whenever.
    for who in ('AUTHOR', 'COMMITTER'):
        env.update({f'GIT_{who}_NAME': 'overlay',
                    f'GIT_{who}_EMAIL': 'overlay@localhost',
                    f'GIT_{who}_DATE': '@1000000000 +0000'})
    if index:
        env['GIT_INDEX_FILE'] = index
    return env


def git(*args, index=None, stdin=None, check=True, tree=SRC):
    """git on the tree; standard output, or the finished process."""
    p = subprocess.run(('git',) + args, env=git_env(index, tree), cwd=tree,
                       input=stdin, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, check=False)
    if not check:
        return p
    if p.returncode:
        raise TreeError(f'git {" ".join(args)} failed in {SRC}:\n'
                        + p.stderr.decode(errors='replace').strip())
    return p.stdout.decode(errors='replace').strip()


def load_script(path):
    """A script of scripts/ as a module, for a test of its functions"""
    loader = importlib.machinery.SourceFileLoader(
        re.sub(r'\W', '_', os.path.basename(path)), path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Patch:
    """A hook: a text that says why, and a diff."""

    def __init__(self, name, data, where=PATCHES):
        self.name = name
        self.data = data
        self.path = os.path.join(where, name)

    @classmethod
    def load(cls, name, where=PATCHES):
        with open(os.path.join(where, name), 'rb') as f:
            return cls(name, f.read(), where)

    @property
    def digest(self):
        return hashlib.sha256(self.data).hexdigest()

    @property
    def header(self):
        """All before the diffstat or the diff."""
        return re.split(rb'(?m)^(?=---$|---\n|diff --git |--- a/)',
                        self.data, maxsplit=1)[0]


def patches(where=PATCHES):
    names = os.listdir(where) if os.path.isdir(where) else []
    return [Patch.load(n, where) for n in sorted(names)
            if n.endswith('.patch')]


class Commit:
    """A hook as it stands in the repository of the tree."""

    def __init__(self, commit, name, digest):
        self.id, self.name, self.digest = commit, name, digest


def rev(name):
    return git('rev-parse', '--verify', '--quiet', name + '^{commit}')


def applied(base=BASE, tip='HEAD'):
    """The hooks now in the tree, first to last."""
    out = git('log', '--reverse', '--format=%H %s %b', f'{base}..{tip}')
    return [Commit(*line.split()) for line in out.splitlines() if line]


@contextlib.contextmanager
def index_of(commit):
    """A scratch index that holds a commit's tree."""
    path = os.path.join(GITDIR, f'index.scratch.{os.getpid()}')
    try:
        git('read-tree', commit, index=path)
        yield path
    finally:
        for suffix in ('', '.lock'):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + suffix)


def commit_index(index, parent, patch):
    tree = git('write-tree', index=index)
    return git('commit-tree', tree, '-p', parent, '-m', patch.name,
               '-m', patch.digest)


def commit_exact(patch, parent):
    """Commit a hook on parent, or say exactly where it does not fit."""
    with index_of(parent) as index:
        p = git('apply', '--cached', '--verbose', '--whitespace=nowarn', '-',
                index=index, stdin=patch.data, check=False)
        log = p.stderr.decode(errors='replace')
        rel = os.path.relpath(patch.path, ROOT)
        if p.returncode:
            errors = [l for l in log.splitlines() if l.startswith('error:')]
            raise TreeError(
                f'{rel} does not apply to QEMU {QEMU_VERSION} with the hooks '
                'before it:\n    ' + '\n    '.join(errors or [log.strip()])
                + '\n  Mend the patch; or, if an earlier hook moved, try '
                'scripts/source/refresh-patches, which merges it again.')
        moved, where = [], ''
        for line in log.splitlines():
            match = re.match(r'Checking patch (\S+?)(?: => \S+)?\.\.\.', line)
            where = match.group(1) if match else where
            if line.startswith('Hunk #'):
                moved.append(f'{where}: {line}')
        if moved:
            raise TreeError(
                f'{rel} applies, but not at the lines that it names:\n    '
                + '\n    '.join(moved)
                + '\n  Look whether it hit the right place, then let '
                'scripts/source/refresh-patches write it anew.')
        return commit_index(index, parent, patch)


def edited(paths=()):
    """Tracked files of the tree that differ from the hooks' result."""
    git('update-index', '-q', '--refresh', check=False)
    out = git('diff-index', '--name-only', 'HEAD', '--', *paths)
    return out.splitlines()


def blob(commit, path):
    p = git('rev-parse', '--verify', '--quiet', f'{commit}:{path}',
            check=False)
    return p.stdout.decode().strip()


def edit_of(path):
    """The edit of one file, as a diff."""
    return git('diff', '--no-ext-diff', '--no-renames', '--full-index',
               '--binary', 'HEAD', '--', path, check=False).stdout


def in_tree(path, tree=SRC):
    """The blob id of what stands in the tree at path, '' for nothing."""
    full = os.path.join(tree, path)
    return git('hash-object', '--', full) if os.path.isfile(full) else ''


def move_to(tip, edits_are_in=False):
    """Make the tree the one of tip, touching only what differs."""
    changed = git('diff-tree', '-r', '--name-only', '--no-renames',
                  'HEAD', tip).splitlines()
    todo = [f for f in changed if in_tree(f) != blob(tip, f)]
    mine = [f for f in todo if in_tree(f) != blob('HEAD', f)]
    if mine and not edits_are_in:
        raise TreeError(
            'these files were edited under build/qemu/src and a hook that '
            'touches them changed too:\n    ' + '\n    '.join(mine)
            + '\n  scripts/source/refresh-patches puts the edits into the '
            'hooks; "scripts/source/src-git checkout FILE" drops them.')
    with_content = [f for f in todo if blob(tip, f)]
    if with_content:
        # Checkout writes through the index; the rest of it stays as it is.
        git('checkout', tip, '--', *with_content)
    for f in todo:
        if f not in with_content:
            os.unlink(os.path.join(SRC, f))
    git('update-ref', 'HEAD', tip)
    git('read-tree', tip)
    git('update-index', '-q', '--refresh', check=False)
    return todo


def sync_hooks(edits_are_in=False):
    """Bring the hooks in the tree up to the patch files; what changed.

    Edits of the tree are kept, and stop it where they are in the way, unless
    the caller knows that the patch files have them.
    """
    tip, old = rev(BASE), applied()
    for i, patch in enumerate(patches()):
        if i < len(old) and (old[i].name, old[i].digest) == \
                (patch.name, patch.digest):
            tip = old[i].id
            continue
        old = old[:i]
        tip = commit_exact(patch, tip)
    return move_to(tip, edits_are_in) if tip != rev('HEAD') else []


def files_below(where, top, every=False):
    """Paths from top of the files in a directory; every: junk as well."""
    for here, dirs, files in os.walk(where):
        if not every:
            dirs[:] = [d for d in dirs if not JUNK.search(d)
                       and d != '__pycache__']
        for f in files:
            if every or not JUNK.search(f):
                yield os.path.relpath(os.path.join(here, f), top)


def overlay_files():
    for root in OVERLAY_ROOTS:
        yield from files_below(os.path.join(ROOT, root), ROOT)


def link(path, to):
    """Make path a relative link to a file, unless it is one already."""
    target = os.path.relpath(to, os.path.dirname(path))
    if os.path.islink(path) and os.readlink(path) == target:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.symlink(target, path)


def sync_links():
    """Link the overlay's files into the tree; remove links of gone ones."""
    with contextlib.suppress(FileNotFoundError):
        with open(LINKS, encoding='utf-8') as f:
            for old in f.read().splitlines():
                full = os.path.join(SRC, old)
                if os.path.islink(full) and not os.path.exists(full):
                    os.unlink(full)
    wanted = sorted(overlay_files())
    tracked = set(git('ls-files', '--', *wanted).splitlines()) \
        if wanted else set()
    if tracked:
        raise TreeError('the overlay has files that QEMU has too: '
                        + ', '.join(sorted(tracked))
                        + '\n  Change QEMU\'s files with a hook patch in '
                        + os.path.relpath(PATCHES, ROOT))
    for f in wanted:
        link(os.path.join(SRC, f), os.path.join(ROOT, f))
    with open(LINKS, 'w', encoding='utf-8') as f:
        f.writelines(f'{w}\n' for w in wanted)
    return wanted


def sync(edits_are_in=False):
    changed = sync_hooks(edits_are_in)
    links = sync_links()
    if changed:
        say(f'hooks: {len(patches())} patches, rewrote {", ".join(changed)}')
    return links
