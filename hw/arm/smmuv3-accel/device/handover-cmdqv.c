/*
 * arm-smmuv3,accel=on: the guest's CMDQV, as another QEMU process is told of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "migration/vmstate.h"
#include "state.h"

/* A guest without a CMDQV can go to a QEMU that knows nothing of them */
static bool has_cmdqv(void *opaque)
{
    SMMUv3Accel *accel = opaque;

    return accel->handover.cmdqv.n;
}

static const VMStateDescription vmstate_queue = {
    .name = "arm-smmuv3-accel/cmdqv/queue",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(alloc, SMMUv3CmdqvQueue),
        VMSTATE_UINT32(cons, SMMUv3CmdqvQueue),
        VMSTATE_UINT32(prod, SMMUv3CmdqvQueue),
        VMSTATE_UINT32(gerror, SMMUv3CmdqvQueue),
        VMSTATE_UINT32(gerrorn, SMMUv3CmdqvQueue),
        VMSTATE_BOOL(en, SMMUv3CmdqvQueue),
        VMSTATE_BOOL(enabled, SMMUv3CmdqvQueue),
        VMSTATE_UINT64(base, SMMUv3CmdqvQueue),
        VMSTATE_UINT64(cons_base, SMMUv3CmdqvQueue),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription vmstate_smmuv3_accel_cmdqv = {
    .name = "arm-smmuv3-accel/cmdqv",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = has_cmdqv,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(handover.cmdqv.n, SMMUv3Accel),
        VMSTATE_UINT32(handover.cmdqv.log2sids, SMMUv3Accel),
        VMSTATE_UINT32(handover.cmdqv.log2max, SMMUv3Accel),
        VMSTATE_BOOL(handover.cmdqv.has_page, SMMUv3Accel),
        VMSTATE_UINT64(handover.cmdqv.page_offset, SMMUv3Accel),
        VMSTATE_UINT64(handover.cmdqv.page_len, SMMUv3Accel),
        VMSTATE_UINT32(handover.cmdqv.veventq, SMMUv3Accel),
        VMSTATE_UINT32(handover.cmdqv.regs.config, SMMUv3Accel),
        VMSTATE_UINT32(handover.cmdqv.regs.vintf_config, SMMUv3Accel),
        VMSTATE_UINT32_ARRAY(handover.cmdqv.regs.int_mask, SMMUv3Accel, 2),
        VMSTATE_UINT32_ARRAY(handover.cmdqv.regs.sid_match, SMMUv3Accel,
                             SMMUV3_CMDQV_SIDS),
        VMSTATE_UINT32_ARRAY(handover.cmdqv.regs.sid_replace, SMMUv3Accel,
                             SMMUV3_CMDQV_SIDS),
        VMSTATE_STRUCT_ARRAY(handover.cmdqv.regs.queue, SMMUv3Accel,
                             SMMUV3_CMDQV_MAX_QUEUES, 1, vmstate_queue,
                             SMMUv3CmdqvQueue),
        VMSTATE_END_OF_LIST()
    }
};
