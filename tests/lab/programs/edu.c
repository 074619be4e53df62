/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DMA engine of QEMU's edu device: see edu.h. */

#include "edu.h"
#include "tap.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
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

static int region_info(int device, unsigned index,
                       struct vfio_region_info *info)
{
    *info = (struct vfio_region_info) {
        .argsz = sizeof(*info), .index = index,
    };
    return ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info) < 0 ? -errno : 0;
}

static int enable_bus_master(int device)
{
    struct vfio_region_info config;
    uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    int ret = region_info(device, VFIO_PCI_CONFIG_REGION_INDEX, &config);

    if (ret) {
        return ret;
    }
    if (pwrite(device, &command, sizeof(command),
               config.offset + PCI_COMMAND) != sizeof(command)) {
        return -errno;
    }
    return 0;
}

int edu_open(struct edu *edu, int device)
{
    struct vfio_region_info bar;
    void *mem;
    int ret = region_info(device, VFIO_PCI_BAR0_REGION_INDEX, &bar);

    if (!ret) {
        ret = enable_bus_master(device);
    }
    if (ret) {
        return ret;
    }
    mem = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
               bar.offset);
    if (mem == MAP_FAILED) {
        return -errno;
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
