/*
 * What a change of HCR_EL2 makes a vCPU translate anew
 *
 * KVM changes HCR_EL2.VM each time it enters a guest or leaves it. The bits for
 * which QEMU empties the TLB are of the EL1&0 translation regime (DDI 0487,
 * HCR_EL2); with them went the host's own translations, of EL2 and EL0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "cpu.h"
#include "internals.h"
#include "exec/cputlb.h"
#include "hw/arm/board-hcr.h"

void board_hcr_flush(CPUARMState *env)
{
    tlb_flush_by_mmuidx(env_cpu(env), alle1_tlbmask(env));
}
