/*
 * ATS and PASIDs behind arm-smmuv3,accel=on, as a guest sees them
 *
 * The lab's hardware has neither. tests/lab/programs/pasid-host.c, preloaded
 * into QEMU, makes the host say that it has; all else is the real kernel.
 * SMMUV3_TEST_NIC names a PCI Express function that vfio-pci has.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_regs.h"
#include "smmuv3-accel-lib.h"

#define ECAM            0x4010000000ull
#define IDR0_ATS        (1u << 10)
#define IDR0_CD2L       (1u << 19)
#define IDR1_SSIDSIZE(r) (((r) >> 6) & 0x1f)
/* As tests/lab/programs/pasid-host.c has them */
#define HOST_SSIDSIZE   16
#define HOST_PASID_BITS 12

/* STE fields (IHI 0070, 5.2) */
#define STE0_S1FMT_64K  (2ull << 4)
#define STE0_S1CDMAX(n) ((uint64_t)(n) << 59)
#define STE1_S1DSS_SSID0 2ull
#define STE1_EATS       (1ull << 28)

static const char *log_path;

/* @smmu, @device: properties, each after a comma */
static Guest *start_with(const char *smmu, const char *device)
{
    Guest *g = g_new0(Guest, 1);

    g_assert_true(g_file_set_contents(log_path, "", -1, NULL));
    g->qts = qtest_initf("-machine virt,gic-version=3 -cpu cortex-a57 -m 128M "
                         "-nodefaults -bios %s -object iommufd,id=iommufd0 "
                         "-device pxb-pcie,id=pcie.1,bus_nr=%d,bus=pcie.0 "
                         "-device arm-smmuv3,id=smmu0,primary-bus=pcie.1,"
                         "accel=on%s "
                         "-device pcie-root-port,id=rp0,bus=pcie.1,chassis=1,"
                         "addr=0 "
                         "-device vfio-pci,id=dev0,host=%s,bus=rp0,"
                         "iommufd=iommufd0,rombar=0%s",
                         log_path, PXB_BUS, smmu, g_getenv("SMMUV3_TEST_NIC"),
                         device);
    guest_set_bus(g, 0, FIRST_BUS);
    return g;
}

static Guest *start(const char *smmu)
{
    return start_with(smmu, "");
}

static void stop(Guest *g)
{
    qtest_quit(g->qts);
    g_free(g);
}

static uint64_t cfg(uint16_t reg)
{
    return ECAM + (FIRST_BUS << 20) + reg;
}

static uint16_t ext_cap(Guest *g, uint16_t id)
{
    uint16_t at = PCI_CONFIG_SPACE_SIZE;
    int n = 0;

    while (at) {
        uint32_t header = qtest_readl(g->qts, cfg(at));

        g_assert_cmpint(n++, <, 64);
        if (PCI_EXT_CAP_ID(header) == id) {
            return at;
        }
        at = PCI_EXT_CAP_NEXT(header);
    }
    return 0;
}

static void function_level_reset(Guest *g)
{
    uint8_t at = qtest_readb(g->qts, cfg(PCI_CAPABILITY_LIST));

    while (qtest_readb(g->qts, cfg(at)) != PCI_CAP_ID_EXP) {
        at = qtest_readb(g->qts, cfg(at + PCI_CAP_LIST_NEXT));
        g_assert_cmphex(at, !=, 0);
    }
    g_assert_cmphex(qtest_readl(g->qts, cfg(at + PCI_EXP_DEVCAP)) &
                    PCI_EXP_DEVCAP_FLR, ==, PCI_EXP_DEVCAP_FLR);
    qtest_writew(g->qts, cfg(at + PCI_EXP_DEVCTL), PCI_EXP_DEVCTL_BCR_FLR);
}

static void registers_offer_what_the_host_has(void)
{
    Guest *g = start("");

    g_assert_cmphex(smmu_read(g, IDR0) & (IDR0_ATS | IDR0_CD2L), ==,
                    IDR0_ATS | IDR0_CD2L);
    g_assert_cmpuint(IDR1_SSIDSIZE(smmu_read(g, IDR1)), ==, HOST_SSIDSIZE);
    stop(g);
}

