/*
 * Can another device reach this one's BARs by DMA?
 *
 * A page of a BAR is exported as a dma-buf and mapped into an address space
 * that no device uses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "host-check.h"

/* Headers may be older than these */
#ifndef VFIO_DEVICE_FEATURE_DMA_BUF
#define VFIO_DEVICE_FEATURE_DMA_BUF 11

struct vfio_region_dma_range {
    __u64 offset;
    __u64 length;
};

struct vfio_device_feature_dma_buf {
    __u32 region_index;
    __u32 open_flags;
    __u32 flags;
    __u32 nr_ranges;
    struct vfio_region_dma_range dma_ranges[];
};
#endif

/* The first BAR of a page or more that can be mapped, or -1 */
static int find_bar(int vfio)
{
    for (int bar = 0; bar <= VFIO_PCI_BAR5_REGION_INDEX; bar++) {
        struct vfio_region_info info = {
            .argsz = sizeof(info), .index = bar,
        };

        if (ioctl(vfio, VFIO_DEVICE_GET_REGION_INFO, &info) == 0 &&
            (info.flags & VFIO_REGION_INFO_FLAG_MMAP) &&
            info.size >= (uint64_t)sysconf(_SC_PAGE_SIZE)) {
            return bar;
        }
    }
    return -1;
}

/* Returns: a dma-buf of the BAR's first page, or -1 with errno */
static int export_page(int vfio, int bar)
{
    size_t size = sizeof(struct vfio_device_feature) +
                  sizeof(struct vfio_device_feature_dma_buf) +
                  sizeof(struct vfio_region_dma_range);
    struct vfio_device_feature *feature = calloc(1, size);
    struct vfio_device_feature_dma_buf *dmabuf;
    int fd;

    if (!feature) {
        abort();
    }
    feature->argsz = size;
    feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
    dmabuf = (void *)feature->data;
    dmabuf->region_index = bar;
    dmabuf->open_flags = O_RDWR | O_CLOEXEC;
    dmabuf->nr_ranges = 1;
    dmabuf->dma_ranges[0].length = sysconf(_SC_PAGE_SIZE);
    fd = ioctl(vfio, VFIO_DEVICE_FEATURE, feature);
    free(feature);
    return fd;
}

/* ENODEV is said where memory decoding is off, by a kernel that would do it */
static bool maps(int iommu, int fd)
{
    struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
    struct iommu_ioas_map_file map = {
        .size = sizeof(map),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                 IOMMU_IOAS_MAP_WRITEABLE,
        .fd = fd, .length = sysconf(_SC_PAGE_SIZE),
    };

    if (ioctl(iommu, IOMMU_IOAS_ALLOC, &ioas)) {
        return false;
    }
    map.ioas_id = ioas.out_ioas_id;
    return ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map) == 0 || errno == ENODEV;
}

void device_ask_p2p(int iommu, int vfio)
{
    static const char *const check = "dma-between-devices";
    int bar = find_bar(vfio);
    int fd = bar < 0 ? -1 : export_page(vfio, bar);

    if (bar < 0) {
        note(check, "other devices cannot reach its BARs by DMA: it has none "
             "that can be mapped");
    } else if (fd < 0) {
        note(check, errno == ENOTTY ?
             "other devices cannot reach its BARs by DMA: that takes a "
             "newer kernel than 6.18, with CONFIG_VFIO_PCI_DMABUF" :
             "other devices cannot reach its BARs by DMA: the kernel does not "
             "export them (%s)", strerror(errno));
    } else if (!maps(iommu, fd)) {
        note(check, "other devices cannot reach its BARs by DMA: the kernel "
             "exports them, but its iommufd does not map them");
    } else {
        good(check, "other devices can reach its BARs by DMA");
    }
    if (fd >= 0) {
        close(fd);
    }
}
