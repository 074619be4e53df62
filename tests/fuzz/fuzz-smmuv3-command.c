/*
 * Fuzz target: commands and register writes of any content
 *
 * Input: records of 17 bytes. The first byte says what the other 16 are: a
 * command, an STE (its StreamID in the first byte's upper bits), a register
 * write, StreamIDs, or host calls that fail.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "tests/unit/smmuv3-guest.h"
#include "fuzz-target.h"

#define DEVICES 3

static void record(Guest *g, const uint8_t *p)
{
    uint64_t word0 = ldq_le_p(p + 1), word1 = ldq_le_p(p + 9);
    unsigned i = p[0] >> 3;

    switch (p[0] & 7) {
    default:
        guest_command(g, word0, word1);
        break;
    case 4:
        guest_ste(g, i, word0, word1);
        break;
    case 5:
        g->sid[i % DEVICES] = word0;
        break;
    case 6:
        g->s.regs.ats = word0 & 1;
        g->s.regs.ssidsize = word0 & 2 ? 5 : 0;
        g->ril = word0 & 4;
        fake_host_fail(&g->host, word1 & FAKE_ANY_CALL, word1 >> 8 & 7,
                       word1 >> 12 & 7, EIO);
        break;
    case 7:
        if (i & 1) {
            guest_smmuen(g, word0 & 1);
        } else if (i & 2) {
            guest_gbpa(g, word0 & 1);
        } else {
            guest_reset(g);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Guest *g = guest_new(size & 1);

    g_string_free(g_steal_pointer(&g->host.log), true);
    g->check_steps = false;
    for (unsigned i = 0; i < DEVICES; i++) {
        guest_plug(g, i);
    }
    for (; size >= 17 && size < 17 * 4096; size -= 17, data += 17) {
        record(g, data);
    }
    /* Whatever it was, the next events bring everything to where it belongs */
    fake_host_heal(&g->host);
    for (unsigned i = 0; i < DEVICES; i++) {
        g->sid[i] = i;
    }
    guest_smmuen(g, false);
    guest_smmuen(g, true);
    guest_sync(g);
    guest_assert_safe(g, true);
    guest_free(g);
    return 0;
}
