/*
 * The lock of an accelerated SMMUv3
 *
 * Locks in docs/devel/smmuv3-accel.rst says who holds it, and in which order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "state.h"

/*
 * This thread holds a vSMMU's lock, and took it without the big lock. If it
 * then waited for the big lock, it would wait for somebody who waits for it.
 */
static __thread bool alone;

void smmuv3_accel_lock(SMMUv3Accel *accel)
{
    g_assert(bql_locked() && !alone);
    if (qemu_rec_mutex_trylock(&accel->lock) == 0) {
        return;
    }
    qemu_event_reset(&accel->lock_had);
    qatomic_set(&accel->lock_wanted, true);
    qemu_rec_mutex_lock(&accel->lock);
    qatomic_set(&accel->lock_wanted, false);
    qemu_event_set(&accel->lock_had);
}

void smmuv3_accel_unlock(SMMUv3Accel *accel)
{
    alone = false;
    qemu_rec_mutex_unlock(&accel->lock);
}

bool smmuv3_accel_lock_alone(SMMUv3Accel *accel)
{
    if (bql_locked()) {
        return false;
    }
    for (;;) {
        while (smmuv3_accel_lock_wanted(accel)) {
            qemu_event_wait(&accel->lock_had);
        }
        qemu_rec_mutex_lock(&accel->lock);
        if (!smmuv3_accel_lock_wanted(accel)) {
            break;
        }
        /* It is wanted since: each vCPU that waited would be another wait */
        qemu_rec_mutex_unlock(&accel->lock);
    }
    alone = true;
    if (SMMUV3_FAULT_IS(LOCK_ORDER)) {
        bql_lock();
        bql_unlock();
    }
    return true;
}

void smmuv3_accel_lock_init(SMMUv3Accel *accel)
{
    qemu_rec_mutex_init(&accel->lock);
    qemu_event_init(&accel->lock_had, true);
}

void smmuv3_accel_lock_destroy(SMMUv3Accel *accel)
{
    qemu_event_destroy(&accel->lock_had);
    qemu_rec_mutex_destroy(&accel->lock);
}
