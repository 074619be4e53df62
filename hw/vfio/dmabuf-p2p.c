/*
 * DMA between devices: BARs that other assigned devices reach, by dma-buf
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/aio.h"
#include "dmabuf-p2p.h"
#include "migration/cpr.h"
#include "qemu/main-loop.h"
#include "system/runstate.h"

/* @away: not in the address space while another QEMU takes over */
typedef struct P2PRange {
    uint8_t *base;
    int fd;
    bool away;
} P2PRange;

/* MemoryRegion * to P2PRange *, under the BQL */
static GHashTable *ranges;

/*
 * iommufd does not change the process of mappings that have a dma-buf, so a
 * QEMU that another one takes over from unmaps them, and the new one maps them.
 */
static void put_away(void)
{
    GHashTableIter i;
    gpointer mr, value;

    g_hash_table_iter_init(&i, ranges);
    while (g_hash_table_iter_next(&i, &mr, &value)) {
        P2PRange *range = value;

        if (range->fd >= 0 && ((MemoryRegion *)mr)->enabled) {
            memory_region_set_enabled(mr, false);
            range->away = true;
        }
    }
}

static void bring_back(void *opaque)
{
    GHashTableIter i;
    gpointer mr, value;

    g_hash_table_iter_init(&i, ranges);
    while (g_hash_table_iter_next(&i, &mr, &value)) {
        P2PRange *range = value;

        if (range->away) {
            range->away = false;
            memory_region_set_enabled(mr, true);
        }
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    if (cpr_incoming_needed(NULL) &&
        (running ? cpr_is_incoming() : state == RUN_STATE_FINISH_MIGRATE)) {
        put_away();
    }
    if (running) {
        /* The new QEMU maps nothing before its VM has been started */
        aio_bh_schedule_oneshot(qemu_get_aio_context(), bring_back, NULL);
    }
}

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
    P2PRange *range = g_new0(P2PRange, 1);

    range->base = vaddr;
    range->fd = fd;
    if (!ranges) {
        ranges = g_hash_table_new_full(NULL, NULL, NULL, range_free);
        qemu_add_vm_change_state_handler(vm_state_changed, NULL);
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

    assert(range);
    if (range->fd < 0) {
        return 0;
    }
    ret = vioc->dma_map_file(container, iova, size, range->fd,
                             (uint8_t *)vaddr - range->base, readonly);
    return ret == -ENODEV ? 0 : ret;
}
