# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests that a program of GLib's test framework has."""

import subprocess


def tests_of(*command, under='/', **how):
    """The paths that begin so; how: as for subprocess.run()"""
    listed = subprocess.run([*command, '-l'], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=True,
                            **how).stdout
    # GLib 2.84's list is a TAP of comments, 2.74's nothing but paths.
    paths = (line.removeprefix('# ') for line in listed.splitlines())
    return [path for path in paths if path.startswith(under)]
