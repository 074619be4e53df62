/*
 * What the guest's ID registers show of the host's, and which hosts are refused
 *
 * Register values are written out from IHI 0070, 6.3.1 to 6.3.6.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/arm/smmuv3-accel/core/idr.h"

/*
 * QEMU's emulated stage 1: IDR0 S1P, TTF 2, COHACC, ASID16, VMID16, TTENDIAN 2,
 * STALL_MODEL 1, TERM_MODEL, ST_LEVEL 1; IDR1 SIDSIZE 16, queues of 2^19; IDR3
 * HAD, RIL, BBML 2; IDR5 OAS 44 bits, all granules
 */
static const uint32_t base[SMMUV3_IDR_COUNT] = {
    0x0d44101a, 0x02730010, 0, 0x00001404, 0, 0x00000074,
};

/* A host with all of it, and S2P, ATS, CD2L, SSIDSIZE 20, OAS 48 bits */
static const uint32_t full_host[SMMUV3_IDR_COUNT] = {
    0x0c4c141b, 0x00000520, 0, 0x00001404, 0, 0x00000075,
};

static const SMMUv3IdrProps all_auto = {
    .ats = ON_OFF_AUTO_AUTO,
    .ril = ON_OFF_AUTO_AUTO,
    .ssidsize_auto = true,
};

/*
 * Host register @reg with @clear taken away and @set put in; an aperture of
 * @oas bits if that is not 0; flags and capabilities as the kernel gives them
 */
typedef struct Edit {
    unsigned reg;
    uint32_t clear, set;
    unsigned oas;
    uint32_t flags;
    uint64_t caps;
} Edit;

static SMMUv3HostInfo edited_host(const Edit *e)
{
    uint32_t idr[SMMUV3_IDR_COUNT];

    memcpy(idr, full_host, sizeof(full_host));
    idr[e->reg] = (idr[e->reg] & ~e->clear) | e->set;
    return smmuv3_host_info(e->flags, idr, e->caps,
                            (1ULL << (e->oas ?: 48)) - 1);
}

/* --- auto --- */

typedef struct AutoRow {
    const char *name;
    bool no_host;
    Edit edit;
    uint32_t idr0, idr1, idr3, idr5;
} AutoRow;

