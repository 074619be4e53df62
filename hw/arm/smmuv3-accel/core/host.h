/*
 * The host calls that an accelerated SMMUv3 makes
 *
 * One table, so that unit tests can put a recording one in its place. The real
 * one is smmuv3_host_iommufd (device/host-iommufd.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_HOST_H
#define HW_ARM_SMMUV3_ACCEL_CORE_HOST_H

#include "qapi/error.h"

/**
 * SMMUv3HostDevice - an assigned device, as the host knows it
 * @name: the device's name for people, e.g. "0000:01:00.0"; owned by the caller
 * @dev_id: its id in iommufd
 * @stalls: its host SMMU stalls transactions whose CD asks for it
 * @ats: it can use ATS on this host
 * @repeats: its host SMMU has the erratum for which each invalidation of the
 *           TLB or of configuration is to be made twice (struct
 *           iommu_hw_info_arm_smmuv3, flag ERRATA_REPEAT_TLBI_CFGI)
 * @opaque: the call table's own; of smmuv3_host_iommufd a HostIOMMUDevice *,
 *          whose agent is the VFIODevice
 */
typedef struct SMMUv3HostDevice {
    const char *name;
    uint32_t dev_id;
    bool stalls;
    bool ats;
    bool repeats;
    void *opaque;
} SMMUv3HostDevice;

/**
 * SMMUv3HostPage - registers that the host lets its user map
 * @offset, @len: as mmap() names them
 * @at: where to map them: memory of this process, at least of that length,
 *      which is there again afterwards, with zeros. NULL: anywhere
 */
typedef struct SMMUv3HostPage {
    uint64_t offset;
    uint64_t len;
    void *at;
} SMMUv3HostPage;

/**
 * SMMUv3HostOps - host calls
 *
 * All but those that return nothing return 0, or -errno as the host gave it
 * with @errp set. @opaque is SMMUv3VIOMMU.opaque of the vIOMMU that makes the
 * call: for smmuv3_host_iommufd an IOMMUFDBackend *.
 */
typedef struct SMMUv3HostOps {
    /* IOMMU_VIOMMU_ALLOC on nesting parent @parent */
    int (*alloc_viommu)(void *opaque, const SMMUv3HostDevice *dev,
                        uint32_t parent, uint32_t *viommu, Error **errp);
    /* IOMMU_HWPT_ALLOC of a nested HWPT, from a vSTE in host byte order */
    int (*alloc_hwpt)(void *opaque, const SMMUv3HostDevice *dev,
                      uint32_t viommu, const uint64_t vste[2],
                      uint32_t *hwpt, Error **errp);
    /* IOMMU_VDEVICE_ALLOC: @vsid is the StreamID that the guest uses */
    int (*alloc_vdevice)(void *opaque, const SMMUv3HostDevice *dev,
                         uint32_t viommu, uint32_t vsid,
                         uint32_t *vdevice, Error **errp);
    /* IOMMU_VEVENTQ_ALLOC: @fd is the caller's to close */
    int (*alloc_veventq)(void *opaque, uint32_t viommu, uint32_t depth,
                         uint32_t *veventq, int *fd, Error **errp);
    /*
     * IOMMU_VIOMMU_ALLOC of a vIOMMU with a Tegra241 CMDQV: sets what mmap()
     * needs to know of its page of registers
     */
    int (*alloc_cmdqv)(void *opaque, const SMMUv3HostDevice *dev,
                       uint32_t parent, uint32_t *viommu,
                       SMMUv3HostPage *page, Error **errp);
    /* IOMMU_VEVENTQ_ALLOC of the errors of a CMDQV's queues; as above */
    int (*alloc_cmdqv_veventq)(void *opaque, uint32_t viommu, uint32_t depth,
                               uint32_t *veventq, int *fd, Error **errp);
    /* mmap() of @page of a vIOMMU; and munmap(), which cannot fail */
    int (*map_page)(void *opaque, const SMMUv3HostPage *page, void **mem,
                    Error **errp);
    void (*unmap_page)(void *opaque, const SMMUv3HostPage *page, void *mem);
    /*
     * IOMMU_HW_QUEUE_ALLOC: the hardware reads queue @index of the vIOMMU at
     * @gpa, @len bytes. Queues are made in ascending order, and destroyed in
     * descending order. While there is one, its memory stays mapped.
     */
    int (*alloc_hw_queue)(void *opaque, uint32_t viommu, uint32_t index,
                          uint64_t gpa, uint64_t len, uint32_t *queue,
                          Error **errp);
    /* VFIO_DEVICE_ATTACH_IOMMUFD_PT: replaces what is attached */
    int (*attach)(void *opaque, const SMMUv3HostDevice *dev, uint32_t hwpt,
                  Error **errp);
    /* VFIO_DEVICE_DETACH_IOMMUFD_PT: the device is blocked afterwards */
    int (*detach)(void *opaque, const SMMUv3HostDevice *dev, Error **errp);
    /* IOMMU_HWPT_INVALIDATE: @n commands of two words, host byte order */
    int (*invalidate)(void *opaque, uint32_t viommu, const uint64_t (*cmd)[2],
                      uint32_t n, Error **errp);
    /* IOMMU_DESTROY: cannot fail for an object that nothing refers to */
    void (*destroy)(void *opaque, uint32_t id);
    /*
     * The last resort, when a device can be neither translated nor blocked:
     * stop it from mastering the bus, and stop the VM if it runs.
     */
    void (*quarantine)(void *opaque, const SMMUv3HostDevice *dev);
} SMMUv3HostOps;

extern const SMMUv3HostOps smmuv3_host_iommufd;

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_HOST_H */
