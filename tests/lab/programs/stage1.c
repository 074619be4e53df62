/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stage 1 as a guest would build it: see stage1.h. */

#include "stage1.h"

#include <string.h>

#define PAGE            4096
#define ADDRESS_BITS    39

/* Arm ARM, VMSAv8-64 descriptors. */
#define DESC_TABLE      0x3ULL
#define DESC_PAGE       0x3ULL
#define DESC_SH_INNER   (3ULL << 8)
#define DESC_AF         (1ULL << 10)
#define DESC_NG         (1ULL << 11)

/* IHI 0070, 5.4: context descriptor. */
#define CD0_T0SZ        (64ULL - ADDRESS_BITS)
#define CD0_IR0_WB      (1ULL << 8)
#define CD0_OR0_WB      (1ULL << 10)
#define CD0_SH0_INNER   (3ULL << 12)
#define CD0_EPD1        (1ULL << 30)
#define CD0_V           (1ULL << 31)
#define CD0_IPS_40      (2ULL << 32)
#define CD0_AA64        (1ULL << 41)
#define CD0_R           (1ULL << 45)
#define CD0_A           (1ULL << 46)
#define CD0_ASET        (1ULL << 47)
#define CD0_ASID_SHIFT  48
#define MAIR_WB         0xffULL

/* IHI 0070, 5.2: stream table entry. */
#define STE0_V          (1ULL << 0)
#define STE0_S1         (5ULL << 1)
#define STE1_CIR_WB     (1ULL << 2)
#define STE1_COR_WB     (1ULL << 4)
#define STE1_CSH_INNER  (3ULL << 6)

static uint64_t *at(struct stage1 *s, uint64_t ipa)
{
    return (uint64_t *)(s->ram + (ipa - s->ram_ipa));
}

static unsigned table_index(uint64_t va, unsigned level)
{
    return va >> (12 + 9 * (3 - level)) & 511;
}

void stage1_init(struct stage1 *s)
{
    uint64_t *cd = at(s, s->cd);

    memset(at(s, s->tables), 0, 3 * PAGE);
    at(s, s->tables)[table_index(STAGE1_VA, 1)] =
        (s->tables + PAGE) | DESC_TABLE;
    at(s, s->tables + PAGE)[table_index(STAGE1_VA, 2)] =
        (s->tables + 2 * PAGE) | DESC_TABLE;

    memset(cd, 0, 64);
    cd[0] = CD0_T0SZ | CD0_IR0_WB | CD0_OR0_WB | CD0_SH0_INNER | CD0_EPD1 |
            CD0_V | CD0_IPS_40 | CD0_AA64 | CD0_R | CD0_A | CD0_ASET |
            (uint64_t)s->asid << CD0_ASID_SHIFT;
    cd[1] = s->tables;
    cd[3] = MAIR_WB;
    __sync_synchronize();
}

void stage1_map(struct stage1 *s, uint64_t va, uint64_t ipa)
{
    uint64_t *level3 = at(s, s->tables + 2 * PAGE);

    level3[table_index(va, 3)] = !ipa ? 0 :
        ipa | DESC_PAGE | STAGE1_USER | DESC_SH_INNER | DESC_AF | DESC_NG;
    __sync_synchronize();
}

void stage1_toggle(struct stage1 *s, uint64_t va, uint64_t bits)
{
    at(s, s->tables + 2 * PAGE)[table_index(va, 3)] ^= bits;
    __sync_synchronize();
}

void stage1_vste(const struct stage1 *s, uint64_t vste[2])
{
    vste[0] = STE0_V | STE0_S1 | s->cd;
    vste[1] = STE1_CIR_WB | STE1_COR_WB | STE1_CSH_INNER;
}
