/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The DMA engine of QEMU's edu device: real PCI DMA through the board's SMMU,
 * whose outcome is seen in memory.  A transfer takes 100 ms.
 */
#ifndef LAB_EDU_H
#define LAB_EDU_H

#include <stdint.h>

#define EDU_BUFFER_SIZE 4096

struct edu {
    volatile uint8_t *bar;
};

/* The cdev must be bound to an iommufd. Returns 0 or a negative errno. */
int edu_open(struct edu *edu, int device);

/* Copy into, or from, the device's buffer at offset; waits for the end. */
void edu_dma_read(struct edu *edu, uint64_t addr, unsigned offset,
                  unsigned size);
void edu_dma_write(struct edu *edu, uint64_t addr, unsigned offset,
                   unsigned size);

#endif
