/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest would build for stage 1: a context descriptor and page tables
 * (4 KB granule, 39-bit addresses), in memory that the device sees through
 * stage 2.  Addresses in them are guest physical.
 */
#ifndef LAB_STAGE1_H
#define LAB_STAGE1_H

#include <stdint.h>

/* One set of tables spans these 2 MB of virtual addresses. */
#define STAGE1_VA   0x1200000000ULL

/* Bits of a descriptor; those of stage1_map() have USER, and not UXN. */
#define STAGE1_USER (1ULL << 6)
#define STAGE1_UXN  (1ULL << 54)

struct stage1 {
    uint8_t *ram;           /* guest memory, as this program sees it */
    uint64_t ram_ipa;       /* and where the guest has it */
    uint64_t cd;            /* IPA of the context descriptor's page */
    uint64_t tables;        /* IPA of three pages: levels 1, 2 and 3 */
    uint16_t asid;
};

/* Fills the context descriptor and empty tables. */
void stage1_init(struct stage1 *s);
/* va -> ipa of one page; ipa 0 makes it invalid again. */
void stage1_map(struct stage1 *s, uint64_t va, uint64_t ipa);
/* Toggles bits of that page's descriptor. */
void stage1_toggle(struct stage1 *s, uint64_t va, uint64_t bits);
/* The vSTE that uses it. */
void stage1_vste(const struct stage1 *s, uint64_t vste[2]);

#endif
