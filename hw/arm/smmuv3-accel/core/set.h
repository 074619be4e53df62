/*
 * The streams of one vSMMU, as a set
 *
 * Its functions: plug.h brings devices into it, triggers.h says which of them a
 * trigger concerns, reconcile.h what they must be and in what order, stale.h
 * what was not invalidated, closed.h what is tried again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_SET_H
#define HW_ARM_SMMUV3_ACCEL_CORE_SET_H

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
    SMMUV3_FAULT_OLD_TABLE,      /* a retry attaches the page table of before */
    SMMUV3_FAULT_LEAK_OBJECT,    /* each hand-over leaves one on the host */
    SMMUV3_FAULT_LEAK_FD,        /* each hand-over adds one that is passed on */
    SMMUV3_FAULT_KEEP_QUEUES,    /* the hardware does not get them again */
    SMMUV3_FAULT_LOCK_ORDER,     /* the big lock is taken after a vSMMU's */
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

/* The stream that translates with a vDEVICE of StreamID @sid, or NULL */
static inline SMMUv3Stream *smmuv3_streams_find(SMMUv3Streams *s,
                                                uint32_t sid)
{
    return s->viommu ? g_hash_table_lookup(s->viommu->by_vsid,
                                           GUINT_TO_POINTER(sid)) : NULL;
}

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_SET_H */
