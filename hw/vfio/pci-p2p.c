/*
 * DMA between devices: which BARs of a device others reach
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/pci/pci-viommu.h"
#include "dmabuf-p2p.h"
#include "pci.h"
#include "pci-p2p.h"
#include "system/iommufd.h"
#include CONFIG_DEVICES

/* QEMU 10.2.2's copy of linux/vfio.h is older than these */
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

/* A dma-buf of @length bytes at @offset of BAR @bar, or a negative errno */
static int export_range(VFIOPCIDevice *vdev, int bar, uint64_t offset,
                        uint64_t length)
{
    size_t size = sizeof(struct vfio_device_feature) +
                  sizeof(struct vfio_device_feature_dma_buf) +
                  sizeof(struct vfio_region_dma_range);
    g_autofree struct vfio_device_feature *feature = g_malloc0(size);
    struct vfio_device_feature_dma_buf *dmabuf = (void *)feature->data;

    feature->argsz = size;
    feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
    dmabuf->region_index = bar;
    dmabuf->open_flags = O_RDWR | O_CLOEXEC;
    dmabuf->nr_ranges = 1;
    dmabuf->dma_ranges[0].offset = offset;
    dmabuf->dma_ranges[0].length = length;
    /* The descriptor is the call's result */
    return vdev->vbasedev.io_ops->device_feature(&vdev->vbasedev, feature);
}

#ifdef CONFIG_IOMMUFD
/*
 * Does this kernel's iommufd map a dma-buf? Tried with @fd, in an address space
 * that nobody uses; ENODEV is said of one that it would map if memory decoding
 * were on.
 */
static bool can_map(IOMMUFDBackend *be, int fd, Error **errp)
{
    /* The kernel stays the same */
    static bool known;
    struct iommu_ioas_map_file map = {
        .size = sizeof(map),
        .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
                 IOMMU_IOAS_MAP_FIXED_IOVA,
        .fd = fd,
        .length = qemu_real_host_page_size(),
    };
    int err;

    if (known) {
        return true;
    }
    if (!iommufd_backend_alloc_ioas(be, &map.ioas_id, errp)) {
        return false;
    }
    /* QEMU's own function asks nothing while another QEMU hands over */
    err = ioctl(be->fd, IOMMU_IOAS_MAP_FILE, &map) < 0 ? errno : 0;
    iommufd_backend_free_id(be, map.ioas_id);
    known = !err || err == ENODEV;
    if (!known) {
        error_setg_errno(errp, err, "the host's iommufd maps no BARs");
    }
    return known;
}
#else
static bool can_map(IOMMUFDBackend *be, int fd, Error **errp)
{
    g_assert_not_reached();
}
#endif

static void set_no_export(int err, Error **errp)
{
    if (err == ENOTTY) {
        error_setg(errp, "the host kernel cannot export BARs (that takes a "
                   "newer one than 6.18, with CONFIG_VFIO_PCI_DMABUF)");
    } else if (err == EOPNOTSUPP) {
        error_setg(errp, "the host's driver of the device cannot export BARs");
    } else {
        error_setg_errno(errp, err, "the host does not export a BAR");
    }
}

/* VFIO rounds nothing: a BAR smaller than a page is not DMA's */
static bool is_whole_pages(const VFIOMmap *map)
{
    return QEMU_IS_ALIGNED(map->offset | map->size, qemu_real_host_page_size());
}

static bool export_mmap(VFIOPCIDevice *vdev, int bar, VFIOMmap *map,
                        Error **errp)
{
    int fd;

    if (!is_whole_pages(map)) {
        return true;
    }
    fd = export_range(vdev, bar, map->offset, map->size);
    if (fd < 0) {
        set_no_export(-fd, errp);
        return false;
    }
    if (!can_map(vdev->vbasedev.iommufd, fd, errp)) {
        close(fd);
        return false;
    }
    vfio_p2p_remember(&map->mem, map->mmap, fd);
    return true;
}

/* Whatever has no dma-buf is not tried by its address either: that fails */
static bool export_nothing(VFIOPCIDevice *vdev, int bar, VFIOMmap *map,
                           Error **errp)
{
    if (!vfio_p2p_is_exported(&map->mem)) {
        vfio_p2p_remember(&map->mem, map->mmap, -1);
    }
    return true;
}

static bool has_no_export(VFIOPCIDevice *vdev, int bar, VFIOMmap *map,
                          Error **errp)
{
    return !vfio_p2p_is_exported(&map->mem);
}

static bool forget(VFIOPCIDevice *vdev, int bar, VFIOMmap *map, Error **errp)
{
    vfio_p2p_forget(&map->mem);
    return true;
}

static bool map_anew(VFIOPCIDevice *vdev, int bar, VFIOMmap *map, Error **errp)
{
    vfio_p2p_map_anew(&map->mem);
    return true;
}

/* Call @fn for what of the BARs is mapped into this process, until it fails */
static bool for_each_mmap(VFIOPCIDevice *vdev, Error **errp,
                          bool (*fn)(VFIOPCIDevice *vdev, int bar,
                                     VFIOMmap *map, Error **errp))
{
    for (int bar = 0; bar < PCI_ROM_SLOT; bar++) {
        VFIORegion *region = &vdev->bars[bar].region;

        for (int i = 0; i < region->nr_mmaps; i++) {
            if (region->mmaps[i].mmap &&
                !fn(vdev, bar, &region->mmaps[i], errp)) {
                return false;
            }
        }
    }
    return true;
}

static bool export_all(VFIOPCIDevice *vdev, Error **errp)
{
    if (!vdev->vbasedev.iommufd) {
        error_setg(errp, "it takes an iommufd");
        return false;
    }
    if (!for_each_mmap(vdev, errp, export_mmap)) {
        return false;
    }
    /* Nobody asked for it with auto: many devices have none */
    if (vdev->p2p == ON_OFF_AUTO_ON &&
        for_each_mmap(vdev, NULL, has_no_export)) {
        error_setg(errp, "QEMU maps no whole page of a BAR");
        return false;
    }
    return true;
}

bool vfio_pci_p2p_setup(VFIOPCIDevice *vdev, Error **errp)
{
    Error *err = NULL;

    if (vdev->p2p == ON_OFF_AUTO_AUTO &&
        !pci_viommu_nesting_bus(vdev->vbasedev.dev)) {
        return true;
    }
    if (vdev->p2p != ON_OFF_AUTO_OFF && !export_all(vdev, &err)) {
        vfio_pci_p2p_exit(vdev);
        if (vdev->p2p == ON_OFF_AUTO_ON) {
            error_propagate_prepend(errp, err, "x-p2p=on cannot be had: ");
            return false;
        }
        warn_reportf_err(err, "%s: other devices cannot reach its BARs by "
                         "DMA: ", vdev->vbasedev.name);
    }
    for_each_mmap(vdev, NULL, export_nothing);
    return true;
}

void vfio_pci_p2p_exit(VFIOPCIDevice *vdev)
{
    for_each_mmap(vdev, NULL, forget);
}

void vfio_pci_p2p_after_flr(PCIDevice *dev)
{
    for_each_mmap(VFIO_PCI_DEVICE(dev), NULL, map_anew);
}
