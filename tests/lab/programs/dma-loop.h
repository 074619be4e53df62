/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What dma-loop, in the host, and dma-states, in the guest, say to each other.
 * It is in the test device's own memory (BAR 2), which both have mapped.
 */
#ifndef LAB_DMA_LOOP_H
#define LAB_DMA_LOOP_H

#include <stdint.h>

/* Of the guest's SMMU; QUIET is as before, but the guest starts no DMA */
enum dma_state { DMA_BYPASS, DMA_ABORT, DMA_TRANSLATE, DMA_QUIET, DMA_END };

#define DMA_MAILBOX     0x80000     /* in BAR 2 */
#define DMA_MAGIC       0x444d414c

/* Nothing is mapped there while the SMMU translates */
#define DMA_UNMAPPED    0x280000000ULL

struct dma_mailbox {
    /* The host's: a new number for each wish */
    uint32_t wish, state;
    /* The guest's */
    uint32_t magic;
    uint32_t granted;       /* the wish that it has fulfilled */
    uint32_t events;        /* that its SMMU has reported, all in all */
    uint32_t faults;        /* that the guest's own DMA met, all in all */
    uint64_t address;       /* where the host's loop can write, in that state */
};

#endif
