/*
 * iommufd's vIOMMU objects: vIOMMU, vDEVICE, vEVENTQ, and attaching
 *
 * Each function is one ioctl. All return 0, or -errno as the kernel gave it
 * with @errp set to a message that names the ioctl. Ids are those of iommufd
 * (linux/iommufd.h); an object is freed with iommufd_backend_free_id().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_VIOMMU_H
#define SYSTEM_IOMMUFD_VIOMMU_H

#include "system/iommufd.h"

/* Is @fd an open /dev/iommu? Changes nothing in it. */
bool iommufd_check_fd(int fd, Error **errp);

/**
 * iommufd_pasid_bits - how many bits of PASID a device has enabled on the host
 * @caps: IOMMU_HW_CAP_PCI_PASID_* among others; set only if there are any
 *
 * 0 if it has none, or the kernel (before 6.15) does not say.
 */
uint8_t iommufd_pasid_bits(IOMMUFDBackend *be, uint32_t dev_id, uint64_t *caps);

/**
 * iommufd_viommu_alloc - IOMMU_VIOMMU_ALLOC (struct iommu_viommu_alloc)
 * @type: one of enum iommu_viommu_type
 * @dev_id: a device behind the physical IOMMU that is to back the vIOMMU
 * @parent: an HWPT allocated with IOMMU_HWPT_ALLOC_NEST_PARENT
 * @data, @len: the structure of a type that has one, for the kernel to fill in
 */
int iommufd_viommu_alloc(IOMMUFDBackend *be, uint32_t type, uint32_t dev_id,
                         uint32_t parent, void *data, uint32_t len,
                         uint32_t *viommu, Error **errp);

/**
 * iommufd_hw_info - IOMMU_GET_HW_INFO of a certain type
 * @type: one of enum iommu_hw_info_type
 * @data, @len: its structure, for the kernel to fill in
 *
 * Linux before 6.17 knows no type: -EOPNOTSUPP, as of hardware that is not
 * there.
 */
int iommufd_hw_info(IOMMUFDBackend *be, uint32_t dev_id, uint32_t type,
                    void *data, uint32_t len, Error **errp);

/**
 * iommufd_map_page - mmap() of registers of a vIOMMU, shared, to read and write
 * @at: where, over what is there; or NULL
 */
int iommufd_map_page(IOMMUFDBackend *be, uint64_t offset, uint64_t len,
                     void *at, void **mem, Error **errp);

/**
 * iommufd_hw_queue_alloc - IOMMU_HW_QUEUE_ALLOC (struct iommu_hw_queue_alloc)
 * @type: one of enum iommu_hw_queue_type
 * @index: the queue's number in the vIOMMU
 * @iova, @len: where the nesting parent has the queue, in bytes
 */
int iommufd_hw_queue_alloc(IOMMUFDBackend *be, uint32_t viommu, uint32_t type,
                           uint32_t index, uint64_t iova, uint64_t len,
                           uint32_t *queue, Error **errp);

/**
 * iommufd_nested_hwpt_alloc - IOMMU_HWPT_ALLOC on a vIOMMU
 * @data_type: one of enum iommu_hwpt_data_type; @data, @len: its structure
 */
int iommufd_nested_hwpt_alloc(IOMMUFDBackend *be, uint32_t dev_id,
                              uint32_t viommu, uint32_t data_type,
                              const void *data, uint32_t len, uint32_t *hwpt,
                              Error **errp);

/**
 * iommufd_vdevice_alloc - IOMMU_VDEVICE_ALLOC (struct iommu_vdevice_alloc)
 * @virt_id: the device's id as the guest knows it; 0 is an id like any other
 */
int iommufd_vdevice_alloc(IOMMUFDBackend *be, uint32_t dev_id, uint32_t viommu,
                          uint64_t virt_id, uint32_t *vdevice, Error **errp);

/**
 * iommufd_veventq_alloc - IOMMU_VEVENTQ_ALLOC (struct iommu_veventq_alloc)
 * @type: one of enum iommu_veventq_type
 * @depth: how many events the kernel keeps
 * @fd: where to read them, non-blocking; the caller closes it before it frees
 *      @veventq
 */
int iommufd_veventq_alloc(IOMMUFDBackend *be, uint32_t viommu, uint32_t type,
                          uint32_t depth, uint32_t *veventq, int *fd,
                          Error **errp);

/**
 * iommufd_viommu_invalidate - IOMMU_HWPT_INVALIDATE on a vIOMMU
 * @data_type: one of enum iommu_hwpt_invalidate_data_type
 * @data: @n entries of @entry_len bytes
 *
 * After a failure nothing is known of which entries were done.
 */
int iommufd_viommu_invalidate(IOMMUFDBackend *be, uint32_t viommu,
                              uint32_t data_type, const void *data,
                              uint32_t entry_len, uint32_t n, Error **errp);

/**
 * vfio_cdev_attach_hwpt - VFIO_DEVICE_ATTACH_IOMMUFD_PT
 * @device_fd: a VFIO device cdev bound to iommufd
 *
 * Replaces what is attached; on failure that stays attached.
 */
int vfio_cdev_attach_hwpt(int device_fd, uint32_t hwpt, Error **errp);

/* VFIO_DEVICE_DETACH_IOMMUFD_PT: the kernel blocks the device's DMA */
int vfio_cdev_detach(int device_fd, Error **errp);

#endif /* SYSTEM_IOMMUFD_VIOMMU_H */
