/*
 * A vCPU's jump cache forgets one translation block, not all of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_CORE_BOARD_JUMP_CACHE_H
#define HW_CORE_BOARD_JUMP_CACHE_H

#include "exec/translation-block.h"
#include "hw/core/cpu.h"

/* From any thread, as tcg_flush_jmp_cache() */
void board_forget_tb(CPUState *cpu, const TranslationBlock *tb);

#endif
