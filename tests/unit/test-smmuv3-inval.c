/*
 * Invalidations: batches, and what happens when the host does not do them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-transitions.h"

#define EATS (1ULL << 28)

static GArray *done; /* of uint64_t[2]: what reached the hardware, in order */

static void collect(void *opaque, const uint64_t cmd[2])
{
    g_array_append_vals(done, cmd, 1);
}

static Guest *guest_with(unsigned devices)
{
    Guest *g = guest_new(false);

    g->s.regs.ats = true;
    g->s.regs.ssidsize = 20;
    all_plug(g, devices);
    for (unsigned i = 0; i < devices; i++) {
        guest_ste(g, i, STE_S1(ctx_of(g, i)), EATS);
    }
    guest_smmuen(g, true);
    g->host.issued = collect;
    g_array_set_size(done, 0);
    fake_host_take_calls(&g->host);
    return g;
}

static bool was_done(uint64_t word0, uint64_t word1)
{
    for (unsigned i = 0; i < done->len; i++) {
        const uint64_t *cmd = &((uint64_t (*)[2])done->data)[i][0];

        if (cmd[0] == word0 && cmd[1] == word1) {
            return true;
        }
    }
    return false;
}

static void unmap(Guest *g, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++) {
        g_assert_true(guest_command(g, 0x12, (uint64_t)i << 12));
    }
}

static void assert_unmapped(unsigned pages)
{
    for (unsigned i = 0; i < pages; i++) {
        g_assert_true(was_done(0x12, (uint64_t)i << 12));
    }
}

static void test_one_call(void)
{
    Guest *g = guest_with(1);

    unmap(g, 300);
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 300; ");
    g_assert_cmpuint(done->len, ==, 300);
    for (unsigned i = 0; i < 300; i++) {
        g_assert_cmphex(((uint64_t *)done->data)[2 * i + 1], ==, i << 12);
    }
    guest_sync(g);
    fake_host_assert_calls(&g->host, "");
    g_assert_cmpuint(g->s.inval.count.calls, ==, 1);
    g_assert_cmpuint(g->s.inval.count.entries, ==, 300);
    guest_free(g);
}

static void test_full(void)
{
    Guest *g = guest_with(1);

    unmap(g, 1024);
    fake_host_assert_calls(&g->host, "");
    unmap(g, 1);
    fake_host_assert_calls(&g->host, "invalidate 1024; ");
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 1; ");
    assert_unmapped(1024);
    guest_free(g);
}

static void test_once(void)
{
    Guest *g = guest_with(1);

    unmap(g, 3);
    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, 1, EIO);
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 3 !EIO; invalidate 1; "
                           "invalidate 1; invalidate 1; ");
    assert_unmapped(3);
    g_assert_cmpuint(g->s.inval.count.failures, ==, 1);
    g_assert_cmpuint(g->s.inval.count.widened, ==, 0);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    g_assert_false(g->s.tlb_stale);
    guest_free(g);
}

/* The kernel says that it did 100 of them, and did not issue the last 37 */
static void test_kernel_count(void)
{
    static const uint64_t bad[2] = { 0x12, 100 << 12 };
    Guest *g = guest_with(1);

    g->host.poison = bad;
    unmap(g, 200);
    guest_sync(g);
    for (unsigned i = 0; i < 200; i++) {
        g_assert_true(i == 100 || was_done(0x12, (uint64_t)i << 12));
    }
    g_assert_true(was_done(0x30, 0));
    g_assert_cmpuint(g->s.inval.count.widened, ==, 1);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    guest_free(g);
}

typedef struct WidenRow {
    const char *name;
    uint64_t cmd[2];
    uint64_t wide[2];
} WidenRow;

