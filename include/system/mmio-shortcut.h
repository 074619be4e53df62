/*
 * Registers that a vCPU reaches past the memory map
 *
 * To find a register in the memory map, and to call its function by way of a
 * MemoryRegion, costs more than some accesses do themselves. A page of
 * registers that are accessed often, and whose functions take the big lock
 * themselves where they need it, can have a shortcut: its address leads to the
 * functions at once. It is a second way to the same functions: whoever does not
 * take it meets the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_MMIO_SHORTCUT_H
#define SYSTEM_MMIO_SHORTCUT_H

#include "exec/hwaddr.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"

#define MMIO_SHORTCUT_SIZE 0x1000

/**
 * MMIOShortcut - to a page of little-endian registers of 32 bits
 * @addr: guest physical; changed with the big lock only
 * @read, @write: called without the big lock, by several threads at once
 */
typedef struct MMIOShortcut {
    hwaddr addr;
    uint32_t (*read)(void *opaque, hwaddr offset);
    void (*write)(void *opaque, hwaddr offset, uint32_t val);
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
 * With the big lock: the page is at @addr from now on. Of two shortcuts
 * with the same slot only the first is used.
 */
void mmio_shortcut_add(MMIOShortcut *s, hwaddr addr);
/* With the big lock: it no longer is. May be called if it never was. */
void mmio_shortcut_remove(MMIOShortcut *s);

/*
 * Read or write @len bytes at @data, of @addr. Returns: false if that is no
 * register with a shortcut; nothing is done then
 */
static inline bool mmio_shortcut_rw(hwaddr addr, void *data, unsigned len,
                                    bool is_write)
{
    MMIOShortcut *s = qatomic_load_acquire(mmio_shortcut_slot(addr));
    hwaddr offset;

    if (!s || len != 4) {
        return false;
    }
    offset = addr - qatomic_read(&s->addr);
    if (offset >= MMIO_SHORTCUT_SIZE || offset % 4) {
        return false;
    }
    if (is_write) {
        s->write(s->opaque, offset, ldl_le_p(data));
    } else {
        stl_le_p(data, s->read(s->opaque, offset));
    }
    return true;
}

#endif /* SYSTEM_MMIO_SHORTCUT_H */
