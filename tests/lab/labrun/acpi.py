# SPDX-License-Identifier: GPL-2.0-or-later
"""ACPI tables, as Intel's disassembler reads them."""

import glob
import os
import re
import struct
import subprocess
import tempfile

from .paths import BUILD, DEB_FETCH, LabError

# Debian 12's knows no RMR nodes; this one brings its own libc.
WHERE = os.path.join(BUILD, 'acpica')


def iasl():
    """The command that runs iasl, which is fetched if need be."""
    program = os.path.join(WHERE, 'usr', 'bin', 'iasl')
    if not os.path.exists(program):
        fetch = subprocess.run(
            [DEB_FETCH, 'acpica'], stdout=subprocess.DEVNULL, check=False)
        if fetch.returncode:
            raise LabError('acpica-tools: could not be fetched')
    loader = glob.glob(os.path.join(WHERE, 'usr/lib/*-linux-gnu/ld-linux-*'))
    return [loader[0], '--library-path', os.path.dirname(loader[0]), program]


def disassemble(name, table):
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, f'{name}.dat')
        with open(path, 'wb') as f:
            f.write(table)
        p = subprocess.run([*iasl(), '-d', path], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
        try:
            with open(os.path.join(where, f'{name}.dsl'),
                      encoding='ascii') as f:
                return f.read()
        except FileNotFoundError as e:
            raise ValueError(f'iasl: {p.stdout}') from e


def recompile(name, table):
    """What iasl compiles of its own disassembly; ValueError with what it says
    if there is an error in it."""
    with tempfile.TemporaryDirectory() as where:
        source = os.path.join(where, f'{name}.dsl')
        with open(source, 'w', encoding='ascii') as f:
            f.write(disassemble(name, table))
        p = subprocess.run([*iasl(), source], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
        if p.returncode or ' 0 Errors' not in p.stdout:
            raise ValueError(f'iasl: {p.stdout}')
        with open(os.path.join(where, f'{name}.aml'), 'rb') as f:
            return f.read()


FIELD = re.compile(r'^(?:\[(\w+)h \d+ +\w+h\])? +([A-Z][\w .()/-]*?) : '
                   r'"?([0-9A-F]+)\b')


class Node:
    """A node of an IORT: fields by their names in the disassembly."""

    def __init__(self, offset):
        self.offset = offset
        self.fields = {}
        self.mappings = []      # dicts of the fields of each ID mapping

    def add(self, name, value):
        if name == 'Input base':
            self.mappings.append({})
        where = self.mappings[-1] if self.mappings else self.fields
        where.setdefault(name.replace(' (decoded below)', ''), value)

    def __getitem__(self, name):
        return self.fields[name]


def iort(table):
    """(fields of the header, nodes) of an IORT."""
    text = disassemble('iort', table).split('Raw Table Data')[0]
    header, nodes = {}, []
    for line in text.splitlines():
        match = FIELD.match(line)
        if not match:
            if 'Unknown' in line or 'Invalid' in line or 'Error' in line:
                raise ValueError(f'iasl: {line.strip()}')
            continue
        offset, name, value = match.groups()
        if name == 'Type':
            nodes.append(Node(int(offset, 16)))
        if nodes:
            nodes[-1].add(name, int(value, 16))
        elif name in ('Revision', 'Node Count', 'Table Length'):
            header.setdefault(name, int(value, 16))
    return header, nodes


def madt_bases(table):
    """{subtable: base addresses} of the parts of a GIC that a MADT has."""
    found = {}
    name = None
    for line in disassemble('apic', table).splitlines():
        subtable = re.search(r'Subtable Type : \w+ \[(.*)\]', line)
        base = re.search(r'\] +Base Address : ([0-9A-F]+)$', line)
        if subtable:
            name = subtable.group(1)
        elif base and name in ('Generic Interrupt Distributor',
                               'Generic Interrupt Translator'):
            found.setdefault(name, []).append(int(base.group(1), 16))
    return found


def generic_initiators(table):
    """[(bus, devfn, proximity domain)] of a SRAT's PCI initiators, sorted."""
    found = []
    text = disassemble('srat', table)
    for part in text.split('[Generic Initiator Affinity]')[1:]:
        kind = re.search(r'Device Handle Type : (\w+)', part).group(1)
        domain = re.search(r'Proximity Domain : (\w+)', part).group(1)
        handle = re.search(r'Device Handle : ([0-9A-F ]+)', part).group(1)
        segment, bus, devfn = struct.unpack('<HBB', bytes.fromhex(handle)[:4])
        if (int(kind, 16), segment) == (1, 0):
            found.append((bus, devfn, int(domain, 16)))
    return sorted(found)


def root_complexes(table):
    """{bus number: proximity domain} of a DSDT's root complexes that have one."""
    return {_number(bus): _number(node) for bus, node in re.findall(
        r'Name \(_BBN, (\w+)\)(?:(?!Name \(_BBN).)*?Name \(_PXM, (\w+)\)',
        disassemble('dsdt', table), re.DOTALL)}


def _number(text):
    return int({'Zero': '0', 'One': '1'}.get(text, text), 16)
