/*
 * A machine within this process, with an arm-smmuv3,accel=on in it
 *
 * Its registers, its wires and its memory, and a vEVENTQ that a test fills.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_MACHINE_SMMUV3_MACHINE_H
#define TESTS_MACHINE_SMMUV3_MACHINE_H

#include "tests/conformance/machine.h"

/* Guest memory; above it there is none */
#define RAM       MACHINE_RAM
#define RAM_SIZE  MACHINE_RAM_SIZE

/* IHI 0070, 6.2 */
enum {
    IDR0 = 0x0, IDR1 = 0x4, IDR5 = 0x14, CR0 = 0x20, CR0ACK = 0x24, CR1 = 0x28,
    CR2 = 0x2c, STATUSR = 0x40, GBPA = 0x44, IRQ_CTRL = 0x50,
    IRQ_CTRLACK = 0x54, GERROR = 0x60, GERRORN = 0x64, GERROR_IRQ_CFG0 = 0x68,
    GERROR_IRQ_CFG1 = 0x70, GERROR_IRQ_CFG2 = 0x74, STRTAB_BASE = 0x80,
    STRTAB_BASE_CFG = 0x88, CMDQ_BASE = 0x90, CMDQ_PROD = 0x98,
    CMDQ_CONS = 0x9c, EVENTQ_BASE = 0xa0, EVENTQ_PROD = 0xa8,
    EVENTQ_CONS = 0xac, EVENTQ_IRQ_CFG0 = 0xb0, EVENTQ_IRQ_CFG1 = 0xb8,
    EVENTQ_IRQ_CFG2 = 0xbc, PAGE1 = 0x10000, SIZE = 0x20000,
};

/* Wires, in the order that the device has them */
enum { WIRE_EVENTQ, WIRE_PRIQ, WIRE_SYNC, WIRE_GERROR, WIRES };

/* The device; made once by machine_make() */
extern SMMUv3State *smmu;

void machine_make(char *self);
void machine_reset(void);
/* What QEMU's main loop does in one round, without waiting */
void machine_main_loop(void);
/* Let the VM's time go on; no timer is run */
void machine_pass_time(int64_t ns);

uint64_t machine_read(uint64_t offset, unsigned width);
void machine_write(uint64_t offset, unsigned width, uint64_t val);

uint64_t machine_load(uint64_t addr);
void machine_store(uint64_t addr, uint64_t val);

/* How often the wire was pulsed since the last time */
unsigned machine_take_pulses(unsigned wire);

/* Give the vIOMMU a vEVENTQ that is empty and can be filled */
void machine_new_veventq(void);
/* The host reports a fault at @addr of StreamID @sid */
void machine_put_event(uint32_t sid, uint64_t addr);
void machine_put_event_of(uint8_t type, uint32_t sid, uint64_t addr);
/* It had no room for a fault: the next one says so */
void machine_lose_event(void);
/* Records that the device has not read */
unsigned machine_events_left(void);
/* read() calls to the vEVENTQ since the last time */
unsigned machine_take_event_reads(void);

/* Each smmuv3_event_read() is the second of these, which calls the first */
uint32_t __real_smmuv3_event_read(SMMUv3EventReader *reader, int fd,
                                  SMMUv3EventSink *sink, void *opaque);
uint32_t __wrap_smmuv3_event_read(SMMUv3EventReader *reader, int fd,
                                  SMMUv3EventSink *sink, void *opaque);

#endif /* TESTS_MACHINE_SMMUV3_MACHINE_H */
