/*
 * One stream: an assigned device behind an accelerated SMMUv3
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_STREAM_H
#define HW_ARM_SMMUV3_ACCEL_CORE_STREAM_H

#include "qemu/queue.h"
#include "viommu.h"

/* What the device's DMA meets now */
typedef enum SMMUv3Attachment {
    SMMUV3_ATTACHED_PARENT,      /* as VFIO left it: not yet reconciled */
    SMMUV3_ATTACHED_BYPASS,
    SMMUV3_ATTACHED_ABORT,
    SMMUV3_ATTACHED_TRANSLATE,
    SMMUV3_ATTACHED_NOTHING,     /* detached: the kernel blocks it */
    SMMUV3_ATTACHED_QUARANTINE,  /* nothing worked: no bus mastering */
} SMMUv3Attachment;

typedef struct SMMUv3StreamCounters {
    uint64_t attaches;
    uint64_t hwpts;
    uint64_t vdevices;
    uint64_t events;
    uint64_t failures;
} SMMUv3StreamCounters;

/**
 * SMMUv3Stream - an assigned device
 * @closed: @wanted could not be reached; the device is blocked instead
 * @wanted, @sid: what the guest asked for last
 * @s1_attached: the host has not let go of @s1_hwpt: the stream translates, or
 *               did when it was quarantined
 * @s1_hwpt: the nested HWPT that holds @s1. It is kept, with the vDEVICE, while
 *           SMMUEN is 0, so that setting it again costs one attach.
 * @s1_vsid: the vDEVICE's StreamID when @s1_hwpt was attached last. The kernel
 *           binds the one to the other only when a HWPT is newly attached.
 * @last_error: of the last failed reconcile, or NULL; owned
 */
typedef struct SMMUv3Stream {
    SMMUv3VIOMMU *viommu;
    SMMUv3HostDevice dev;
    SMMUv3VSTE wanted;
    uint32_t sid;
    SMMUv3Attachment attached;
    bool closed;

    bool has_vdevice;
    uint32_t vdevice;
    uint32_t vsid;

    bool has_s1;
    bool s1_attached;
    uint32_t s1_hwpt;
    uint32_t s1_vsid;
    SMMUv3VSTE s1;

    char *last_error;
    SMMUv3StreamCounters count;
    QTAILQ_ENTRY(SMMUv3Stream) next;
} SMMUv3Stream;

/**
 * smmuv3_stream_settled - would reconcile do nothing?
 *
 * True if the stream already is what @wanted and @sid ask for, so that
 * smmuv3_stream_reconcile() would make no host call.
 */
bool smmuv3_stream_settled(const SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                           uint32_t sid);

/**
 * smmuv3_stream_reconcile - make the device do what @wanted says
 * @sid: its StreamID now; used only to translate
 *
 * One attach replaces one configuration by the next. If @wanted cannot be
 * reached, the stream is closed: the abort HWPT, or else no HWPT, or else
 * quarantine. What is in use no more is freed.
 *
 * Returns: 0; or -errno with @errp set and the stream closed
 */
int smmuv3_stream_reconcile(SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                            uint32_t sid, Error **errp);

/* Block the device because of @why, which is freed. Never fails. */
void smmuv3_stream_close(SMMUv3Stream *st, Error *why);

/*
 * Free the vDEVICE. The running attachment keeps the StreamID that it was made
 * with, so the next reconcile attaches a new HWPT.
 */
void smmuv3_stream_drop_vdevice(SMMUv3Stream *st);

/*
 * Free the S1 HWPT and the vDEVICE of a stream that does not translate. A HWPT
 * that the host has not let go of stays until it does.
 */
void smmuv3_stream_drop_s1(SMMUv3Stream *st);

/* On unplug: block the device, then free all that the stream holds */
void smmuv3_stream_release(SMMUv3Stream *st);

const char *smmuv3_attachment_name(SMMUv3Attachment attached);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_STREAM_H */