static const WidenRow widen_rows[] = {
    { "TLBI_NH_VA becomes TLBI_NSNH_ALL",
      { 0x0042000000000012, 0x12345001 }, { 0x30, 0 } },
    { "TLBI_NH_VAA becomes TLBI_NSNH_ALL", { 0x13, 0x12345001 }, { 0x30, 0 } },
    { "TLBI_NH_ASID becomes TLBI_NSNH_ALL",
      { 0x0042000000000011, 0 }, { 0x30, 0 } },
    { "TLBI_NH_ALL becomes TLBI_NSNH_ALL", { 0x10, 0 }, { 0x30, 0 } },
    { "CFGI_CD becomes CFGI_CD_ALL",
      { 0x0000000000005005, 1 }, { 0x06, 0 } },
    { "ATC_INV becomes that of all addresses (4.5.1: Size 52)",
      { 0x0000000000005840, 0x12345003 }, { 0x40, 52 } },
};

static void test_widen(const void *opaque)
{
    const WidenRow *row = opaque;
    Guest *g = guest_with(1);

    g->host.poison = row->cmd;
    unmap(g, 1);
    g_assert_true(guest_command(g, row->cmd[0], row->cmd[1]));
    unmap(g, 1);
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 3 !EIO; invalidate 1; "
                           "invalidate 1 !EIO; invalidate 1; invalidate 1; ");
    g_assert_true(was_done(row->wide[0], row->wide[1]));
    g_assert_false(was_done(row->cmd[0], row->cmd[1]));
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    guest_free(g);
}

static void host_dies(Guest *g)
{
    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, UINT_MAX, EIO);
}

