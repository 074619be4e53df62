# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU of the build machine without a guest, driven by its qtest protocol."""

import os
import socket
import struct
import subprocess
import tempfile

from .paths import NATIVE_QEMU

# The virt machine's map
FW_CFG_DMA = 0x09020010
ECAM = 0x4010000000
SMMU = 0x0c000000
RAM = 0x40000000
FW_CFG_READ, FW_CFG_SELECT = 2, 8
FW_CFG_FILE_DIR = 0x19


class Machine:
    """Use as a context; errors of QEMU itself become CalledProcessError."""

    def __init__(self, args, qemu=NATIVE_QEMU, pass_fds=()):
        self.args = args
        self.qemu = qemu
        self.pass_fds = pass_fds

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, 'qtest')
        firmware = os.path.join(self.dir.name, 'firmware')
        with open(firmware, 'w', encoding='ascii') as f:
            # That there is one counts: tables are made for it.
            f.write('none')
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(1)
            server.settimeout(60)
            self.child = subprocess.Popen(
                [self.qemu, '-display', 'none', '-nodefaults',
                 '-qtest', f'unix:{path}', '-qtest-log', '/dev/null',
                 '-accel', 'qtest', '-m', '128M',
                 '-cpu', 'cortex-a57', '-bios', firmware, *self.args],
                pass_fds=self.pass_fds)
            try:
                self.link = server.accept()[0].makefile('rw')
            except socket.timeout:
                self.child.kill()
                self.child.wait()
                raise
        return self

    def __exit__(self, *exc):
        self.link.close()
        self.child.terminate()
        self.child.wait()
        self.dir.cleanup()

    def do(self, command):
        self.link.write(command + '\n')
        self.link.flush()
        while True:
            words = self.link.readline().split()
            if not words:
                raise EOFError(f'QEMU ended at: {command}')
            if words[0] == 'OK':
                return words[1:]
            if words[0] != 'IRQ':
                raise ValueError(f'{command}: {words}')

    def read32(self, address):
        return int(self.do(f'readl {address:#x}')[0], 16)

    def write32(self, address, value):
        self.do(f'writel {address:#x} {value:#x}')

    def read64(self, address):
        return int(self.do(f'readq {address:#x}')[0], 16)

    def write64(self, address, value):
        self.do(f'writeq {address:#x} {value:#x}')

    def read(self, address, size):
        return bytes.fromhex(self.do(f'read {address:#x} {size}')[0][2:])

    def write(self, address, data):
        self.do(f'write {address:#x} {len(data)} 0x{data.hex()}')

    def set_bus(self, bus, slot, secondary):
        """Number the bus behind a bridge, as firmware does."""
        address = ECAM + (bus << 20) + (slot << 15) + 0x18
        self.write32(address, bus | secondary << 8 | secondary << 16)

    def _fw_cfg(self, control, size):
        where, buffer = RAM, RAM + 0x1000
        self.write(where, struct.pack('>IIQ', control, size, buffer))
        self.write(FW_CFG_DMA, struct.pack('>Q', where))
        return self.read(buffer, size)

    def fw_cfg_file(self, name):
        select = FW_CFG_READ | FW_CFG_SELECT
        head = self._fw_cfg(FW_CFG_FILE_DIR << 16 | select, 4)
        count = struct.unpack('>I', head)[0]
        for _ in range(count):
            entry = self._fw_cfg(FW_CFG_READ, 64)
            size, key = struct.unpack_from('>IH', entry)
            if entry[8:].split(b'\0')[0].decode() == name:
                return self._fw_cfg(key << 16 | select, size)
        raise KeyError(name)

    def acpi_tables(self):
        """{signature: bytes}; checksums are the firmware's to put in."""
        blob = self.fw_cfg_file('etc/acpi/tables')
        tables, at = {}, 0
        while at + 36 <= len(blob):
            signature, size = struct.unpack_from('<4sI', blob, at)
            if not signature.isalnum():
                at += 8     # Tables may start on a boundary.
                continue
            tables[signature.decode()] = blob[at:at + size]
            at += size
        return tables
