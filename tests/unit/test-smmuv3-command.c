/*
 * Commands, opcode by opcode: what is legal, and what of them reaches the host
 *
 * The words are written out from IHI 0070 G.b, chapter 4.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-transitions.h"

#define SID 0x10    /* of the device that translates */

/* What the vSMMU offers, and SMMUEN */
enum {
    ATS = 1,
    SSID = 2,
    RIL = 4,
    DISABLED = 8,
    ASID8 = 16,
    SSID5 = 32,
};

typedef struct CommandRow {
    const char *name;
    const char *section;
    unsigned features;
    uint64_t cmd[2];
    bool legal;
    uint64_t host[2];   /* all zero: nothing */
} CommandRow;

static const CommandRow rows[] = {
    /* 4.2 */
    { "PREFETCH_CONFIG", "4.2.1", 0,
      { 0x00000010fffffb01, UINT64_MAX }, true },
    { "PREFETCH_CONFIG, SSec = 1", "4.2.1", 0, { 0x401, 0 }, false },
    { "PREFETCH_ADDR", "4.2.2", 0,
      { 0x00000010fffffb02, UINT64_MAX }, true },
    { "PREFETCH_ADDR, SSec = 1", "4.2.2", 0, { 0x402, 0 }, false },

    /* 4.3 */
    { "CFGI_STE without device there", "4.3.1", 0,
      { 0x00000011fffffb03, UINT64_MAX }, true },
    { "CFGI_STE, STE as it was", "4.3.1", 0,
      { 0x00000010fffffb03, UINT64_MAX }, true, { 0x0000001000000006, 0 } },
    { "CFGI_STE, STE as it was, SMMUEN 0", "4.3.1, 3.21.3", DISABLED,
      { 0x0000001000000003, 0 }, true },
    { "CFGI_STE, SSec = 1", "4.3.1", 0, { 0x0000001000000403, 0 }, false },
    { "CFGI_STE_RANGE, STE as it was", "4.3.2", 0,
      { 0x0000001f00000004, 4 }, true, { 0x0000001000000006, 0 } },
    { "CFGI_STE_RANGE, SSec = 1", "4.3.2", 0, { 0x404, 4 }, false },
    { "CFGI_ALL, STE as it was", "4.3.6", 0,
      { 0xfffffffffffffb04, UINT64_MAX }, true, { 0x0000001000000006, 0 } },
    { "CFGI_ALL, SSec = 1", "4.3.6", 0, { 0x404, 31 }, false },
    { "CFGI_CD without SubstreamIDs", "4.3.3", 0,
      { 0x00000010fffffb05, UINT64_MAX }, true, { 0x0000001000000005, 1 } },
    { "CFGI_CD with SubstreamIDs", "4.3.3", SSID,
      { 0x00000010fffffb05, UINT64_MAX }, true, { 0x00000010fffff005, 1 } },
    { "CFGI_CD, SubstreamID beyond SSIDSIZE", "4.3.3, 4.1.7", SSID5,
      { 0x00000010fffffb05, 0 }, true, { 0x000000100001f005, 0 } },
    { "CFGI_CD without device there", "4.3.3", 0, { 0x1100000005, 0 }, true },
    { "CFGI_CD, SSec = 1", "4.3.3", 0, { 0x1000000405, 0 }, false },
    { "CFGI_CD with SMMUEN 0", "4.3.3", DISABLED,
      { 0x0000001000000005, 1 }, true, { 0x0000001000000005, 1 } },
    { "CFGI_CD_ALL", "4.3.4", SSID,
      { 0x00000010fffffb06, UINT64_MAX }, true, { 0x0000001000000006, 0 } },
    { "CFGI_CD_ALL without device there", "4.3.4", 0,
      { 0x1100000006, 0 }, true },
    { "CFGI_CD_ALL, SSec = 1", "4.3.4", 0, { 0x1000000406, 0 }, false },

    /* 4.4: the VMID, [47:32], is the host's */
    { "TLBI_NH_ALL", "4.4.2.1", RIL,
      { 0xffffffffffffff10, UINT64_MAX }, true, { 0x10, 0 } },
    { "TLBI_NH_ASID", "4.4.2.2", RIL,
      { 0xffffffffffffff11, UINT64_MAX }, true, { 0xffff000000000011, 0 } },
    { "TLBI_NH_ASID, ASIDs of 8 bits", "4.4, IDR0.ASID16 = 0", ASID8,
      { 0x1234000000000011, 0 }, true, { 0x0034000000000011, 0 } },
    { "TLBI_NH_VA, ASIDs of 8 bits", "4.4, IDR0.ASID16 = 0", ASID8,
      { 0x1234000000000012, 0x12345001 }, true,
      { 0x0034000000000012, 0x12345001 } },
    { "TLBI_NH_VA without ranges", "4.4.2.4", 0,
      { 0xffffffffffffff12, 0xfffffffffffff3ff }, true,
      { 0xffff000000000012, 0xfffffffffffff001 } },
    { "TLBI_NH_VA with ranges, TG = 0", "4.4.1.1", RIL,
      { 0xffffffffffffff12, 0xfffffffffffff3ff }, true,
      { 0xffff000000000012, 0xfffffffffffff001 } },
    { "TLBI_NH_VA, a range of one page, any level", "4.4.1.1", RIL,
      { 0xffffffff00000f12, 0xfffffffffffff401 }, false },
    { "TLBI_NH_VAA, a range of one page, any level", "4.4.1.1", RIL,
      { 0x13, 0xc00 }, false },
    { "TLBI_NH_VA, one page of a level", "4.4.1.1", RIL,
      { 0x0001000000000012, 0x0000000012345700 }, true,
      { 0x0001000000000012, 0x0000000012345700 } },
    { "TLBI_NH_VA, two pages, any level", "4.4.1.1", RIL,
      { 0x0001000000001012, 0x0000000012345400 }, true,
      { 0x0001000000001012, 0x0000000012345400 } },
    { "TLBI_NH_VA, two pages, TG = 16KB, level 1 is any level",
      "4.4.1.1, IDR5.DS = 0", RIL,
      { 0x1012, 0x900 }, true, { 0x1012, 0x800 } },
    { "TLBI_NH_VAA, SCALE only, TG = 16KB, level 1 is any level",
      "4.4.1.1, IDR5.DS = 0", RIL,
      { 0x00100013, 0x12344901 }, true, { 0x00100013, 0x12344801 } },
    { "TLBI_NH_VA, one page, TG = 16KB, level 1 is any level",
      "4.4.1.1, IDR5.DS = 0", RIL, { 0x12, 0x900 }, false },
    { "TLBI_NH_VA, one page, TG = 16KB, level 2", "4.4.1.1", RIL,
      { 0x12, 0xa00 }, true, { 0x12, 0xa00 } },
    { "TLBI_NH_VA, one page, TG = 64KB, level 1", "4.4.1.1", RIL,
      { 0x12, 0xd00 }, true, { 0x12, 0xd00 } },
    { "TLBI_NH_VA, SCALE alone is a range", "4.4.1.1", RIL,
      { 0x00100012, 0x400 }, true, { 0x00100012, 0x400 } },
    { "TLBI_NH_VA, SCALE[5]: all of the TLB", "4.4.1.1 SCALE [25:20]", RIL,
      { 0x0001000002000012, 0x40000401 }, true, { 0x10, 0 } },
    { "TLBI_NH_VAA, SCALE[5]: all of the TLB", "4.4.1.1 SCALE [25:20]", RIL,
      { 0x0000000003f1f013, 0x40000c01 }, true, { 0x10, 0 } },
    { "TLBI_NH_VA, TG = 0: SCALE[5] means nothing", "4.4.1.1", RIL,
      { 0x0001000002000012, 0x40000001 }, true,
      { 0x0001000000000012, 0x40000001 } },
    { "TLBI_NH_VA, TG = 0: TTL means nothing", "4.4.1.1", RIL,
      { 0x0001000000000012, 0x40000301 }, true,
      { 0x0001000000000012, 0x40000001 } },
    { "TLBI_NH_VA, TG = 4KB, level 1", "4.4.1.1", RIL,
      { 0x1012, 0x40000500 }, true, { 0x1012, 0x40000500 } },
    /* As a guest sends it that was loaded from a machine with ranges */
    { "TLBI_NH_VA without ranges, TG = 64KB", "4.4.2.2, 4.4.2.4", 0,
      { 0xffffffffffffff12, UINT64_MAX }, true, { 0x10, 0 } },
    { "TLBI_NH_VA without ranges, TG = 4KB, one page", "4.4.2.4", 0,
      { 0x0001000000000012, 0x40000401 }, true, { 0x10, 0 } },
    { "TLBI_NH_VAA without ranges, TG = 4KB", "4.4.2.1", 0,
      { 0xffffffffffffff13, UINT64_MAX }, true, { 0x10, 0 } },
    { "TLBI_NH_VA with ranges, TG = 4KB", "4.4.1.1", RIL,
      { 0xfffffffffdffff12, 0xfffffffffffff7ff }, true,
      { 0xffff000001f1f012, 0xfffffffffffff701 } },
    { "TLBI_NH_VA with ranges, TG = 16KB", "4.4.1.1", RIL,
      { 0xfffffffffdffff12, 0xfffffffffffffbff }, true,
      { 0xffff000001f1f012, 0xfffffffffffffb01 } },
    { "TLBI_NH_VA, not only leaves", "4.4.2.4", 0,
      { 0x0042000000000012, 0x0000000012345000 }, true,
      { 0x0042000000000012, 0x0000000012345000 } },
    { "TLBI_NH_VAA without ranges", "4.4.2.3", 0,
      { 0xffffffffffffff13, 0xfffffffffffff3ff }, true,
      { 0x13, 0xfffffffffffff001 } },
    { "TLBI_NH_VAA with ranges, TG = 64KB", "4.4.1.1", RIL,
      { 0xfffffffffdffff13, UINT64_MAX }, true,
      { 0x0000000001f1f013, 0xffffffffffffff01 } },
    { "TLBI_NSNH_ALL", "4.4.4.1", 0,
      { 0xffffffffffffff30, UINT64_MAX }, true, { 0x30, 0 } },
    /* With IDR0.Hyp = 0 a choice, not the text: docs/devel/smmuv3-accel.rst */
    { "TLBI_EL2_ALL is TLBI_NSNH_ALL", "4.4.2.7", 0,
      { 0xffffffffffffff20, UINT64_MAX }, true, { 0x30, 0 } },
    { "TLBI_EL2_ASID is TLBI_NH_ASID", "4.4.2.10", 0,
      { 0x0042ffffffffff21, UINT64_MAX }, true, { 0x0042000000000011, 0 } },
    { "TLBI_EL2_VA is TLBI_NH_VAA, as its ASID may mean nothing", "4.4.2.8", 0,
      { 0x0042ffffffffff22, 0xfffffffffffff3ff }, true,
      { 0x13, 0xfffffffffffff001 } },
    { "TLBI_EL2_VAA is TLBI_NH_VAA", "4.4.2.9", 0,
      { 0xffffffffffffff23, 0x12345000 }, true, { 0x13, 0x12345000 } },
    { "TLBI_EL2_VA of a range", "4.4.1.1, 4.4.2.8", RIL,
      { 0x0042000000001022, 0x12345401 }, true, { 0x1013, 0x12345401 } },
    { "TLBI_EL2_VA of a range of one page, any level", "4.4.1.1", RIL,
      { 0x22, 0x12345401 }, false },
    { "TLBI_EL2_VA of a range without ranges", "4.4.1.1", 0,
      { 0x0042000000001022, 0x12345401 }, true, { 0x10, 0 } },
    { "TLBI_NSNH_ALL with SMMUEN 0", "4.4, 6.3.9.6", DISABLED,
      { 0x30, 0 }, true, { 0x30, 0 } },

    /* 4.5 */
    { "ATC_INV without ATS", "4.5.1, IDR0.ATS = 0", 0,
      { 0x0000001000000040, 52 }, false },
    { "ATC_INV without SubstreamIDs", "4.5.1", ATS,
      { 0x00000010fffffb40, 0xfffffffffffffff4 }, true,
      { 0x0000001000000040, 0xfffffffffffff034 } },
    { "ATC_INV of more than all", "4.5.1", ATS,
      { 0x0000001000000040, 53 }, false },
    { "ATC_INV with SubstreamIDs", "4.5.1", ATS | SSID,
      { 0x00000010fffffb40, 0xfffffffffffffff4 }, true,
      { 0x00000010fffffa40, 0xfffffffffffff034 } },
    { "ATC_INV, SubstreamID beyond SSIDSIZE", "4.5.1, 4.1.7", ATS | SSID5,
      { 0x00000010fffffb40, 52 }, true, { 0x000000100001fa40, 52 } },
    { "ATC_INV without device there", "4.5.1", ATS, { 0x1100000040, 52 },
      true },
    { "ATC_INV with SMMUEN 0", "4.5.1, 6.3.9.6", ATS | DISABLED,
      { 0x1000000040, 52 }, true },
    { "ATC_INV, SSec = 1", "4.5.1", ATS, { 0x1000000440, 52 }, false },

    /* 4.7 */
    { "SYNC, CS = SIG_NONE", "4.7.3", 0, { 0x46, 0 }, true },
    { "SYNC, CS = SIG_IRQ", "4.7.3", 0, { 0x1046, 0 }, true },
    { "SYNC, CS = SIG_SEV", "4.7.3", 0, { 0x2046, 0 }, true },
    { "SYNC, CS = 0b11", "4.7.3", 0, { 0x3046, 0 }, false },
};

