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
    qatomic_inc(&accel->lock_wanted);
    qemu_rec_mutex_lock(&accel->lock);
    qatomic_dec(&accel->lock_wanted);
}

void smmuv3_accel_unlock(SMMUv3Accel *accel)
{
    alone = false;
    qemu_rec_mutex_unlock(&accel->lock);
}

bool smmuv3_accel_lock_alone(SMMUv3Accel *accel)
{
    if (bql_locked() || smmuv3_accel_lock_wanted(accel)) {
        return false;
    }
    qemu_rec_mutex_lock(&accel->lock);
    alone = true;
    return true;
}