static const AutoRow auto_rows[] = {
    /* IDR0.MSI is QEMU's own */
    { "no device yet: what every SMMU that can nest has", true, {},
      0x0d44301a, 0x02730010, 0x00000000, 0x00000054 },
    { "a host with everything", false, {},
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "a host without ATS", false, { 0, 0x400, 0 },
      0x0d4c301a, 0x02730510, 0x00001400, 0x00000075 },
    { "a host with 8-bit ASIDs", false, { 0, 0x1000, 0 },
      0x0d4c241a, 0x02730510, 0x00001400, 0x00000075 },
    { "a host without 2-level CD tables", false, { 0, 0x80000, 0 },
      0x0d44341a, 0x02730510, 0x00001400, 0x00000075 },
    { "a host with TERM_MODEL 0", false, { 0, 0x4000000, 0 },
      0x094c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "a host without SubstreamIDs has no CD tables", false, { 1, 0x7c0, 0 },
      0x0d44341a, 0x02730010, 0x00001400, 0x00000075 },
    { "a host with 8 bits of SubstreamID", false, { 1, 0x7c0, 0x200 },
      0x0d4c341a, 0x02730210, 0x00001400, 0x00000075 },
    { "SSIDSIZE is at most 20", false, { 1, 0x7c0, 0x7c0 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "HAD is no field that the kernel speaks for", false, { 3, 0x4, 0 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "a host without RIL", false, { 3, 0x400, 0 },
      0x0d4c341a, 0x02730510, 0x00001000, 0x00000075 },
    { "a host with BBML 1", false, { 3, 0x1800, 0x800 },
      0x0d4c341a, 0x02730510, 0x00000c00, 0x00000075 },
    { "a host of 40 bits", false, { .oas = 40 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000074 },
    { "a host of 52 bits", false, { .oas = 52 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "IDR5.OAS is not what the kernel uses", false, { 5, 0x7, 0x2 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "a device without ATS, by the kernel's word", false, { .caps = 0x8 },
      0x0d4c301a, 0x02730510, 0x00001400, 0x00000075 },
    { "a newer kernel's flags and capabilities", false,
      { .flags = 0xfffffffe, .caps = 0xfffffffffffffff7 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "a host without 4K pages", false, { 5, 0x10, 0 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000065 },
    { "a host without 16K pages", false, { 5, 0x20, 0 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000055 },
    { "a host without 64K pages", false, { 5, 0x40, 0 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000035 },
    { "PRI, stalls, MSI, HTTU, BTM and S2FWB are the host's own", false,
      { 0, 0, 0x0301a8e0 }, 0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "the host's queues and StreamIDs are its own", false,
      { 1, 0x3f, 0x03ff0008 }, 0x0d4c341a, 0x02730510, 0x00001400,
      0x00000075 },
    { "what is new in IDR3 is not shown", false, { 3, 0, 0xffffe3fb },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
};

static void test_auto(const void *opaque)
{
    const AutoRow *row = opaque;
    SMMUv3HostInfo host = edited_host(&row->edit);
    uint32_t idr[SMMUV3_IDR_COUNT];

    smmuv3_idr_for_guest(&all_auto, base, row->no_host ? NULL : &host, idr);
    g_assert_cmphex(idr[0], ==, row->idr0);
    g_assert_cmphex(idr[1], ==, row->idr1);
    g_assert_cmphex(idr[2], ==, 0);
    g_assert_cmphex(idr[3], ==, row->idr3);
    g_assert_cmphex(idr[4], ==, 0);
    g_assert_cmphex(idr[5], ==, row->idr5);
}

/* --- Properties --- */

typedef struct PropRow {
    const char *name;
    bool no_host;
    SMMUv3IdrProps props;
    uint32_t idr0, idr1, idr3, idr5;
} PropRow;

#define ON ON_OFF_AUTO_ON
#define OFF ON_OFF_AUTO_OFF
#define AUTO ON_OFF_AUTO_AUTO

static const PropRow prop_rows[] = {
    { "ats=on before there is a device", true, { ON, AUTO, true },
      0x0d44341a, 0x02730010, 0x00000000, 0x00000054 },
    { "ril=on before there is a device", true, { AUTO, ON, true },
      0x0d44301a, 0x02730010, 0x00000400, 0x00000054 },
    { "ssidsize=8 before there is a device", true, { AUTO, AUTO, false, 8 },
      0x0d44301a, 0x02730210, 0x00000000, 0x00000054 },
    { "oas=48 before there is a device", true, { AUTO, AUTO, true, 0, 48 },
      0x0d44301a, 0x02730010, 0x00000000, 0x00000055 },
    { "everything off", false, { OFF, OFF, false, 0, 44 },
      0x0d44301a, 0x02730010, 0x00001000, 0x00000074 },
    { "everything on", false, { ON, ON, false, 20, 48 },
      0x0d4c341a, 0x02730510, 0x00001400, 0x00000075 },
    { "ssidsize=1", false, { AUTO, AUTO, false, 1 },
      0x0d4c341a, 0x02730050, 0x00001400, 0x00000075 },
};

static void test_props(const void *opaque)
{
    const PropRow *row = opaque;
    SMMUv3HostInfo host = edited_host(&(Edit) {});
    uint32_t idr[SMMUV3_IDR_COUNT];

    smmuv3_idr_for_guest(&row->props, base, row->no_host ? NULL : &host, idr);
    g_assert_cmphex(idr[0], ==, row->idr0);
    g_assert_cmphex(idr[1], ==, row->idr1);
    g_assert_cmphex(idr[3], ==, row->idr3);
    g_assert_cmphex(idr[5], ==, row->idr5);
}

/* --- Refusals: the guest was shown all of full_host; then comes @edit --- */

typedef struct RefusalRow {
    const char *name;
    Edit edit;
    const char *text;
} RefusalRow;

#define PROMISED "its host SMMU does not have what the guest was promised: "
#define START "; start the VM with this device, not with another first"

static const RefusalRow refusal_rows[] = {
    /* Whether it nests is proved by the objects that the kernel makes */
    { "no S1P", { 0, 0x2, 0 }, NULL },
    { "no S2P", { 0, 0x1, 0 }, NULL },
    { "AArch32 tables only", { 0, 0xc, 0x4 },
      PROMISED "IDR0.TTF is 2 in the guest, 1 on the host; the host SMMU does "
      "not walk AArch64 tables" },
    { "AArch32 and AArch64 tables", { 0, 0xc, 0xc }, NULL },
    { "no COHACC, and firmware knows better", { 0, 0x10, 0 }, NULL },
    { "no ATS: it is each device's", { 0, 0x400, 0 }, NULL },
    { "another TERM_MODEL", { 0, 0x4000000, 0 },
      PROMISED "IDR0.TERM_MODEL is 1 in the guest, 0 on the host" START },
    { "8-bit ASIDs", { 0, 0x1000, 0 },
      PROMISED "IDR0.ASID16 is 1 in the guest, 0 on the host; the host SMMU "
      "has 8-bit ASIDs only" },
    { "no 2-level CD tables", { 0, 0x80000, 0 },
      PROMISED "IDR0.CD2L is 1 in the guest, 0 on the host; use ssidsize=0" },
    { "either endianness", { 0, 0x600000, 0 }, NULL },
    { "big-endian tables only", { 0, 0x600000, 0x600000 },
      PROMISED "IDR0.TTENDIAN is 2 in the guest, 3 on the host; the host SMMU "
      "does not walk little-endian tables" },
    { "stalls where a CD says so", { 0, 0x3000000, 0 }, NULL },
    { "stalls always", { 0, 0x3000000, 0x2000000 },
      PROMISED "IDR0.STALL_MODEL is 1 in the guest, 2 on the host; the host "
      "SMMU stalls each faulting transaction" },
    { "fewer SubstreamIDs", { 1, 0x7c0, 0x200 },
      PROMISED "IDR1.SSIDSIZE is 20 in the guest, 8 on the host; use a smaller "
      "ssidsize" },
    { "fewer StreamIDs", { 1, 0x3f, 0x8 }, NULL },
    { "no HAD", { 3, 0x4, 0 }, NULL },
    { "no RIL", { 3, 0x400, 0 },
      PROMISED "IDR3.RIL is 1 in the guest, 0 on the host; use ril=off" },
    { "BBML 1", { 3, 0x1800, 0x800 },
      PROMISED "IDR3.BBML is 2 in the guest, 1 on the host" START },
    { "no 4K pages", { 5, 0x10, 0 },
      PROMISED "IDR5.GRAN4K is 1 in the guest, 0 on the host" START },
    { "no 16K pages", { 5, 0x20, 0 },
      PROMISED "IDR5.GRAN16K is 1 in the guest, 0 on the host" START },
    { "no 64K pages", { 5, 0x40, 0 },
      PROMISED "IDR5.GRAN64K is 1 in the guest, 0 on the host" START },
    { "44 bits", { .oas = 44 },
      PROMISED "IDR5.OAS (bits) is 48 in the guest, 44 on the host; use a "
      "smaller oas" },
    { "40 bits", { .oas = 40 },
      PROMISED "IDR5.OAS (bits) is 48 in the guest, 40 on the host; a guest "
      "has 44 at least, which this host SMMU cannot reach" },
    { "52 bits", { .oas = 52 }, NULL },
    { "another IDR5.OAS", { 5, 0x7, 0x2 }, NULL },
    { "the erratum", { .flags = 1 }, NULL },
    { "a newer kernel", { .flags = 0xfffffffe, .caps = UINT64_MAX }, NULL },
    { "the same host again", {}, NULL },
};

static void test_refusal(const void *opaque)
{
    const RefusalRow *row = opaque;
    SMMUv3HostInfo first = edited_host(&(Edit) {});
    SMMUv3HostInfo host = edited_host(&row->edit);
    uint32_t idr[SMMUV3_IDR_COUNT];
    Error *err = NULL;
    bool ok;

    smmuv3_idr_for_guest(&all_auto, base, &first, idr);
    ok = smmuv3_idr_check(idr, &host, &err);
    g_assert_true(ok == !row->text);
    g_assert_true(ok == !err);
    if (err) {
        g_assert_cmpstr(error_get_pretty(err), ==, row->text);
        error_free(err);
    }
}

/* The guest's registers made of a host never refuse that host for an auto */
static void test_auto_fits(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    for (int i = 0; i < 100000; i++) {
        uint32_t raw[SMMUV3_IDR_COUNT], idr[SMMUV3_IDR_COUNT];
        SMMUv3HostInfo host;

        for (int j = 0; j < SMMUV3_IDR_COUNT; j++) {
            raw[j] = g_rand_int(rand);
        }
        /* Without which there is no guest: AArch64, little-endian tables */
        raw[0] = (raw[0] & ~0x60000cU) | 0x400008;
        /* Stalls that are forced are refused */
        raw[0] &= ~0x2000000U;
        /* 44 bits at least, which is the least that can be shown */
        host = smmuv3_host_info(g_rand_int(rand), raw, g_rand_int(rand),
                                UINT64_MAX >> g_rand_int_range(rand, 0, 21));
        smmuv3_idr_for_guest(&all_auto, base, &host, idr);
        g_assert_true(smmuv3_idr_check(idr, &host, &error_abort));
        g_assert_cmpuint(smmuv3_idr_ssidsize(idr), <=, 20);
    }
}

/* As long as a CMDQV's queue can be, and no longer than QEMU's own */
static void test_cmdqs(void)
{
    static const struct {
        unsigned cmdqs, shown;
    } rows[] = { { 0, 19 }, { 8, 8 }, { 19, 19 }, { 20, 19 } };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        SMMUv3HostInfo host = edited_host(&(Edit) {});
        SMMUv3IdrProps props = all_auto;
        uint32_t idr[SMMUV3_IDR_COUNT];

        props.cmdqs = rows[i].cmdqs;
        smmuv3_idr_for_guest(&props, base, &host, idr);
        g_assert_cmpuint(idr[1] >> 21 & 31, ==, rows[i].shown);
        g_assert_cmpuint(idr[1] >> 16 & 31, ==, 19);
    }
}

static void test_accessors(void)
{
    static const uint32_t idr[SMMUV3_IDR_COUNT] = {
        0x00080400, 0x00000500, 0, 0x00000400, 0, 0x00000056,
    };
    static const uint32_t not[SMMUV3_IDR_COUNT] = {
        0xfff7fbff, 0xfffff83f, 0xffffffff, 0xfffffbff, 0xffffffff, 0xffffff88,
    };

    g_assert_true(smmuv3_idr_ats(idr));
    g_assert_true(smmuv3_idr_cd2l(idr));
    g_assert_true(smmuv3_idr_ril(idr));
    g_assert_true(smmuv3_idr_stalls(idr));
    g_assert_cmpuint(smmuv3_idr_ssidsize(idr), ==, 20);
    g_assert_cmpuint(smmuv3_idr_oas(idr), ==, 52);
    g_assert_cmphex(smmuv3_idr_granules(idr), ==, 0x11000);
    g_assert_false(smmuv3_idr_ats(not));
    g_assert_false(smmuv3_idr_cd2l(not));
    g_assert_false(smmuv3_idr_ril(not));
    g_assert_false(smmuv3_idr_stalls(not));
    g_assert_cmpuint(smmuv3_idr_ssidsize(not), ==, 0);
    g_assert_cmpuint(smmuv3_idr_oas(not), ==, 32);
    g_assert_cmphex(smmuv3_idr_granules(not), ==, 0);
}

static void test_host_info(void)
{
    static const struct {
        uint32_t flags;
        uint64_t caps;
        uint64_t last;
        bool ats, repeats;
        unsigned oas;
    } rows[] = {
        /* Linux 6.15 to 6.19 leaves flags 0, and knows no bit 3 */
        { 0, 0, 0xfffffffffff, true, false, 44 },
        { 0, 0x7, 0xffffffffffff, true, false, 48 },
        { 0, 0x8, 0xffffffffff, false, false, 40 },
        { 1, 0, 0xfffffffffff, true, true, 44 },
        { 0xfffffffe, 0xfffffffffffffff0, UINT64_MAX, true, false, 64 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        SMMUv3HostInfo info = smmuv3_host_info(rows[i].flags, full_host,
                                               rows[i].caps, rows[i].last);

        g_assert_true(info.ats == rows[i].ats);
        g_assert_true(info.repeats == rows[i].repeats);
        g_assert_cmpuint(info.oas, ==, rows[i].oas);
        g_assert_cmpmem(info.idr, sizeof(info.idr), full_host,
                        sizeof(full_host));
    }
}

#define ADD_ROWS(group, rows, test)                                         \
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {                         \
        g_autofree char *path = g_strdup_printf("/smmuv3/hwinfo/" group     \
                                                "/%s", rows[i].name);       \
                                                                            \
        g_test_add_data_func(path, &rows[i], test);                         \
    }

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_ROWS("auto", auto_rows, test_auto);
    ADD_ROWS("properties", prop_rows, test_props);
    ADD_ROWS("a second device", refusal_rows, test_refusal);
    g_test_add_func("/smmuv3/hwinfo/auto never refuses its own host",
                    test_auto_fits);
    g_test_add_func("/smmuv3/hwinfo/what each kernel says", test_host_info);
    g_test_add_func("/smmuv3/hwinfo/a CMDQV shortens the queue", test_cmdqs);
    g_test_add_func("/smmuv3/hwinfo/fields are where they belong",
                    test_accessors);
    return g_test_run();
}
