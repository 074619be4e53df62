/*
 * One stream: an assigned device behind an accelerated SMMUv3
 *
 * Knows what the device is attached to, and its objects on the host. It must
 * not know registers, commands, or other streams.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_STREAM_H
#define HW_ARM_SMMUV3_ACCEL_CORE_STREAM_H

#include "qemu/queue.h"
#include "retry.h"
#include "viommu.h"

/*
 * What the device's DMA meets now. It is blocked, which means that none of it
 * gets anywhere, with ABORT, NOTHING and QUARANTINE: three means, best first.
 * Why it is blocked is another question: the guest has asked for abort, or the
 * stream is closed (SMMUv3Closed) since what the guest has asked for cannot be
 * had.
 */
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
 * @wanted, @sid: the guest's last request
 * @closed: why @wanted could not be reached; the device is blocked instead
 * @retry: if @closed, when it is tried again
 * @news: @closed or @last_error is another than was told to the user
 * @due: smmuv3_streams_update_some() has not come to it
 * @atc_stale: the device did not answer an ATC_INV. Until it does, no attached
 *             vSTE has EATS set.
 * @cd_stale: the host did not invalidate its CDs; only until it is closed
 * @s1_attached: the host has not let go of @s1_hwpt: the stream translates, or
 *               did when it was quarantined
 * @s1_hwpt: the nested HWPT that holds @s1. It is kept, with the vDEVICE, while
 *           SMMUEN is 0, so that setting it again costs one attach.
 * @s1_vsid: the vDEVICE's StreamID when @s1_hwpt was attached last. The kernel
 *           binds the one to the other only when an HWPT is newly attached.
 * @last_error: of the last failed reconcile, or NULL; owned
 *
 * After each reconcile, and after each close, the fields are one of these
 * combinations (smmuv3_stream_check() asserts it). "kept": only if @wanted is
 * GBPA's, as SMMUEN may be set again. "any" is true or false.
 *
 * attached    closed       has_s1        s1_attached  has_vdevice
 * ----------  -----------  ------------  -----------  -------------------------
 * PARENT      no           no            no           no; not reconciled yet
 * BYPASS      no           kept          no           kept
 * ABORT       no           kept          no           kept
 * ABORT       yes          no            no           no
 * TRANSLATE   no           yes           yes          yes; vsid, s1_vsid == sid
 * NOTHING     as ABORT (before Linux 6.19 that is how to abort)
 * QUARANTINE  yes          any           == has_s1    no
 */
typedef struct SMMUv3Stream {
    SMMUv3VIOMMU *viommu;
    SMMUv3HostDevice dev;
    SMMUv3VSTE wanted;
    uint32_t sid;
    SMMUv3Attachment attached;
    SMMUv3Closed closed;
    SMMUv3Retry retry;
    bool news;
    bool due;
    bool atc_stale;
    bool cd_stale;

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
 * smmuv3_stream_reconcile - bring the stream into the state @wanted
 * @sid: its StreamID now; used only to translate
 *
 * One attach replaces one configuration by the next. If @wanted cannot be
 * reached, the stream is closed: the abort HWPT, or else no HWPT, or else
 * quarantine. Objects that are no longer in use are freed.
 *
 * Returns: 0; or -errno with @errp set and the stream closed
 */
int smmuv3_stream_reconcile(SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                            uint32_t sid, Error **errp);

/* Block the device for @closed; @why says more, and is freed. Never fails. */
void smmuv3_stream_close(SMMUv3Stream *st, SMMUv3Closed closed, Error *why);

/**
 * smmuv3_stream_bind - give the stream a vDEVICE with the StreamID @sid
 *
 * Returns: 0, or -errno with @errp set
 */
int smmuv3_stream_bind(SMMUv3Stream *st, uint32_t sid, Error **errp);

/* Abort QEMU if the fields are in none of the combinations above */
void smmuv3_stream_check(const SMMUv3Stream *st);

/*
 * Free the vDEVICE. The running attachment keeps the StreamID that it was made
 * with, so the next reconcile attaches a new HWPT.
 */
void smmuv3_stream_drop_vdevice(SMMUv3Stream *st);

/*
 * Free the S1 HWPT and the vDEVICE of a stream that does not translate. An HWPT
 * that the host has not let go of stays until it does.
 */
void smmuv3_stream_drop_s1(SMMUv3Stream *st);

/* On unplug: block the device, then free all that the stream holds */
void smmuv3_stream_release(SMMUv3Stream *st);

const char *smmuv3_attachment_name(SMMUv3Attachment attached);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_STREAM_H */
