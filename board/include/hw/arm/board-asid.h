/*
 * What a change of a register makes a vCPU translate anew
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_BOARD_ASID_H
#define HW_ARM_BOARD_ASID_H

#include "target/arm/cpu.h"
#include "target/arm/cpregs.h"

/*
 * Each is called before the register has its new value, in place of a flush, by
 * the vCPU's own thread.
 */
void board_hcr_changes(CPUARMState *env, uint64_t value);
void board_tcr_el1_changes(CPUARMState *env, const ARMCPRegInfo *reg,
                           uint64_t value);
void board_ttbr_el1_changes(CPUARMState *env, const ARMCPRegInfo *reg,
                            uint64_t value);
void board_ttbr_el2_changes(CPUARMState *env, const ARMCPRegInfo *reg,
                            uint64_t value);

#endif
