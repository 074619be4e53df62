/*
 * arm-smmuv3,accel=on on hosts that differ from the lab's usual one
 *
 * Needs what smmuv3-accel-test needs, and FAIL_NTH_FILE. SMMUV3_TEST_OAS is how
 * many bits the host's output addresses have. SMMUV3_TEST_REPEAT says that its
 * SMMU forgets an invalidation that is not repeated; SMMUV3_TEST_LOSE_REPEAT
 * that, to show it, each second one does not reach the host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-accel-lib.h"

#define IDR5_OAS(r)         ((r) & 7)
#define CMD_TLBI_NSNH_ALL   0x30

static FailNth *ctl;

static Guest *start_translating(void)
{
    Guest *g = guest_start_untraced(DEVS);

    smmu_setup(g, false);
    for (int i = 0; i < DEVS; i++) {
        smmu_set_ste(g, false, guest_sid(i), STE_S1);
    }
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    return g;
}

static void dma_follows_the_guest(void)
{
    Guest *g = guest_start_untraced(DEVS);

    dma_assert(g, FLAT, FLAT);
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    dma_assert(g, BLOCKED, BLOCKED);
    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_BYPASS);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    dma_assert(g, MAPPED, FLAT);
    smmu_set_ste(g, false, guest_sid(0), STE_ABORT);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cfgi_ste(g, guest_sid(0));
    smmu_cfgi_ste(g, guest_sid(1));
    dma_assert(g, BLOCKED, MAPPED);
    guest_stop(g);
}

static void output_addresses_have_the_hosts_size(void)
{
    static const int bits[] = { 32, 36, 40, 42, 44, 48, 52 };
    Guest *g = guest_start_untraced(1);
    const char *env = g_getenv("SMMUV3_TEST_OAS");

    g_assert_cmpint(bits[IDR5_OAS(smmu_read(g, IDR5))], ==,
                    env ? atoi(env) : 44);
    guest_stop(g);
}

static void tlbi(Guest *g)
{
    smmu_cmd_sync(g, CMD_TLBI_NSNH_ALL, 0);
}

static void an_invalidation_acts(void)
{
    bool repeat = g_getenv("SMMUV3_TEST_REPEAT");
    bool lose = g_getenv("SMMUV3_TEST_LOSE_REPEAT");
    Guest *g = start_translating();
    unsigned before, calls;

    dma_assert(g, MAPPED, MAPPED);
    ctl->lose = lose ? FAIL_NTH_LOSE_REPEAT : FAIL_NTH_LOSE_NOTHING;
    ctl->armed = true;
    for (int i = 0; i < 4; i++) {
        smmu_set_block(g, false);
        before = ctl->invalidations;
        tlbi(g);
        calls = ctl->invalidations - before;
        g_test_message("one TLBI and CMD_SYNC: %u HWPT_INVALIDATE", calls);
        g_assert_cmpuint(calls, ==, repeat ? 2 : 1);
        if (lose) {
            /* The entry is used although its page is gone: it is stale */
            dma_assert(g, MAPPED, MAPPED);
            tlbi(g);
        }
        dma_assert(g, BLOCKED, BLOCKED);
        smmu_set_block(g, true);
        tlbi(g);
        if (lose) {
            tlbi(g);
        }
        dma_assert(g, MAPPED, MAPPED);
    }
    ctl->armed = false;
    ctl->lose = FAIL_NTH_LOSE_NOTHING;
    guest_stop(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ctl = guest_fail_nth();
    qtest_add_func("/smmuv3-accel/hosts/dma_follows_the_guest",
                   dma_follows_the_guest);
    qtest_add_func("/smmuv3-accel/hosts/output_addresses_have_the_hosts_size",
                   output_addresses_have_the_hosts_size);
    qtest_add_func("/smmuv3-accel/hosts/an_invalidation_acts",
                   an_invalidation_acts);
    return g_test_run();
}
