# SPDX-License-Identifier: GPL-2.0-or-later
"""A network namespace that has nothing but its own loopback.

What runs in it cannot ask a mirror for anything, whatever it tries.
"""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
INTERFACES = '/proc/self/net/dev'


def interfaces():
    """The names of this process's network interfaces."""
    with open(INTERFACES, encoding='ascii') as f:
        return [line.split(':')[0].strip() for line in f if ':' in line]


def loopback_up():
    """A new namespace has it down."""
    with socket.socket() as s:
        name = struct.pack('16sh', b'lo', 0)
        flags = struct.unpack('16sh', fcntl.ioctl(s, SIOCGIFFLAGS, name))[1]
        if not flags & IFF_UP:
            fcntl.ioctl(s, SIOCSIFFLAGS,
                        struct.pack('16sh', b'lo', flags | IFF_UP))


def _unshare(flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _write(name, text):
    with open(f'/proc/self/{name}', 'w', encoding='ascii') as f:
        f.write(text)


def enter():
    """Move this process, and what it starts, into one.

    A user who is not root stays who they are, in a user namespace. Raises
    OSError where that is not allowed (in some containers).
    """
    if os.geteuid() == 0:
        _unshare(CLONE_NEWNET)
    else:
        uid, gid = os.geteuid(), os.getegid()
        _unshare(CLONE_NEWUSER | CLONE_NEWNET)
        _write('setgroups', 'deny')
        _write('uid_map', f'{uid} {uid} 1')
        _write('gid_map', f'{gid} {gid} 1')
    loopback_up()
