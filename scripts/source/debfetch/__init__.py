# SPDX-License-Identifier: GPL-2.0-or-later
"""Getting files from Debian's archive, with an apt state of its own.

  common    where things are, what an error is
  command   running apt so that it cannot hang and does not outlive us
  aptstate  one apt configuration with its package lists
  mirrors   the machine's mirrors, keyrings, and the ways to a package
  records   what is there already
  transfer  bringing files, whole or not at all
  retry     asking again, then another way, then the message
  unpack    packages as directories, whole or not at all
  table     the project's parts (debs.ini)
  goal      all that "make demo" or "make check" needs, with progress
"""
