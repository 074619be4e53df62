/*
 * What of hw/vfio knows neither QOM nor the host: its text and its bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "smmuv3-guest.h"
#include "hw/vfio/ext-cap.c"
#include "hw/vfio/mmap-align.c"
#include "hw/vfio/pci-flr.c"
#include "hw/vfio/report-limit.c"
#include "hw/vfio/reserved-regions.c"

#define ATS 0x0f

/* PCIe 7.7.9.3: ID in bits 15:0, version in 19:16, next in 31:20 */
static void put(uint8_t *config, uint16_t at, uint16_t id, uint16_t next)
{
    pci_set_long(config + at, id | 1 << 16 | (uint32_t)next << 20);
}

static void test_hide_in_the_middle(void)
{
    uint8_t config[PCIE_CONFIG_SPACE_SIZE] = {};

    put(config, 0x100, 0x01, 0x140);
    put(config, 0x140, ATS, 0x200);
    put(config, 0x200, 0x03, 0);
    vfio_hide_ext_cap(config, ATS);
    g_assert_cmphex(pci_get_long(config + 0x100), ==, 0x20010001);
    g_assert_cmphex(pci_get_long(config + 0x200), ==, 0x00010003);
}

static void test_hide_the_last(void)
{
    uint8_t config[PCIE_CONFIG_SPACE_SIZE] = {};

    put(config, 0x100, 0x01, 0x140);
    put(config, 0x140, ATS, 0);
    vfio_hide_ext_cap(config, ATS);
    g_assert_cmphex(pci_get_long(config + 0x100), ==, 0x00010001);
}

static void test_hide_the_first(void)
{
    uint8_t config[PCIE_CONFIG_SPACE_SIZE] = {};

    put(config, 0x100, ATS, 0x140);
    put(config, 0x140, 0x03, 0);
    vfio_hide_ext_cap(config, ATS);
    g_assert_cmphex(pci_get_long(config + 0x100), ==, 0x14000000);
    g_assert_cmphex(pci_get_long(config + 0x140), ==, 0x00010003);
}

static void test_hide_nothing(void)
{
    uint8_t config[PCIE_CONFIG_SPACE_SIZE] = {};
    uint8_t before[PCIE_CONFIG_SPACE_SIZE];

    /* A circle, and a list without it */
    put(config, 0x100, 0x01, 0x140);
    put(config, 0x140, 0x03, 0x100);
    memcpy(before, config, sizeof(before));
    vfio_hide_ext_cap(config, ATS);
    g_assert_cmpmem(config, sizeof(config), before, sizeof(before));
    memset(config, 0, sizeof(config));
    vfio_hide_ext_cap(config, ATS);
    g_assert_true(buffer_is_zero(config, sizeof(config)));
}

static void test_direct_region(void)
{
    g_autofree char *direct = vfio_direct_region(
        "0x0000000008000000 0x00000000080fffff msi\n"
        "0x00000000e0000000 0x00000000e0ffffff direct\n"
        "0x00000000f0000000 0x00000000f0ffffff direct\n");

    g_assert_cmpstr(direct, ==, "0x00000000e0000000 0x00000000e0ffffff");
    g_assert_null(vfio_direct_region("0x0 0xfff direct-relaxable\n"
                                     "0x0 0xfff reserved\n"));
    g_assert_null(vfio_direct_region(""));
}

#define EXP_CAP 0x60
#define AF_CAP  0x80
#define PASID_CAP 0x200

static int resets, mapped_anew;
static bool has_af;

uint8_t pci_find_capability(PCIDevice *dev, uint8_t id)
{
    g_assert_cmphex(id, ==, PCI_CAP_ID_AF);
    return has_af ? AF_CAP : 0;
}

void pci_viommu_device_reset(PCIDevice *dev)
{
    resets++;
}

void vfio_pci_p2p_after_flr(PCIDevice *dev)
{
    mapped_anew++;
}

static int resets_by(PCIDevice *dev, uint32_t addr, uint32_t val, int len)
{
    resets = mapped_anew = 0;
    vfio_pci_flr_written(dev, addr, val, len);
    /* Whoever is told of a reset, BARs are mapped anew after it */
    g_assert_cmpint(mapped_anew, ==, resets);
    return resets;
}

