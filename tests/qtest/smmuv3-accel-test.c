/*
 * arm-smmuv3,accel=on on a real host kernel: what each event does to assigned
 * devices' DMA
 *
 * Needs two edu devices bound to vfio-pci behind an SMMUv3 that nests, and
 * their addresses in SMMUV3_TEST_DEVICES: tests/lab makes such a host. With
 * SMMUV3_TEST_KERNEL=6.18 the host is one that wants a vDEVICE for each attach;
 * with SMMUV3_TEST_TWO_SMMUS the devices are behind one SMMU each.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "smmuv3-accel-lib.h"

#define EVT_TYPE(e)     ((e)[0] & 0xff)
#define EVT_SID(e)      ((e)[0] >> 32)
#define F_TRANSLATION   0x10

/* A guest whose devices have STEs @ste0 and @ste1, SMMUEN still 0 */
static Guest *start_with_stes(uint64_t ste0, uint64_t ste1, const char *smmu)
{
    Guest *g = guest_start(2, smmu);

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), ste0);
    smmu_set_ste(g, false, guest_sid(1), ste1);
    host_calls(g);
    return g;
}

static void enable(Guest *g)
{
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
}

static void disable(Guest *g)
{
    smmu_cr0(g, CR0_QUEUES);
}

static void plugged_cold_they_follow_gbpa(void)
{
    Guest *g = guest_start(2, "");
    HostCalls c = host_calls(g);

    /* One for each, which shows that it has one StreamID, and is freed */
    g_assert_cmpuint(c.vdevice, ==, 2);
    g_assert_cmpuint(c.hwpt, ==, 2);       /* bypass and abort, shared */
    dma_assert(g, FLAT, FLAT);
    guest_stop(g);
}

static void gbpa_reaches_every_device_before_update_clears(void)
{
    Guest *g = guest_start(2, "");

    host_calls(g);
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    host_calls_assert(g, 2, 0, 0);
    dma_assert(g, BLOCKED, BLOCKED);

    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    host_calls_assert(g, 0, 0, 0);

    /* Without UPDATE nothing changes */
    smmu_write(g, GBPA, GBPA_RESET);
    g_assert_cmphex(smmu_read(g, GBPA), ==, GBPA_RESET | GBPA_ABORT);
    host_calls_assert(g, 0, 0, 0);
    dma_assert(g, BLOCKED, BLOCKED);

    smmu_gbpa(g, GBPA_RESET);
    host_calls_assert(g, 2, 0, 0);
    dma_assert(g, FLAT, FLAT);
    guest_stop(g);
}

static void gbpa_is_only_recorded_while_enabled(void)
{
    Guest *g = start_with_stes(STE_S1, STE_BYPASS, "");

    enable(g);
    host_calls(g);
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    host_calls_assert(g, 0, 0, 0);
    dma_assert(g, MAPPED, FLAT);
    disable(g);
    dma_assert(g, BLOCKED, BLOCKED);
    guest_stop(g);
}

static void enabling_applies_stes_before_cr0ack_without_cfgi(void)
{
    Guest *g = start_with_stes(STE_S1, STE_ABORT, "");

    dma_assert(g, FLAT, FLAT);
    enable(g);
    host_calls_assert(g, 2, 1, 1);
    dma_assert(g, MAPPED, BLOCKED);
    guest_stop(g);
}

static void disabling_applies_gbpa_and_leaves_the_table_alone(void)
{
    Guest *g = start_with_stes(STE_S1, STE_S1, "");

    enable(g);
    dma_assert(g, MAPPED, MAPPED);
    host_calls(g);
    disable(g);
    host_calls_assert(g, 2, 0, 0);
    dma_assert(g, FLAT, FLAT);
    /* Tables that would close the devices if they were read */
    qtest_writeq(g->qts, 0x0c000000 + STRTAB_BASE, NO_MEMORY);
    smmu_cfgi_all(g);
    smmu_cfgi_ste(g, guest_sid(0));
    host_calls_assert(g, 0, 0, 0);
    dma_assert(g, FLAT, FLAT);
    guest_stop(g);
}

static void toggling_smmuen_costs_one_attach_a_device(void)
{
    Guest *g = start_with_stes(STE_S1, STE_S1, "");

    enable(g);
    host_calls(g);
    for (int i = 0; i < 3; i++) {
        disable(g);
        host_calls_assert(g, 2, 0, 0);
        enable(g);
        host_calls_assert(g, 2, 0, 0);
    }
    dma_assert(g, MAPPED, MAPPED);
    guest_stop(g);
}

