/*
 * An SMMUv3 that forgets each invalidation until it is repeated
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/arm/board-smmuv3.h"

/* Opcodes 0x03 to 0x06 are CFGI_*, 0x10 to 0x30 TLBI_* (IHI 0070, 4.1.3) */
static bool is_invalidation(uint8_t opcode)
{
    return (opcode >= 0x03 && opcode <= 0x06) ||
           (opcode >= 0x10 && opcode <= 0x30);
}

bool board_smmuv3_forgets(GHashTable **seen, const uint32_t cmd[4])
{
    g_autofree char *key = NULL;

    if (!is_invalidation(cmd[0])) {
        return false;
    }
    if (!*seen) {
        *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    key = g_strdup_printf("%08x%08x%08x%08x", cmd[0], cmd[1], cmd[2], cmd[3]);
    if (g_hash_table_remove(*seen, key)) {
        return false;
    }
    g_hash_table_add(*seen, g_steal_pointer(&key));
    return true;
}
