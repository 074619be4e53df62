/*
 * A vCPU keeps its TLB while another address space runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_CORE_BOARD_TLB_H
#define HW_CORE_BOARD_TLB_H

#include "hw/core/cpu.h"

/* Translation regimes whose address spaces change one without the other */
enum { BOARD_TLB_EL1, BOARD_TLB_EL2, BOARD_TLB_REGIMES };

/* What tells a regime's address spaces from each other */
typedef struct BoardSpace {
    uint64_t ids;
    uint64_t control;
} BoardSpace;

/*
 * In place of a flush of the MMU indexes that are a regime's: what the TLB
 * knows of @to is as it was, unless anything was flushed since.
 *
 * By the vCPU's own thread
 */
void board_tlb_switch(CPUState *cpu, unsigned regime, MMUIdxMap indexes,
                      BoardSpace from, BoardSpace to);

/*
 * Something is flushed, or a page is to be found clean: all that is kept, of
 * each vCPU, is void.
 *
 * From any thread; for a change to a vCPU's TLB with its lock held
 */
void board_tlb_void(void);

#endif
