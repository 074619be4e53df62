/*
 * Registers that a vCPU's write reaches past the memory map
 *
 * To find a register in the memory map, and to call its function by way of a
 * MemoryRegion, costs more than some writes do themselves. A register that is
 * written very often, and whose function takes no big lock, can have a
 * shortcut: its address leads to the function at once. It is a second way to
 * the same function: whoever does not take it meets the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_MMIO_SHORTCUT_H
#define SYSTEM_MMIO_SHORTCUT_H

#include "exec/hwaddr.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"

/**
 * MMIOShortcut - to a little-endian register of 32 bits
 * @addr: guest physical; changed with the big lock only
 * @write: called without the big lock, by several threads at once
 */
typedef struct MMIOShortcut {
    hwaddr addr;
    void (*write)(void *opaque, uint32_t val);
    void *opaque;
} MMIOShortcut;

#define MMIO_SHORTCUTS 16
extern MMIOShortcut *mmio_shortcut[MMIO_SHORTCUTS];

/* By bits that differ between neighbours, which have 64 or 128 KiB each */
static inline MMIOShortcut **mmio_shortcut_slot(hwaddr addr)
{
    return &mmio_shortcut[(addr >> 17) % MMIO_SHORTCUTS];
}

/*
 * With the big lock: the register is at @addr from now on. Of two shortcuts
 * with the same slot only the first is used.
 */
void mmio_shortcut_add(MMIOShortcut *s, hwaddr addr);
/* With the big lock: it no longer is. May be called if it never was. */
void mmio_shortcut_remove(MMIOShortcut *s);

/*
 * Write @len bytes at @data to @addr. Returns: false if that is no register
 * with a shortcut; nothing is done then
 */
static inline bool mmio_shortcut_write(hwaddr addr, const void *data,
                                       unsigned len)
{
    MMIOShortcut *s = qatomic_load_acquire(mmio_shortcut_slot(addr));

    if (!s || qatomic_read(&s->addr) != addr || len != 4) {
        return false;
    }
    s->write(s->opaque, ldl_le_p(data));
    return true;
}

#endif /* SYSTEM_MMIO_SHORTCUT_H */