static void other_cr0_writes_make_no_host_call(void)
{
    Guest *g = start_with_stes(STE_S1, STE_BYPASS, "");

    smmu_cr0(g, CR0_CMDQEN);
    smmu_cr0(g, 0);
    smmu_cr0(g, CR0_QUEUES);
    host_calls_assert(g, 0, 0, 0);
    enable(g);
    host_calls(g);
    smmu_cr0(g, CR0_SMMUEN | CR0_CMDQEN);
    smmu_cr0(g, CR0_SMMUEN);
    enable(g);
    host_calls_assert(g, 0, 0, 0);
    dma_assert(g, MAPPED, FLAT);
    guest_stop(g);
}

static void cfgi_applies_changed_stes_in_its_range(void)
{
    Guest *g = start_with_stes(STE_ABORT, STE_ABORT, "");

    enable(g);
    dma_assert(g, BLOCKED, BLOCKED);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_BYPASS);

    smmu_cfgi_ste(g, guest_sid(0));
    dma_assert(g, MAPPED, BLOCKED);
    /* CFGI_STE_RANGE of the 256 StreamIDs of the second bus */
    smmu_cmd_sync(g, 0x04 | (uint64_t)guest_sid(1) << 32, 7);
    dma_assert(g, MAPPED, FLAT);

    smmu_set_ste(g, false, guest_sid(0), STE_BYPASS);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cfgi_all(g);
    dma_assert(g, FLAT, MAPPED);
    guest_stop(g);
}

static void cfgi_of_an_unchanged_ste_only_invalidates_cds(void)
{
    Guest *g = start_with_stes(STE_S1, STE_S1, "");
    HostCalls c;

    enable(g);
    host_calls(g);
    smmu_cfgi_ste(g, guest_sid(0));
    smmu_cfgi_all(g);
    c = host_calls(g);
    g_assert_cmpuint(c.attach + c.detach + c.hwpt + c.vdevice, ==, 0);
    g_assert_cmpuint(c.invalidate, ==, 2);

    /* And does: a CD that is no longer valid stops the device */
    qtest_writel(g->qts, CD, 0);
    smmu_cfgi_ste(g, guest_sid(0));
    g_assert_cmpint(dma_probe(g, 0), ==, BLOCKED);
    guest_stop(g);
}

static void map_first(Guest *g)
{
    smmu_set_l1(g, guest_sid(0) >> 8, true);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_cfgi_ste(g, guest_sid(0));
    g_assert_cmpint(dma_probe(g, 0), ==, MAPPED);
}

/* STE words and Stream tables that leave nothing to translate with */
static void an_unusable_ste_blocks_without_a_command_error(void)
{
    Guest *g = start_with_stes(STE_S1, STE_S1, "");
    uint64_t l1 = STRTAB + (guest_sid(0) >> 8) * 8;
    static const uint64_t ste[] = {
        STE_INVALID, STE_ABORT, 0x3, 0x5, 0x7, STE_S2, 0xf,
    };

    enable(g);
    for (int i = 0; i < ARRAY_SIZE(ste); i++) {
        map_first(g);
        smmu_set_ste(g, false, guest_sid(0), ste[i]);
        smmu_cfgi_ste(g, guest_sid(0));
        g_assert_cmpint(dma_probe(g, 0), ==, BLOCKED);
    }
    map_first(g);
    qtest_writeq(g->qts, l1, 0);                        /* Span = 0 */
    smmu_cfgi_ste(g, guest_sid(0));
    g_assert_cmpint(dma_probe(g, 0), ==, BLOCKED);
    map_first(g);
    qtest_writeq(g->qts, l1, 0x300000000009ull);        /* no memory there */
    smmu_cfgi_ste(g, guest_sid(0));
    g_assert_cmpint(dma_probe(g, 0), ==, BLOCKED);
    /* 4096 StreamIDs; 6.3.25: written while SMMUEN = 1 it is ignored */
    smmu_write(g, STRTAB_BASE_CFG, 1 << 16 | 8 << 6 | 12);
    smmu_cfgi_all(g);
    dma_assert(g, BLOCKED, MAPPED);
    disable(g);
    smmu_write(g, STRTAB_BASE_CFG, 1 << 16 | 8 << 6 | 12);
    enable(g);
    dma_assert(g, BLOCKED, BLOCKED);
    g_assert_cmphex(smmu_read(g, GERROR), ==, 0);
    guest_stop(g);
}

