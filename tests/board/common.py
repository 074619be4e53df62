# SPDX-License-Identifier: GPL-2.0-or-later
"""What the programs of this folder share: TAP, the board's SMMU with
its tables and queues in memory, and its test device (x-dma-testdev).

There is no operating system: what a driver would do, these classes do through
QEMU's qtest protocol. Section numbers are those of IHI 0070 G.b.
"""

import struct
import time

from labrun import qtest

PAGE = 0x1000

VA = 0x10000000                     # what Streams maps

# Registers of the SMMU (6.3)
IDR0, IDR1, IDR3, CR0, CR0ACK, CR1, CR2, GBPA = \
    0, 4, 0xc, 0x20, 0x24, 0x28, 0x2c, 0x44
GERROR, GERRORN = 0x60, 0x64
STRTAB_BASE, STRTAB_BASE_CFG = 0x80, 0x88
CMDQ_BASE, CMDQ_PROD, CMDQ_CONS = 0x90, 0x98, 0x9c
EVENTQ_BASE, EVENTQ_PROD, EVENTQ_CONS = 0xa0, 0xa8, 0xac
SMMUEN, EVENTQEN, CMDQEN, ATSCHK = 1, 1 << 2, 1 << 3, 1 << 4

# Commands (4) and events (7.3)
CFGI_STE, CFGI_ALL, CFGI_CD, CFGI_CD_ALL = 3, 4, 5, 6
TLBI_NH_ASID, TLBI_NH_VA, TLBI_NSNH_ALL, ATC_INV, SYNC = 0x11, 0x12, 0x30, \
    0x40, 0x46
ALL = 52                            # the Size of an ATC_INV of everything
C_BAD_STREAMID, C_BAD_STE, F_BAD_ATS_TREQ, F_STREAM_DISABLED, \
    F_TRANSL_FORBIDDEN, C_BAD_SUBSTREAMID, F_CD_FETCH, C_BAD_CD, \
    F_TRANSLATION, F_PERMISSION = 2, 4, 5, 6, 7, 8, 9, 10, 0x10, 0x13

# STE.Config
ABORT, BYPASS, STAGE1, STAGE2, NESTED = 0, 4, 5, 6, 7
LINEAR, TWO_LEVEL_4K, TWO_LEVEL_64K = 0, 1, 2
TERMINATE, S1BYPASS, SSID0 = 0, 1, 2

# Registers of x-dma-testdev (board/hw/misc/dma-testdev/state.h)
ID, PARAM, BUSY, ATC_VALID, ATC_HITS, ATC_ASKED, ATC_INVALIDATED, \
    MEMORY_SIZE = 0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x20
SOURCE, TARGET, LENGTH, PASID, FLAGS, DELAY, CONTROL, RESULT, DONE, FAULT = \
    0, 8, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x30
SOURCE_OWN, TARGET_OWN, PASID_VALID, EXEC, PRIV, USE_ATS, INTERRUPT = \
    [1 << n for n in range(7)]
RESULTS = ('none', 'ok', 'not master', 'bad range', 'PASID off', 'PASID range',
           'exec off', 'priv off', 'ATS off', 'UR', 'CA', 'no access',
           'no read', 'no write', 'forbidden', 'aborted', 'bus error',
           'no exec')


class Tap:
    count = failed = 0

    def same(self, got, want, what):
        self.count += 1
        self.failed += got != want
        print(f'{"ok" if got == want else "not ok"} {self.count} - {what}')
        if got != want:
            show = [hex(v) if isinstance(v, int) else str(v)
                    for v in (got, want)]
            print(f'#   got {show[0]}, expected {show[1]}')


class Memory:
    """Gives out the machine's memory, cleared, and never takes it back"""

    def __init__(self, machine):
        self.machine = machine
        self.next = qtest.RAM + 0x1000000

    def take(self, size, align=PAGE):
        at = (self.next + align - 1) // align * align
        self.next = at + size
        for page in range(at, at + size, PAGE):
            self.machine.write(page, bytes(min(PAGE, at + size - page)))
        return at


