/*
 * A Tegra241 CMDQV for the guest: its registers
 *
 * Knows where the registers are, and what a write of one starts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_CMDQV_REGS_H
#define HW_ARM_SMMUV3_ACCEL_CORE_CMDQV_REGS_H

#include "cmdqv.h"

#define SMMUV3_CMDQV_SIZE        0x50000
#define SMMUV3_CMDQV_PAGE        0x10000
/* Page 0 of the VINTF, which the guest can have from the host */
#define SMMUV3_CMDQV_VINTF_PAGE0 0x30000

/*
 * Access a register; @offset is aligned to @size, which is 4 or 8 bytes. Of a
 * register of 64 bits both halves are written before anything is done.
 */
uint64_t smmuv3_cmdqv_read(SMMUv3Cmdqv *c, uint64_t offset, unsigned size);
void smmuv3_cmdqv_write(SMMUv3Cmdqv *c, uint64_t offset, uint64_t val,
                        unsigned size);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_CMDQV_REGS_H */