static void linear_tables_work(void)
{
    Guest *g = guest_start(2, "");

    smmu_setup(g, true);
    smmu_set_ste(g, true, guest_sid(0), STE_S1);
    smmu_set_ste(g, true, guest_sid(1), STE_BYPASS);
    enable(g);
    dma_assert(g, MAPPED, FLAT);
    smmu_set_ste(g, true, guest_sid(1), STE_ABORT);
    smmu_cfgi_ste(g, guest_sid(1));
    dma_assert(g, MAPPED, BLOCKED);
    guest_stop(g);
}

static void streamid_0_is_a_streamid(void)
{
    Guest *g = start_with_stes(STE_BYPASS, STE_BYPASS, "");
    uint64_t evt[4];

    smmu_set_ste(g, false, 0, STE_S1);
    guest_set_bus(g, 0, 0);
    enable(g);
    dma_assert(g, MAPPED, FLAT);
    smmu_cfgi_ste(g, 0);
    g_assert_true(smmu_cmd(g, 0x05, 1));                /* CFGI_CD */
    g_assert_true(smmu_cmd(g, 0x46, 0));
    while (smmu_next_event(g, evt)) {
        g_assert_cmphex(EVT_SID(evt), ==, 0);
    }
    dma_write(g, 0, BUF);
    g_assert_true(smmu_next_event(g, evt));
    g_assert_cmphex(EVT_TYPE(evt), ==, F_TRANSLATION);
    g_assert_cmphex(EVT_SID(evt), ==, 0);
    guest_stop(g);
}

static void of_two_with_one_streamid_the_second_is_blocked(void)
{
    Guest *g = start_with_stes(STE_S1, STE_S1, "");

    smmu_set_ste(g, false, 0, STE_S1);
    guest_set_bus(g, 0, 0);
    guest_set_bus(g, 1, 0);
    enable(g);
    dma_assert(g, MAPPED, BLOCKED);
    guest_set_bus(g, 1, FIRST_BUS + 1);
    smmu_cfgi_ste(g, guest_sid(1));
    dma_assert(g, MAPPED, MAPPED);
    guest_stop(g);
}

static void a_renumbered_bus_takes_its_streamid_along(void)
{
    Guest *g = start_with_stes(STE_S1, STE_S1, "");
    uint64_t evt[4];

    enable(g);
    dma_assert(g, MAPPED, MAPPED);
    /* Swap the two: each wants what the other has */
    guest_set_bus(g, 0, FIRST_BUS + 1);
    guest_set_bus(g, 1, FIRST_BUS);
    dma_assert(g, MAPPED, MAPPED);
    smmu_cfgi_ste(g, guest_sid(0));
    dma_assert(g, MAPPED, MAPPED);
    while (smmu_next_event(g, evt)) {
        /* from the probes */
    }
    dma_write(g, 0, BUF);
    g_assert_true(smmu_next_event(g, evt));
    g_assert_cmphex(EVT_SID(evt), ==, guest_sid(1));
    dma_write(g, 1, BUF);
    g_assert_true(smmu_next_event(g, evt));
    g_assert_cmphex(EVT_SID(evt), ==, guest_sid(0));

    smmu_set_ste(g, false, guest_sid(1), STE_ABORT);
    smmu_cfgi_ste(g, guest_sid(1));
    dma_assert(g, BLOCKED, MAPPED);
    guest_stop(g);
}

static void a_renumbered_bus_takes_its_new_stes_at_once(void)
{
    Guest *g = start_with_stes(STE_S1, STE_BYPASS, "");

    enable(g);
    dma_assert(g, MAPPED, FLAT);
    /* Of StreamID 0 there is no valid STE; nothing tells the SMMU */
    guest_set_bus(g, 0, 0);
    dma_assert(g, BLOCKED, FLAT);
    guest_set_bus(g, 0, FIRST_BUS);
    dma_assert(g, MAPPED, FLAT);
    disable(g);
    host_calls(g);
    guest_set_bus(g, 0, 0);
    host_calls_assert(g, 0, 0, 0);
    guest_stop(g);
}

