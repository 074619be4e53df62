/*
 * What of hw/vfio knows neither QOM nor the host: its text and its bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "hw/vfio/ext-cap.c"
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

#define ADD(sentence, test) g_test_add_func("/smmuv3/vfio/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a capability in the middle is hidden", test_hide_in_the_middle);
    ADD("the last capability is hidden", test_hide_the_last);
    ADD("the first capability is hidden, the others are not",
        test_hide_the_first);
    ADD("without it, or in a circle, nothing changes", test_hide_nothing);
    ADD("a region that firmware wants 1:1 is found", test_direct_region);
    return g_test_run();
}
