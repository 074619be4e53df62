/*
 * Make an edu device do one DMA, from a guest that has no driver for it
 *
 *   edu-dma PCI-ADDRESS IOVA
 *
 * The device reads 4 bytes at IOVA. Behind an SMMU that has no mapping there,
 * this is a fault. Exit status 0: the device has finished, whatever came of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* docs/specs/edu.rst */
#define EDU_BAR_SIZE  0x100000
#define EDU_DMA_SRC   0x80
#define EDU_DMA_DST   0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_CMD   0x98
#define EDU_DMA_RUN   1
#define EDU_BUFFER    0x40000

#define PCI_COMMAND          4
#define PCI_COMMAND_MEM_MAIN 6

static int open_attribute(const char *function, const char *name)
{
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", function, name);
    fd = open(path, O_RDWR | O_SYNC);
    if (fd < 0) {
        err(1, "%s", path);
    }
    return fd;
}

static void enable(const char *function)
{
    uint16_t command = PCI_COMMAND_MEM_MAIN;
    int fd = open_attribute(function, "config");

    if (pwrite(fd, &command, sizeof(command), PCI_COMMAND) < 0) {
        err(1, "%s: PCI command", function);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    volatile uint64_t *regs;
    uint8_t *bar;

    if (argc != 3) {
        errx(2, "usage: edu-dma PCI-ADDRESS IOVA");
    }
    enable(argv[1]);
    bar = mmap(NULL, EDU_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
               open_attribute(argv[1], "resource0"), 0);
    if (bar == MAP_FAILED) {
        err(1, "%s: BAR 0", argv[1]);
    }
    regs = (volatile uint64_t *)bar;
    regs[EDU_DMA_SRC / 8] = strtoull(argv[2], NULL, 0);
    regs[EDU_DMA_DST / 8] = EDU_BUFFER;
    regs[EDU_DMA_COUNT / 8] = 4;
    regs[EDU_DMA_CMD / 8] = EDU_DMA_RUN;
    for (int i = 0; i < 10000; i++) {
        if (!(regs[EDU_DMA_CMD / 8] & EDU_DMA_RUN)) {
            return 0;
        }
        usleep(1000);
    }
    errx(1, "%s: its DMA does not end", argv[1]);
}
