/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls of /dev/iommu and of a VFIO cdev: see iommufd.h. */

#include "iommufd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

static int call(int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int iommufd_destroy(int fd, uint32_t id)
{
    struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

    return call(fd, IOMMU_DESTROY, &cmd);
}

int iommufd_ioas_alloc(int fd, uint32_t *id)
{
    struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
    int ret = call(fd, IOMMU_IOAS_ALLOC, &cmd);

    if (!ret) {
        *id = cmd.out_ioas_id;
    }
    return ret;
}

int iommufd_ioas_map(int fd, uint32_t ioas, void *mem, size_t size,
                     uint64_t iova)
{
    struct iommu_ioas_map cmd = {
        .size = sizeof(cmd),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                 IOMMU_IOAS_MAP_WRITEABLE,
        .ioas_id = ioas,
        .user_va = (uintptr_t)mem,
        .length = size,
        .iova = iova,
    };

    return call(fd, IOMMU_IOAS_MAP, &cmd);
}

int iommufd_ioas_map_file(int fd, uint32_t ioas, int file, uint64_t start,
                          size_t size, uint64_t iova)
{
    struct iommu_ioas_map_file cmd = {
        .size = sizeof(cmd),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                 IOMMU_IOAS_MAP_WRITEABLE,
        .ioas_id = ioas,
        .fd = file,
        .start = start,
        .length = size,
        .iova = iova,
    };

    return call(fd, IOMMU_IOAS_MAP_FILE, &cmd);
}

int iommufd_ioas_unmap(int fd, uint32_t ioas, uint64_t iova, size_t size)
{
    struct iommu_ioas_unmap cmd = {
        .size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = size,
    };

    return call(fd, IOMMU_IOAS_UNMAP, &cmd);
}

static int hwpt_alloc(int fd, struct iommu_hwpt_alloc *cmd, uint32_t *id)
{
    int ret;

    cmd->size = sizeof(*cmd);
    ret = call(fd, IOMMU_HWPT_ALLOC, cmd);
    if (!ret) {
        *id = cmd->out_hwpt_id;
    }
    return ret;
}

int iommufd_hwpt_alloc(int fd, uint32_t flags, uint32_t dev, uint32_t ioas,
                       uint32_t *id)
{
    struct iommu_hwpt_alloc cmd = {
        .flags = flags, .dev_id = dev, .pt_id = ioas,
    };

    return hwpt_alloc(fd, &cmd, id);
}

int iommufd_hwpt_alloc_nested(int fd, uint32_t dev, uint32_t viommu,
                              const uint64_t vste[2], uint32_t *id)
{
    struct iommu_hwpt_alloc cmd = {
        .dev_id = dev, .pt_id = viommu,
        .data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
        .data_len = 2 * sizeof(vste[0]), .data_uptr = (uintptr_t)vste,
    };

    return hwpt_alloc(fd, &cmd, id);
}

int iommufd_viommu_alloc(int fd, uint32_t dev, uint32_t hwpt, uint32_t *id)
{
    struct iommu_viommu_alloc cmd = {
        .size = sizeof(cmd), .type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
        .dev_id = dev, .hwpt_id = hwpt,
    };
    int ret = call(fd, IOMMU_VIOMMU_ALLOC, &cmd);

    if (!ret) {
        *id = cmd.out_viommu_id;
    }
    return ret;
}

int iommufd_vdevice_alloc(int fd, uint32_t viommu, uint32_t dev,
                          uint64_t virt_id, uint32_t *id)
{
    struct iommu_vdevice_alloc cmd = {
        .size = sizeof(cmd), .viommu_id = viommu, .dev_id = dev,
        .virt_id = virt_id,
    };
    int ret = call(fd, IOMMU_VDEVICE_ALLOC, &cmd);

    if (!ret) {
        *id = cmd.out_vdevice_id;
    }
    return ret;
}

int iommufd_veventq_alloc(int fd, uint32_t viommu, uint32_t depth,
                          uint32_t *id, int *event_fd)
{
    struct iommu_veventq_alloc cmd = {
        .size = sizeof(cmd), .viommu_id = viommu,
        .type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, .veventq_depth = depth,
    };
    int ret = call(fd, IOMMU_VEVENTQ_ALLOC, &cmd);

    if (!ret) {
        *id = cmd.out_veventq_id;
        *event_fd = cmd.out_veventq_fd;
    }
    return ret;
}

int iommufd_invalidate(int fd, uint32_t viommu,
                       const struct smmu_command *commands, uint32_t *count)
{
    struct iommu_hwpt_invalidate cmd = {
        .size = sizeof(cmd), .hwpt_id = viommu,
        .data_uptr = (uintptr_t)commands,
        .data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
        .entry_len = sizeof(*commands), .entry_num = *count,
    };
    int ret = call(fd, IOMMU_HWPT_INVALIDATE, &cmd);

    *count = cmd.entry_num;
    return ret;
}

int iommufd_hw_info(int fd, uint32_t dev, uint32_t *type,
                    struct iommu_hw_info_arm_smmuv3 *info)
{
    struct iommu_hw_info cmd = {
        .size = sizeof(cmd), .dev_id = dev, .data_len = sizeof(*info),
        .data_uptr = (uintptr_t)info,
    };
    int ret = call(fd, IOMMU_GET_HW_INFO, &cmd);

    if (!ret) {
        *type = cmd.out_data_type;
    }
    return ret;
}

int vfio_bind(int device, int iommufd, uint32_t *dev)
{
    struct vfio_device_bind_iommufd cmd = {
        .argsz = sizeof(cmd), .iommufd = iommufd,
    };
    int ret = call(device, VFIO_DEVICE_BIND_IOMMUFD, &cmd);

    if (!ret) {
        *dev = cmd.out_devid;
    }
    return ret;
}

int vfio_attach(int device, uint32_t pt)
{
    struct vfio_device_attach_iommufd_pt cmd = {
        .argsz = sizeof(cmd), .pt_id = pt,
    };

    return call(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd);
}

int vfio_detach(int device)
{
    struct vfio_device_detach_iommufd_pt cmd = { .argsz = sizeof(cmd) };

    return call(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd);
}

static int region_info(int device, unsigned index,
                       struct vfio_region_info *info)
{
    *info = (struct vfio_region_info) {
        .argsz = sizeof(*info), .index = index,
    };
    return call(device, VFIO_DEVICE_GET_REGION_INFO, info);
}

int vfio_enable(int device)
{
    struct vfio_region_info config;
    uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    int ret = region_info(device, VFIO_PCI_CONFIG_REGION_INDEX, &config);

    if (ret) {
        return ret;
    }
    return pwrite(device, &command, sizeof(command),
                  config.offset + PCI_COMMAND) == sizeof(command) ? 0 : -errno;
}

int vfio_map_bar(int device, unsigned index, void **mem)
{
    struct vfio_region_info bar;
    int ret = region_info(device, index, &bar);
    void *at;

    if (ret) {
        return ret;
    }
    at = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
              bar.offset);
    if (at == MAP_FAILED) {
        return -errno;
    }
    *mem = at;
    return 0;
}

int vfio_reset(int device)
{
    return call(device, VFIO_DEVICE_RESET, NULL);
}

int vfio_export(int device, uint32_t region, uint32_t flags, unsigned ranges,
                const struct vfio_region_dma_range *range)
{
    size_t size = sizeof(struct vfio_device_feature) +
                  sizeof(struct vfio_device_feature_dma_buf) +
                  ranges * sizeof(*range);
    struct vfio_device_feature *feature = calloc(1, size);
    struct vfio_device_feature_dma_buf *dmabuf;
    int fd;

    if (!feature) {
        return -ENOMEM;
    }
    feature->argsz = size;
    feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
    dmabuf = (void *)feature->data;
    dmabuf->region_index = region;
    dmabuf->open_flags = O_RDWR | O_CLOEXEC;
    dmabuf->flags = flags;
    dmabuf->nr_ranges = ranges;
    memcpy(dmabuf->dma_ranges, range, ranges * sizeof(*range));
    /* The descriptor is the call's result. */
    fd = ioctl(device, VFIO_DEVICE_FEATURE, feature);
    if (fd < 0) {
        fd = -errno;
    }
    free(feature);
    return fd;
}
