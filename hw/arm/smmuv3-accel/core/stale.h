/*
 * What the host has failed to invalidate, and the streams that could use it
 *
 * Knows invalidations of all streams, and closes streams. It must not know what
 * a stream has to be, nor open one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_STALE_H
#define HW_ARM_SMMUV3_ACCEL_CORE_STALE_H

#include "set.h"

#define SMMUV3_TLB_STALE_TEXT "the host does not invalidate its caches"
#define SMMUV3_ATC_STALE_TEXT "the device does not answer an ATC invalidation"

/* Queue an invalidation for the host; see smmuv3_inval_add() */
void smmuv3_streams_invalidate(SMMUv3Streams *s, uint64_t word0,
                               uint64_t word1);

/* @n more like the last one, each @step further; see smmuv3_inval_repeat() */
void smmuv3_streams_repeat(SMMUv3Streams *s, uint32_t n, uint64_t step);

/* Issue what is queued. Returns: false if the host's TLB is not invalidated */
bool smmuv3_streams_flush(SMMUv3Streams *s);

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

/* An SMMUv3InvalFailed. The stream is closed after the flush. */
void smmuv3_stale_failed(void *opaque, uint32_t sid, bool atc);

/*
 * Empty the host's TLB if it may have what the guest has invalidated. Called
 * only once for each trigger, so that a failing host is not asked for each
 * stream.
 */
void smmuv3_stale_clean_tlb(SMMUv3Streams *s);

/* 0, or -errno with @errp set; the StreamID @sid is bound to a vDEVICE then */
int smmuv3_stale_clean_atc(SMMUv3Streams *s, SMMUv3Stream *st, uint32_t sid,
                           Error **errp);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_STALE_H */