typedef struct Issued {
    uint64_t cmd[16][2];
    unsigned n;
} Issued;

static Issued issued;

static void collect(void *opaque, const uint64_t cmd[2])
{
    g_assert_cmpuint(issued.n, <, ARRAY_SIZE(issued.cmd));
    memcpy(issued.cmd[issued.n++], cmd, sizeof(issued.cmd[0]));
}

static Guest *guest_with(unsigned features)
{
    Guest *g = guest_new(false);

    g->sid[0] = SID;
    g->ril = features & RIL;
    g->s.regs.ats = features & ATS;
    g->s.regs.ssidsize = features & SSID ? 20 : features & SSID5 ? 5 : 0;
    g->s.regs.asid16 = !(features & ASID8);
    reach_s1(g, 1);
    if (features & ATS) {
        /* EATS = 1: only then does ATC_INV reach the host */
        guest_ste(g, SID, STE_S1(ctx_of(g, 0)), 1ULL << 28);
        guest_cfgi_ste(g, SID);
    }
    if (features & DISABLED) {
        guest_smmuen(g, false);
    }
    g->host.issued = collect;
    issued.n = 0;
    fake_host_take_calls(&g->host);
    return g;
}

static void test_row(const void *opaque)
{
    const CommandRow *row = opaque;
    Guest *g = guest_with(row->features);

    g_assert_true(guest_command(g, row->cmd[0], row->cmd[1]) == row->legal);
    /* Nothing is issued before it has to be */
    g_assert_cmpstr(g->host.log->str, ==, "");
    guest_sync(g);
    if (!row->host[0]) {
        g_assert_cmpuint(issued.n, ==, 0);
    } else {
        g_assert_cmpuint(issued.n, ==, 1);
        g_assert_cmphex(issued.cmd[0][0], ==, row->host[0]);
        g_assert_cmphex(issued.cmd[0][1], ==, row->host[1]);
    }
    g_assert_cmpuint(g->s.inval.count.failures, ==, 0);
    guest_assert_safe(g, true);
    guest_free(g);
}

