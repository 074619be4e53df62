/*
 * Every host call fails, at every event
 *
 * For each transition: one call fails, the first, the second, and so on until
 * a run meets no failure; then the same with all calls failing from there on;
 * then with all calls of a kind. In between no stream may be more open than it
 * should be, afterwards the next event must bring every stream to where it
 * should be, and nothing may be left on the host. If the error can pass, a TLBI
 * and a CMD_SYNC must do so, too, and time alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-transitions.h"

#define DEVICES 3

typedef struct Outcome {
    unsigned failed;
    unsigned runs;
    unsigned closed;
    unsigned quarantined;
} Outcome;

static Outcome total;

/* The event that makes every stream what it should be */
static void next_event(Guest *g)
{
    if (g->s.regs.smmuen) {
        guest_cfgi_all(g);
    } else {
        guest_gbpa(g, g->s.regs.gbpa & 0x100000);
    }
    guest_sync(g);
}

typedef enum Healing {
    BY_EVENT,
    BY_SYNC,
    BY_TIME,
} Healing;

static void heal(Guest *g, Healing how)
{
    fake_host_heal(&g->host);
    switch (how) {
    case BY_EVENT:
        next_event(g);
        break;
    case BY_SYNC:
        /* It may be tried again, and the timer has not run yet */
        g->now += SMMUV3_RETRY_LONGEST_MS;
        g_assert_true(guest_command(g, 0x12, 0x1000));
        guest_sync(g);
        break;
    case BY_TIME:
        guest_wait(g, SMMUV3_RETRY_LONGEST_MS);
        break;
    }
}

static void assert_others_served(Guest *g)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        if (g->stream[i] && g->stream[i]->closed) {
            total.closed++;
            /* A call that names no device is no reason to close one */
            g_assert_true(g->host.failed_dev == &g->host.dev[i]);
        }
    }
}

static void count_quarantined(Guest *g)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        total.quarantined += g->host.dev[i].quarantined;
    }
}

static void plug_refused(Guest *g)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        if (!g->stream[i]) {
            g_assert_true(guest_plug(g, i));
        }
    }
}

/*
 * @times: how many calls fail. If more than one, devices can end in
 * quarantine; what was freed for those that then went away is the kernel's.
 * Returns: whether a call failed
 */
static bool run(const Transition *t, bool old_kernel, uint32_t kinds,
                unsigned after, unsigned times, int error, Healing how)
{
    Guest *g = guest_new(old_kernel);
    unsigned failed;

    t->before(g, DEVICES);
    fake_host_fail(&g->host, kinds, after, times, error);
    t->event(g, DEVICES);
    guest_sync(g);
    failed = g->host.failed;
    guest_assert_safe(g, false);
    if (!old_kernel && error != ENOENT && g->s.viommu) {
        /* Only that error tells an old kernel */
        g_assert_cmpint(g->s.viommu->kernel_mode, !=, SMMUV3_KERNEL_NO_NESTED);
    }
    if (times == 1) {
        assert_others_served(g);
        g_assert_cmpuint(g->host.orphans, ==, 0);
    }
    count_quarantined(g);
    /* It stays so when the same is asked for again, and fails again */
    if (failed && times > 1 && !t->unplugged) {
        next_event(g);
        guest_assert_safe(g, false);
        guest_reset(g);
        guest_assert_safe(g, false);
        guest_smmuen(g, true);
        guest_assert_safe(g, false);
    }

    heal(g, how);
    guest_assert_safe(g, true);
    plug_refused(g);
    guest_assert_safe(g, true);
    guest_free(g);
    total.runs++;
    total.failed += failed;
    return failed;
}

static const struct {
    int error;
    Healing how;
} errors[] = {
    { EIO, BY_EVENT }, { ENOMEM, BY_EVENT }, { ENOENT, BY_EVENT },
    { EBUSY, BY_EVENT }, { EINVAL, BY_EVENT },
    { ENOMEM, BY_SYNC }, { ENOMEM, BY_TIME },
    { EBUSY, BY_SYNC }, { EBUSY, BY_TIME },
};

