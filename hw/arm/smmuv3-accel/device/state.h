/*
 * The accelerated SMMUv3's own state
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_DEVICE_STATE_H
#define HW_ARM_SMMUV3_ACCEL_DEVICE_STATE_H

#include "qemu/atomic.h"
#include "qemu/thread.h"
#include "hw/arm/smmuv3-backend.h"
#include "hw/pci/pci.h"
#include "system/iommufd.h"
#include "system/mmio-shortcut.h"
#include "hw/arm/smmuv3-accel/core/cmdqv.h"
#include "hw/arm/smmuv3-accel/core/event.h"
#include "hw/arm/smmuv3-accel/core/handover-cmdqv.h"
#include "hw/arm/smmuv3-accel/core/handover.h"
#include "hw/arm/smmuv3-accel/core/idr.h"
#include "hw/arm/smmuv3-accel/core/set.h"

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
 * @ptr: its first byte; NULL if it is not one piece of RAM
 *
 * Looking that up is most of what reading a command costs. The listener does it
 * again when memory changes.
 */
typedef struct SMMUv3AccelQueueMemory {
    hwaddr base;
    hwaddr size;
    uint8_t *ptr;
    MemoryRegionCache cache;
    MemoryListener listener;
} SMMUv3AccelQueueMemory;

/**
 * SMMUv3AccelHandover - what another QEMU is given, while it is saved or loaded
 * @idr: what the guest has seen
 * @event: SMMUv3EventReader.expected
 */
typedef struct SMMUv3AccelHandover {
    SMMUv3Handover streams;
    SMMUv3HandoverCmdqv cmdqv;
    uint32_t idr[SMMUV3_IDR_COUNT];
    uint32_t event;
} SMMUv3AccelHandover;

/* The last command that was answered with CERROR_ILL; @why is NULL before */
typedef struct SMMUv3AccelIllegalCommand {
    uint64_t word[2];
    const char *why;
} SMMUv3AccelIllegalCommand;

typedef struct SMMUv3AccelCmdqv SMMUv3AccelCmdqv;

/**
 * SMMUv3Accel - what accel=on adds to an SMMUv3State
 * @lock: of all that changes below, and of the command queue's registers
 * @lock_wanted: whoever holds the big lock waits for @lock
 * @lock_had: set unless @lock_wanted
 * @on: the accel property; without it nothing below is used
 * @cmdqv: asked for
 * @has_acpi: the guest learns of its devices by ACPI; set by the machine
 * @cmdqv_device: the guest's CMDQV; NULL: it has none
 * @idr: the ID registers that the guest sees, fixed once the machine runs
 * @host: of the first cold-plugged device's host SMMU, from which auto values
 *        come; ATS is there if any cold-plugged device has it
 * @base_ops: how the emulated SMMUv3 serves its bus; bridges still use it
 * @retry_timer: for closed streams; see SMMUv3Clock
 * @doorbell: guest physical address that MSIs are sent to, 0 if unknown
 * @guest_vfio: VFIO in the guest may own devices, and is to get their MSIs
 * @pa_mask: the address bits that there are (IDR5.OAS)
 * @cmdq_moved: CMDQ_BASE was written while CMDQEN = 1, CMDQ_CONS not yet
 * @cmdq_cons: CMDQ_CONS as it is read, which needs no lock
 * @cmdq_synced: a CMD_SYNC has completed since events were last collected. Of
 *               one that sends no message the guest learns by @cmdq_cons.
 * @updating: not all streams do what SMMUEN and GBPA say, of which the guest is
 *            told later, and nothing is taken from the command queue
 * @update_end: when no further stream is done for now
 * @cmdq_unfinished: commands are left for @cmdq_bh, when the VM runs
 * @events_ready: an epoll descriptor: are there events? -1 where it cannot tell
 * @fence_fd: locked by whichever QEMU runs the VM; has its @fence_id, which is
 *            another one at each start
 * @fence_last: of the QEMU that ran the VM last, as far as this one knows
 */
