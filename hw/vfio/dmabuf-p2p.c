/*
 * DMA between devices: BARs that other assigned devices reach, by dma-buf
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/aio.h"
#include "dmabuf-p2p.h"
#include "migration/cpr.h"
#include "migration/misc.h"
#include "qemu/main-loop.h"
#include "system/runstate.h"

/*
 * @away: not in the address space while another QEMU takes over
 * @skipped: in the address space, but not mapped: this QEMU was taking over
 */
typedef struct P2PRange {
    uint8_t *base;
    int fd;
    bool away, skipped;
} P2PRange;

/* MemoryRegion * to P2PRange *, under the BQL */
static GHashTable *ranges;
static NotifierWithReturn migration_notifier;

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
            range->away = true;
            memory_region_set_enabled(mr, false);
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
        } else if (range->skipped) {
            range->skipped = false;
            vfio_p2p_map_anew(mr);
        }
    }
}

/* A VM that is paused already does not change its state for a hand-over */
static int migration_event(NotifierWithReturn *notifier, MigrationEvent *e,
                           Error **errp)
{
    if (e->type == MIG_EVENT_PRECOPY_SETUP) {
        put_away();
    } else if (e->type == MIG_EVENT_PRECOPY_FAILED) {
        bring_back(NULL);
    }
    return 0;
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    if (state == RUN_STATE_FINISH_MIGRATE && cpr_incoming_needed(NULL)) {
        /* Until it stopped, the guest could have enabled them again */
        put_away();
    } else if (running) {
        /* A new QEMU may start its VM a moment before it maps anything */
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
        migration_add_notifier_modes(&migration_notifier, migration_event,
                                     BIT(MIG_MODE_CPR_TRANSFER) |
                                     BIT(MIG_MODE_CPR_EXEC));
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
    /* A container that comes later maps at once, but only for itself */
    range->skipped |= cpr_is_incoming();
    ret = vioc->dma_map_file(container, iova, size, range->fd,
                             (uint8_t *)vaddr - range->base, readonly);
    return ret == -ENODEV ? 0 : ret;
}

void vfio_p2p_map_anew(MemoryRegion *mr)
{
    if (mr->enabled && vfio_p2p_is_exported(mr)) {
        memory_region_set_enabled(mr, false);
        memory_region_set_enabled(mr, true);
    }
}