/* 4.1.1, each of the 256. What is legal here is so by its row above, too. */
static const struct {
    uint8_t first, last;
    const char *illegal;
} opcodes[] = {
    { 0x00, 0x00, "the opcode is reserved (4.1.1)" },
    { 0x01, 0x06 }, /* PREFETCH_CONFIG, _ADDR, CFGI_STE to CFGI_CD_ALL */
    { 0x07, 0x07, "it needs MPAM, and IDR3.MPAM is 0 (4.3.5)" },
    { 0x08, 0x0f, "the opcode is reserved (4.1.1)" },
    { 0x10, 0x13 }, /* TLBI_NH_ALL to TLBI_NH_VAA */
    { 0x14, 0x17, "the opcode is reserved (4.1.1)" },
    { 0x18, 0x18, "it belongs to the Secure Command queue (4.4.2)" },
    { 0x19, 0x19, "the opcode is reserved (4.1.1)" },
    { 0x1a, 0x1a, "it belongs to the Secure Command queue (4.4.2)" },
    { 0x1b, 0x1f, "the opcode is reserved (4.1.1)" },
    { 0x20, 0x23 }, /* TLBI_EL2_ALL to TLBI_EL2_VAA: a choice */
    { 0x24, 0x27, "the opcode is reserved (4.1.1)" },
    { 0x28, 0x28, "it needs stage 2, and IDR0.S2P is 0 (4.4.3)" },
    { 0x29, 0x29, "the opcode is reserved (4.1.1)" },
    { 0x2a, 0x2a, "it needs stage 2, and IDR0.S2P is 0 (4.4.3)" },
    { 0x2b, 0x2f, "the opcode is reserved (4.1.1)" },
    { 0x30, 0x30 }, /* TLBI_NSNH_ALL */
    { 0x31, 0x3f, "the opcode is reserved (4.1.1)" },
    { 0x40, 0x40 }, /* ATC_INV */
    { 0x41, 0x41, "it needs PRI, and IDR0.PRI is 0 (4.5.2)" },
    { 0x42, 0x43, "the opcode is reserved (4.1.1)" },
    { 0x44, 0x45, "it needs stalls, and IDR0.STALL_MODEL is 0b01 (4.1.3)" },
    { 0x46, 0x46 }, /* SYNC */
    { 0x47, 0x4f, "the opcode is reserved (4.1.1)" },
    { 0x50, 0x53, "it belongs to the Secure Command queue (4.4.2)" },
    { 0x54, 0x57, "the opcode is reserved (4.1.1)" },
    { 0x58, 0x58, "it belongs to the Secure Command queue (4.4.2)" },
    { 0x59, 0x59, "the opcode is reserved (4.1.1)" },
    { 0x5a, 0x5a, "it belongs to the Secure Command queue (4.4.2)" },
    { 0x5b, 0x5f, "the opcode is reserved (4.1.1)" },
    { 0x60, 0x60, "it belongs to the Secure Command queue (4.4.2)" },
    { 0x61, 0x6f, "the opcode is reserved (4.1.1)" },
    { 0x70, 0x70, "it needs DPT, and IDR3.DPT is 0 (4.6)" },
    { 0x71, 0x72, "the opcode is reserved (4.1.1)" },
    { 0x73, 0x73, "it needs DPT, and IDR3.DPT is 0 (4.6)" },
    { 0x74, 0xff, "the opcode is reserved (4.1.1)" },
};

