# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages of the tested QEMU, against the user's page.

A user who starts a guest must find each line that QEMU prints then under
"Troubleshooting by message".
"""

import os
import re

from .paths import TOP

PAGE = os.path.join(TOP, 'docs/system/arm/smmuv3-accel.rst')
HEADING = 'Troubleshooting by message'
BLOCK = re.compile(r'(?m)^\.\. code-block:: none\n\n((?:   .*\n|\n)+)')
MESSAGE = re.compile(r'qemu-system-aarch64: (.+)')
# Which option or device it is about, and how bad it is
PREFIX = re.compile(r'(?:-\w+ \S+: |warning: |info: |vfio \S+: )*')
# On the page: what varies is in capitals, a number, an address or dots.
VARIES = re.compile(r'\.\.\.|\b[A-Z]{2,}\b|\b(?:0x|-)?[0-9][\w:.]*')
# The host's kernel (printk.time=1) prints in the middle of a program's line
KERNEL = re.compile(r'\[ *\d+\.\d{6}\] [^\n]*\n')
# A line of the page with fewer words of its own would explain anything.
ENOUGH = 3


def _pattern(line):
    """Of a line of the page; None if it has too few words of its own."""
    parts = VARIES.split(line)
    if len(re.findall(r'[A-Za-z_]{2,}', ' '.join(parts))) < ENOUGH:
        return None
    return re.compile(r'.*?'.join(re.escape(p) for p in parts))


def known(text=None):
    """The page's messages, a pattern for each line of them."""
    if text is None:
        with open(PAGE, encoding='utf-8') as f:
            text = f.read()
    text = text[text.index(HEADING):]
    lines = [line.strip() for block in BLOCK.findall(text)
             for line in block.splitlines()]
    return [p for p in map(_pattern, lines) if p]


def unexplained(console, patterns=None):
    """The first line of QEMU's that is not on the page, or None."""
    patterns = known() if patterns is None else patterns
    for match in MESSAGE.finditer(KERNEL.sub('', console)):
        message = PREFIX.sub('', match.group(1).strip(), count=1)
        if not any(p.search(message) for p in patterns):
            return message
    return None