/* Both use ASID 1, and the second one's tables map nothing */
static void two_smmus_keep_their_translations_apart(void)
{
    Guest *g = guest_start_many(2, false);
    const uint64_t cd = CD + 64, pgd = PGD + 4096, iova = BUF + MAP_OFFSET;
    const uint64_t ste = L2TAB + (2 << 8) * 64;

    for (g->smmu = 0; g->smmu < 2; g->smmu++) {
        smmu_setup(g, false);
    }
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    for (int i = 0; i < 64; i += 8) {
        qtest_writeq(g->qts, cd + i, qtest_readq(g->qts, CD + i));
    }
    qtest_writeq(g->qts, cd + 8, pgd);
    qtest_memset(g->qts, pgd, 0, 4096);
    qtest_writeq(g->qts, ste, STE_S1 | cd);
    for (g->smmu = 0; g->smmu < 2; g->smmu++) {
        enable(g);
    }
    for (int i = 0; i < 3; i++) {
        qtest_writel(g->qts, BUF, 0xdead0001);
        dma_write(g, 0, iova);
        g_assert_cmphex(qtest_readl(g->qts, BUF), !=, 0xdead0001);
        qtest_writel(g->qts, BUF, 0xdead0002);
        dma_write(g, 1, iova);
        g_assert_cmphex(qtest_readl(g->qts, BUF), ==, 0xdead0002);
    }
    /* Only its own tables kept it from there */
    qtest_writeq(g->qts, pgd + 2 * 8, qtest_readq(g->qts, PGD + 2 * 8));
    dma_write(g, 1, iova);
    g_assert_cmphex(qtest_readl(g->qts, BUF), !=, 0xdead0002);
    guest_stop(g);
}

static void reset_returns_to_gbpas_reset_value(void)
{
    Guest *g = start_with_stes(STE_S1, STE_ABORT, "");

    enable(g);
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    dma_assert(g, MAPPED, BLOCKED);
    qtest_system_reset(g->qts);
    g_assert_cmphex(smmu_read(g, GBPA), ==, GBPA_RESET);
    guest_enumerate(g);
    dma_assert(g, FLAT, FLAT);

    /* The vDEVICEs are gone: enabling makes new ones */
    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    host_calls(g);
    enable(g);
    host_calls_assert(g, 2, 2, 2);
    dma_assert(g, MAPPED, MAPPED);
    guest_stop(g);
}

static void hot_plugged_they_follow_gbpa(void)
{
    Guest *g = guest_start(1, "");

    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    guest_hotplug(g, 1);
    dma_assert(g, BLOCKED, BLOCKED);
    smmu_gbpa(g, GBPA_RESET);
    dma_assert(g, FLAT, FLAT);
    guest_stop(g);
}

static void hot_plugged_they_follow_their_ste(void)
{
    Guest *g = guest_start(1, "");

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    enable(g);
    guest_hotplug(g, 1);
    dma_assert(g, MAPPED, BLOCKED);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cfgi_ste(g, guest_sid(1));
    dma_assert(g, MAPPED, MAPPED);

    guest_unplug(g, 1);
    dma_assert(g, MAPPED, BLOCKED);
    guest_hotplug(g, 1);
    dma_assert(g, MAPPED, MAPPED);
    guest_stop(g);
}

static void the_last_one_unplugged_leaves_no_vsmmu_state_behind(void)
{
    Guest *g = guest_start(1, "");

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    enable(g);
    dma_assert(g, MAPPED, BLOCKED);
    guest_unplug(g, 0);
    smmu_cmd_sync(g, 0x30, 0);                          /* TLBI_NSNH_ALL */
    smmu_cfgi_all(g);
    host_calls(g);
    guest_hotplug(g, 1);
    /* Bypass and abort anew, and its own; a vDEVICE tried and freed, another */
    host_calls_assert(g, 1, 3, 2);
    dma_assert(g, BLOCKED, MAPPED);
    disable(g);
    dma_assert(g, BLOCKED, FLAT);
    guest_stop(g);
}

