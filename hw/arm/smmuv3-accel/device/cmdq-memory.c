/*
 * Where the guest's queues are, and the command queue in this process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "state.h"
#include "hw/arm/smmuv3-internal.h"

/* 6.3.26, 6.3.29: ADDR */
#define QUEUE_ADDR MAKE_64BIT_MASK(5, 51)

uint64_t smmuv3_accel_queue_base(const SMMUv3Accel *accel, const SMMUQueue *q)
{
    uint64_t size = (uint64_t)q->entry_size << q->log2size;

    return q->base & QUEUE_ADDR & accel->pa_mask & -size;
}

static void forget_memory(SMMUv3AccelQueueMemory *m)
{
    address_space_cache_destroy(&m->cache);
    m->size = 0;
    m->ptr = NULL;
}

static void find_memory(SMMUv3AccelQueueMemory *m, hwaddr base, hwaddr size)
{
    /* To drop a reference to a memory region can free a device */
    g_assert(bql_locked());
    forget_memory(m);
    address_space_cache_init(&m->cache, &address_space_memory, base, size,
                             true);
    m->base = base;
    m->size = size;
    m->ptr = m->cache.len == size ? m->cache.ptr : NULL;
}

/*
 * Find the queue again at once. A vCPU that had to do it would wait for the big
 * lock, which a device_add that maps memory holds until the device is reset.
 */
static void memory_changed(MemoryListener *listener)
{
    SMMUv3Accel *accel = container_of(listener, SMMUv3Accel,
                                      cmdq_memory.listener);
    SMMUv3AccelQueueMemory *m = &accel->cmdq_memory;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    if (m->size) {
        find_memory(m, m->base, m->size);
    }
}

void smmuv3_accel_cmdq_memory_realize(SMMUv3Accel *accel)
{
    accel->cmdq_memory.listener = (MemoryListener) {
        .name = "arm-smmuv3-cmdq",
        .commit = memory_changed,
    };
    memory_listener_register(&accel->cmdq_memory.listener,
                             &address_space_memory);
}

void smmuv3_accel_cmdq_memory_finalize(SMMUv3Accel *accel)
{
    if (accel->cmdq_memory.listener.commit) {
        memory_listener_unregister(&accel->cmdq_memory.listener);
        forget_memory(&accel->cmdq_memory);
    }
}

static hwaddr queue_size(const SMMUQueue *q)
{
    return (hwaddr)q->entry_size << q->log2size;
}

static bool is_found(SMMUv3State *s)
{
    const SMMUv3AccelQueueMemory *m = &s->accel->cmdq_memory;

    return m->size == queue_size(&s->cmdq) &&
           m->base == smmuv3_accel_queue_base(s->accel, &s->cmdq);
}

void smmuv3_accel_find_cmdq_memory(SMMUv3State *s)
{
    if (!is_found(s)) {
        find_memory(&s->accel->cmdq_memory,
                    smmuv3_accel_queue_base(s->accel, &s->cmdq),
                    queue_size(&s->cmdq));
    }
}

uint8_t *smmuv3_accel_cmdq_memory(SMMUv3State *s)
{
    return is_found(s) ? s->accel->cmdq_memory.ptr : NULL;
}

bool smmuv3_accel_store_cmdq(SMMUv3State *s, uint64_t addr, uint32_t data)
{
    SMMUv3AccelQueueMemory *m = &s->accel->cmdq_memory;

    /* It is memory, and known, even if the queue is elsewhere by now */
    if (!m->ptr || addr < m->base || addr - m->base >= m->size) {
        return false;
    }
    /* All earlier stores must be visible before this one */
    smp_wmb();
    stl_le_p(m->ptr + (addr - m->base), data);
    /* Asked here, because to tell nobody costs as much as all of the store */
    if (memory_region_get_dirty_log_mask(m->cache.mrs.mr)) {
        address_space_cache_invalidate(&m->cache, addr - m->base,
                                       sizeof(data));
    }
    return true;
}