static void test_dead(void)
{
    Guest *g = guest_with(2);

    guest_ste(g, 1, STE_BYPASS, 0);
    guest_cfgi_ste(g, 1);
    fake_host_take_calls(&g->host);
    host_dies(g);
    unmap(g, 1);
    guest_sync(g);
    /* Only what translates could use what should be gone */
    fake_host_assert_calls(&g->host, "invalidate 1 !EIO; invalidate 1 !EIO; "
                           "invalidate 1 !EIO; attach d0 abort; "
                           "free s1@100000; free vdevice d0; ");
    g_assert_true(g->s.tlb_stale);
    g_assert_true(g->stream[0]->closed);
    g_assert_false(g->stream[1]->closed);
    g_assert_cmpint(guest_dma(g, 1), ==, FAKE_OPEN);

    /* It stays closed while the host stays dead */
    guest_cfgi_all(g);
    guest_smmuen(g, false);
    guest_smmuen(g, true);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    g_assert_cmpint(guest_dma(g, 1), ==, FAKE_OPEN);

    /* And does not translate before the TLB is known to be empty */
    fake_host_heal(&g->host);
    fake_host_take_calls(&g->host);
    g_array_set_size(done, 0);
    guest_cfgi_all(g);
    fake_host_assert_calls(&g->host, "invalidate 1; vdevice d0 0x0; "
                           "hwpt s1@100000; attach d0 s1@100000; ");
    g_assert_true(was_done(0x30, 0));
    g_assert_false(g->s.tlb_stale);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_dead_costs_little(void)
{
    Guest *g = guest_with(1);

    host_dies(g);
    unmap(g, 1024);
    guest_sync(g);
    g_assert_cmpuint(g->host.calls[FAKE_INVALIDATE], ==, 3);
    unmap(g, 1000);
    guest_sync(g);
    g_assert_cmpuint(g->host.calls[FAKE_INVALIDATE], ==, 6);
    guest_free(g);
}

static void test_dead_when_full(void)
{
    Guest *g = guest_with(1);

    unmap(g, 1024);
    host_dies(g);
    g_assert_true(guest_command(g, 0x06, 0));
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    g_assert_true(g->s.tlb_stale);
    fake_host_heal(&g->host);
    fake_host_take_calls(&g->host);
    /* What was queued for the vDEVICE that is gone is not asked for again */
    guest_cfgi_all(g);
    fake_host_assert_calls(&g->host, "invalidate 1; vdevice d0 0x0; "
                           "hwpt s1@100000; attach d0 s1@100000; ");
    g_assert_true(was_done(0x30, 0));
    guest_assert_safe(g, true);
    guest_free(g);
}

/* The command that a run of them repeats was dropped with the queue */
static void test_dead_when_full_then_repeat(void)
{
    for (int ranges = 0; ranges < 2; ranges++) {
        Guest *g = guest_with(1);

        g->s.inval.granules = ranges ? 4096 : 0;
        unmap(g, 1024);
        host_dies(g);
        unmap(g, 1);
        g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
        g_assert_cmpuint(g->s.inval.n, ==, 0);
        smmuv3_streams_repeat(&g->s, 63, 4096);
        g_assert_cmpuint(g->s.inval.n, ==, 0);
        fake_host_heal(&g->host);
        guest_cfgi_all(g);
        g_assert_true(was_done(0x30, 0));
        guest_assert_safe(g, true);
        guest_free(g);
    }
}

static void test_dead_while_disabled(void)
{
    Guest *g = guest_with(1);

    guest_smmuen(g, false);
    host_dies(g);
    unmap(g, 1);
    guest_sync(g);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_OPEN);
    /* The HWPT that was kept must not be used just like that */
    guest_smmuen(g, true);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    fake_host_heal(&g->host);
    guest_smmuen(g, false);
    guest_smmuen(g, true);
    g_assert_true(was_done(0x30, 0));
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_dead_then_plug(void)
{
    Guest *g = guest_with(1);

    host_dies(g);
    unmap(g, 1);
    guest_sync(g);
    guest_ste(g, 1, STE_S1(0x101000), 0);
    g_assert_true(guest_plug(g, 1));
    g_assert_cmpint(guest_dma(g, 1), ==, FAKE_BLOCKED);
    fake_host_heal(&g->host);
    guest_cfgi_all(g);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_dead_then_unplugged(void)
{
    Guest *g = guest_with(1);

    host_dies(g);
    unmap(g, 1);
    guest_unplug(g, 0);
    fake_host_heal(&g->host);
    /* A new vIOMMU, but the parent and with it the TLB's VMID are the same */
    g_assert_true(guest_plug(g, 0));
    g_assert_true(was_done(0x30, 0));
    g_assert_false(g->s.tlb_stale);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_dead_at_cfgi(void)
{
    Guest *g = guest_with(3);

    host_dies(g);
    guest_cfgi_all(g);
    guest_sync(g);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpint(guest_dma(g, i), ==, FAKE_BLOCKED);
    }
    fake_host_heal(&g->host);
    guest_cfgi_all(g);
    guest_assert_safe(g, true);
    guest_free(g);
}

/* --- What differs from host to host --- */

static void test_erratum(void)
{
    Guest *g = guest_new(false);

    g->host.erratum = true;
    g->s.regs.ats = true;
    guest_plug(g, 0);
    guest_ste(g, 0, STE_S1(0x100000), EATS);
    guest_smmuen(g, true);
    g->host.issued = collect;
    g_array_set_size(done, 0);
    fake_host_take_calls(&g->host);

    unmap(g, 3);
    g_assert_true(guest_command(g, 0x05, 1));
    g_assert_true(guest_command(g, 0x40, 52));
    g_assert_true(guest_command(g, 0x40, 0x1000));
    unmap(g, 1);
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 4; invalidate 4; "
                           "invalidate 2; invalidate 1; invalidate 1; ");
    /* The SMMU has done each once, since it forgets the first */
    g_assert_cmpuint(done->len, ==, 7);
    assert_unmapped(3);
    g_assert_true(was_done(0x05, 1));
    g_assert_true(was_done(0x40, 52));
    guest_free(g);
}

static void test_erratum_when_it_fails(void)
{
    Guest *g = guest_new(false);

    g->host.erratum = true;
    reach_s1(g, 1);
    g->host.issued = collect;
    g_array_set_size(done, 0);
    fake_host_take_calls(&g->host);
    unmap(g, 1);
    /* The second call fails: what the first did is not enough */
    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 1, 1, EIO);
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 1; invalidate 1 !EIO; "
                           "invalidate 1; invalidate 1; ");
    assert_unmapped(1);
    guest_free(g);
}