static void test_flr(void)
{
    const uint32_t devctl = EXP_CAP + PCI_EXP_DEVCTL;
    uint8_t config[PCIE_CONFIG_SPACE_SIZE] = {};
    PCIDevice dev = { .exp.exp_cap = EXP_CAP, .config = config };

    has_af = false;
    /* A device that cannot ignores it */
    g_assert_cmpint(resets_by(&dev, devctl, 0xa810, 2), ==, 0);
    pci_set_long(config + EXP_CAP + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR);
    g_assert_cmpint(resets_by(&dev, devctl, 0xa810, 2), ==, 1);
    g_assert_cmpint(resets_by(&dev, devctl, 0x8000, 4), ==, 1);
    g_assert_cmpint(resets_by(&dev, devctl + 1, 0x80, 1), ==, 1);
    /* It turns PASIDs off */
    dev.exp.pasid_cap = PASID_CAP;
    config[PASID_CAP + PCI_PASID_CTRL] = PCI_PASID_CTRL_ENABLE;
    g_assert_cmpint(resets_by(&dev, devctl, 0x2810, 2), ==, 0);
    g_assert_cmphex(config[PASID_CAP + PCI_PASID_CTRL], !=, 0);
    g_assert_cmpint(resets_by(&dev, devctl, 0xa810, 2), ==, 1);
    g_assert_cmphex(config[PASID_CAP + PCI_PASID_CTRL], ==, 0);
    /* Bits of other registers, and the bit as a 0 */
    g_assert_cmpint(resets_by(&dev, devctl, 0x2810, 2), ==, 0);
    g_assert_cmpint(resets_by(&dev, devctl, 0x80, 1), ==, 0);
    g_assert_cmpint(resets_by(&dev, devctl, 0x80002810, 4), ==, 0);
    g_assert_cmpint(resets_by(&dev, devctl + 2, 0x8000, 2), ==, 0);
    g_assert_cmpint(resets_by(&dev, AF_CAP + PCI_AF_CTRL, 1, 1), ==, 0);
    dev.exp.exp_cap = 0;
    g_assert_cmpint(resets_by(&dev, devctl, 0x8000, 2), ==, 0);
    g_assert_cmpint(resets_by(&dev, PCI_EXP_DEVCTL, 0x8000, 2), ==, 0);

    has_af = true;
    config[AF_CAP + PCI_AF_CAP] = PCI_AF_CAP_TP;
    g_assert_cmpint(resets_by(&dev, AF_CAP + PCI_AF_CTRL, 1, 1), ==, 0);
    config[AF_CAP + PCI_AF_CAP] = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;
    g_assert_cmpint(resets_by(&dev, AF_CAP + PCI_AF_CTRL, 1, 1), ==, 1);
    g_assert_cmpint(resets_by(&dev, AF_CAP + PCI_AF_CTRL, 1, 2), ==, 1);
    g_assert_cmpint(resets_by(&dev, AF_CAP + PCI_AF_CTRL, 0x100, 2), ==, 0);
    g_assert_cmpint(resets_by(&dev, AF_CAP, 0x01010101, 4), ==, 0);
}

static void test_mmap_alignment(void)
{
    static const struct { size_t size, alignment; } of[] = {
        { 4 * KiB, 4 * KiB },
        { 2 * MiB, 2 * MiB },
        /* All but the last page, as of a BAR with an MSI-X table there */
        { 2 * MiB - 4 * KiB, 2 * MiB },
        { 96 * MiB, 128 * MiB },
        { 1 * GiB - 64 * KiB, 1 * GiB },
        { 1 * GiB, 1 * GiB },
        { 1 * GiB + 4 * KiB, 1 * GiB },
        { 96ull * GiB, 1 * GiB },
    };

    for (int i = 0; i < ARRAY_SIZE(of); i++) {
        g_assert_cmphex(vfio_mmap_alignment(of[i].size), ==, of[i].alignment);
    }
}

static void test_limited_messages(void)
{
    Guest *g = guest_new(false);

    for (int i = 0; i < 1000; i++) {
        Error *err = NULL;

        error_setg(&err, "no MSI %d", i);
        vfio_reportf_err_limited(err, "d%d: ", i);
    }
    g_assert_nonnull(strstr(guest_messages->str, "d0: no MSI 0\n"));
    g_assert_nonnull(strstr(guest_messages->str, "d15: no MSI 15\n"));
    g_assert_null(strstr(guest_messages->str, "d16"));
    g_string_truncate(guest_messages, 0);
    counted_to -= INTERVAL_US;
    vfio_report_limited("no %s", "vectors");
    vfio_report_limited("none %s", "more");
    g_assert_null(strstr(guest_messages->str, "none more"));
    g_assert_nonnull(strstr(guest_messages->str, "no vectors (984 earlier "
                            "messages not shown)\n"));
    guest_free(g);
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/vfio/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a capability in the middle is hidden", test_hide_in_the_middle);
    ADD("the last capability is hidden", test_hide_the_last);
    ADD("the first capability is hidden, the others are not",
        test_hide_the_first);
    ADD("without it, or in a circle, nothing changes", test_hide_nothing);
    ADD("the vIOMMU is told of a reset that the guest starts", test_flr);
    ADD("a region that firmware wants 1:1 is found", test_direct_region);
    ADD("a mapping is aligned as the BAR is, up to 1 GiB",
        test_mmap_alignment);
    ADD("messages about a blocked device's MSIs: one a second at most",
        test_limited_messages);
    return g_test_run();
}
