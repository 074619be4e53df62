/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: a host kernel that is older than DMA between devices.
 * P2P_HOST=no-export: it knows no VFIO_DEVICE_FEATURE_DMA_BUF (or was built
 * without VFIO_PCI_DMABUF).  P2P_HOST=no-map: it exports BARs, but its iommufd
 * takes a dma-buf for a file without memory.  All other calls go to the kernel.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "preload-ioctl.h"

static bool is_dmabuf(int fd)
{
    char link[64], name[64] = "";

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return readlink(link, name, sizeof(name) - 1) > 0 &&
           !strncmp(name, "/dmabuf:", strlen("/dmabuf:"));
}

/* What this host answers instead of the kernel, or 0 */
static int refusal(unsigned long request, const void *arg)
{
    const struct vfio_device_feature *feature = arg;
    const struct iommu_ioas_map_file *map = arg;
    const char *host = getenv("P2P_HOST") ?: "";

    if (!strcmp(host, "no-export") && request == VFIO_DEVICE_FEATURE &&
        (feature->flags & VFIO_DEVICE_FEATURE_MASK) ==
        VFIO_DEVICE_FEATURE_DMA_BUF) {
        return ENOTTY;
    }
    if (!strcmp(host, "no-map") && request == IOMMU_IOAS_MAP_FILE &&
        is_dmabuf(map->fd)) {
        return EINVAL;
    }
    return 0;
}

static int host_ioctl(int fd, unsigned long request, void *arg)
{
    errno = refusal(request, arg);
    return errno ? -1 : kernel_ioctl(fd, request, arg);
}
