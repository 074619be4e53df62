/*
 * Fuzz target: commands and register writes of any content
 *
 * Input: records of 17 bytes. The first byte says what the other 16 are: a
 * command (maybe one of several for adjacent pages), an STE (its StreamID in
 * the first byte's upper bits), registers, a StreamID, or host calls that fail.
 * At no time is a stream anything but what it was, what it should be, or
 * blocked; after what concerns all streams none is what it was.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "tests/unit/smmuv3-guest.h"
#include "fuzz-target.h"

#define DEVICES 3

/* TTL and TG: what a TLBI by address has when it has a range */
#define CMD1_RANGE MAKE_64BIT_MASK(8, 4)

/* As device/queue.c takes commands, which see for what may repeat */
static void command(Guest *g, uint64_t word0, uint64_t word1, unsigned n)
{
    uint8_t opcode = word0;

    if (!guest_command(g, word0, word1)) {
        return;
    }
    if (opcode == SMMUV3_CMD_CFGI_STE_RANGE && (word1 & 31) == 31) {
        guest_assert_safe(g, false);
    }
    if (n && !(word1 & CMD1_RANGE) &&
        (opcode == SMMUV3_CMD_TLBI_NH_VA || opcode == SMMUV3_CMD_TLBI_NH_VAA)) {
        static const uint32_t step[] = { 4 * KiB, 16 * KiB, 64 * KiB };

        smmuv3_streams_repeat(&g->s, n * 4, step[n % 3]);
    }
}

/* Returns whether all streams are to be what they should be, from now on */
static bool write_registers(Guest *g, unsigned which, uint64_t word0,
                            uint64_t word1)
{
    bool was_enabled = g->s.regs.smmuen;

    if (which & 1) {
        guest_smmuen(g, word0 & 1);
        return g->s.regs.smmuen != was_enabled;
    }
    if (which & 2) {
        guest_gbpa(g, word0 & 1);
        return !was_enabled;
    }
    if (which & 4) {
        g->s.regs.strtab_base = word0;
        g->s.regs.strtab_base_cfg = word1;
        return false;
    }
    guest_reset(g);
    return true;
}

static void record(Guest *g, const uint8_t *p)
{
    uint64_t word0 = ldq_le_p(p + 1), word1 = ldq_le_p(p + 9);
    unsigned i = p[0] >> 3;

    switch (p[0] & 7) {
    default:
        command(g, word0, word1, i);
        break;
    case 4:
        guest_ste(g, i, word0, word1);
        break;
    case 5:
        guest_renumber(g, i % DEVICES, word0);
        guest_assert_safe(g, false);
        break;
    case 6:
        g->s.regs.ats = word0 & 1;
        g->s.regs.ssidsize = word0 & 2 ? 5 : 0;
        g->ril = word0 & 4;
        fake_host_fail(&g->host, word1 & FAKE_ANY_CALL, word1 >> 8 & 7,
                       word1 >> 12 & 7, EIO);
        break;
    case 7:
        if (write_registers(g, i, word0, word1)) {
            guest_assert_safe(g, false);
        }
        break;
    }
}

/* g_error() ends in a SIGTRAP, of which libFuzzer keeps no input */
static void abort_on_error(const char *domain, GLogLevelFlags level,
                           const char *message, void *opaque)
{
    fprintf(stderr, "%s\n", message);
    if (level & G_LOG_FLAG_FATAL) {
        abort();
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    g_log_set_default_handler(abort_on_error, NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Guest *g = guest_new(size & 1);

    g_string_free(g_steal_pointer(&g->host.log), true);
    for (unsigned i = 0; i < DEVICES; i++) {
        guest_plug(g, i);
    }
    for (; size >= 17 && size < 17 * 4096; size -= 17, data += 17) {
        record(g, data);
    }
    /* Whatever it was, the next events bring everything to where it belongs */
    fake_host_heal(&g->host);
    for (unsigned i = 0; i < DEVICES; i++) {
        guest_renumber(g, i, i);
    }
    guest_smmuen(g, false);
    guest_smmuen(g, true);
    guest_sync(g);
    guest_assert_safe(g, true);
    guest_free(g);
    return 0;
}