static void fail_each(const Transition *t, unsigned times)
{
    for (size_t i = 0; i < ARRAY_SIZE(errors) * 2; i++) {
        unsigned n = 0;

        while (run(t, i & 1, FAKE_ANY_CALL, n, times, errors[i / 2].error,
                   errors[i / 2].how)) {
            n++;
        }
    }
}

static void test_nth(const void *opaque)
{
    fail_each(opaque, 1);
}

static void test_from_nth_on(const void *opaque)
{
    fail_each(opaque, UINT_MAX);
}

static void test_kinds(const void *opaque)
{
    /* Every set of kinds of calls that fail, from the n-th such call on */
    for (uint32_t kinds = 1; kinds <= FAKE_ANY_CALL; kinds++) {
        for (unsigned n = 0; n < 2; n++) {
            run(opaque, false, kinds, n, UINT_MAX, EIO, BY_EVENT);
            run(opaque, true, kinds, n, UINT_MAX, EIO, BY_EVENT);
        }
    }
}

/* --- The steps of the ladder, one by one --- */

static void ladder(uint32_t kinds, const char *expected)
{
    Guest *g = guest_new(false);

    reach_s1(g, 1);
    guest_ste(g, 0, STE_BYPASS, 0);
    fake_host_take_calls(&g->host);
    fake_host_fail(&g->host, kinds, 0, UINT_MAX, EIO);
    guest_cfgi_all(g);
    fake_host_assert_calls(&g->host, expected);
    g_assert_true(g->stream[0]->closed);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    fake_host_heal(&g->host);
    guest_cfgi_all(g);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_ladder_abort(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 1);
    guest_ste(g, 0, STE_BYPASS, 0);
    fake_host_take_calls(&g->host);
    fake_host_fail(&g->host, BIT(FAKE_ATTACH), 0, 1, EIO);
    guest_cfgi_all(g);
    fake_host_assert_calls(&g->host, "attach d0 bypass !EIO; attach d0 abort; "
                           "free s1@100000; free vdevice d0; ");
    g_assert_true(g->stream[0]->closed);

    /* To abort is what it does already */
    guest_ste(g, 0, STE_ABORT, 0);
    guest_cfgi_all(g);
    fake_host_assert_calls(&g->host, "");
    g_assert_false(g->stream[0]->closed);
    guest_free(g);
}

static void test_ladder_detach(void)
{
    ladder(BIT(FAKE_ATTACH), "attach d0 bypass !EIO; attach d0 abort !EIO; "
           "detach d0; free s1@100000; free vdevice d0; ");
}

static void test_ladder_quarantine(void)
{
    ladder(BIT(FAKE_ATTACH) | BIT(FAKE_DETACH),
           "attach d0 bypass !EIO; attach d0 abort !EIO; detach d0 !EIO; "
           "quarantine d0; free vdevice d0; ");
}