class Tables:
    """Page tables for 39 bits of address, pages of 4K"""

    def __init__(self, memory, stage):
        self.memory = memory
        self.machine = memory.machine
        self.stage = stage
        self.root = memory.take(PAGE)

    def _place(self, address, table_shift=12):
        table = self.root
        for shift in (30, 21):
            at = table + (address >> shift & 0x1ff) * 8
            if shift == table_shift:
                return at
            entry = self.machine.read64(at)
            if not entry:
                entry = self.memory.take(PAGE) | 3
                self.machine.write64(at, entry)
            table = entry & 0xfffffffff000
        return table + (address >> 12 & 0x1ff) * 8

    def pages(self, address):
        """Of its own, that the walk for an address goes through"""
        return [self._place(address, shift) & -PAGE for shift in (30, 21, 12)]

    def map(self, address, to, write=True, size=PAGE):
        """In stage 1 each page can be read"""
        access = (3 if write else 1) if self.stage == 2 else 1 | 2 * (not write)
        for at in range(0, size, PAGE):
            self.machine.write64(self._place(address + at),
                                 to + at | 1 << 10 | access << 6 | 3 |
                                 (0xf << 2 if self.stage == 2 else 0))

    def unmap(self, address):
        self.machine.write64(self._place(address), 0)

    def toggle(self, address, leaf=0, table=0):
        """Bits of the page's descriptor, and of that of the table it is in"""
        for at, bits in ((self._place(address), leaf),
                         (self._place(address, 21), table)):
            self.machine.write64(at, self.machine.read64(at) ^ bits)


def cd(tables, asid, valid=True, high=0, had=0):
    """high: more of word 1"""
    low = 25 | 1 << 30 | valid << 31
    high |= 4 | 1 << 9 | 1 << 13 | 1 << 14 | asid << 16
    return struct.pack('<IIQ48x', low, high, tables.root | had << 1)


def ste(config, context=0, fmt=LINEAR, cdmax=0, dss=0, eats=0, stage2=None,
        vmid=1, cfg=0):
    """cfg: bits 127 to 112, which begin with PRIVCFG and INSTCFG"""
    return struct.pack(
        '<QQQQ32x', 1 | config << 1 | fmt << 4 | context | cdmax << 59,
        dss | eats << 28 | cfg << 48,
        vmid | (25 | 1 << 6 | 4 << 16 | 1 << 19 | 1 << 26) << 32,
        stage2.root if stage2 else 0)


class Event:
    def __init__(self, data):
        self.words = struct.unpack('<8I', data)
        first = self.words[0]
        self.kind, self.sid = first & 0xff, self.words[1]
        self.ssid = first >> 12 if first >> 11 & 1 else None
        self.any_ssid = first >> 12
        self.read = self.words[3] >> 3 & 1
        self.exec, self.priv = self.words[3] >> 2 & 1, self.words[3] >> 1 & 1
        self.stage2, self.cls = self.words[3] >> 7 & 1, self.words[3] >> 8 & 3
        self.address = self.words[4] | self.words[5] << 32
        self.address2 = self.words[6] | self.words[7] << 32


