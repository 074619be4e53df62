/*
 * arm-smmuv3,accel=on when another QEMU takes over the VM (cpr-transfer)
 *
 * Needs two of the lab's edu devices, bound to vfio-pci, and their addresses in
 * SMMUV3_TEST_DEVICES. SMMUV3_TEST_HANDOVERS says how many there are to be.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "smmuv3-accel-lib.h"

#define EVT_TYPE(e)     ((e)[0] & 0xff)
#define EVT_SID(e)      ((e)[0] >> 32)
#define F_TRANSLATION   0x10

static unsigned handovers(void)
{
    return atoi(g_getenv("SMMUV3_TEST_HANDOVERS") ?: "2");
}

static void no_call(Guest *g)
{
    HostCalls c = host_calls(g);

    g_assert_cmpuint(c.attach + c.detach + c.hwpt + c.vdevice, ==, 0);
}

static void hand_over(Guest *g, Dma d0, Dma d1)
{
    for (unsigned i = 0; i < handovers(); i++) {
        g_assert_true(guest_hand_over(g, NULL, NULL, NULL));
        no_call(g);
        dma_assert(g, d0, d1);
    }
}

static void test_gbpa(void)
{
    Guest *g = guest_start_shared(2, true);

    dma_assert(g, FLAT, FLAT);
    hand_over(g, FLAT, FLAT);
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    dma_assert(g, BLOCKED, BLOCKED);
    hand_over(g, BLOCKED, BLOCKED);
    smmu_gbpa(g, GBPA_RESET);
    dma_assert(g, FLAT, FLAT);
    guest_stop(g);
}

static void test_translate(void)
{
    Guest *g = guest_start_shared(2, true);

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_BYPASS);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    dma_assert(g, MAPPED, FLAT);
    hand_over(g, MAPPED, FLAT);

    /* The guest's next commands reach the host as before */
    smmu_set_ste(g, false, guest_sid(0), STE_ABORT);
    smmu_cfgi_ste(g, guest_sid(0));
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cfgi_ste(g, guest_sid(1));
    dma_assert(g, BLOCKED, MAPPED);
    hand_over(g, BLOCKED, MAPPED);
    smmu_cr0(g, CR0_QUEUES);
    dma_assert(g, FLAT, FLAT);
    hand_over(g, FLAT, FLAT);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    dma_assert(g, BLOCKED, MAPPED);
    guest_stop(g);
}

static void test_two_smmus(void)
{
    Guest *g = guest_start_shared(2, false);

    for (g->smmu = 0; g->smmu < 2; g->smmu++) {
        smmu_setup(g, false);
    }
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    g->smmu = 0;
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    hand_over(g, MAPPED, FLAT);
    g->smmu = 1;
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    dma_assert(g, MAPPED, MAPPED);
    hand_over(g, MAPPED, MAPPED);
    g->smmu = 0;
    smmu_cr0(g, CR0_QUEUES);
    dma_assert(g, FLAT, MAPPED);
    hand_over(g, FLAT, MAPPED);
    guest_stop(g);
}

static void fault(Guest *g)
{
    dma_write(g, 0, NO_MEMORY);
    dma_write_wait(g, 0);
}

/* A fault while nobody runs the guest is told by who runs it next, and once */
static void test_event(void)
{
    Guest *g = guest_start_shared(1, true);
    uint64_t evt[4];

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    fault(g);
    g_assert_true(smmu_next_event(g, evt));
    g_assert_true(guest_hand_over(g, NULL, NULL, fault));
    g_assert_true(smmu_next_event(g, evt));
    g_assert_cmphex(EVT_TYPE(evt), ==, F_TRANSLATION);
    g_assert_cmphex(EVT_SID(evt), ==, guest_sid(0));
    g_assert_false(smmu_next_event(g, evt));
    guest_stop(g);
}

static void test_unplug(void)
{
    Guest *g = guest_start_shared(2, true);

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    hand_over(g, MAPPED, MAPPED);
    guest_unplug(g, 0);
    guest_hotplug(g, 0);
    dma_assert(g, MAPPED, MAPPED);
    guest_stop(g);
}

static void test_refused(void)
{
    Guest *g = guest_start_shared(2, true);

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    g_assert_false(guest_hand_over(g, "accel=on", "accel=on,ril=off", NULL));
    dma_assert(g, MAPPED, MAPPED);
    smmu_cr0(g, CR0_QUEUES);
    dma_assert(g, FLAT, FLAT);
    /* The same, right */
    hand_over(g, FLAT, FLAT);
    guest_stop(g);
}

/* What a new process could not have; the guest goes on */
static void test_private_memory(void)
{
    Guest *g = guest_start(2, "");
    g_autofree char *why = guest_hand_over_error(g);

    g_assert_nonnull(strstr(why, "not compatible with CPR"));
    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    dma_assert(g, MAPPED, BLOCKED);
    guest_stop(g);
}

/* The command line has the other order: each device would get the other's */
static void test_another_order(void)
{
    Guest *g = guest_start_shared(2, true);
    g_autofree char *in_order = g_strdup_printf(
        "host=%s,iommufd=iommufd0,rombar=0,id=dev0,bus=rp0 -device vfio-pci,"
        "host=%s,iommufd=iommufd0,rombar=0,id=dev1,bus=rp1",
        guest_host_device(0), guest_host_device(1));
    g_autofree char *other = g_strdup_printf(
        "host=%s,iommufd=iommufd0,rombar=0,id=dev1,bus=rp1 -device vfio-pci,"
        "host=%s,iommufd=iommufd0,rombar=0,id=dev0,bus=rp0",
        guest_host_device(1), guest_host_device(0));

    g_assert_false(guest_hand_over(g, in_order, other, NULL));
    dma_assert(g, FLAT, FLAT);
    hand_over(g, FLAT, FLAT);
    guest_stop(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/smmuv3-handover/gbpa", test_gbpa);
    qtest_add_func("/smmuv3-handover/translate", test_translate);
    qtest_add_func("/smmuv3-handover/two-smmus", test_two_smmus);
    qtest_add_func("/smmuv3-handover/event", test_event);
    qtest_add_func("/smmuv3-handover/unplug", test_unplug);
    qtest_add_func("/smmuv3-handover/refused", test_refused);
    qtest_add_func("/smmuv3-handover/private-memory", test_private_memory);
    qtest_add_func("/smmuv3-handover/another-order", test_another_order);
    return g_test_run();
}