static void faults_arrive_as_events_and_overflow_shows(void)
{
    Guest *g = start_with_stes(STE_S1, STE_S1, "");
    uint64_t evt[4];

    enable(g);
    dma_write(g, 1, BUF);
    g_assert_true(smmu_next_event(g, evt));
    g_assert_cmphex(EVT_TYPE(evt), ==, F_TRANSLATION);
    g_assert_cmphex(EVT_SID(evt), ==, guest_sid(1));
    g_assert_cmphex(evt[2], ==, BUF);

    /* The queue holds 8: the ninth toggles OVFLG, the tenth does not */
    for (int i = 0; i < 10; i++) {
        dma_write(g, 1, BUF + i * 0x1000);
    }
    guest_wait_events(g, 11);
    g_assert_cmphex(smmu_read(g, EVENTQ_PROD) >> 31, ==, 1);
    g_assert_cmphex(smmu_read(g, GERROR), ==, 0);
    for (int i = 0; i < 8; i++) {
        g_assert_true(smmu_next_event(g, evt));
        g_assert_cmphex(evt[2], ==, BUF + i * 0x1000);
    }
    g->eventq_cons |= EVENTQ_OVFLG;
    smmu_write(g, EVENTQ_CONS, g->eventq_cons);

    /* Disabled: discarded, and nothing is said */
    smmu_cr0(g, CR0_SMMUEN | CR0_CMDQEN);
    dma_write(g, 1, BUF);
    guest_wait_events(g, 12);
    g_assert_cmphex(smmu_read(g, GERROR), ==, 0);
    enable(g);
    g_assert_false(smmu_next_event(g, evt));
    guest_stop(g);
}

static void illegal_commands_stop_the_queue_until_acknowledged(void)
{
    Guest *g = start_with_stes(STE_S1, STE_ABORT, "");
    static const uint64_t illegal[] = {
        0xff,               /* no such command */
        0x03 | 1 << 10,     /* CFGI_STE, SSec = 1 */
        0x46 | 3 << 12,     /* CMD_SYNC, CS = 0b11 */
        0x40,               /* ATC_INV without ATS */
        0x18,               /* TLBI_EL3_ALL, of the Secure queue */
        0x2a,               /* TLBI_S2_IPA without stage 2 */
        0x41,               /* PRI_RESP without PRI */
        0x44,               /* RESUME without stalls */
    };
    uint32_t gerrorn = 0;

    enable(g);
    for (int i = 0; i < ARRAY_SIZE(illegal); i++) {
        uint32_t at = g->cmdq_prod;

        g_assert_false(smmu_cmd(g, illegal[i], 0));
        g_assert_cmphex(smmu_read(g, CMDQ_CONS), ==, 1u << 24 | at);
        g_assert_cmphex(smmu_read(g, GERROR) ^ gerrorn, ==, GERROR_CMDQ_ERR);
        /* As Linux does it: put a CMD_SYNC there, then acknowledge */
        qtest_writeq(g->qts, CMDQ + (at & 0xff) * 16, 0x46);
        gerrorn ^= GERROR_CMDQ_ERR;
        smmu_write(g, GERRORN, gerrorn);
        g_assert_cmphex(smmu_read(g, CMDQ_CONS) & 0xfffff, ==, g->cmdq_prod);
    }
    dma_assert(g, MAPPED, BLOCKED);
    guest_stop(g);
}

/* 4.4.2 has CERROR_ILL for them; OpenBSD unmaps with them all the same */
static void el2_commands_are_those_of_el1(void)
{
    static const uint64_t word0[] = {
        0x20, 0x21 | 1ull << 48, 0x22 | 1ull << 48, 0x23,
    };
    Guest *g = start_with_stes(STE_S1, STE_S1, "");

    enable(g);
    for (int i = 0; i < ARRAY_SIZE(word0); i++) {
        smmu_set_block(g, true);
        smmu_cmd_sync(g, 0x30, 0);
        dma_assert(g, MAPPED, MAPPED);
        smmu_set_block(g, false);
        smmu_cmd_sync(g, word0[i], word0[i] & 2 ? BUF + MAP_OFFSET : 0);
        g_assert_cmphex(smmu_read(g, GERROR), ==, 0);
        dma_assert(g, BLOCKED, BLOCKED);
    }
    guest_stop(g);
}

