/*
 * What QEMU's fuzzer takes for granted, and the virt machine does not have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/boards.h"
#include "system/ramblock.h"
#include "virt.h"

#define SMMU_CR0 0x0c000020
#define SMMU_END 0x0c0000c0

/*
 * RAM that begins at 0. The fuzzer fills what is read at an address, but a
 * cached read tells it the place in the region. Here RAM begins above its size.
 */
void __wrap_fuzz_dma_read_cb(size_t addr, size_t len, MemoryRegion *mr)
{
    __real_fuzz_dma_read_cb(addr < mr->addr ? mr->addr + addr : addr, len, mr);
}

/*
 * Each word that a device writes to flash changes the map of memory, and no
 * older one is freed before the input ends. That can be gigabytes.
 */
static int take_flash_away(RAMBlock *rb, void *opaque)
{
    if (memory_region_is_romd(rb->mr)) {
        memory_region_set_enabled(rb->mr, false);
    }
    return 0;
}

/* The fuzzer calls this before each input. */
void __wrap_qpci_free_pc(QPCIBus *bus)
{
    __real_qpci_free_pc(bus);
    qemu_ram_foreach_block(take_flash_away, NULL);
}

/* Memory of the machine, or of a device's BAR */
static int clear_ram(RAMBlock *rb, void *opaque)
{
    MemoryRegion *mr = rb->mr;

    return memory_region_is_rom(mr) || memory_region_is_romd(mr)
           ? 0 : ram_block_discard_range(rb, 0, memory_region_size(mr));
}

/*
 * A reset after which nothing is left: an input that is kept has to do the same
 * again. RAM stays as it is, and so do those registers that may (6.3).
 */
void __wrap_fuzz_reset(QTestState *s)
{
    __real_fuzz_reset(s);
    for (hwaddr reg = SMMU_CR0; reg < SMMU_END; reg += 4) {
        qtest_writel(s, reg, 0);
    }
    if (qemu_ram_foreach_block(clear_ram, NULL)) {
        abort();
    }
}

/* A timer to step to: without one that is an error */
int64_t __wrap_qtest_clock_step_next(QTestState *s)
{
    return 0;
}