struct SMMUv3Accel {
    SMMUv3State *smmu;
    QemuRecMutex lock;
    bool lock_wanted;
    QemuEvent lock_had;
    bool on;
    OnOffAuto cmdqv;
    bool has_acpi;
    SMMUv3AccelCmdqv *cmdqv_device;
    SMMUv3IdrProps props;
    uint32_t idr[SMMUV3_IDR_COUNT];
    bool host_known;
    SMMUv3HostInfo host;
    const PCIIOMMUOps *base_ops;
    uint64_t doorbell;
    bool guest_vfio;
    uint64_t pa_mask;
    bool cmdq_moved;
    uint32_t cmdq_cons;
    bool cmdq_synced;
    bool cmdq_unfinished;
    bool updating;
    int64_t update_end;
    QEMUBH *cmdq_bh;
    SMMUv3Streams streams;
    QTAILQ_HEAD(, SMMUv3AccelDevice) devices;
    SMMUv3EventReader events;
    int events_ready;
    SMMUv3AccelQueueMemory cmdq_memory;
    MMIOShortcut shortcut;
    MemoryListener shortcut_listener;
    SMMUv3AccelIllegalCommand illegal;
    VMChangeStateEntry *vm_state;
    QEMUTimer *retry_timer;
    SMMUv3AccelHandover handover;
    int fence_fd;
    uint64_t fence_id;
    uint64_t fence_last;
    VMChangeStateEntry *fence;
    Error *migration_blocker;
};

/* device/lock.c: see Locks in docs/devel/smmuv3-accel.rst */

/*
 * The caller holds the big lock. It may hold this one, too: what is done then
 * can make QEMU call the vSMMU again, as bus mastering that is turned off does.
 */
void smmuv3_accel_lock(SMMUv3Accel *accel);
void smmuv3_accel_unlock(SMMUv3Accel *accel);
/*
 * Without the big lock. Waits until whoever holds that has had this lock, if it
 * waits for it. Returns: false if the caller holds the big lock
 */
bool smmuv3_accel_lock_alone(SMMUv3Accel *accel);
void smmuv3_accel_lock_init(SMMUv3Accel *accel);
void smmuv3_accel_lock_destroy(SMMUv3Accel *accel);

/* Does whoever holds the big lock wait? */
static inline bool smmuv3_accel_lock_wanted(SMMUv3Accel *accel)
{
    return qatomic_read(&accel->lock_wanted);
}

typedef SMMUv3Accel SMMUv3AccelLocked;

static inline SMMUv3AccelLocked *smmuv3_accel_locked(SMMUv3Accel *accel)
{
    smmuv3_accel_lock(accel);
    return accel;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SMMUv3AccelLocked, smmuv3_accel_unlock)

/* Until the end of the block */
#define SMMUV3_ACCEL_LOCK_GUARD(accel) \
    g_autoptr(SMMUv3AccelLocked) locked_ G_GNUC_UNUSED = \
        smmuv3_accel_locked(accel)

/* device/regs.c: the registers, and what a write of them starts */

/* @clock: the VM's time, for the streams; called with @accel */
void smmuv3_accel_regs_init(SMMUv3Accel *accel, const SMMUv3Clock *clock);
uint64_t smmuv3_accel_read(SMMUv3State *s, hwaddr offset, unsigned size);
void smmuv3_accel_write(SMMUv3State *s, hwaddr offset, uint64_t val,
                        unsigned size);
/* Take over the registers that decide about streams */
void smmuv3_accel_load_regs(SMMUv3Accel *accel);
/* Take new ID registers from the properties and the host */
void smmuv3_accel_update_idr(SMMUv3Accel *accel);
void smmuv3_accel_reset(SMMUv3State *s);

/* device/shortcut.c: CMDQ_PROD past the memory map */

void smmuv3_accel_shortcut_realize(SMMUv3Accel *accel);
void smmuv3_accel_shortcut_finalize(SMMUv3Accel *accel);

