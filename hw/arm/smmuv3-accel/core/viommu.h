/*
 * One vIOMMU: the host objects that the streams of a vSMMU share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_VIOMMU_H
#define HW_ARM_SMMUV3_ACCEL_CORE_VIOMMU_H

#include "host.h"
#include "vste.h"

/* How bypass and abort reach a device on this kernel; as QAPI has it */
typedef enum SMMUv3KernelMode {
    SMMUV3_KERNEL_UNKNOWN,    /* none attached yet */
    SMMUV3_KERNEL_NESTED,     /* Linux >= 6.19: by nested HWPTs */
    SMMUV3_KERNEL_NO_NESTED,  /* before: by the nesting parent, or no HWPT */
} SMMUv3KernelMode;

/**
 * SMMUv3VIOMMU - the vIOMMU of one vSMMU
 *
 * It lives from the first assigned device to the last. All host objects in it
 * are owned by it. Protected by the BQL, like all of the accelerated SMMUv3.
 *
 * @repeats: invalidations are made twice; see SMMUv3HostDevice
 * @cmdqv_page: the registers of its CMDQV's queues, of @cmdqv_place; NULL: it
 *              has no CMDQV, and no other field of that name means anything
 */
typedef struct SMMUv3VIOMMU {
    const SMMUv3HostOps *ops;
    void *opaque;            /* passed to @ops; see SMMUv3HostOps */
    uint32_t parent;         /* nesting parent HWPT, owned by VFIO */
    uint32_t id;
    uint32_t bypass_hwpt;
    uint32_t abort_hwpt;
    SMMUv3KernelMode kernel_mode;
    bool repeats;
    bool has_veventq;
    uint32_t veventq;
    int veventq_fd;          /* -1 without a vEVENTQ */
    void *cmdqv_page;
    SMMUv3HostPage cmdqv_place;
    uint32_t cmdqv_veventq;
    int cmdqv_veventq_fd;
    GHashTable *by_vsid;     /* StreamID to the stream with that vDEVICE */
} SMMUv3VIOMMU;

/**
 * SMMUv3WantCmdqv - is a vIOMMU to have a CMDQV?
 * @required: it is of no use without
 * @page: where its registers are to be; see SMMUv3HostPage
 * @page_len: of @page
 */
typedef struct SMMUv3WantCmdqv {
    bool wanted;
    bool required;
    void *page;
    uint64_t page_len;
} SMMUv3WantCmdqv;

/**
 * smmuv3_viommu_new - make a vIOMMU and its bypass and abort HWPTs
 * @dev: a device behind the physical SMMU that will back it
 * @parent: the nesting parent HWPT that @dev is attached to; must outlive it
 * @cmdqv: if one is wanted, but not required, and the host has none left, a
 *         warning says so
 *
 * A kernel without vEVENTQs (before 6.15) is refused, because it does not map
 * MSIs under nested HWPTs either. If a newer kernel fails to make a vEVENTQ,
 * the guest sees no events, and a warning says so.
 *
 * Returns: the vIOMMU, to be freed by smmuv3_viommu_free(); or NULL with @errp
 * set and nothing left allocated on the host
 */
SMMUv3VIOMMU *smmuv3_viommu_new(const SMMUv3HostOps *ops, void *opaque,
                                const SMMUv3HostDevice *dev, uint32_t parent,
                                const SMMUv3WantCmdqv *cmdqv, Error **errp);

/**
 * smmuv3_viommu_hold - a vIOMMU whose host objects another process still owns
 *
 * It has none of its own until smmuv3_streams_take_over() says which it gets,
 * and may not be used before.
 *
 * Returns: the vIOMMU, to be freed by smmuv3_viommu_let_go() if it gets none
 */
SMMUv3VIOMMU *smmuv3_viommu_hold(const SMMUv3HostOps *ops, void *opaque,
                                 const SMMUv3HostDevice *dev, uint32_t parent);

/*
 * Free a vIOMMU, and leave its host objects to the process that owns them. What
 * this process has mapped of them is unmapped.
 */
void smmuv3_viommu_let_go(SMMUv3VIOMMU *viommu);

/* Free a vIOMMU that no device is attached to. The vEVENTQs' fds are closed. */
void smmuv3_viommu_free(SMMUv3VIOMMU *viommu);

/**
 * smmuv3_viommu_attach - attach @dev to @hwpt
 *
 * Returns: 0, or -errno with @errp set and what was attached still attached.
 * EBUSY is told as what it means: Linux attaches nothing to a device while it
 * resets it, whoever asked for the reset.
 */
int smmuv3_viommu_attach(SMMUv3VIOMMU *viommu, const SMMUv3HostDevice *dev,
                         uint32_t hwpt, Error **errp);

/**
 * smmuv3_viommu_attach_shared - attach @dev to the bypass or the abort HWPT
 *
 * On a kernel that asks for a vDEVICE first (ENOENT), falls back to the nesting
 * parent for bypass and to no HWPT for abort. DMA behaves the same; the host
 * refuses MSIs of a device without an HWPT.
 *
 * Returns: 0, or -errno with @errp set and what was attached still attached
 */
int smmuv3_viommu_attach_shared(SMMUv3VIOMMU *viommu,
                                const SMMUv3HostDevice *dev,
                                SMMUv3VSTEKind kind, Error **errp);

const char *smmuv3_kernel_mode_name(SMMUv3KernelMode mode);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_VIOMMU_H */
