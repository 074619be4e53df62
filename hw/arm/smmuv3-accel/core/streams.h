/*
 * All streams of one accelerated SMMUv3
 *
 * Knows which trigger (a register, a command, a plug) concerns which stream,
 * in what order streams are done, and which are tried again. It must not know
 * how a stream attaches.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_STREAMS_H
#define HW_ARM_SMMUV3_ACCEL_CORE_STREAMS_H

#include "inval.h"
#include "stream.h"

#ifdef SMMUV3_ACCEL_FAULTS
/* Faults that others have or might have, to see that the tests notice them */
typedef enum SMMUv3Fault {
    SMMUV3_FAULT_NONE,
    SMMUV3_FAULT_NO_SMMUEN,      /* CR0.SMMUEN changes nothing */
    SMMUV3_FAULT_FIRST_ONLY,     /* only the first device is attached at plug */
    SMMUV3_FAULT_GBPA_ALWAYS,    /* GBPA acts whatever SMMUEN is */
    SMMUV3_FAULT_NO_RETRY,       /* what is closed is not tried again */
    SMMUV3_FAULT_NO_RESET,       /* a reset of the device is no trigger */
} SMMUv3Fault;

extern SMMUv3Fault smmuv3_fault;

#define SMMUV3_FAULT_IS(f) (smmuv3_fault == SMMUV3_FAULT_##f)
#else
#define SMMUV3_FAULT_IS(f) false
#endif

/**
 * SMMUv3Clock - the owner's time; called with @owner
 * @now: in ms, from any start
 * @set_timer: call smmuv3_streams_timer() when @now() is @at or later, instead
 *             of at any time set before; SMMUV3_NO_TIMER: not at all
 */
typedef struct SMMUv3Clock {
    int64_t (*now)(void *owner);
    void (*set_timer)(void *owner, int64_t at);
} SMMUv3Clock;

#define SMMUV3_NO_TIMER INT64_MAX

/**
 * SMMUv3Streams - the streams of one vSMMU
 * @regs: kept up to date by the owner
 * @read: reads the Stream table; called with @owner
 * @get_sid: a stream's StreamID now (bus numbers change); called with @owner
 * @on_close: told of each stream when it is closed by a failure, and when the
 *            reason changes, or NULL
 * @timer_at: what @clock->set_timer() was called with last
 * @waiting: a stream is closed that time or a CMD_SYNC can open
 * @stale: the host failed to invalidate some stream's CDs or ATC; only until
 *         that stream is closed
 * @atc_failed: an ATC_INV has failed since the last CMD_SYNC
 * @want_cmdqv: of the vIOMMU that the next first device makes
 * @viommu: NULL while there is no stream
 * @held: another process has the streams and their host objects. Until
 *        smmuv3_streams_take_over() no trigger does anything.
 */
typedef struct SMMUv3Streams {
    SMMUv3VSTERegs regs;
    SMMUv3TableReader *read;
    uint32_t (*get_sid)(void *owner, const SMMUv3Stream *st);
    const SMMUv3Clock *clock;
    void *owner;
    void (*on_close)(const SMMUv3Stream *st, const Error *why);

    SMMUv3WantCmdqv want_cmdqv;
    SMMUv3VIOMMU *viommu;
    SMMUv3Inval inval;
    QTAILQ_HEAD(, SMMUv3Stream) list;

    int64_t timer_at;
    bool held;
    bool waiting;
    bool stale;
    bool atc_failed;
    bool tlb_stale;          /* the host's TLB is to be emptied before use */
    uint32_t last_parent;    /* of the viommu that was freed last */
    int64_t last_report;     /* g_get_monotonic_time() of the last message */
    uint64_t unreported;     /* failures since, that were not printed */
} SMMUv3Streams;

void smmuv3_streams_init(SMMUv3Streams *s, SMMUv3TableReader *read,
                         uint32_t (*get_sid)(void *, const SMMUv3Stream *),
                         const SMMUv3Clock *clock, void *owner);