/* device/update.c: what SMMUEN and GBPA say, streams follow */

/*
 * @accel->streams.regs has changed. A part is done when this returns, and the
 * main loop does the rest; @accel->updating says whether there is one. If there
 * is one of an earlier change, all streams follow once more.
 */
void smmuv3_accel_update(SMMUv3Accel *accel);
/* Do a part of what is left, or all of it */
void smmuv3_accel_go_on_update(SMMUv3Accel *accel);
void smmuv3_accel_finish_update(SMMUv3Accel *accel);

/* device/pci.c: put the vSMMU in charge of its bus */
bool smmuv3_accel_pci_realize(SMMUv3Accel *accel, Error **errp);
/*
 * The VM runs, or no longer. While it does not, events wait in the host's queue
 * for whoever runs it next.
 */
void smmuv3_accel_watch_events(SMMUv3Accel *accel, bool running);

/* device/handover.c: another QEMU process takes over the running VM */

/* Of an SMMUv3Accel: tests/machine keeps what each release writes */
extern const VMStateDescription vmstate_smmuv3_accel;

/* device/handover-cmdqv.c: of the guest's CMDQV, a part of the former */
extern const VMStateDescription vmstate_smmuv3_accel_cmdqv;

/* All but a hand-over is refused */
bool smmuv3_accel_handover_realize(SMMUv3Accel *accel, Error **errp);
void smmuv3_accel_handover_finalize(SMMUv3Accel *accel);
/* A device has come, or one has gone: keep the vEVENTQs' fds at hand */
void smmuv3_accel_handover_plugged(SMMUv3Accel *accel);
void smmuv3_accel_handover_unplugged(SMMUv3Accel *accel);

/* device/fence.c: of two QEMUs that have the same VM, one runs it */

bool smmuv3_accel_fence_realize(SMMUv3Accel *accel, Error **errp);
/* The state of another QEMU, which runs the VM no longer, is loaded */
void smmuv3_accel_fence_loaded(SMMUv3Accel *accel);
void smmuv3_accel_fence_finalize(SMMUv3Accel *accel);

/* device/cmdq-memory.c: where the queues are */

/* Where the queue is: @q->base as the SMMU uses it (6.3.26, 6.3.29, 3.4.3) */
uint64_t smmuv3_accel_queue_base(const SMMUv3Accel *accel, const SMMUQueue *q);
/* The command queue as memory of this process */
void smmuv3_accel_cmdq_memory_realize(SMMUv3Accel *accel);
void smmuv3_accel_cmdq_memory_finalize(SMMUv3Accel *accel);
/* Find the queue, with the big lock */
void smmuv3_accel_find_cmdq_memory(SMMUv3State *s);
/*
 * Its first byte; NULL if the queue was not found where it is now, or is not
 * one piece of RAM
 */
uint8_t *smmuv3_accel_cmdq_memory(SMMUv3State *s);
/* Store to @addr if it is in the command queue; returns whether it is */
bool smmuv3_accel_store_cmdq(SMMUv3State *s, uint64_t addr, uint32_t data);

/*
 * device/queue.c: the guest's command and event queues
 *
 * One access of a register, and one turn of the main loop, does so much, and
 * then no further command or stream. Meanwhile the monitor and other vCPUs'
 * registers get the big lock. The time is that of the VM's clock. Tests move
 * this clock, so their results do not depend on the load of their machine.
 */
#define SMMUV3_ACCEL_SLICE_NS (1 * SCALE_MS)

void smmuv3_accel_cmdq_realize(SMMUv3Accel *accel);
void smmuv3_accel_cmdq_finalize(SMMUv3Accel *accel);
/*
 * Do what is in the command queue, if it is enabled and has no error. Of a long
 * one the first slice is done when this returns, and the main loop does the
 * rest; CMDQ_CONS says how far it is.
 */
