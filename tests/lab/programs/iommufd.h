/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls of /dev/iommu and of a VFIO cdev, a function each.
 * All return 0 or a negative errno, and set their outputs only on success.
 */
#ifndef LAB_IOMMUFD_H
#define LAB_IOMMUFD_H

#include <stddef.h>
#include <stdint.h>

#include <linux/iommufd.h>
#include <linux/vfio.h>

/* A command of the SMMU's command queue. */
struct smmu_command {
    uint64_t word[2];
};

struct smmu_event {
    uint32_t flags;
    uint32_t sequence;
    uint64_t word[4];
};

int iommufd_destroy(int fd, uint32_t id);
int iommufd_ioas_alloc(int fd, uint32_t *id);
int iommufd_ioas_map(int fd, uint32_t ioas, void *mem, size_t size,
                     uint64_t iova);
int iommufd_ioas_map_file(int fd, uint32_t ioas, int file, uint64_t start,
                          size_t size, uint64_t iova);
int iommufd_ioas_unmap(int fd, uint32_t ioas, uint64_t iova, size_t size);
int iommufd_hwpt_alloc(int fd, uint32_t flags, uint32_t dev, uint32_t ioas,
                       uint32_t *id);
int iommufd_hwpt_alloc_nested(int fd, uint32_t dev, uint32_t viommu,
                              const uint64_t vste[2], uint32_t *id);
int iommufd_viommu_alloc(int fd, uint32_t dev, uint32_t hwpt, uint32_t *id);
int iommufd_vdevice_alloc(int fd, uint32_t viommu, uint32_t dev,
                          uint64_t virt_id, uint32_t *id);
int iommufd_veventq_alloc(int fd, uint32_t viommu, uint32_t depth,
                          uint32_t *id, int *event_fd);
/* *count is what the kernel left in entry_num, also after a failure. */
int iommufd_invalidate(int fd, uint32_t viommu,
                       const struct smmu_command *commands, uint32_t *count);
int iommufd_hw_info(int fd, uint32_t dev, uint32_t *type,
                    struct iommu_hw_info_arm_smmuv3 *info);

int vfio_bind(int device, int iommufd, uint32_t *dev);
int vfio_attach(int device, uint32_t pt);
int vfio_detach(int device);
/* Lets the function answer accesses to its BARs, and do DMA. */
int vfio_enable(int device);
/* The BAR, of its whole size; it stays mapped. */
int vfio_map_bar(int device, unsigned index, void **mem);
int vfio_reset(int device);
/* A dma-buf of these ranges of a BAR: its descriptor, or a negative errno. */
int vfio_export(int device, uint32_t region, uint32_t flags, unsigned ranges,
                const struct vfio_region_dma_range *range);

#endif