static void registers_offer_no_more_than_was_asked(void)
{
    Guest *g = start(",ats=off,ssidsize=8");

    g_assert_cmphex(smmu_read(g, IDR0) & IDR0_ATS, ==, 0);
    g_assert_cmpuint(IDR1_SSIDSIZE(smmu_read(g, IDR1)), ==, 8);
    stop(g);
}

static void assert_pasid(Guest *g, unsigned bits)
{
    uint16_t cap = ext_cap(g, PCI_EXT_CAP_ID_PASID);
    uint16_t caps;

    g_assert_cmphex(cap, !=, 0);
    g_assert_cmpuint(PCI_EXT_CAP_VER(qtest_readl(g->qts, cfg(cap))), ==, 1);
    caps = qtest_readw(g->qts, cfg(cap + PCI_PASID_CAP));
    g_assert_cmphex(caps & (PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV), ==,
                    PCI_PASID_CAP_PRIV);
    g_assert_cmpuint(caps >> 8 & 0x1f, ==, bits);
}

static void the_device_has_a_pasid_capability(void)
{
    Guest *g = start("");
    uint16_t cap = ext_cap(g, PCI_EXT_CAP_ID_PASID);

    assert_pasid(g, HOST_PASID_BITS);
    /* And its own are still there */
    g_assert_cmphex(ext_cap(g, PCI_EXT_CAP_ID_ERR), !=, 0);

    g_assert_cmphex(qtest_readw(g->qts, cfg(cap + PCI_PASID_CTRL)), ==, 0);
    qtest_writew(g->qts, cfg(cap + PCI_PASID_CTRL), PCI_PASID_CTRL_ENABLE);
    g_assert_cmphex(qtest_readw(g->qts, cfg(cap + PCI_PASID_CTRL)), ==,
                    PCI_PASID_CTRL_ENABLE);
    /* The rest is read-only */
    qtest_writel(g->qts, cfg(cap), 0xffffffff);
    qtest_writew(g->qts, cfg(cap + PCI_PASID_CAP), 0);
    assert_pasid(g, HOST_PASID_BITS);

    /* PCIe 6.6.2: by a reset that the guest starts, and by the machine's */
    function_level_reset(g);
    g_assert_cmphex(qtest_readw(g->qts, cfg(cap + PCI_PASID_CTRL)), ==, 0);
    qtest_writew(g->qts, cfg(cap + PCI_PASID_CTRL), PCI_PASID_CTRL_ENABLE);
    qtest_system_reset(g->qts);
    guest_set_bus(g, 0, FIRST_BUS);
    g_assert_cmphex(qtest_readw(g->qts, cfg(cap + PCI_PASID_CTRL)), ==, 0);
    assert_pasid(g, HOST_PASID_BITS);
    stop(g);
}

static void it_is_where_it_is_asked_for(void)
{
    Guest *g = start_with("", ",x-vpasid-cap-offset=0x800");

    g_assert_cmphex(ext_cap(g, PCI_EXT_CAP_ID_PASID), ==, 0x800);
    assert_pasid(g, HOST_PASID_BITS);
    g_assert_cmphex(ext_cap(g, PCI_EXT_CAP_ID_ERR), !=, 0);
    stop(g);
}

/* Of the device's own, not aligned, of the conventional space, at the end */
static void a_place_that_is_not_free_is_not_taken(void)
{
    static const uint16_t places[] = { 0x100, 0x802, 0x40, 0xffc };

    for (int i = 0; i < ARRAY_SIZE(places); i++) {
        g_autofree char *at = g_strdup_printf(",x-vpasid-cap-offset=%u",
                                              places[i]);
        Guest *g = start_with("", at);

        g_assert_cmphex(ext_cap(g, PCI_EXT_CAP_ID_PASID), ==, 0);
        g_assert_cmphex(ext_cap(g, PCI_EXT_CAP_ID_ERR), !=, 0);
        stop(g);
    }
}

static void its_width_is_what_both_have(void)
{
    Guest *g = start(",ssidsize=8");

    assert_pasid(g, 8);
    stop(g);
}

static void without_substreams_there_is_none(void)
{
    Guest *g = start(",ssidsize=0");

    g_assert_cmphex(ext_cap(g, PCI_EXT_CAP_ID_PASID), ==, 0);
    g_assert_cmphex(ext_cap(g, PCI_EXT_CAP_ID_ERR), !=, 0);
    stop(g);
}