/* Of two devices, offered ATS, one can use it */
static void test_ats_by_device(void)
{
    Guest *g = guest_new(false);

    g->host.dev[1].no_ats = true;
    g->s.regs.ats = true;
    all_plug(g, 2);
    guest_ste(g, 0, STE_S1(0x100000), EATS);
    guest_ste(g, 1, STE_S1(0x101000), EATS);
    guest_smmuen(g, true);
    g_assert_cmphex(fake_host_dma(&g->host, &g->host.dev[0]).vste[1], ==, EATS);
    g_assert_cmphex(fake_host_dma(&g->host, &g->host.dev[1]).vste[1], ==, 0);
    fake_host_take_calls(&g->host);
    /* Its ATC_INV would block the host's queue for everybody */
    g_assert_true(guest_command(g, 0x40 | 1ULL << 32, 52));
    guest_sync(g);
    fake_host_assert_calls(&g->host, "");
    g_assert_true(guest_command(g, 0x40, 52));
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 1; ");
    guest_assert_safe(g, true);
    guest_free(g);
}

/* Which kernel tells that a device has no ATS, and that there is the erratum */
static void test_kernels_tell(void)
{
    static const struct {
        FakeKernel kernel;
        bool tells;
    } rows[] = {
        { FAKE_LINUX_6_15, false }, { FAKE_LINUX_6_19, false },
        { FAKE_LINUX_7_3, true }, { FAKE_LINUX_NEWER, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (int has = 0; has < 2; has++) {
            Guest *g = guest_new(false);

            g->host.kernel = rows[i].kernel;
            g->host.dev[0].no_ats = !has;
            g->host.erratum = has && rows[i].tells;
            g->s.regs.ats = true;
            guest_plug(g, 0);
            guest_ste(g, 0, STE_S1(0x100000), EATS);
            guest_smmuen(g, true);
            g_assert_cmphex(fake_host_dma(&g->host, &g->host.dev[0]).vste[1],
                            ==, has || !rows[i].tells ? EATS : 0);
            fake_host_take_calls(&g->host);
            unmap(g, 1);
            guest_sync(g);
            g_assert_cmpuint(g->host.calls[FAKE_INVALIDATE], ==,
                             has && rows[i].tells ? 2 : 1);
            guest_assert_safe(g, true);
            guest_free(g);
        }
    }
}

/* STE.EATS = 0: ATS is off in the device, and it does not answer */
static void test_atc_inv_without_eats(void)
{
    Guest *g = guest_new(false);

    g->s.regs.ats = true;
    reach_s1(g, 1);
    fake_host_take_calls(&g->host);
    g_assert_true(guest_command(g, 0x40, 52));
    guest_sync(g);
    fake_host_assert_calls(&g->host, "");
    guest_free(g);
}

static void test_ranges_survive(void)
{
    Guest *g = guest_with(1);

    g->s.inval.granules = 0x11000;
    /* A call without ranges fails */
    unmap(g, 1);
    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, 2, EIO);
    guest_sync(g);
    g_assert_cmphex(g->s.inval.granules, ==, 0x11000);

    /* One with ranges fails, and then as a whole only */
    unmap(g, 1);
    smmuv3_streams_repeat(&g->s, 63, 4096);
    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, 1, EIO);
    guest_sync(g);
    g_assert_cmphex(g->s.inval.granules, ==, 0x11000);

    /* A range by itself fails */
    unmap(g, 1);
    smmuv3_streams_repeat(&g->s, 63, 4096);
    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, 2, EIO);
    guest_sync(g);
    g_assert_cmphex(g->s.inval.granules, ==, 0);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_nothing_without_device(void)
{
    Guest *g = guest_new(false);

    unmap(g, 5000);
    guest_sync(g);
    fake_host_assert_calls(&g->host, "");
    g_assert_cmpuint(g->s.inval.n, ==, 0);
    guest_free(g);
}

/* What fails is left to somebody who may close streams */
static void test_try(void)
{
    Guest *g = guest_with(1);

    unmap(g, 3);
    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, 1, EIO);
    g_assert_false(smmuv3_streams_try(&g->s, 0));
    fake_host_assert_calls(&g->host, "invalidate 3 !EIO; ");
    g_assert_true(smmuv3_streams_try(&g->s, 0));
    fake_host_assert_calls(&g->host, "invalidate 3; ");
    assert_unmapped(3);
    guest_sync(g);
    fake_host_assert_calls(&g->host, "");
    guest_free(g);
}

