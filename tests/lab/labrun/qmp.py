# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU's monitor, by its machine protocol."""

import json


class Monitor:
    """Commands by a connected socket. KeyError if QEMU refuses one, ValueError if
    it ended, OSError if the socket's time is up."""

    def __init__(self, connection):
        self.link = connection.makefile('rw')
        self.link.readline()
        self.do('qmp_capabilities')

    def do(self, command, **arguments):
        self.link.write(json.dumps({'execute': command,
                                    'arguments': arguments}) + '\n')
        self.link.flush()
        while True:
            answer = json.loads(self.link.readline())
            if 'event' not in answer:
                return answer['return']
