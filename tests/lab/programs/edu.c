/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DMA engine of QEMU's edu device: see edu.h. */

#include "edu.h"
#include "iommufd.h"
#include "tap.h"

#include <errno.h>
#include <unistd.h>

#include <linux/vfio.h>

#define EDU_ID            0x00
#define EDU_ID_MAGIC      0xed
#define EDU_DMA_SOURCE    0x80
#define EDU_DMA_TARGET    0x88
#define EDU_DMA_COUNT     0x90
#define EDU_DMA_COMMAND   0x98
#define EDU_RUN           1
#define EDU_TO_MEMORY     2
/* Where the buffer lies in the engine's own address space. */
#define EDU_BUFFER        0x40000

#define DMA_TIMEOUT_MS    5000

int edu_open(struct edu *edu, int device)
{
    void *mem;
    int ret = vfio_enable(device);

    if (!ret) {
        ret = vfio_map_bar(device, VFIO_PCI_BAR0_REGION_INDEX, &mem);
    }
    if (ret) {
        return ret;
    }
    edu->bar = mem;
    return *(volatile uint32_t *)(edu->bar + EDU_ID) % 256 == EDU_ID_MAGIC
           ? 0 : -ENODEV;
}

static volatile uint64_t *reg(struct edu *edu, unsigned offset)
{
    return (volatile uint64_t *)(edu->bar + offset);
}

static void transfer(struct edu *edu, uint64_t source, uint64_t target,
                     unsigned size, uint64_t command)
{
    unsigned waited;

    *reg(edu, EDU_DMA_SOURCE) = source;
    *reg(edu, EDU_DMA_TARGET) = target;
    *reg(edu, EDU_DMA_COUNT) = size;
    /* What the engine reads from memory must be there before it starts. */
    __sync_synchronize();
    *reg(edu, EDU_DMA_COMMAND) = command | EDU_RUN;
    /* The first look only when the engine's fixed time is nearly over. */
    usleep(98000);
    for (waited = 0; *reg(edu, EDU_DMA_COMMAND) & EDU_RUN; waited++) {
        if (waited == DMA_TIMEOUT_MS) {
            tap_bail("edu: a transfer does not end");
        }
        usleep(1000);
    }
    __sync_synchronize();
}

void edu_dma_read(struct edu *edu, uint64_t addr, unsigned offset,
                  unsigned size)
{
    transfer(edu, addr, EDU_BUFFER + offset, size, 0);
}

void edu_dma_write(struct edu *edu, uint64_t addr, unsigned offset,
                   unsigned size)
{
    transfer(edu, EDU_BUFFER + offset, addr, size, EDU_TO_MEMORY);
}
