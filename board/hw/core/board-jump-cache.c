/*
 * A vCPU's jump cache forgets one translation block, not all of them
 *
 * Arm's blocks may be at any virtual address (CF_PCREL), and QEMU empties the
 * whole cache of each vCPU for each block that goes: some thousands a second
 * while a guest starts. An address has the same offset in each page, so that a
 * block can be in a few places only.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/target_page.h"
#include "accel/tcg/tb-hash.h"
#include "hw/core/board-jump-cache.h"

void board_forget_tb(CPUState *cpu, const TranslationBlock *tb)
{
    CPUJumpCache *cache = cpu->tb_jmp_cache;
    unsigned place = tb_jmp_cache_hash_func(tb->page_addr[0]) &
                     TB_JMP_ADDR_MASK;

    /* A vCPU that is being made has none yet. */
    for (; cache && place < TB_JMP_CACHE_SIZE; place += TB_JMP_PAGE_SIZE) {
        if (qatomic_read(&cache->array[place].tb) == tb) {
            qatomic_set(&cache->array[place].tb, NULL);
        }
    }
}