void smmuv3_accel_consume_cmdq(SMMUv3State *s);
/*
 * The same without the big lock: of the commands that attach nothing and raise
 * no wire. Meanwhile whoever waits for the vSMMU's lock gets it. Returns: false
 * if smmuv3_accel_consume_cmdq() has to go on at once
 */
bool smmuv3_accel_consume_cmdq_alone(SMMUv3State *s);
/* The guest may see how far the queue is */
void smmuv3_accel_show_cons(SMMUv3State *s);
/* The VM runs again, and perhaps in the middle of a long queue */
void smmuv3_accel_resume_cmdq(SMMUv3Accel *accel);
/* Record an event, or lose it, as EVENTQEN and the queue say */
void smmuv3_accel_record(SMMUv3State *s,
                         const uint32_t word[SMMUV3_EVENT_WORDS]);
/*
 * Bring the host's events into the guest's queue: those that are there now.
 * @opaque: an SMMUv3Accel *, with a vEVENTQ
 */
void smmuv3_accel_read_events(void *opaque);
/* Of a new vEVENTQ, before smmuv3_accel_has_events() can tell */
void smmuv3_accel_expect_events(SMMUv3Accel *accel);
/* Are there any? Needs no big lock */
bool smmuv3_accel_has_events(SMMUv3Accel *accel);
/* The same, where there may be no vEVENTQ */
void smmuv3_accel_fetch_events(SMMUv3Accel *accel);

/*
 * Do a command that is not in the command queue, and no CMD_SYNC with an
 * interrupt: that shows CMDQ_CONS. Returns: an SMMUCmdError, 0 for none
 */
int smmuv3_accel_do_command(SMMUv3State *s, const uint64_t cmd[2]);

/* device/cmdqv.c: the guest's CMDQV, if the host has one */

/*
 * Before a device is plugged: shall the guest have a CMDQV, and can it serve
 * this device, too? Returns: false with @errp set if not
 */
bool smmuv3_accel_cmdqv_before_plug(SMMUv3Accel *accel,
                                    HostIOMMUDeviceIOMMUFD *idev,
                                    const SMMUv3HostInfo *info, Error **errp);
void smmuv3_accel_cmdqv_plugged(SMMUv3Accel *accel);
/* Before the last device is unplugged */
void smmuv3_accel_cmdqv_unplug_last(SMMUv3Accel *accel);
/*
 * When all devices of the command line are there: make it a region and an
 * interrupt of the SMMU, the last ones, which the machine has to connect.
 *
 * Returns: false if the guest has no CMDQV; with @errp set if it has to have
 */
bool smmuv3_accel_cmdqv_realize(SMMUv3Accel *accel, Error **errp);
bool smmuv3_accel_has_cmdqv(const SMMUv3Accel *accel);
/* Returns: NULL if the guest has none */
SMMUv3Cmdqv *smmuv3_accel_cmdqv_registers(const SMMUv3Accel *accel);
void smmuv3_accel_cmdqv_reset(SMMUv3Accel *accel);
void smmuv3_accel_cmdqv_finalize(SMMUv3Accel *accel);
/* There is a vIOMMU: are errors of its queues told to the guest? */
void smmuv3_accel_cmdqv_watch(SMMUv3Accel *accel, bool running);
/* The VM runs again */
void smmuv3_accel_cmdqv_resume(SMMUv3Accel *accel);

/* device/irq.c: interrupts, by wire and as messages */

/* Toggle those of GERROR in @errors that are not active, and tell of it */
void smmuv3_accel_error(SMMUv3State *s, uint32_t errors);
/* The event queue is no longer empty */
void smmuv3_accel_raise_eventq(SMMUv3State *s);
/* Is the message of a CMD_SYNC a store to the command queue, which is known? */
bool smmuv3_accel_sync_is_store(SMMUv3State *s, uint64_t addr);
/* A CMD_SYNC has completed that asks for an interrupt */
void smmuv3_accel_signal_sync(SMMUv3State *s, uint64_t addr, uint32_t data);

#endif /* HW_ARM_SMMUV3_ACCEL_DEVICE_STATE_H */
