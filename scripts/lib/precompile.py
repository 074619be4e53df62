# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu/osdep.h, which each of QEMU's files of C includes first, compiled once.

gcc takes BUILD/qemu/osdep.h.gch/* in place of the header where it was made with
the same options, and the header's text where none was. A seventh of what it
takes to compile QEMU is saved.
"""

import collections
import json
import os
import shlex

from srctree import SRC, newer

HEADER = 'qemu/osdep.h'
# Of all compilations: ninja knows what the header includes, too; and a file with
# options of its own is no reason for a warning. The first is for -MD alone: gcc
# 12 crashes where a compilation has it without.
CFLAGS = ['-fpch-deps', '-Wno-invalid-pch']
# Another set of options is worth it for as many files.
MANY = 50
# That of what the header includes which QEMU's build makes
GENERATED = 'config-poison.h'
# ninja's own records would be those of QEMU's build otherwise.
RULE = '''builddir = precompiled
rule precompile
  command = $compile -MD -MQ $out -MF $out.d -o $out -x c-header $in
  depfile = $out.d
  deps = gcc
'''
STEP = '''build {to}.gch/{number}: precompile {header}
  compile = {command}
'''


def options(command):
    """Of a compilation of C, without those that name files"""
    args = shlex.split(command)
    del args[:args[0] == 'ccache']
    for name in ('-o', '-MF', '-MQ', '-c'):
        at = args.index(name)
        del args[at:at + 2]
    args.remove('-MD')
    return args


def in_common(args):
    """What has to be the same where the result is used"""
    return tuple(a for a in args if not a.startswith('-I'))


def variants(where):
    """The sets of options that many of QEMU's files have, each as one of them
    has it, with the directories of headers"""
    with open(os.path.join(where, 'compile_commands.json'),
              encoding='utf-8') as f:
        of_files = [options(e['command']) for e in json.load(f)
                    if e['file'].endswith('.c')
                    and '/subprojects/' not in e['file']]
    count = collections.Counter(map(in_common, of_files))
    first = {}
    for args in of_files:
        first.setdefault(in_common(args), args)
    return [first[key] for key, files in count.most_common() if files >= MANY]


def precompile(where):
    """The command that brings what is precompiled in a directory that QEMU's
    configure has run in up to date"""
    header = os.path.join(SRC, 'include', HEADER)
    steps = os.path.join(where, 'precompiled.ninja')
    beside = os.path.join(where, HEADER)
    if not newer(steps, os.path.join(where, 'compile_commands.json')):
        with open(steps, 'w', encoding='utf-8') as f:
            f.write(RULE)
            for number, args in enumerate(variants(where)):
                f.write(STEP.format(
                    to=HEADER, number=number, header=header,
                    command=shlex.join(args).replace('$', '$$')))
    # gcc looks for it here where a file includes it a second time.
    if not os.path.lexists(beside):
        os.makedirs(os.path.dirname(beside), exist_ok=True)
        os.symlink(header, beside)
    return ['ninja', '-f', os.path.basename(steps)]
