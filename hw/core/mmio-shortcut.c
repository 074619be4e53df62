/*
 * Registers that a vCPU reaches past the memory map
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "system/mmio-shortcut.h"

MMIOShortcut *mmio_shortcut[MMIO_SHORTCUTS];

void mmio_shortcut_add(MMIOShortcut *s, hwaddr addr)
{
    MMIOShortcut **slot = mmio_shortcut_slot(addr);

    g_assert(bql_locked());
    mmio_shortcut_remove(s);
    if (!*slot) {
        qatomic_set(&s->addr, addr);
        qatomic_store_release(slot, s);
    }
}

void mmio_shortcut_remove(MMIOShortcut *s)
{
    MMIOShortcut **slot = mmio_shortcut_slot(s->addr);

    g_assert(bql_locked());
    if (*slot == s) {
        qatomic_set(slot, NULL);
    }
}
