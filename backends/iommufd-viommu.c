/*
 * iommufd's vIOMMU objects: vIOMMU, vDEVICE, vEVENTQ, and attaching
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "system/iommufd-viommu.h"
#include "trace.h"

/* 0, or -errno with @errp set to "@name: ..." */
static int call(int fd, unsigned long request, void *arg, const char *name,
                Error **errp)
{
    int ret = RETRY_ON_EINTR(ioctl(fd, request, arg)) < 0 ? -errno : 0;

    trace_iommufd_viommu_call(fd, name, ret);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "%s", name);
    }
    return ret;
}

bool iommufd_check_fd(int fd, Error **errp)
{
    struct iommu_destroy arg = { .size = sizeof(arg) };

    /* No object has the ID 0 */
    if (RETRY_ON_EINTR(ioctl(fd, IOMMU_DESTROY, &arg)) == 0 ||
        errno == ENOENT) {
        return true;
    }
    error_setg_errno(errp, errno, "descriptor %d is not an open /dev/iommu",
                     fd);
    return false;
}

uint8_t iommufd_pasid_bits(IOMMUFDBackend *be, uint32_t dev_id, uint64_t *caps)
{
    struct iommu_hw_info info = { .size = sizeof(info), .dev_id = dev_id };

    if (call(be->fd, IOMMU_GET_HW_INFO, &info, "IOMMU_GET_HW_INFO", NULL)) {
        return 0;
    }
    *caps = info.out_capabilities;
    return info.out_max_pasid_log2;
}

int iommufd_hw_info(IOMMUFDBackend *be, uint32_t dev_id, uint32_t type,
                    void *data, uint32_t len, Error **errp)
{
    struct iommu_hw_info arg = {
        .size = sizeof(arg),
        .flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
        .dev_id = dev_id,
        .data_len = len,
        .data_uptr = (uintptr_t)data,
        .in_data_type = type,
    };

    return call(be->fd, IOMMU_GET_HW_INFO, &arg, "IOMMU_GET_HW_INFO", errp);
}

int iommufd_map_page(IOMMUFDBackend *be, uint64_t offset, uint64_t len,
                     void *at, void **mem, Error **errp)
{
    void *p = mmap(at, len, PROT_READ | PROT_WRITE,
                   MAP_SHARED | (at ? MAP_FIXED : 0), be->fd, offset);
    int ret = p == MAP_FAILED ? -errno : 0;

    trace_iommufd_viommu_call(be->fd, "mmap", ret);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "mmap() of /dev/iommu");
        return ret;
    }
    *mem = p;
    return 0;
}

int iommufd_hw_queue_alloc(IOMMUFDBackend *be, uint32_t viommu, uint32_t type,
                           uint32_t index, uint64_t iova, uint64_t len,
                           uint32_t *queue, Error **errp)
{
    struct iommu_hw_queue_alloc arg = {
        .size = sizeof(arg),
        .viommu_id = viommu,
        .type = type,
        .index = index,
        .nesting_parent_iova = iova,
        .length = len,
    };
    int ret = call(be->fd, IOMMU_HW_QUEUE_ALLOC, &arg, "IOMMU_HW_QUEUE_ALLOC",
                   errp);

    *queue = arg.out_hw_queue_id;
    return ret;
}

int iommufd_viommu_alloc(IOMMUFDBackend *be, uint32_t type, uint32_t dev_id,
                         uint32_t parent, void *data, uint32_t len,
                         uint32_t *viommu, Error **errp)
{
    struct iommu_viommu_alloc arg = {
        .size = sizeof(arg),
        .type = type,
        .dev_id = dev_id,
        .hwpt_id = parent,
        .data_len = len,
        .data_uptr = (uintptr_t)data,
    };
    int ret = call(be->fd, IOMMU_VIOMMU_ALLOC, &arg, "IOMMU_VIOMMU_ALLOC",
                   errp);

    *viommu = arg.out_viommu_id;
    return ret;
}

int iommufd_nested_hwpt_alloc(IOMMUFDBackend *be, uint32_t dev_id,
                              uint32_t viommu, uint32_t data_type,
                              const void *data, uint32_t len, uint32_t *hwpt,
                              Error **errp)
{
    struct iommu_hwpt_alloc arg = {
        .size = sizeof(arg),
        .dev_id = dev_id,
        .pt_id = viommu,
        .data_type = data_type,
        .data_len = len,
        .data_uptr = (uintptr_t)data,
    };
    int ret = call(be->fd, IOMMU_HWPT_ALLOC, &arg, "IOMMU_HWPT_ALLOC", errp);

    *hwpt = arg.out_hwpt_id;
    return ret;
}

int iommufd_vdevice_alloc(IOMMUFDBackend *be, uint32_t dev_id, uint32_t viommu,
                          uint64_t virt_id, uint32_t *vdevice, Error **errp)
{
    struct iommu_vdevice_alloc arg = {
        .size = sizeof(arg),
        .viommu_id = viommu,
        .dev_id = dev_id,
        .virt_id = virt_id,
    };
    int ret = call(be->fd, IOMMU_VDEVICE_ALLOC, &arg, "IOMMU_VDEVICE_ALLOC",
                   errp);

    *vdevice = arg.out_vdevice_id;
    return ret;
}

int iommufd_veventq_alloc(IOMMUFDBackend *be, uint32_t viommu, uint32_t type,
                          uint32_t depth, uint32_t *veventq, int *fd,
                          Error **errp)
{
    struct iommu_veventq_alloc arg = {
        .size = sizeof(arg),
        .viommu_id = viommu,
        .type = type,
        .veventq_depth = depth,
    };
    int ret = call(be->fd, IOMMU_VEVENTQ_ALLOC, &arg, "IOMMU_VEVENTQ_ALLOC",
                   errp);

    if (ret < 0) {
        return ret;
    }
    *veventq = arg.out_veventq_id;
    *fd = arg.out_veventq_fd;
    return 0;
}

int iommufd_viommu_invalidate(IOMMUFDBackend *be, uint32_t viommu,
                              uint32_t data_type, const void *data,
                              uint32_t entry_len, uint32_t n, Error **errp)
{
    struct iommu_hwpt_invalidate arg = {
        .size = sizeof(arg),
        .hwpt_id = viommu,
        .data_type = data_type,
        .data_uptr = (uintptr_t)data,
        .entry_len = entry_len,
        .entry_num = n,
    };

    return call(be->fd, IOMMU_HWPT_INVALIDATE, &arg, "IOMMU_HWPT_INVALIDATE",
                errp);
}

int vfio_cdev_attach_hwpt(int device_fd, uint32_t hwpt, Error **errp)
{
    struct vfio_device_attach_iommufd_pt arg = {
        .argsz = sizeof(arg),
        .pt_id = hwpt,
    };

    return call(device_fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg,
                "VFIO_DEVICE_ATTACH_IOMMUFD_PT", errp);
}

int vfio_cdev_detach(int device_fd, Error **errp)
{
    struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };

    return call(device_fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg,
                "VFIO_DEVICE_DETACH_IOMMUFD_PT", errp);
}