/**
 * smmuv3_streams_plug - bring a device under the vSMMU
 * @opaque: passed to @ops; see SMMUv3HostOps
 * @parent: the nesting parent HWPT that VFIO attached it to
 *
 * The device obeys the guest's registers at once. The first device makes the
 * vIOMMU.
 *
 * Returns: the stream; or NULL with @errp set and nothing else changed. A
 * refused device is blocked until the caller gives it back; if it was refused
 * before the host was asked to attach it, it is as VFIO left it. A device
 * whose StreamID another device still has is not refused: its stream is
 * closed.
 *
 * While @s is held, the device is only noted, and nothing is refused.
 *
 * A device that the host knows by several StreamIDs is refused here, because it
 * would be blocked whenever the guest lets it translate.
 */
SMMUv3Stream *smmuv3_streams_plug(SMMUv3Streams *s, const SMMUv3HostOps *ops,
                                  void *opaque, const SMMUv3HostDevice *dev,
                                  uint32_t parent, Error **errp);

/*
 * Block the device and free its objects. The last unplugged device frees the
 * vIOMMU. A stream that waited for the StreamID gets it.
 */
void smmuv3_streams_unplug(SMMUv3Streams *s, SMMUv3Stream *st);

/*
 * The device has been reset, by the guest or by QEMU. Its ATC is empty, and
 * calls that the host refused because of the device's state may work now.
 */
void smmuv3_streams_device_reset(SMMUv3Streams *s, SMMUv3Stream *st);

/* The time given to @clock->set_timer() has come */
void smmuv3_streams_timer(SMMUv3Streams *s);

/**
 * smmuv3_streams_update - after CR0.SMMUEN or GBPA changed in @s->regs
 *
 * When it returns every stream does what the registers say, or is closed.
 */
void smmuv3_streams_update(SMMUv3Streams *s);

/*
 * The VM has stopped: put devices into quarantine once more, because a vCPU may
 * have turned bus mastering on again before it stopped.
 */
void smmuv3_streams_stopped(SMMUv3Streams *s);

/**
 * smmuv3_streams_cfgi - after CFGI_STE, CFGI_STE_RANGE or CFGI_ALL
 * @first, @last: StreamIDs, both inclusive
 *
 * Re-reads the STEs in the range, and those of streams whose StreamID moved.
 * For an unchanged STE only the CDs are invalidated.
 */
void smmuv3_streams_cfgi(SMMUv3Streams *s, uint32_t first, uint32_t last);

/* System reset: @s->regs hold reset values; vDEVICEs and S1 HWPTs go */
void smmuv3_streams_reset(SMMUv3Streams *s);

/* Queue an invalidation for the host; see smmuv3_inval_add() */
void smmuv3_streams_invalidate(SMMUv3Streams *s, uint64_t word0,
                               uint64_t word1);

/* @n more like the last one, each @step further; see smmuv3_inval_repeat() */
void smmuv3_streams_repeat(SMMUv3Streams *s, uint32_t n, uint64_t step);

/* Issue what is queued. Returns: false if the host's TLB is not invalidated */
bool smmuv3_streams_flush(SMMUv3Streams *s);

/**
 * smmuv3_streams_sync - CMD_SYNC
 *
 * Tries closed streams again where an error of the host's may have passed,
 * completes all queued invalidations, and closes the streams that could use
 * entries which a failed invalidation left.
 *
 * Returns: false if an ATC_INV since the last CMD_SYNC has failed. The CMD_SYNC
 * then is not complete, and must end in CERROR_ATC_INV_SYNC (4.7.3). The next
 * CMD_SYNC does not report this failure again.
 */
bool smmuv3_streams_sync(SMMUv3Streams *s);

/**
 * smmuv3_streams_try - make room for @n more invalidations, or for a CMD_SYNC
 * @n: 0 for a CMD_SYNC
 *
 * Makes no host call but IOMMU_HWPT_INVALIDATE, and neither closes nor opens a
 * stream: it may be called without QEMU's big lock.
 *
 * Returns: true if smmuv3_streams_sync(), or queueing @n invalidations, will
 * now make no host call at all
 */
bool smmuv3_streams_try(SMMUv3Streams *s, uint32_t n);

/* Does a device with the StreamID @sid use ATS (translation, STE.EATS = 1)? */
bool smmuv3_streams_has_atc(SMMUv3Streams *s, uint32_t sid);

/* The stream that translates with a vDEVICE of StreamID @sid, or NULL */
SMMUv3Stream *smmuv3_streams_find(SMMUv3Streams *s, uint32_t sid);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_STREAMS_H */