static void test_opcodes(void)
{
    static const uint64_t rest[] = { 0, 0x00000010fffff000 };
    Guest *g = guest_with(ATS | SSID | RIL);
    unsigned next = 0;

    for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++) {
        g_assert_cmpuint(opcodes[i].first, ==, next);
        for (; next <= opcodes[i].last; next++) {
            for (size_t k = 0; k < 2; k++) {
                uint64_t cmd[2] = { next | rest[k], 0 };
                SMMUv3CommandEffect e;

                if (next == 0x46 && k) {
                    continue; /* CS = 0b11 */
                }
                g_assert_true(smmuv3_command(&g->s, cmd, true, &e) ==
                              !opcodes[i].illegal);
                g_assert_cmpstr(smmuv3_command_explain(e.illegal), ==,
                                opcodes[i].illegal);
                guest_sync(g);
                g_assert_true(!opcodes[i].illegal || issued.n == 0);
                issued.n = 0;
            }
        }
    }
    g_assert_cmpuint(next, ==, 256);
    guest_free(g);
}

static void test_explain(void)
{
    static const struct {
        const char *text;
        unsigned features;
        uint64_t cmd[2];
    } explained[] = {
        { NULL, 0, { 0x46, 0 } },
        { "SSec is 1 on a Non-secure Command queue (4.1.6)", 0, { 0x401, 0 } },
        { "SSec is 1 on a Non-secure Command queue (4.1.6)", ATS,
          { 0x440, 0 } },
        { "it needs ATS, and IDR0.ATS is 0 (4.5.1)", 0, { 0x40, 52 } },
        { "Size is above 52 (4.5.1)", ATS, { 0x40, 53 } },
        { "TG is not 0, and NUM, SCALE and TTL are (4.4.1.1)", RIL,
          { 0x12, 0x400 } },
        { "CS 0b11 is reserved (4.7.3)", 0, { 0x3046, 0 } },
        { "the opcode is reserved (4.1.1)", 0, { 0xff, 0 } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(explained); i++) {
        Guest *g = guest_with(explained[i].features);
        SMMUv3CommandEffect e;

        smmuv3_command(&g->s, explained[i].cmd, g->ril, &e);
        g_assert_cmpstr(smmuv3_command_explain(e.illegal), ==,
                        explained[i].text);
        guest_free(g);
    }
}

static void test_range(void)
{
    static const struct {
        uint32_t sid;
        uint64_t range;
        uint32_t first, last;
    } ranges[] = {
        { 0x00000000, 0, 0x00000000, 0x00000001 },
        { 0x00000001, 0, 0x00000000, 0x00000001 },
        { 0x00000013, 1, 0x00000010, 0x00000013 },
        { 0x00000018, 7, 0x00000000, 0x000000ff },
        { 0x00012345, 15, 0x00010000, 0x0001ffff },
        { 0xffffffff, 30, 0x80000000, 0xffffffff },
        { 0x12345678, 31, 0x00000000, 0xffffffff },
        { 0x00000013, 0xffffffffffffffe1, 0x00000010, 0x00000013 },
    };
    Guest *g = guest_with(0);

    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        uint64_t cmd[2] = { 0x04 | (uint64_t)ranges[i].sid << 32,
                            ranges[i].range };
        SMMUv3CommandEffect e;

        g_assert_true(smmuv3_command(&g->s, cmd, false, &e));
        g_assert_true(e.configs);
        g_assert_false(e.sync);
        g_assert_cmphex(e.first, ==, ranges[i].first);
        g_assert_cmphex(e.last, ==, ranges[i].last);
    }
    guest_free(g);
}

