/*
 * A vCPU keeps its TLB while another address space runs
 *
 * QEMU's TLB has no ASID and no VMID, and is emptied whenever one changes: two
 * thousand times a second in the lab, as often as the guest's QEMU and what
 * tests it take turns. To fill it again took half of the board's time, together
 * with the search for each block of code, as the jump cache is emptied as well.
 *
 * Here an address space's TLB is put aside instead. What is kept is used only
 * if nothing was flushed since on any vCPU, whatever it was: a flush is rare
 * where changes are frequent, and nobody need know what is kept where.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "exec/target_page.h"
#include "exec/tlb-common.h"
#include "accel/tcg/tb-jmp-cache.h"
#include "accel/tcg/tlb-bounds.h"
#include "hw/core/board-tlb.h"

enum {
    SPACES = 8,
    CPUS = 16,
};

typedef struct Kept {
    BoardSpace space;
    /* Another one whenever it is emptied; 0: it was never used. */
    uint64_t id;
    uint64_t flushes;
    uint64_t last_used;
    MMUIdxMap dirty;
    CPUTLBDesc desc[NB_MMU_MODES];
    CPUTLBDescFast fast[NB_MMU_MODES];
} Kept;

typedef struct KeptJumps {
    CPUJumpCache *cache;
    uint64_t id[BOARD_TLB_REGIMES];
} KeptJumps;

typedef struct BoardTLB {
    Kept kept[BOARD_TLB_REGIMES][SPACES];
    unsigned now[BOARD_TLB_REGIMES];
    /*
     * Blocks are found by address alone, so that both regimes decide. Of each
     * pair but the present one a flush makes a part void, which then gets
     * another id.
     */
    KeptJumps jumps[SPACES][SPACES];
    uint64_t last_id;
    uint64_t clock;
} BoardTLB;

static BoardTLB *tlbs[CPUS];
static uint64_t flushes;

void board_tlb_void(void)
{
    qatomic_inc(&flushes);
}

static KeptJumps *jumps_now(BoardTLB *tlb)
{
    return &tlb->jumps[tlb->now[BOARD_TLB_EL1]][tlb->now[BOARD_TLB_EL2]];
}

static BoardTLB *tlb_of(CPUState *cpu)
{
    BoardTLB *tlb = tlbs[cpu->cpu_index];

    if (!tlb) {
        tlb = tlbs[cpu->cpu_index] = g_new0(BoardTLB, 1);
        for (unsigned i = 0; i < BOARD_TLB_REGIMES; i++) {
            tlb->kept[i][0].id = ++tlb->last_id;
        }
        jumps_now(tlb)->cache = cpu->tb_jmp_cache;
    }
    return tlb;
}

static bool same(BoardSpace a, BoardSpace b)
{
    return a.ids == b.ids && a.control == b.control;
}

static size_t entries(const CPUTLBDescFast *fast)
{
    return (fast->mask >> CPU_TLB_ENTRY_BITS) + 1;
}

/* A TLB that is this full has lost entries to others of the same place. */
static bool is_crowded(const CPUTLBDesc *desc, const CPUTLBDescFast *fast)
{
    return desc->n_used_entries * 10 > entries(fast) * 7 &&
           entries(fast) < 1 << CPU_TLB_DYN_MAX_BITS;
}

static void empty(CPUTLBDesc *desc, CPUTLBDescFast *fast)
{
    bool grow = fast->table && is_crowded(desc, fast);
    size_t n = !fast->table ? 1 << CPU_TLB_DYN_DEFAULT_BITS :
               entries(fast) << grow;

    if (grow || !fast->table) {
        g_free(fast->table);
        g_free(desc->fulltlb);
        fast->table = g_new(CPUTLBEntry, n);
        fast->mask = (n - 1) << CPU_TLB_ENTRY_BITS;
        desc->fulltlb = g_new(CPUTLBEntryFull, n);
        desc->window_begin_ns = get_clock_realtime();
        desc->window_max_entries = 0;
    }
    desc->n_used_entries = 0;
    desc->large_page_addr = -1;
    desc->large_page_mask = -1;
    desc->vindex = 0;
    memset(fast->table, -1, n * sizeof(CPUTLBEntry));
    memset(desc->vtable, -1, sizeof(desc->vtable));
}