static void test_try_room(void)
{
    Guest *g = guest_with(1);

    unmap(g, 1000);
    g_assert_true(smmuv3_streams_try(&g->s, 24));
    fake_host_assert_calls(&g->host, "");
    g_assert_true(smmuv3_streams_try(&g->s, 25));
    fake_host_assert_calls(&g->host, "invalidate 1000; ");
    unmap(g, 1000);
    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, 1, EIO);
    g_assert_false(smmuv3_streams_try(&g->s, 25));
    fake_host_assert_calls(&g->host, "invalidate 1000 !EIO; ");
    guest_sync(g);
    assert_unmapped(1000);
    guest_free(g);
}

/* A CMD_SYNC tries closed streams again, and reports a failed ATC_INV */
static void test_try_sync(void)
{
    Guest *g = guest_with(1);

    guest_ste(g, 0, STE_S1(ctx_of(g, 1)), 0);
    fake_host_fail(&g->host, BIT(FAKE_ALLOC_HWPT), 0, 1, ENOMEM);
    guest_cfgi_ste(g, 0);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    fake_host_take_calls(&g->host);
    g_assert_false(smmuv3_streams_try(&g->s, 0));
    g_assert_true(smmuv3_streams_try(&g->s, 1));
    fake_host_assert_calls(&g->host, "");
    guest_wait(g, 1000);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    g_assert_true(smmuv3_streams_try(&g->s, 0));
    g->s.atc_failed = true;
    g_assert_false(smmuv3_streams_try(&g->s, 0));
    g_assert_true(guest_sync_fails(g));
    guest_free(g);
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/cmdq/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    done = g_array_new(false, false, sizeof(uint64_t[2]));
    ADD("a batch is one call, in order", test_one_call);
    ADD("a full batch goes before the next command", test_full);
    ADD("a failed batch is issued again one by one", test_once);
    ADD("the kernel's count of a failed batch is not trusted",
        test_kernel_count);
    for (size_t i = 0; i < ARRAY_SIZE(widen_rows); i++) {
        g_autofree char *path = g_strdup_printf("/smmuv3/cmdq/what fails for "
                                                "ever: %s",
                                                widen_rows[i].name);

        g_test_add_data_func(path, &widen_rows[i], test_widen);
    }
    ADD("if the host invalidates nothing, what translates is closed",
        test_dead);
    ADD("a host that invalidates nothing is not asked a thousand times",
        test_dead_costs_little);
    ADD("the same when a full batch fails", test_dead_when_full);
    ADD("the same when a run of commands goes on",
        test_dead_when_full_then_repeat);
    ADD("the same for an HWPT that is kept while SMMUEN is 0",
        test_dead_while_disabled);
    ADD("the same for a device plugged then", test_dead_then_plug);
    ADD("the last device takes the stale TLB with it",
        test_dead_then_unplugged);
    ADD("the same at CFGI_ALL", test_dead_at_cfgi);
    ADD("without device nothing is queued", test_nothing_without_device);
    ADD("with the erratum each call is made twice, ATC_INV once",
        test_erratum);
    ADD("with the erratum one call of two is not enough",
        test_erratum_when_it_fails);
    ADD("a device without ATS: no EATS, no ATC_INV", test_ats_by_device);
    ADD("what each kernel tells of ATS and of the erratum", test_kernels_tell);
    ADD("ATC_INV goes only to a stream with EATS = 1",
        test_atc_inv_without_eats);
    ADD("ranges are given up after a range has failed, not before",
        test_ranges_survive);
    ADD("tried without the big lock, a failed batch is as it was", test_try);
    ADD("tried without the big lock, a batch goes when there is no room",
        test_try_room);
    ADD("a CMD_SYNC that may attach is not tried", test_try_sync);
    return g_test_run();
}
