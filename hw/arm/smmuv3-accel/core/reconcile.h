/*
 * What each stream must be, and in what order streams become it
 *
 * Knows which streams must wait for which. It must not know what the trigger
 * was. Nothing else attaches a stream.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_RECONCILE_H
#define HW_ARM_SMMUV3_ACCEL_CORE_RECONCILE_H

#include "set.h"

/*
 * Not an errno: the stream was closed before the host was asked to attach it,
 * because another device holds its StreamID, or because the host's TLB or the
 * device's ATC may hold what the guest has invalidated.
 */
#define SMMUV3_CLOSED_BEFORE_ATTACH 1

/* What one stream must be after a trigger */
typedef struct SMMUv3Wanted {
    SMMUv3Stream *st;
    SMMUv3VSTE vste;
    uint32_t sid;
} SMMUv3Wanted;

static inline bool smmuv3_wants_vdevice(const SMMUv3Wanted *w)
{
    return w->vste.kind == SMMUV3_VSTE_TRANSLATE;
}

/* Ask the registers and the Stream table */
SMMUv3Wanted smmuv3_resolve(SMMUv3Streams *s, SMMUv3Stream *st);

/* Returns: 0, -errno of the host, or SMMUV3_CLOSED_BEFORE_ATTACH */
int smmuv3_reconcile(SMMUv3Streams *s, const SMMUv3Wanted *w, Error **errp);

/*
 * Free old vDEVICEs before new ones are made, because one stream's new
 * StreamID may be another's old one. Free nothing while a queued invalidation
 * refers to it.
 */
void smmuv3_reconcile_all(SMMUv3Streams *s, const SMMUv3Wanted *w, size_t n);

/*
 * The same, but no further stream once @enough has said so, which is asked
 * between two; NULL: all. Of those that it came to SMMUv3Stream.due is cleared.
 */
void smmuv3_reconcile_some(SMMUv3Streams *s, const SMMUv3Wanted *w, size_t n,
                           bool (*enough)(void *owner));

/* A stream that waited for a StreamID gets it as soon as it is free */
void smmuv3_hand_over_sids(SMMUv3Streams *s);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_RECONCILE_H */