static void put_aside(CPUState *cpu, Kept *kept, MMUIdxMap indexes)
{
    kept->dirty = cpu->neg.tlb.c.dirty & indexes;
    kept->flushes = qatomic_read(&flushes);
    for (; indexes; indexes &= indexes - 1) {
        int i = ctz32(indexes);

        kept->desc[i] = cpu->neg.tlb.d[i];
        kept->fast[i] = *cpu_tlb_fast(cpu, i);
    }
}

static void take_out(CPUState *cpu, Kept *kept, MMUIdxMap indexes)
{
    cpu->neg.tlb.c.dirty = (cpu->neg.tlb.c.dirty & ~indexes) | kept->dirty;
    for (; indexes; indexes &= indexes - 1) {
        int i = ctz32(indexes);

        cpu->neg.tlb.d[i] = kept->desc[i];
        *cpu_tlb_fast(cpu, i) = kept->fast[i];
    }
}

static bool is_usable(const Kept *kept, BoardSpace space, MMUIdxMap indexes)
{
    if (!kept->id || !same(kept->space, space) ||
        kept->flushes != qatomic_read(&flushes)) {
        return false;
    }
    for (; indexes; indexes &= indexes - 1) {
        int i = ctz32(indexes);

        if (is_crowded(&kept->desc[i], &kept->fast[i])) {
            return false;
        }
    }
    return true;
}

/* The place of @space, or of that which was not used for the longest time */
static unsigned place_of(const Kept *kept, unsigned now, BoardSpace space)
{
    unsigned oldest = !now;

    for (unsigned i = 0; i < SPACES; i++) {
        if (i != now && kept[i].id && same(kept[i].space, space)) {
            return i;
        }
        if (i != now && kept[i].last_used < kept[oldest].last_used) {
            oldest = i;
        }
    }
    return oldest;
}

static void switch_jumps(CPUState *cpu, BoardTLB *tlb)
{
    KeptJumps *jumps = jumps_now(tlb);
    uint64_t id[BOARD_TLB_REGIMES];

    if (!jumps->cache) {
        jumps->cache = g_new0(CPUJumpCache, 1);
    }
    for (unsigned i = 0; i < BOARD_TLB_REGIMES; i++) {
        id[i] = tlb->kept[i][tlb->now[i]].id;
    }
    if (memcmp(jumps->id, id, sizeof(id))) {
        memset(jumps->cache->array, 0, sizeof(jumps->cache->array));
    }
    memcpy(jumps->id, id, sizeof(id));
    /*
     * A block that has gone meanwhile says so itself (CF_INVALID), and the
     * memory of blocks is used anew only after a flush.
     */
    qatomic_set(&cpu->tb_jmp_cache, jumps->cache);
}

void board_tlb_switch(CPUState *cpu, unsigned regime, MMUIdxMap indexes,
                      BoardSpace from, BoardSpace to)
{
    BoardTLB *tlb;
    Kept *kept, *next;
    unsigned place;

    if (same(from, to)) {
        return;
    }
    assert(cpu->cpu_index < CPUS && regime < BOARD_TLB_REGIMES);
    tlb = tlb_of(cpu);
    kept = tlb->kept[regime];

    qemu_spin_lock(&cpu->neg.tlb.c.lock);
    put_aside(cpu, &kept[tlb->now[regime]], indexes);
    kept[tlb->now[regime]].space = from;
    kept[tlb->now[regime]].last_used = ++tlb->clock;

    place = place_of(kept, tlb->now[regime], to);
    next = &kept[place];
    if (!is_usable(next, to, indexes)) {
        for (MMUIdxMap all = indexes; all; all &= all - 1) {
            int i = ctz32(all);

            if (!next->fast[i].table || next->dirty & (1 << i)) {
                empty(&next->desc[i], &next->fast[i]);
            }
        }
        next->dirty = 0;
        next->id = ++tlb->last_id;
    }
    tlb->now[regime] = place;
    take_out(cpu, next, indexes);
    qemu_spin_unlock(&cpu->neg.tlb.c.lock);

    switch_jumps(cpu, tlb);
}
