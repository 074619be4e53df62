/*
 * The guest's CMDQV, handed over to another QEMU process
 *
 * Knows what of it is still true in another process that has the same iommufd.
 * It must not know how this gets there.
 *
 * The hardware's queues do not go from one process to the other. The old
 * process takes them back first: what it hands over is then not older than what
 * the hardware has done. Whichever process runs the guest next gives them
 * again: the new one, or the old one if the new one fails.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_HANDOVER_CMDQV_H
#define HW_ARM_SMMUV3_ACCEL_CORE_HANDOVER_CMDQV_H

#include "cmdqv.h"

/**
 * SMMUv3HandoverCmdqv - all that the new process needs
 * @n: as in an SMMUv3Cmdqv, and so are the rest; 0: the guest has no CMDQV
 * @has_page: the vIOMMU has a page of registers, and a vEVENTQ of errors
 * @page_offset, @page_len: as mmap() names the page
 * @veventq: its id
 */
typedef struct SMMUv3HandoverCmdqv {
    uint32_t n;
    uint32_t log2sids;
    uint32_t log2max;
    bool has_page;
    uint64_t page_offset;
    uint64_t page_len;
    uint32_t veventq;
    SMMUv3CmdqvRegs regs;
} SMMUv3HandoverCmdqv;

/**
 * smmuv3_cmdqv_hand_over - take all queues back, and fill @h
 *
 * smmuv3_cmdqv_start() gives them again, if the new process fails.
 */
void smmuv3_cmdqv_hand_over(SMMUv3Cmdqv *c, SMMUv3HandoverCmdqv *h);

/**
 * smmuv3_cmdqv_check_handover - can @c be what @h is of?
 * @c: as this process has made it; NULL: none
 *
 * Returns: false, with @errp set, if the guest would see another one, or if @h
 * cannot be the work of smmuv3_cmdqv_hand_over()
 */
bool smmuv3_cmdqv_check_handover(const SMMUv3Cmdqv *c,
                                 const SMMUv3HandoverCmdqv *h, Error **errp);

/**
 * smmuv3_cmdqv_take_over_page - map the page of registers
 * @v: held; it unmaps the page if it is let go
 * @want: where it is to be
 * @veventq_fd: of @h's vEVENTQ, if it has one; @v owns it afterwards
 *
 * This is the only host call that taking over makes, and it can be undone.
 *
 * Returns: false, with @errp set and @v as it was, if that fails
 */
bool smmuv3_cmdqv_take_over_page(SMMUv3VIOMMU *v, const SMMUv3HandoverCmdqv *h,
                                 const SMMUv3WantCmdqv *want, int veventq_fd,
                                 Error **errp);

/*
 * The registers of @c are those in @h, which was checked, and its vIOMMU is
 * @viommu, or NULL. smmuv3_cmdqv_start() gives the queues.
 */
void smmuv3_cmdqv_take_over(SMMUv3Cmdqv *c, const SMMUv3HandoverCmdqv *h,
                            SMMUv3VIOMMU *viommu);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_HANDOVER_CMDQV_H */