class Smmu:
    """A linear Stream table of 256 StreamIDs, and two queues"""

    LOG2 = 8

    def __init__(self, machine, base=qtest.SMMU):
        self.machine = machine
        self.base = base
        self.memory = Memory(machine)
        self.streams = self.memory.take(64 << self.LOG2, 64 << self.LOG2)
        self.cmdq = self.memory.take(16 << self.LOG2)
        self.eventq = self.memory.take(32 << self.LOG2)
        self.prod = self.cons = 0
        self.write(CR0, 0)
        self.write64(STRTAB_BASE, self.streams)
        self.write(STRTAB_BASE_CFG, self.LOG2)
        self.write64(CMDQ_BASE, self.cmdq | self.LOG2)
        self.write64(EVENTQ_BASE, self.eventq | self.LOG2)
        for register in (CMDQ_PROD, CMDQ_CONS, EVENTQ_PROD, EVENTQ_CONS):
            self.write(register, 0)
        self.write(CR2, 2)
        self.enable()
        # Nothing is left of another user of this SMMU.
        self.queue(CFGI_ALL, 31)
        self.tlbi()

    def enable(self, more=ATSCHK, smmuen=SMMUEN):
        self.write(CR0, CMDQEN | EVENTQEN | more | smmuen)

    def read(self, register):
        return self.machine.read32(self.base + register)

    def write(self, register, value):
        self.machine.write32(self.base + register, value)

    def write64(self, register, value):
        self.machine.write64(self.base + register, value)

    def queue(self, word0, word1=0):
        """One command; the error it makes, which is then acknowledged"""
        at = self.prod % (1 << self.LOG2)
        self.machine.write(self.cmdq + 16 * at, struct.pack('<QQ', word0,
                                                            word1))
        self.prod = (self.prod + 1) % (2 << self.LOG2)
        self.write(CMDQ_PROD, self.prod)
        if not (self.read(GERROR) ^ self.read(GERRORN)) & 1:
            return 0
        error = self.read(CMDQ_CONS) >> 24
        self.machine.write(self.cmdq + 16 * at, struct.pack('<QQ', SYNC, 0))
        self.write(GERRORN, self.read(GERROR))
        return error

    def set_ste(self, sid, entry, tell=True):
        self.machine.write(self.streams + 64 * sid, entry)
        if tell:
            self.queue(CFGI_STE | sid << 32, 1)
            self.queue(TLBI_NSNH_ALL)
            self.queue(SYNC)

    def cfgi_cd(self, sid, ssid):
        self.queue(CFGI_CD | ssid << 12 | sid << 32, 1)
        self.queue(SYNC)

    def atc_inv(self, sid, address=0, size=ALL, ssid=None, everyone=False):
        word = ATC_INV | sid << 32 | everyone << 9
        if ssid is not None:
            word |= 1 << 11 | ssid << 12
        return self.queue(word, size | address) or self.queue(SYNC)

    def tlbi(self):
        self.queue(TLBI_NSNH_ALL)
        self.queue(SYNC)

    def events(self):
        """Those that have come since"""
        found = []
        while self.cons != self.read(EVENTQ_PROD):
            at = self.cons % (1 << self.LOG2)
            found.append(Event(self.machine.read(self.eventq + 32 * at, 32)))
            self.cons = (self.cons + 1) % (2 << self.LOG2)
        self.write(EVENTQ_CONS, self.cons)
        return found


class Function:
    """x-dma-testdev on the root bus"""

    ATS, PASID = 0x0f, 0x1b         # Ids of the extended capabilities

    def __init__(self, machine, slot, number=0):
        self.machine = machine
        self.sid = slot << 3 | number
        self.config = qtest.ECAM + (self.sid << 12)
        self.registers = 0x10000000 + self.sid * 0x20000
        self.table = self.registers + 0x10000
        self.ram = 0x8000000000 + self.sid * 0x10000000
        self.window = self.ram + 0x8000000
        self.set_bars()

    def set_bars(self):
        for bar, address in ((0, self.registers), (1, self.table)):
            self.write_config(0x10 + 4 * bar, address)
        for bar, address in ((2, self.ram), (4, self.window)):
            self.write_config(0x10 + 4 * bar, address & 0xffffffff)
            self.write_config(0x14 + 4 * bar, address >> 32)
        self.write_config(4, 6)

    def read_config(self, offset):
        return self.machine.read32(self.config + offset)

    def write_config(self, offset, value):
        self.machine.write32(self.config + offset, value)

    def extended(self, name):
        """Where that capability is, or None"""
        at = 0x100
        while at:
            head = self.read_config(at)
            if head & 0xffff == name:
                return at
            at = head >> 20
        return None

    def capability(self, name):
        at = self.read_config(0x34) & 0xff
        while at:
            head = self.read_config(at)
            if head & 0xff == name:
                return at
            at = head >> 8 & 0xff
        return None

    def set_ats(self, on=True):
        at = self.extended(self.ATS) + 4
        self.write_config(at, on << 31)

    def set_pasid(self, bits=7):
        """Enable, Execute, Privileged"""
        at = self.extended(self.PASID) + 4
        self.write_config(at, bits << 16)

    def flr(self):
        at = self.capability(0x10) + 8
        self.write_config(at, self.read_config(at) | 1 << 15)

    def read(self, register):
        return self.machine.read32(self.registers + register)

    def request(self, number, register):
        return self.registers + 0x100 + 0x40 * number + register

    def start(self, number, source, target, length, flags=0, pasid=0,
              delay=0):
        for register, value in ((SOURCE, source), (TARGET, target)):
            self.machine.write64(self.request(number, register), value)
        for register, value in ((LENGTH, length), (PASID, pasid),
                                (FLAGS, flags), (DELAY, delay), (CONTROL, 1)):
            self.machine.write32(self.request(number, register), value)

    def wait(self):
        for _ in range(10000):
            if not self.read(BUSY):
                return
            time.sleep(0.001)
        raise TimeoutError('a request does not end')

    def get(self, number, register):
        return self.machine.read32(self.request(number, register))

    def result(self, number=0):
        return RESULTS[self.get(number, RESULT)]

    def fault(self, number=0):
        return self.machine.read64(self.request(number, FAULT))

    def do(self, source, target, length=8, pasid=None, flags=0):
        """One request, to its end; its result"""
        if pasid is not None:
            flags |= PASID_VALID
        self.start(0, source, target, length, flags, pasid or 0)
        self.wait()
        return self.result()

    def fetch(self, address, pasid=None, flags=0):
        """Read 8 bytes by DMA: what was read, or the name of the error"""
        self.machine.write64(self.ram, 0)
        result = self.do(address, 0, 8, pasid, flags | TARGET_OWN)
        return self.machine.read64(self.ram) if result == 'ok' else result

    def store(self, address, value, pasid=None, flags=0):
        self.machine.write64(self.ram, value)
        return self.do(0, address, 8, pasid, flags | SOURCE_OWN)


