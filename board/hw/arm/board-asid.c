/*
 * What a change of a register makes a vCPU translate anew
 *
 * QEMU empties the TLB when a register changes that says whose translations it
 * has. Hardware does not: its entries have an ASID and a VMID, and an operating
 * system invalidates them. For KVM's entries and exits HCR_EL2.VM is another.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "cpu.h"
#include "cpregs.h"
#include "internals.h"
#include "exec/cputlb.h"
#include "hw/arm/board-asid.h"
#include "hw/core/board-tlb.h"

/* What QEMU empties the TLB for: all is of the EL1&0 regime (DDI 0487). */
#define HCR_BITS (HCR_VM | HCR_PTW | HCR_DC | HCR_DCT | HCR_FWB | HCR_NV | \
                  HCR_NV1)

static uint64_t id_of(uint64_t ttbr)
{
    return extract64(ttbr, 48, 16);
}

static BoardSpace el1_space(CPUARMState *env)
{
    return (BoardSpace) {
        id_of(env->cp15.ttbr0_el[1]) | id_of(env->cp15.ttbr1_el[1]) << 16 |
        id_of(env->cp15.vttbr_el2) << 32,
        env->cp15.hcr_el2 & HCR_BITS,
    };
}

static BoardSpace el2_space(CPUARMState *env)
{
    return (BoardSpace) {
        id_of(env->cp15.ttbr0_el[2]) | id_of(env->cp15.ttbr1_el[2]) << 16
    };
}

static void switch_el1(CPUARMState *env, BoardSpace from)
{
    board_tlb_switch(env_cpu(env), BOARD_TLB_EL1, alle1_tlbmask(env), from,
                     el1_space(env));
}

void board_hcr_changes(CPUARMState *env, uint64_t value)
{
    BoardSpace from = el1_space(env);

    env->cp15.hcr_el2 = value;
    switch_el1(env, from);
}

void board_tcr_el1_changes(CPUARMState *env, const ARMCPRegInfo *reg,
                           uint64_t value)
{
    /* KVM writes a guest's whenever it runs it. */
    if (raw_read(env, reg) != value) {
        tlb_flush(env_cpu(env));
    }
}

void board_ttbr_el1_changes(CPUARMState *env, const ARMCPRegInfo *reg,
                            uint64_t value)
{
    BoardSpace from = el1_space(env);

    /* Its registers have another bank with EL3, which the board lacks. */
    assert(!arm_feature(env, ARM_FEATURE_EL3));
    raw_write(env, reg, value);
    switch_el1(env, from);
}

void board_ttbr_el2_changes(CPUARMState *env, const ARMCPRegInfo *reg,
                            uint64_t value)
{
    BoardSpace from = el2_space(env);

    raw_write(env, reg, value);
    board_tlb_switch(env_cpu(env), BOARD_TLB_EL2,
                     ARMMMUIdxBit_E20_2 | ARMMMUIdxBit_E20_2_PAN |
                     ARMMMUIdxBit_E20_2_GCS | ARMMMUIdxBit_E20_0 |
                     ARMMMUIdxBit_E20_0_GCS, from, el2_space(env));
}