static void test_effects(void)
{
    static const struct {
        uint64_t cmd[2];
        bool configs, sync;
        uint32_t sid;
    } effects[] = {
        { { 0x01, 0 } },
        { { 0x02, 0 } },
        { { 0x0000001000000003, 1 }, true, .sid = 0x10 },
        { { 0x0000001100000005, 1 }, true, .sid = 0x11 },
        { { 0xffffffff00000006, 0 }, true, .sid = 0xffffffff },
        { { 0x10, 0 } },
        { { 0x11, 0 } },
        { { 0x12, 0 } },
        { { 0x13, 0 } },
        { { 0x30, 0 } },
        { { 0x40, 0 } },
        { { 0x46, 0 }, .sync = true },
    };
    Guest *g = guest_with(ATS);

    for (size_t i = 0; i < ARRAY_SIZE(effects); i++) {
        SMMUv3CommandEffect e;

        g_assert_true(smmuv3_command(&g->s, effects[i].cmd, false, &e));
        g_assert_true(e.configs == effects[i].configs);
        g_assert_true(e.sync == effects[i].sync);
        g_assert_cmphex(e.first, ==, effects[i].sid);
        g_assert_cmphex(e.last, ==, effects[i].sid);
        issued.n = 0;
    }
    guest_free(g);
}