class Streams:
    """The function's stream has a page of its own for each PASID, at VA"""

    def __init__(self, machine, slot, nested=True):
        self.machine = machine
        self.smmu = Smmu(machine)
        self.function = Function(machine, slot)
        self.sid = self.function.sid
        self.function.flr()
        self.function.set_bars()
        self.function.set_pasid(7)
        self.memory = self.smmu.memory
        self.stage2 = Tables(self.memory, 2) if nested else None
        self.pages = {}

    def ipa(self, address):
        """With stage 2 an IPA is not the address it leads to"""
        return address + 0x10000000 if self.stage2 else address

    def seen(self, address, size=PAGE):
        """Make memory visible through stage 2; its IPA"""
        if self.stage2:
            for page in range(address & ~0xfff, address + size, PAGE):
                self.stage2.map(self.ipa(page), page)
        return self.ipa(address)

    def space(self, ssid):
        """A CD whose VA is a page with the number of the PASID"""
        tables = Tables(Ipas(self), 1)
        page = self.memory.take(PAGE)
        self.machine.write64(page, 0x5000 + ssid)
        tables.map(VA, self.seen(page))
        self.pages[ssid] = page
        return cd(tables, asid=0x100 + ssid & 0xffff)

    def linear(self, ssids, cdmax):
        table = self.memory.take(64 << cdmax, max(64 << cdmax, PAGE))
        for ssid in ssids:
            self.machine.write(table + 64 * ssid, self.space(ssid))
        self.seen(table, 64 << cdmax)
        return table

    def two_level(self, ssids, cdmax, leaf_bits):
        size = max(8 << max(cdmax - leaf_bits, 0), 64)
        top = self.memory.take(size, PAGE)
        leaves = {}
        for ssid in ssids:
            index, low = ssid >> leaf_bits, ssid & (1 << leaf_bits) - 1
            if index not in leaves:
                leaves[index] = self.memory.take(64 << leaf_bits,
                                                 64 << leaf_bits)
                self.seen(leaves[index], 64 << leaf_bits)
                self.machine.write64(top + 8 * index,
                                     self.ipa(leaves[index]) | 1)
            self.machine.write(leaves[index] + 64 * low, self.space(ssid))
        self.seen(top, size)
        return top

    def use(self, table, config=None, tell=True, **fields):
        if config is None:
            config = NESTED if self.stage2 else STAGE1
        self.smmu.set_ste(self.sid, ste(config, self.ipa(table),
                                        stage2=self.stage2, **fields), tell)

    def outcome(self, pasid=None, address=VA, flags=0):
        """What was read; or the event, its PASID and what it is about"""
        self.smmu.events()
        got = self.function.fetch(address, pasid, flags)
        events = self.smmu.events()
        if got != 'aborted' or len(events) != 1:
            return (got, [e.kind for e in events]) if events else got
        assert events[0].sid == self.sid
        return events[0].kind, events[0].ssid


class Ipas:
    """Memory for stage 1 tables: entries have IPAs"""

    def __init__(self, streams):
        self.streams = streams
        self.machine = self

    def take(self, size):
        return self.streams.seen(self.streams.memory.take(size))

    def _real(self, address):
        return address - self.streams.ipa(0)

    def read64(self, address):
        return self.streams.machine.read64(self._real(address))

    def write64(self, address, value):
        self.streams.machine.write64(self._real(address), value)
