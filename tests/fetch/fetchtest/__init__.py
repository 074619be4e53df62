# SPDX-License-Identifier: GPL-2.0-or-later
"""A tiny Debian archive, a server with faults, and deb-fetch in front."""
