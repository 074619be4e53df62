/*
 * DMA between devices: BARs that other assigned devices reach, by dma-buf
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "dmabuf-p2p.h"

typedef struct P2PRange {
    uint8_t *base;
    int fd;
} P2PRange;

/* MemoryRegion * to P2PRange *, under the BQL */
static GHashTable *ranges;

static void range_free(gpointer data)
{
    P2PRange *range = data;

    if (range->fd >= 0) {
        close(range->fd);
    }
    g_free(range);
}

static P2PRange *range_of(MemoryRegion *mr)
{
    return ranges ? g_hash_table_lookup(ranges, mr) : NULL;
}

void vfio_p2p_remember(MemoryRegion *mr, void *vaddr, int fd)
{
    P2PRange *range = g_new(P2PRange, 1);

    range->base = vaddr;
    range->fd = fd;
    if (!ranges) {
        ranges = g_hash_table_new_full(NULL, NULL, NULL, range_free);
    }
    g_hash_table_replace(ranges, mr, range);
}

void vfio_p2p_forget(MemoryRegion *mr)
{
    if (ranges) {
        g_hash_table_remove(ranges, mr);
    }
}

bool vfio_p2p_decides(VFIOContainer *container, MemoryRegion *mr)
{
    /* VFIO's own containers map a BAR by its address */
    return VFIO_IOMMU_GET_CLASS(container)->dma_map_file && range_of(mr);
}

bool vfio_p2p_is_exported(MemoryRegion *mr)
{
    P2PRange *range = range_of(mr);

    return range && range->fd >= 0;
}

int vfio_p2p_map(VFIOContainer *container, hwaddr iova, uint64_t size,
                 void *vaddr, bool readonly, MemoryRegion *mr)
{
    VFIOIOMMUClass *vioc = VFIO_IOMMU_GET_CLASS(container);
    P2PRange *range = range_of(mr);
    int ret;

    if (range->fd < 0) {
        return 0;
    }
    ret = vioc->dma_map_file(container, iova, size, range->fd,
                             (uint8_t *)vaddr - range->base, readonly);
    return ret == -ENODEV ? 0 : ret;
}
