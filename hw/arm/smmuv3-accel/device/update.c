/*
 * What SMMUEN and GBPA say, streams follow: some at a time
 *
 * With many devices this takes long. So a write of a register does a part, and
 * the main loop the rest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "state.h"
#include "hw/arm/smmuv3-accel/core/triggers.h"
#include "hw/arm/smmuv3-internal.h"

static bool slice_is_over(void *opaque)
{
    SMMUv3Accel *accel = opaque;

    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) >= accel->update_end;
}

/* All streams have followed, so the guest may see it (6.3.9, 6.3.14) */
static void updated(SMMUv3Accel *accel)
{
    SMMUv3State *s = accel->smmu;

    accel->updating = false;
    s->cr0ack = s->cr[0];
    s->gbpa &= ~R_GBPA_UPDATE_MASK;
    /* Commands that came meanwhile */
    accel->cmdq_unfinished = true;
}

void smmuv3_accel_go_on_update(SMMUv3Accel *accel)
{
    if (!accel->updating) {
        return;
    }
    accel->update_end = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                        SMMUV3_ACCEL_SLICE_NS;
    if (smmuv3_streams_update_some(&accel->streams, slice_is_over)) {
        updated(accel);
    } else {
        qemu_bh_schedule(accel->cmdq_bh);
    }
}

void smmuv3_accel_finish_update(SMMUv3Accel *accel)
{
    if (accel->updating) {
        smmuv3_streams_update_some(&accel->streams, NULL);
        updated(accel);
    }
}

void smmuv3_accel_update(SMMUv3Accel *accel)
{
    smmuv3_streams_update_begin(&accel->streams);
    accel->updating = true;
    smmuv3_accel_go_on_update(accel);
}