static void tlb_invalidations_reach_the_host(void)
{
    Guest *g = start_with_stes(STE_S1, STE_S1, ",ril=off");
    HostCalls c;

    enable(g);
    dma_assert(g, MAPPED, MAPPED);
    host_calls(g);
    /* Unmap all, and invalidate by address, ASID and everything at once */
    smmu_set_block(g, false);
    for (int i = 0; i < 16; i++) {
        g_assert_true(smmu_cmd(g, 0x12 | 1ull << 48,
                               (BUF + MAP_OFFSET + i * 0x1000) | 1));
    }
    g_assert_true(smmu_cmd(g, 0x11 | 1ull << 48, 0));
    smmu_cmd_sync(g, 0x30, 0);
    c = host_calls(g);
    g_assert_cmpuint(c.invalidate, ==, 1);
    g_assert_cmpuint(c.attach, ==, 0);
    dma_assert(g, BLOCKED, BLOCKED);
    guest_stop(g);
}

/* The order in which Linux starts an SMMU, and leaves it at kexec */
static void linux_boot_and_kexec(void)
{
    Guest *g = guest_start(2, "");

    for (int boot = 0; boot < 2; boot++) {
        smmu_cr0(g, 0);
        dma_assert(g, FLAT, FLAT);
        smmu_write(g, CR1, 0xd75);
        smmu_write(g, CR2, 0x2);
        smmu_setup(g, false);
        smmu_cr0(g, CR0_CMDQEN);
        host_calls(g);
        smmu_cfgi_all(g);
        smmu_cmd_sync(g, 0x30, 0);
        host_calls_assert(g, 0, 0, 0);
        smmu_cr0(g, CR0_QUEUES);
        smmu_set_ste(g, false, guest_sid(0), STE_ABORT);
        smmu_set_ste(g, false, guest_sid(1), STE_BYPASS);
        enable(g);
        dma_assert(g, BLOCKED, FLAT);
        smmu_set_ste(g, false, guest_sid(0), STE_S1);
        smmu_cfgi_ste(g, guest_sid(0));
        dma_assert(g, MAPPED, FLAT);
    }
    guest_stop(g);
}

/* A crash kernel finds SMMUEN = 1: GBPA.ABORT first, then everything anew */
static void kdump(void)
{
    Guest *g = start_with_stes(STE_S1, STE_BYPASS, "");

    enable(g);
    smmu_gbpa(g, smmu_read(g, GBPA) | GBPA_ABORT);
    dma_assert(g, MAPPED, FLAT);
    smmu_cr0(g, 0);
    dma_assert(g, BLOCKED, BLOCKED);
    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_ABORT);
    smmu_cr0(g, CR0_CMDQEN | CR0_SMMUEN);
    dma_assert(g, MAPPED, BLOCKED);
    guest_stop(g);
}

/* pKVM and TF-A close the door first, and open it with SMMUEN only */
static void pkvm(void)
{
    Guest *g = guest_start(2, "");

    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    smmu_setup(g, false);
    dma_assert(g, BLOCKED, BLOCKED);
    enable(g);
    dma_assert(g, BLOCKED, BLOCKED);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cfgi_all(g);
    dma_assert(g, BLOCKED, MAPPED);
    guest_stop(g);
}

static void migration_and_snapshots_are_refused_by_name(void)
{
    /* With devices, VFIO's own blocker is the one that is shown */
    Guest *g = guest_start(0, "");
    QDict *rsp = qtest_qmp(g->qts, "{'execute': 'migrate', 'arguments': "
                           "{'uri': 'exec:cat > /dev/null'}}");
    g_autofree char *savevm = qtest_hmp(g->qts, "savevm one");

    g_assert_nonnull(strstr(qdict_get_str(qdict_get_qdict(rsp, "error"),
                                          "desc"), "smmu0 has accel=on"));
    g_assert_nonnull(strstr(savevm, "smmu0 has accel=on"));
    qobject_unref(rsp);
    guest_stop(g);
}

static bool migrated(Guest *g)
{
    QDict *rsp = qtest_qmp_assert_success_ref(g->qts,
                                              "{'execute': 'query-migrate'}");
    const char *status = qdict_get_str(rsp, "status");
    bool done = !strcmp(status, "completed");

    g_assert_cmpstr(status, !=, "failed");
    qobject_unref(rsp);
    return done;
}

static void migrate(Guest *g, const char *command, const char *uri,
                    const char *until)
{
    qtest_qmp_assert_success(g->qts, "{'execute': %s, 'arguments': "
                             "{'uri': %s}}", command, uri);
    qtest_qmp_eventwait(g->qts, until);
}

