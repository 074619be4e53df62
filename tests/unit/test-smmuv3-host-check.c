/*
 * smmuv3-host-check's command line: as many SMMUs as QEMU's virt machine takes
 *
 * tests/machine/command-lines has QEMU start with as many, and with one more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "tools/smmuv3-host-check/host-check.h"

#define CMDQV_DEVICES 16

static GString *findings;

/* In place of report.c's */
void bad(const char *check, const char *fmt, ...)
{
    va_list args;

    g_string_append_printf(findings, "%s: ", check);
    va_start(args, fmt);
    g_string_append_vprintf(findings, fmt, args);
    va_end(args);
}

void report_about(const Device *dev)
{
    g_assert_null(dev);
}

/* @count devices, behind @smmus in turn */
static Device *devices(int count, int smmus, bool cmdqv)
{
    Device *dev = g_new0(Device, count);

    for (int i = 0; i < count; i++) {
        snprintf(dev[i].address, NAME_LEN, "0000:%02x:00.0", i);
        snprintf(dev[i].smmu, NAME_LEN, "smmu3.0x%x", i % smmus);
        dev[i].cmdqv = cmdqv ? CMDQV_DEVICES : 0;
    }
    return dev;
}

static int count_words(char *const *words, const char *start)
{
    int n = 0;

    for (; *words; words++) {
        n += g_str_has_prefix(*words, start);
    }
    return n;
}

static bool has_word(char *const *words, const char *word)
{
    return g_strv_contains((const char *const *)words, word);
}

static void assert_fits(int count, int smmus, bool cmdqv)
{
    g_autofree Device *dev = devices(count, smmus, cmdqv);
    char *const *words = command_for(dev, count, "qemu", "firmware");

    g_assert_nonnull(words);
    g_assert_cmpstr(findings->str, ==, "");
    g_assert_cmpstr(words[0], ==, "qemu");
    g_assert_cmpint(count_words(words, "arm-smmuv3,"), ==, smmus);
    g_assert_cmpint(count_words(words, "pxb-pcie,"), ==, smmus);
    g_assert_cmpint(count_words(words, "pcie-root-port,"), ==, count);
    g_assert_cmpint(count_words(words, "vfio-pci,"), ==, count);
}

static void assert_refused(int smmus, bool cmdqv, int interrupts)
{
    g_autofree Device *dev = devices(smmus, smmus, cmdqv);
    g_autofree char *why = g_strdup_printf(
        "smmus: the devices are behind %d SMMUs, and a guest would need as "
        "many: these take %d interrupts, and QEMU's virt machine has 64 for "
        "them; name devices of fewer SMMUs", smmus, interrupts);

    g_assert_null(command_for(dev, smmus, "qemu", "firmware"));
    g_assert_cmpstr(findings->str, ==, why);
    g_string_truncate(findings, 0);
}

static void test_many_smmus(void)
{
    assert_fits(1, 1, false);
    assert_fits(16, 16, false);
    assert_fits(64, 16, false);
    assert_refused(17, false, 68);
    assert_fits(16, 16, false);
}

static void test_many_cmdqvs(void)
{
    assert_fits(12, 12, true);
    assert_fits(64, 12, true);
    assert_refused(13, true, 65);
}

/* QEMU refuses a device more than the CMDQV knows, also with cmdqv=auto */
static void test_devices_of_a_cmdqv(void)
{
    g_autofree Device *dev = devices(CMDQV_DEVICES + 1, 1, true);
    const char *with = "arm-smmuv3,id=smmu1,primary-bus=pcie.1,accel=on";
    const char *without = "arm-smmuv3,id=smmu1,primary-bus=pcie.1,accel=on,"
                          "cmdqv=off";

    g_assert_true(has_word(command_for(dev, CMDQV_DEVICES, "qemu", "firmware"),
                           with));
    g_assert_true(has_word(command_for(dev, CMDQV_DEVICES + 1, "qemu",
                                       "firmware"), without));
}

static void test_places(void)
{
    g_autofree Device *dev = devices(64, 2, false);
    char *const *words = command_for(dev, 64, "qemu", "firmware");

    /* 32 devices each: a slot for each port */
    g_assert_true(has_word(words, "pcie-root-port,id=rp1,bus=pcie.1,"
                           "chassis=1"));
    g_assert_true(has_word(words, "pcie-root-port,id=rp64,bus=pcie.2,"
                           "chassis=64"));
    g_assert_true(has_word(words, "pxb-pcie,id=pcie.1,bus_nr=32,bus=pcie.0"));
    g_assert_true(has_word(words, "pxb-pcie,id=pcie.2,bus_nr=65,bus=pcie.0"));
    g_assert_true(has_word(words, "vfio-pci,id=dev64,host=0000:3f:00.0,"
                           "bus=rp64,iommufd=iommufd0"));

    /* One more than there are slots */
    snprintf(dev[1].smmu, NAME_LEN, "%s", dev[0].smmu);
    words = command_for(dev, 64, "qemu", "firmware");
    g_assert_true(has_word(words, "pcie-root-port,id=rp2,bus=pcie.1,chassis=2,"
                           "addr=0.1,multifunction=on"));
    g_assert_true(has_word(words, "pcie-root-port,id=rp63,bus=pcie.1,"
                           "chassis=63,addr=4.0,multifunction=on"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    findings = g_string_new(NULL);
    g_test_add_func("/smmuv3/host-check/no more SMMUs than QEMU takes",
                    test_many_smmus);
    g_test_add_func("/smmuv3/host-check/fewer where each has a CMDQV",
                    test_many_cmdqvs);
    g_test_add_func("/smmuv3/host-check/no more devices than a CMDQV knows",
                    test_devices_of_a_cmdqv);
    g_test_add_func("/smmuv3/host-check/each port has a place, and a bus",
                    test_places);
    return g_test_run();
}