static void test_sync_signal(void)
{
    /* MSIData [63:32], MSIAddress [119:66] (4.7.3) */
    static const uint64_t cmd[2] = { 0xdeadbeeffffff046 & ~0x2000ULL,
                                     0xffffffffffffffff };
    Guest *g = guest_with(0);
    SMMUv3CommandEffect e;

    g_assert_true(smmuv3_command(&g->s, cmd, false, &e));
    g_assert_cmpint(e.signal, ==, 1);
    g_assert_cmphex(e.msi_data, ==, 0xdeadbeef);
    g_assert_cmphex(e.msi_addr, ==, 0x00fffffffffffffc);
    guest_free(g);
}

/* 4.7.3: all before it is done; what was illegal before it is no matter */
static void test_sync_completes(void)
{
    Guest *g = guest_with(0);

    g_assert_true(guest_command(g, 0x12, 0x1000));
    g_assert_true(guest_command(g, 0x12, 0x2000));
    g_assert_cmpuint(issued.n, ==, 0);
    g_assert_false(guest_command(g, 0x3046, 0));
    g_assert_cmpuint(issued.n, ==, 0);
    guest_sync(g);
    g_assert_cmpuint(issued.n, ==, 2);
    g_assert_cmphex(issued.cmd[0][1], ==, 0x1000);
    g_assert_cmphex(issued.cmd[1][1], ==, 0x2000);
    guest_free(g);
}

