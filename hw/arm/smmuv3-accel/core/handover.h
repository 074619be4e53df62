/*
 * The streams of one vSMMU, handed over to another QEMU process
 *
 * Knows what of the streams is still true in another process that has the same
 * iommufd. It must not know how this gets there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_HANDOVER_H
#define HW_ARM_SMMUV3_ACCEL_CORE_HANDOVER_H

#include "set.h"

/* As an SMMUv3VSTE, with a size that no compiler chooses */
typedef struct SMMUv3HandoverVSTE {
    uint32_t kind;
    uint32_t reason;
    uint32_t detail;
    uint64_t value;
    uint64_t word[2];
} SMMUv3HandoverVSTE;

/* As in an SMMUv3Stream. A closed stream is tried anew by the new process. */
typedef struct SMMUv3HandoverStream {
    uint32_t dev_id;
    uint32_t sid;
    uint32_t attached;
    uint32_t closed;
    bool atc_stale;
    bool has_vdevice;
    uint32_t vdevice;
    uint32_t vsid;
    bool has_s1;
    bool s1_attached;
    uint32_t s1_hwpt;
    uint32_t s1_vsid;
    SMMUv3HandoverVSTE wanted;
    SMMUv3HandoverVSTE s1;
} SMMUv3HandoverStream;

/**
 * SMMUv3Handover - all that the new process needs
 * @n, @stream: the streams, in the order in which they were plugged; owned
 * @parent: without a stream, that of the vIOMMU that was freed last
 * @viommu: and the rest are as in an SMMUv3VIOMMU; 0 without a stream
 */
typedef struct SMMUv3Handover {
    int32_t n;
    SMMUv3HandoverStream *stream;
    uint32_t viommu;
    uint32_t parent;
    uint32_t bypass_hwpt;
    uint32_t abort_hwpt;
    uint32_t kernel_mode;
    bool has_veventq;
    uint32_t veventq;
    bool atc_failed;
    bool tlb_stale;
} SMMUv3Handover;

/**
 * smmuv3_streams_hand_over - fill @h, after all queued invalidations are done
 * @h: to be freed with smmuv3_handover_clear()
 *
 * The streams are left as they are: if the new process fails, this one goes on.
 */
void smmuv3_streams_hand_over(SMMUv3Streams *s, SMMUv3Handover *h);

/**
 * smmuv3_streams_take_over - the streams of @s, which are held, are those in @h
 * @veventq_fd: of @h's vEVENTQ, if it has one; @s owns it afterwards
 *
 * No host call is made. The streams are no longer held.
 *
 * Returns: false, with @errp set and the streams still held, if the devices are
 * not those of @h, or if @h cannot be the work of smmuv3_streams_hand_over()
 */
bool smmuv3_streams_take_over(SMMUv3Streams *s, const SMMUv3Handover *h,
                              int veventq_fd, Error **errp);

void smmuv3_handover_clear(SMMUv3Handover *h);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_HANDOVER_H */
