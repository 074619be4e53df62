/*
 * The accelerated SMMUv3's own state
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_DEVICE_STATE_H
#define HW_ARM_SMMUV3_ACCEL_DEVICE_STATE_H

#include "hw/arm/smmuv3-backend.h"
#include "hw/pci/pci.h"
#include "hw/arm/smmuv3-accel/core/event.h"
#include "hw/arm/smmuv3-accel/core/idr.h"
#include "hw/arm/smmuv3-accel/core/streams.h"

/* An assigned device and where it is plugged */
typedef struct SMMUv3AccelDevice {
    SMMUv3Stream *stream;
    PCIBus *bus;
    int devfn;
    QTAILQ_ENTRY(SMMUv3AccelDevice) next;
} SMMUv3AccelDevice;

/**
 * SMMUv3AccelQueueMemory - where the command queue is in this process
 * @base, @size: guest physical
 *
 * Looking that up is most of what reading a command costs. The listener forgets
 * it when memory changes.
 */
typedef struct SMMUv3AccelQueueMemory {
    hwaddr base;
    hwaddr size;
    MemoryRegionCache cache;
    MemoryListener listener;
} SMMUv3AccelQueueMemory;

/* The last command that was answered with CERROR_ILL; @why is NULL before */
typedef struct SMMUv3AccelIllegalCommand {
    uint64_t word[2];
    const char *why;
} SMMUv3AccelIllegalCommand;

/**
 * SMMUv3Accel - what accel=on adds to an SMMUv3State
 * @on: the accel property; without it nothing below is used
 * @cmdqv: asked for; there is none to give
 * @idr: the ID registers that the guest sees, fixed once the machine runs
 * @host: of the first cold-plugged device's host SMMU, from which auto values
 *        come; ATS is there if any cold-plugged device has it
 * @base_ops: how the emulated SMMUv3 serves its bus; bridges still use it
 * @retry_timer: for closed streams; see SMMUv3Clock
 * @doorbell: guest physical address that MSIs are sent to, 0 if unknown
 * @guest_vfio: VFIO in the guest may own devices, and is to get their MSIs
 */
struct SMMUv3Accel {
    SMMUv3State *smmu;
    bool on;
    OnOffAuto cmdqv;
    SMMUv3IdrProps props;
    uint32_t idr[SMMUV3_IDR_COUNT];
    bool host_known;
    SMMUv3HostInfo host;
    const PCIIOMMUOps *base_ops;
    uint64_t doorbell;
    bool guest_vfio;
    SMMUv3Streams streams;
    QTAILQ_HEAD(, SMMUv3AccelDevice) devices;
    SMMUv3EventReader events;
    SMMUv3AccelQueueMemory cmdq_memory;
    SMMUv3AccelIllegalCommand illegal;
    VMChangeStateEntry *vm_state;
    QEMUTimer *retry_timer;
    Error *migration_blocker;
};

/* device/device.c: the VM's time, for the streams */
extern const SMMUv3Clock smmuv3_accel_clock;

/* device/regs.c: register events, and the ID registers */
void smmuv3_accel_regs_init(SMMUv3Accel *accel);
/* Take over the registers that decide about streams */
void smmuv3_accel_load_regs(SMMUv3Accel *accel);
/* Take new ID registers from the properties and the host */
void smmuv3_accel_update_idr(SMMUv3Accel *accel);
void smmuv3_accel_cr0_written(SMMUv3State *s);
void smmuv3_accel_gbpa_written(SMMUv3State *s);
void smmuv3_accel_reset(SMMUv3State *s);

/* device/pci.c: put the vSMMU in charge of its bus */
bool smmuv3_accel_pci_realize(SMMUv3Accel *accel, Error **errp);

/* device/cmdq-memory.c: the command queue as memory of this process */
void smmuv3_accel_cmdq_memory_realize(SMMUv3Accel *accel);
void smmuv3_accel_cmdq_memory_finalize(SMMUv3Accel *accel);
/* Returns: its first byte; NULL if the queue is not one piece of RAM */
uint8_t *smmuv3_accel_cmdq_memory(SMMUv3State *s);
/* Store to @addr if it is in the command queue; returns whether it is */
bool smmuv3_accel_store_cmdq(SMMUv3State *s, uint64_t addr, uint32_t data);

/* device/queue.c: the guest's command and event queues */
void smmuv3_accel_consume_cmdq(SMMUv3State *s);
MemTxResult smmuv3_accel_write_eventq(SMMUv3State *s, const void *evt);
/* Deliver the host's events to the guest; to be called when @fd is readable */
void smmuv3_accel_read_events(void *opaque);

/* device/irq.c: interrupts as messages, where the guest set an address */
bool smmuv3_accel_send_irq(SMMUv3State *s, SMMUIrq irq);
void smmuv3_accel_signal_sync(SMMUv3State *s, uint64_t addr, uint32_t data);

#endif /* HW_ARM_SMMUV3_ACCEL_DEVICE_STATE_H */