static void assert_emptied_once(void)
{
    g_assert_cmpuint(issued.n, ==, 1);
    g_assert_cmphex(issued.cmd[0][0], ==, SMMUV3_CMD_TLBI_NSNH_ALL);
}

/* As an emulated SMMU's is; a guest that is then loaded relies on it */
static void test_reset_empties_tlb(void)
{
    Guest *g = guest_with(0);

    guest_reset(g);
    g_assert_cmpuint(issued.n, ==, 0);
    guest_smmuen(g, true);
    assert_emptied_once();
    guest_smmuen(g, false);
    guest_smmuen(g, true);
    assert_emptied_once();
    guest_free(g);
}

/* A device on its way out may keep the parent, and so the VMID, in use */
static void test_known_parent_empties_tlb(void)
{
    Guest *g = guest_with(0);

    guest_unplug(g, 0);
    g_assert_true(guest_plug(g, 0));
    assert_emptied_once();
    guest_free(g);
}

/* All but CMD_SYNC, which reconciles what waits; see smmuv3_streams_try() */
static void test_only_invalidates(void)
{
    Guest *g = guest_with(RIL);
    unsigned attaching = 0;

    for (unsigned opcode = 0; opcode < 256; opcode++) {
        const uint64_t cmd[2] = { opcode | (uint64_t)SID << 32, 1 };
        bool sync = opcode == SMMUV3_CMD_SYNC, attaches;
        SMMUv3SyncSignal signal;
        uint64_t addr;

        guest_ste(g, SID, opcode % 2 ? STE_ABORT : STE_BYPASS, 0);
        fake_host_take_calls(&g->host);
        guest_command(g, cmd[0], cmd[1]);
        attaches = g->host.calls[FAKE_ATTACH] > 0;
        g_assert_true(smmuv3_command_only_invalidates(cmd) ==
                      !(attaches || sync));
        g_assert_true(smmuv3_command_is_sync(cmd, &signal, &addr) == sync);
        attaching += attaches;
    }
    /* CFGI_STE and CFGI_STE_RANGE */
    g_assert_cmpuint(attaching, ==, 2);
    guest_free(g);
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/command/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *path = g_strdup_printf("/smmuv3/command/%s (%s)",
                                                rows[i].name, rows[i].section);

        g_test_add_data_func(path, &rows[i], test_row);
    }
    ADD("reset empties the TLB, before it is used", test_reset_empties_tlb);
    ADD("so does a new vIOMMU on the same parent",
        test_known_parent_empties_tlb);
    ADD("each opcode, and why it is CERROR_ILL (4.1.1, 4.1.3)", test_opcodes);
    ADD("why a command is illegal is told", test_explain);
    ADD("a range is aligned to its size (4.3.2)", test_range);
    ADD("the queue's owner is told what became invalid", test_effects);
    ADD("which commands attach nothing", test_only_invalidates);
    ADD("SYNC carries its MSI (4.7.3)", test_sync_signal);
    ADD("SYNC completes all before it (4.7.3)", test_sync_completes);
    return g_test_run();
}