/* The HWPT is still attached: attaching it again would not bind a vDEVICE */
static void test_quarantined_gets_new_hwpt(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 1);
    guest_ste(g, 0, STE_BYPASS, 0);
    fake_host_fail(&g->host, BIT(FAKE_ATTACH) | BIT(FAKE_DETACH), 0, UINT_MAX,
                   EIO);
    guest_cfgi_all(g);
    fake_host_heal(&g->host);
    fake_host_take_calls(&g->host);
    g->sid[0] = 7;
    guest_ste(g, 7, STE_S1(0x100000), 0);
    guest_cfgi_all(g);
    fake_host_assert_calls(&g->host, "vdevice d0 0x7; hwpt s1@100000; "
                           "attach d0 s1@100000; free s1@100000; ");
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_quarantined_gives_streamid(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    guest_ste(g, 0, STE_BYPASS, 0);
    fake_host_fail(&g->host, BIT(FAKE_ATTACH) | BIT(FAKE_DETACH), 0, 3, EIO);
    guest_cfgi_ste(g, 0);
    g->sid[0] = 7;
    g->sid[1] = 0;
    guest_ste(g, 0, STE_S1(0x101000), 0);
    guest_cfgi_all(g);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_quarantine_then_reset(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    fake_host_fail(&g->host, BIT(FAKE_ATTACH) | BIT(FAKE_DETACH), 0, UINT_MAX,
                   EIO);
    guest_reset(g);
    guest_reset(g);
    guest_assert_safe(g, false);
    fake_host_heal(&g->host);
    guest_reset(g);
    guest_assert_safe(g, true);
    g_assert_cmpuint(fake_host_count(&g->host, FAKE_VDEVICE), ==, 0);
    g_assert_cmpuint(fake_host_count(&g->host, FAKE_NESTED), ==, 2);
    guest_free(g);
}

/* A vCPU that has not stopped yet lets the device master the bus again */
static void test_quarantine_when_stopped(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    guest_ste(g, 0, STE_BYPASS, 0);
    fake_host_fail(&g->host, BIT(FAKE_ATTACH) | BIT(FAKE_DETACH), 0, UINT_MAX,
                   EIO);
    guest_cfgi_ste(g, 0);
    fake_host_take_calls(&g->host);
    g->host.dev[0].quarantined = false;
    smmuv3_streams_stopped(&g->s);
    fake_host_assert_calls(&g->host, "quarantine d0; ");
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    fake_host_heal(&g->host);
    guest_free(g);
}

static void test_closed_tries_again(void)
{
    Guest *g = guest_new(false);

    all_plug(g, 2);
    all_s1(g, 2);
    fake_host_fail(&g->host, BIT(FAKE_ALLOC_VDEVICE), 0, 1, ENOMEM);
    guest_smmuen(g, true);
    g_assert_true(g->stream[0]->closed);
    fake_host_take_calls(&g->host);
    guest_cfgi_ste(g, 0xff);
    fake_host_assert_calls(&g->host, "");
    guest_cfgi_ste(g, 0);
    fake_host_assert_calls(&g->host, "vdevice d0 0x0; hwpt s1@100000; "
                           "attach d0 s1@100000; ");
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_refused_leaves_nothing(void)
{
    Guest *g = guest_new(false);

    fake_host_fail(&g->host, BIT(FAKE_ATTACH), 0, 1, EIO);
    g_assert_false(guest_plug(g, 0));
    g_assert_null(g->s.viommu);
    fake_host_assert_calls(&g->host, "viommu; hwpt bypass; hwpt abort; "
                           "veventq; vdevice d0 0xfffff; "
                           "free vdevice d0; attach d0 bypass !EIO; attach d0 abort; "
                           "detach d0; free veventq; free abort; free bypass; "
                           "free viommu; ");
    guest_free(g);
}

static void add(const char *what, GTestDataFunc test)
{
    for (size_t i = 0; i < n_transitions; i++) {
        g_autofree char *path = g_strdup_printf("/smmuv3/faults/%s/%s", what,
                                                transitions[i].name);

        g_test_add_data_func(path, &transitions[i], test);
    }
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/faults/" sentence, test)

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    add("one call fails", test_nth);
    add("the host dies", test_from_nth_on);
    add("some kinds of calls fail", test_kinds);
    ADD("a stream that cannot be reached aborts", test_ladder_abort);
    ADD("if it cannot abort it is detached", test_ladder_detach);
    ADD("if it cannot be detached it is quarantined", test_ladder_quarantine);
    ADD("a stream out of quarantine gets an HWPT of its own",
        test_quarantined_gets_new_hwpt);
    ADD("a quarantined stream gives its StreamID away",
        test_quarantined_gives_streamid);
    ADD("reset again and again in quarantine frees nothing in use",
        test_quarantine_then_reset);
    ADD("what stays in quarantine when the VM stops is put there once more",
        test_quarantine_when_stopped);
    ADD("a closed stream is tried again at its own CFGI",
        test_closed_tries_again);
    ADD("a refused first device leaves no vIOMMU", test_refused_leaves_nothing);
    ret = g_test_run();
    g_test_message("%u runs, %u calls failed, streams closed %u times, "
                   "quarantined %u times", total.runs, total.failed,
                   total.closed, total.quarantined);
    /* If these are not a few of them by -p, all of it happened */
    if (total.runs > 10000) {
        g_assert_true(total.failed && total.closed && total.quarantined);
    }
    return ret;
}