/* What was unplugged goes in its own time: its HWPT is in use until then */
static void plugged_before_another_is_gone(void)
{
    Guest *g = guest_start(1, "");

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    enable(g);
    guest_unplug_start(g, 0);
    guest_hotplug(g, 1);
    dma_assert(g, BLOCKED, MAPPED);
    qtest_qmp_eventwait(g->qts, "DEVICE_DELETED");
    dma_assert(g, BLOCKED, MAPPED);
    guest_stop(g);
}

/* From a machine that could be saved: it had no such devices, and accel=off */
static void loaded_registers_are_in_force(void)
{
    Guest *g = guest_start_emulated(2);
    g_autofree char *path = NULL;
    g_autofree char *uri = NULL;
    int fd = g_file_open_tmp("smmuv3-state-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    uri = g_strdup_printf("file:%s", path);
    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    enable(g);
    migrate(g, "migrate", uri, "STOP");
    while (!migrated(g)) {
        g_usleep(10000);
    }
    guest_stop(g);

    g = guest_start(2, " -incoming defer");
    dma_assert(g, FLAT, FLAT);
    migrate(g, "migrate-incoming", uri, "RESUME");
    dma_assert(g, MAPPED, BLOCKED);
    guest_stop(g);
    unlink(path);
}

static void the_kernels_way_is_noticed(void)
{
    Guest *g = guest_start(1, "");
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(g->trace_path, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, guest_host_is_618() ? "by: no-nested"
                                                      : "by: nested"));
    guest_stop(g);
}

static void a_device_of_another_host_smmu_is_refused(void)
{
    Guest *g = guest_start(1, "");
    QDict *rsp = qtest_qmp(g->qts, "{'execute': 'device_add', 'arguments': {"
                           "'driver': 'vfio-pci', 'id': 'dev1', 'host': %s,"
                           "'bus': 'rp1', 'iommufd': 'iommufd0'}}",
                           guest_host_device(1));
    const char *desc = qdict_get_str(qdict_get_qdict(rsp, "error"), "desc");

    g_assert_nonnull(strstr(desc, guest_host_device(1)));
    g_assert_nonnull(strstr(desc, "behind another host SMMU"));
    qobject_unref(rsp);
    dma_assert(g, FLAT, BLOCKED);
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    dma_assert(g, BLOCKED, BLOCKED);
    guest_stop(g);
}

#define TEST(name) qtest_add_func("/smmuv3-accel/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    if (g_getenv("SMMUV3_TEST_TWO_SMMUS")) {
        TEST(a_device_of_another_host_smmu_is_refused);
        return g_test_run();
    }
    TEST(the_kernels_way_is_noticed);
    TEST(plugged_cold_they_follow_gbpa);
    TEST(gbpa_reaches_every_device_before_update_clears);
    TEST(gbpa_is_only_recorded_while_enabled);
    TEST(enabling_applies_stes_before_cr0ack_without_cfgi);
    TEST(disabling_applies_gbpa_and_leaves_the_table_alone);
    TEST(toggling_smmuen_costs_one_attach_a_device);
    TEST(other_cr0_writes_make_no_host_call);
    TEST(cfgi_applies_changed_stes_in_its_range);
    TEST(cfgi_of_an_unchanged_ste_only_invalidates_cds);
    TEST(an_unusable_ste_blocks_without_a_command_error);
    TEST(linear_tables_work);
    TEST(streamid_0_is_a_streamid);
    TEST(of_two_with_one_streamid_the_second_is_blocked);
    TEST(a_renumbered_bus_takes_its_streamid_along);
    TEST(a_renumbered_bus_takes_its_new_stes_at_once);
    TEST(two_smmus_keep_their_translations_apart);
    TEST(reset_returns_to_gbpas_reset_value);
    TEST(hot_plugged_they_follow_gbpa);
    TEST(hot_plugged_they_follow_their_ste);
    TEST(the_last_one_unplugged_leaves_no_vsmmu_state_behind);
    TEST(plugged_before_another_is_gone);
    TEST(faults_arrive_as_events_and_overflow_shows);
    TEST(illegal_commands_stop_the_queue_until_acknowledged);
    TEST(el2_commands_are_those_of_el1);
    TEST(tlb_invalidations_reach_the_host);
    TEST(linux_boot_and_kexec);
    TEST(kdump);
    TEST(pkvm);
    TEST(migration_and_snapshots_are_refused_by_name);
    TEST(loaded_registers_are_in_force);
    return g_test_run();
}