static void assert_log(bool there, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

static void assert_log(bool there, const char *fmt, ...)
{
    g_autofree char *want = NULL;
    g_autofree char *log = NULL;
    va_list args;

    va_start(args, fmt);
    want = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_assert_true(g_file_get_contents(log_path, &log, NULL, NULL));
    if (!strstr(log, want) == there) {
        g_error("the host was%s told: %s; all: %s", there ? " not" : "", want,
                log);
    }
}

/* An STE with 2^10 CDs in a 2-level table, SSID 0 for DMA without PASID, ATS */
static void enable_with_substreams(Guest *g)
{
    uint64_t ste = L2TAB + (1 << 8) * 64;

    smmu_setup(g, false);
    qtest_writeq(g->qts, ste + 8, 0xf4 | STE1_S1DSS_SSID0 | STE1_EATS);
    qtest_writeq(g->qts, ste, STE_S1 | CD | STE0_S1FMT_64K | STE0_S1CDMAX(10));
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
}

static void s1cdmax_and_eats_reach_the_host(void)
{
    Guest *g = start("");

    enable_with_substreams(g);
    assert_log(true, "vste 0x%" PRIx64 " 0x%" PRIx64 "\n",
               (uint64_t)(STE_S1 | CD | STE0_S1FMT_64K | STE0_S1CDMAX(10)),
               (uint64_t)(0xf4 | STE1_S1DSS_SSID0 | STE1_EATS));
    stop(g);
}

static void what_was_not_offered_does_not(void)
{
    Guest *g = start(",ats=off,ssidsize=0");

    enable_with_substreams(g);
    assert_log(true, "vste 0x%" PRIx64 " 0x%x\n", (uint64_t)(STE_S1 | CD),
               0xf4);
    assert_log(false, "vste 0x5");
    assert_log(false, "10000");
    stop(g);
}

#define ATC_INV(sid) (0x40ull | (uint64_t)(sid) << 32)
#define SIZE_ALL 52
#define CMD_SYNC 0x46
#define CERROR_ATC_INV_SYNC 3

static void atc_inv_reaches_the_host(void)
{
    Guest *g = start("");

    enable_with_substreams(g);
    /* The lab's host has no ATS and refuses, of which the CMD_SYNC tells */
    g_assert_true(smmu_cmd(g, ATC_INV(guest_sid(0)), SIZE_ALL));
    g_assert_false(smmu_cmd(g, CMD_SYNC, 0));
    g_assert_cmphex(smmu_read(g, CMDQ_CONS) >> 24 & 0x7f, ==,
                    CERROR_ATC_INV_SYNC);
    assert_log(true, "command 0x%" PRIx64 " 0x%x\n",
               (uint64_t)ATC_INV(guest_sid(0)), SIZE_ALL);
    stop(g);
}

static void without_ats_atc_inv_is_illegal(void)
{
    Guest *g = start(",ats=off");

    enable_with_substreams(g);
    g_assert_false(smmu_cmd(g, ATC_INV(guest_sid(0)), SIZE_ALL));
    g_assert_cmphex(smmu_read(g, GERROR) & GERROR_CMDQ_ERR, ==,
                    GERROR_CMDQ_ERR);
    assert_log(false, "command 0x%" PRIx64, (uint64_t)ATC_INV(guest_sid(0)));
    stop(g);
}

#define TEST(name) qtest_add_func("/smmuv3-accel/pasid/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    log_path = g_getenv("PASID_HOST_LOG");
    if (!log_path || !g_getenv("SMMUV3_TEST_NIC")) {
        g_error("PASID_HOST_LOG and SMMUV3_TEST_NIC are to be set; "
                "the lab does that");
    }

    TEST(registers_offer_what_the_host_has);
    TEST(registers_offer_no_more_than_was_asked);
    TEST(the_device_has_a_pasid_capability);
    TEST(it_is_where_it_is_asked_for);
    TEST(a_place_that_is_not_free_is_not_taken);
    TEST(its_width_is_what_both_have);
    TEST(without_substreams_there_is_none);
    TEST(s1cdmax_and_eats_reach_the_host);
    TEST(what_was_not_offered_does_not);
    TEST(atc_inv_reaches_the_host);
    TEST(without_ats_atc_inv_is_illegal);
    return g_test_run();
}
