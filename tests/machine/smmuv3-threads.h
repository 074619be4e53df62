/*
 * vSMMUs whose registers are accessed by several threads, like vCPUs
 *
 * Each vSMMU is on a fake host of its own, with a device or several. A host
 * call can take time, block, or fail.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_MACHINE_SMMUV3_THREADS_H
#define TESTS_MACHINE_SMMUV3_THREADS_H

#include "qemu/thread.h"
#include "hw/arm/smmuv3-accel/device/state.h"
#include "tests/unit/smmuv3-fake-host.h"

#define SMMUS       8
#define VCPUS       8
#define QUEUE_LOG2  15
#define QUEUE_LEN   (1u << QUEUE_LOG2)
/* Of device 0; those of the others follow */
#define SID         0x41
/* The Stream table, behind the queues: linear, of 256 STEs */
#define TABLE       0x100000

/* IHI 0070, 6.2 */
enum {
    CR0 = 0x20, GBPA = 0x44, STRTAB_BASE = 0x80, STRTAB_BASE_CFG = 0x88,
    CMDQ_BASE = 0x90, CMDQ_PROD = 0x98, CMDQ_CONS = 0x9c, EVENTQ_BASE = 0xa0,
    EVENTQ_PROD = 0xa8, EVENTQ_CONS = 0xac, GERROR = 0x60, GERRORN = 0x64,
};

/**
 * VSMMU - one of them, and its driver in the guest
 * @stream: of each device, NULL unless it is plugged
 * @same_sid: all devices have the StreamID of device 0
 * @enter: called in each IOMMU_HWPT_INVALIDATE, by whichever thread
 * @attaching: called in each attach
 * @fail_every: of as many calls three fail, one after the other; 0: none fails
 * @calling: threads in a host call now
 * @issued: by vCPU: the number of its last unmap that the host has invalidated
 * @driver: the queue's owner among the vCPUs
 */
typedef struct VSMMU {
    SMMUv3State *s;
    uint64_t mmio;
    uint64_t queue;
    FakeHost host;
    SMMUv3Stream *stream[FAKE_DEVICES];
    bool same_sid;
    int events[2];
    void (*enter)(struct VSMMU *v);
    void (*attaching)(struct VSMMU *v);
    unsigned fail_every;
    unsigned calls;
    unsigned calling;
    unsigned issued[VCPUS];
    QemuMutex driver;
    uint32_t prod;
} VSMMU;

extern VSMMU vsmmu[SMMUS];

/* A machine with all of them; the caller has the big lock */
void threads_start_machine(char *self);
/* It is reset, its queues are empty and enabled, and device 0 is plugged */
void vsmmu_setup(VSMMU *v);
void vsmmu_plug(VSMMU *v, unsigned device);
void vsmmu_unplug(VSMMU *v, unsigned device);
void vsmmu_teardown(VSMMU *v);

/* As a vCPU does it, which has no lock, or as one that has the big lock does */
uint32_t vsmmu_read(VSMMU *v, unsigned reg);
void vsmmu_write(VSMMU *v, unsigned reg, uint32_t val);

/* The host reports a fault */
void vsmmu_put_event(VSMMU *v);

/* As when memory is mapped somewhere */
void vsmmu_remap(VSMMU *v);
/* CMDQ_CONS is read, and what is due in the main loop happens */
void vsmmu_poll(VSMMU *v);

/*
 * An unmap, as Linux does it: TLBI and CMD_SYNC, whose message is awaited.
 * @vcpu: whose, and @n: its number, from 1 on
 */
void vsmmu_unmap(VSMMU *v, unsigned vcpu, unsigned n);
/* One command and a CMD_SYNC */
void vsmmu_command(VSMMU *v, uint64_t word0, uint64_t word1);

/* Guest memory, as a vCPU writes it */
void guest_store(uint64_t addr, uint64_t val);

/* A thread that is like a vCPU's; without the big lock meanwhile */
void vcpu_create(QemuThread *thread, void *(*run)(void *), void *opaque);
void vcpu_join(QemuThread *thread);

void threads_add_model(void);
void threads_add_benchmarks(void);

#endif /* TESTS_MACHINE_SMMUV3_THREADS_H */
