/*
 * Closed streams: why, and what opens them again: time, CMD_SYNC, events
 *
 * The clock is the test's, so that 65 seconds take no time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-transitions.h"

#define EATS (1ULL << 28)

static unsigned closed_times;

static void count_closed(const SMMUv3Stream *st, const Error *why)
{
    closed_times++;
}

/* @n devices whose STEs translate, with ATS */
static Guest *translating(unsigned n)
{
    Guest *g = guest_new(false);

    g->s.regs.ats = true;
    all_plug(g, n);
    for (unsigned i = 0; i < n; i++) {
        guest_ste(g, i, STE_S1(ctx_of(g, i)), EATS);
    }
    guest_smmuen(g, true);
    guest_sync(g);
    guest_assert_safe(g, true);
    closed_times = 0;
    g->s.on_close = count_closed;
    fake_host_take_calls(&g->host);
    return g;
}

static void end(Guest *g)
{
    guest_assert_safe(g, true);
    g_assert_cmpint(g->timer_at, ==, SMMUV3_NO_TIMER);
    guest_free(g);
}

static void program_other_s1(Guest *g, unsigned i)
{
    guest_ste(g, g->sid[i], STE_S1(ctx_of(g, i) + 0x10000000), EATS);
    guest_cfgi_ste(g, g->sid[i]);
}

static void tlbi_and_sync(Guest *g)
{
    g_assert_true(guest_command(g, 0x12, 0x1000));
    guest_sync(g);
}

/* --- When --- */

static void test_schedule(void)
{
    static const int64_t delays[] = { 50, 100, 200, 400, 800, 1000, 1000 };
    SMMUv3Retry r = {};
    int64_t now = 12345;

    g_assert_false(smmuv3_retry_failed(&r, now, true));
    for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
        g_assert_cmpint(r.due, ==, now + delays[i]);
        g_assert_false(smmuv3_retry_is_due(&r, SMMUV3_CLOSED_BUSY,
                                           r.due - 1));
        g_assert_true(smmuv3_retry_is_due(&r, SMMUV3_CLOSED_BUSY, r.due));
        g_assert_false(smmuv3_retry_is_due(&r, SMMUV3_CLOSED_REFUSED, r.due));
        now = r.due;
        g_assert_false(smmuv3_retry_failed(&r, now, false));
    }
    /* An attempt in between changes no schedule */
    now = r.due;
    g_assert_false(smmuv3_retry_failed(&r, now - 1, false));
    g_assert_cmpint(r.due, ==, now);

    /* Another reason begins anew */
    g_assert_false(smmuv3_retry_failed(&r, now, true));
    g_assert_cmpint(r.due, ==, now + 50);
}

static void test_gives_up(void)
{
    SMMUv3Retry r = {};
    unsigned tries = 0;

    smmuv3_retry_failed(&r, 0, true);
    while (!smmuv3_retry_failed(&r, r.due, false)) {
        g_assert_cmpint(r.due, <=, 66000);
        tries++;
    }
    g_assert_cmpint(r.due - r.delay, >=, 65000);
    g_assert_cmpuint(tries, >, 60);
    g_assert_false(smmuv3_retry_is_due(&r, SMMUV3_CLOSED_BUSY, INT64_MAX));
    /* It says so once */
    g_assert_false(smmuv3_retry_failed(&r, r.due, false));
}

static void test_errors(void)
{
    static const int may_pass[] = { EBUSY, EINTR, ENOMEM, EAGAIN };
    static const int stay[] = { EINVAL, EIO, ENOENT, EEXIST, EOPNOTSUPP };

    g_assert_false(smmuv3_retry_may_pass(0));
    for (size_t i = 0; i < ARRAY_SIZE(may_pass); i++) {
        g_assert_true(smmuv3_retry_may_pass(-may_pass[i]));
        g_assert_cmpint(smmuv3_retry_reason(-may_pass[i]), ==,
                        SMMUV3_CLOSED_BUSY);
    }
    for (size_t i = 0; i < ARRAY_SIZE(stay); i++) {
        g_assert_false(smmuv3_retry_may_pass(-stay[i]));
        g_assert_cmpint(smmuv3_retry_reason(-stay[i]), ==,
                        SMMUV3_CLOSED_REFUSED);
    }
}

/* --- A reset by the host --- */

static void test_reset_then_time(void)
{
    Guest *g = translating(2);

    fake_host_begin_reset(&g->host, &g->host.dev[0]);
    program_other_s1(g, 0);
    g_assert_cmpint(g->stream[0]->closed, ==, SMMUV3_CLOSED_BUSY);
    g_assert_cmpstr(g->stream[0]->last_error, ==,
                    "the device is being reset by the host");
    g_assert_false(g->stream[1]->closed);
    guest_wait(g, 120);
    fake_host_end_reset(&g->host, &g->host.dev[0]);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    guest_wait(g, 29);
    g_assert_true(g->stream[0]->closed);
    /* 50 + 100 */
    guest_wait(g, 1);
    g_assert_false(g->stream[0]->closed);
    end(g);
}

static void test_reset_nothing_changes(void)
{
    Guest *g = translating(1);

    fake_host_begin_reset(&g->host, &g->host.dev[0]);
    guest_cfgi_all(g);
    tlbi_and_sync(g);
    g_assert_false(g->stream[0]->closed);
    fake_host_end_reset(&g->host, &g->host.dev[0]);
    fake_host_assert_calls(&g->host, "invalidate 2; ");
    end(g);
}

static void test_reset_smmuen(void)
{
    for (int old = 0; old < 2; old++) {
        Guest *g = guest_new(old);

        reach_s1(g, 2);
        fake_host_begin_reset(&g->host, &g->host.dev[1]);
        guest_smmuen(g, false);
        g_assert_true(g->stream[1]->closed);
        guest_assert_safe(g, false);
        guest_smmuen(g, true);
        guest_assert_safe(g, false);
        fake_host_end_reset(&g->host, &g->host.dev[1]);
        guest_assert_safe(g, false);
        guest_wait(g, 1000);
        end(g);
    }
}

static void test_replace_once_more(void)
{
    static const int errors[] = { EBUSY, ENOMEM, EAGAIN, EINTR };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        Guest *g = translating(1);

        fake_host_fail(&g->host, BIT(FAKE_ATTACH), 0, 1, errors[i]);
        program_other_s1(g, 0);
        g_assert_false(g->stream[0]->closed);
        g_assert_cmpuint(closed_times, ==, 0);
        g_assert_cmpuint(g->host.calls[FAKE_ATTACH], ==, 2);
        fake_host_heal(&g->host);
        end(g);
    }
}

static void test_replace_refused(void)
{
    Guest *g = translating(1);

    fake_host_fail(&g->host, BIT(FAKE_ATTACH), 0, 1, EIO);
    program_other_s1(g, 0);
    fake_host_assert_calls(&g->host, "hwpt s1@10100000; "
                           "attach d0 s1@10100000 !EIO; free s1@10100000; "
                           "attach d0 abort; free s1@100000; "
                           "free vdevice d0; ");
    g_assert_cmpint(g->stream[0]->closed, ==, SMMUV3_CLOSED_REFUSED);
    g_assert_cmpint(g->timer_at, ==, SMMUV3_NO_TIMER);
    guest_cfgi_all(g);
    end(g);
}

/* --- What opens a stream --- */

static Guest *closed_by(int error)
{
    Guest *g = translating(2);

    fake_host_fail(&g->host, BIT(FAKE_ALLOC_HWPT), 0, UINT_MAX, error);
    program_other_s1(g, 0);
    g_assert_true(g->stream[0]->closed);
    fake_host_take_calls(&g->host);
    return g;
}

static void test_sync(void)
{
    Guest *g = closed_by(ENOMEM);

    fake_host_heal(&g->host);
    tlbi_and_sync(g);
    end(g);
}

static void test_time(void)
{
    Guest *g = closed_by(ENOMEM);

    guest_wait(g, 5000);
    g_assert_true(g->stream[0]->closed);
    fake_host_heal(&g->host);
    guest_wait(g, 1000);
    end(g);
}

static void test_syncs_are_bounded(void)
{
    Guest *g = closed_by(ENOMEM);

    for (int i = 0; i < 1000; i++) {
        guest_sync(g);
    }
    g_assert_cmpuint(g->host.calls[FAKE_ALLOC_HWPT], ==, 1);
    guest_wait(g, 50);
    fake_host_take_calls(&g->host);
    guest_sync(g);
    g_assert_cmpuint(g->host.calls[FAKE_ALLOC_HWPT], ==, 1);
    fake_host_heal(&g->host);
    guest_wait(g, 1000);
    end(g);
}

static void test_refused_waits_for_guest(void)
{
    Guest *g = closed_by(EINVAL);

    g_assert_cmpint(g->timer_at, ==, SMMUV3_NO_TIMER);
    fake_host_heal(&g->host);
    guest_wait(g, 100000);
    guest_sync(g);
    g_assert_true(g->stream[0]->closed);
    fake_host_assert_calls(&g->host, "");
    guest_cfgi_ste(g, 0);
    end(g);
}

static void test_not_at_another_cfgi(void)
{
    static const int errors[] = { EINVAL, ENOMEM };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        Guest *g = closed_by(errors[i]);

        guest_cfgi_ste(g, 1);
        guest_cfgi_ste(g, 0xff);
        g_assert_cmpuint(g->host.calls[FAKE_ALLOC_HWPT], ==, 0);
        fake_host_heal(&g->host);
        guest_cfgi_ste(g, 0);
        end(g);
    }
}

static void test_device_reset(void)
{
    Guest *g = closed_by(EINVAL);

    guest_device_reset(g, 0);
    g_assert_true(g->stream[0]->closed);
    fake_host_heal(&g->host);
    fake_host_take_calls(&g->host);
    guest_device_reset(g, 1);
    fake_host_assert_calls(&g->host, "");
    guest_device_reset(g, 0);
    g_assert_false(g->stream[0]->closed);
    end(g);
}

static void test_given_up(void)
{
    Guest *g = closed_by(ENOMEM);
    unsigned tries;

    g_string_truncate(guest_messages, 0);
    guest_wait(g, 64000);
    g_assert_cmpstr(guest_messages->str, ==, "");
    guest_wait(g, 3000);
    g_assert_nonnull(strstr(guest_messages->str, "d0: after 65 s its DMA is "
                            "still blocked (fake host: Cannot allocate "
                            "memory)"));
    g_assert_cmpint(g->timer_at, ==, SMMUV3_NO_TIMER);
    g_string_truncate(guest_messages, 0);
    tries = g->host.calls[FAKE_ALLOC_HWPT];
    g_assert_cmpuint(tries, >, 60);
    g_assert_cmpuint(tries, <, 80);

    /* Not told again; a CMD_SYNC tries once a second */
    for (int i = 0; i < 100; i++) {
        guest_wait(g, 100);
        guest_sync(g);
    }
    tries = g->host.calls[FAKE_ALLOC_HWPT] - tries;
    g_assert_cmpuint(tries, >=, 9);
    g_assert_cmpuint(tries, <=, 11);
    g_assert_cmpstr(guest_messages->str, ==, "");
    g_assert_cmpuint(closed_times, ==, 1);
    fake_host_heal(&g->host);
    guest_wait(g, 1000);
    g_assert_true(g->stream[0]->closed);
    tlbi_and_sync(g);
    end(g);
}

static void test_told_when_it_changes(void)
{
    Guest *g = closed_by(ENOMEM);

    g_assert_cmpuint(closed_times, ==, 1);
    for (int i = 0; i < 100; i++) {
        guest_cfgi_all(g);
    }
    guest_wait(g, 5000);
    g_assert_cmpuint(closed_times, ==, 1);
    g->host.fail_errno = EIO;
    guest_cfgi_all(g);
    g_assert_cmpuint(closed_times, ==, 2);
    fake_host_heal(&g->host);
    guest_cfgi_all(g);
    fake_host_fail(&g->host, BIT(FAKE_ATTACH), 0, 1, EIO);
    guest_ste(g, 0, STE_BYPASS, 0);
    guest_cfgi_all(g);
    g_assert_cmpuint(closed_times, ==, 3);
    fake_host_heal(&g->host);
    guest_cfgi_all(g);
    end(g);
}

static void test_unplug_holder(void)
{
    Guest *g = guest_new(false);

    all_plug(g, 2);
    g->sid[1] = 0;
    guest_ste(g, 0, STE_S1(0x100000), 0);
    guest_smmuen(g, true);
    g_assert_cmpint(g->stream[1]->closed, ==, SMMUV3_CLOSED_SID_TAKEN);
    g_assert_cmpint(g->timer_at, ==, SMMUV3_NO_TIMER);
    guest_unplug(g, 0);
    g_assert_cmpint(guest_dma(g, 1), ==, FAKE_TRANSLATED);
    end(g);
}

/* --- Invalidations --- */

static void test_tlb_heals_by_sync(void)
{
    Guest *g = translating(2);

    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, UINT_MAX, EIO);
    tlbi_and_sync(g);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    g_assert_cmpint(guest_dma(g, 1), ==, FAKE_BLOCKED);
    g_assert_cmpint(g->stream[1]->closed, ==, SMMUV3_CLOSED_TLB_STALE);
    fake_host_heal(&g->host);
    tlbi_and_sync(g);
    end(g);
}

static void test_tlb_heals_by_time(void)
{
    Guest *g = translating(8);

    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, UINT_MAX, EIO);
    tlbi_and_sync(g);
    fake_host_take_calls(&g->host);
    guest_wait(g, 50);
    /* The whole, one by one, wider; not for each of eight */
    g_assert_cmpuint(g->host.calls[FAKE_INVALIDATE], ==, 3);
    fake_host_heal(&g->host);
    guest_wait(g, 100);
    end(g);
}

static void atc_inv(Guest *g, unsigned i)
{
    g_assert_true(guest_command(g, 0x40 | (uint64_t)g->sid[i] << 32, 52));
}

static void test_dead_atc(void)
{
    Guest *g = translating(8);

    g->host.dev[3].atc_dead = true;
    for (unsigned i = 0; i < 8; i++) {
        atc_inv(g, i);
    }
    g_assert_true(guest_command(g, 0x12, 0x1000));
    /* CONS stays; the next one is complete */
    g_assert_true(guest_sync_fails(g));
    fake_host_take_calls(&g->host);
    g_assert_false(guest_sync_fails(g));
    fake_host_assert_calls(&g->host, "");
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmpint(guest_dma(g, i), ==,
                        i == 3 ? FAKE_BLOCKED : FAKE_TRANSLATED);
    }
    g_assert_cmpint(g->stream[3]->closed, ==, SMMUV3_CLOSED_ATC_STALE);
    g_assert_cmpstr(g->stream[3]->last_error, ==,
                    "the device does not answer an ATC invalidation");
    g_assert_cmpuint(closed_times, ==, 1);

    /* The seven go on, and cost the eighth nothing */
    fake_host_take_calls(&g->host);
    for (int i = 0; i < 100; i++) {
        atc_inv(g, 0);
        atc_inv(g, 3);
        g_assert_false(guest_sync_fails(g));
    }
    g_assert_cmpuint(g->host.calls[FAKE_INVALIDATE], ==, 100);
    g_assert_cmpuint(g->host.calls[FAKE_ALLOC_VDEVICE], ==, 0);

    /* It is asked by the timer, and does not translate before it answers */
    guest_wait(g, 3000);
    g_assert_cmpint(guest_dma(g, 3), ==, FAKE_BLOCKED);
    g_assert_cmpuint(closed_times, ==, 1);
    fake_host_take_calls(&g->host);
    g->host.dev[3].atc_dead = false;
    guest_wait(g, 1000);
    fake_host_assert_calls(&g->host, "vdevice d3 0x3; invalidate 1; "
                           "hwpt s1@103000; attach d3 s1@103000; ");
    end(g);
}

/* Without a vDEVICE nobody can ask the device for an answer */
static void test_dead_atc_without_vdevice(void)
{
    Guest *g = translating(1);

    g->host.dev[0].atc_dead = true;
    atc_inv(g, 0);
    g_assert_true(guest_sync_fails(g));
    g->host.dev[0].atc_dead = false;
    fake_host_fail(&g->host, BIT(FAKE_ALLOC_VDEVICE), 0, 1, ENOMEM);
    fake_host_take_calls(&g->host);
    guest_wait(g, 50);
    fake_host_assert_calls(&g->host, "vdevice d0 0x0 !ENOMEM; ");
    g_assert_cmpint(g->stream[0]->closed, ==, SMMUV3_CLOSED_ATC_STALE);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    guest_wait(g, 100);
    end(g);
}

static void test_dead_atc_without_ats(void)
{
    Guest *g = translating(1);

    g->host.dev[0].atc_dead = true;
    atc_inv(g, 0);
    g_assert_true(guest_sync_fails(g));
    /* Translation without ATS, bypass and abort need no answer */
    guest_ste(g, 0, STE_S1(0x100000), 0);
    guest_cfgi_ste(g, 0);
    guest_assert_safe(g, true);
    guest_ste(g, 0, STE_BYPASS, 0);
    guest_cfgi_ste(g, 0);
    end(g);
}

static void test_dead_atc_then_reset(void)
{
    Guest *g = translating(1);

    g->host.dev[0].atc_dead = true;
    atc_inv(g, 0);
    g_assert_true(guest_sync_fails(g));
    fake_host_take_calls(&g->host);
    /* Nobody knows whether there was one: the device has to answer */
    guest_device_reset(g, 0);
    g_assert_cmpint(g->stream[0]->closed, ==, SMMUV3_CLOSED_ATC_STALE);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    g->host.dev[0].atc_dead = false;
    fake_host_take_calls(&g->host);
    guest_device_reset(g, 0);
    fake_host_assert_calls(&g->host, "vdevice d0 0x0; invalidate 1; "
                           "hwpt s1@100000; attach d0 s1@100000; ");
    end(g);
}

/* ATC_INV comes behind what fails, of a device that does not answer */
static void assert_atc_is_asked(Guest *g)
{
    g->host.dev[0].atc_dead = true;
    atc_inv(g, 0);
    g_assert_true(guest_sync_fails(g));
    fake_host_heal(&g->host);
    g->host.dev[0].cd_dead = false;
    guest_wait(g, 3000);
    g_assert_cmpint(g->stream[0]->closed, ==, SMMUV3_CLOSED_ATC_STALE);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    g->host.dev[0].atc_dead = false;
    guest_wait(g, 1000);
    end(g);
}

static void test_atc_behind_cd(void)
{
    Guest *g = translating(1);

    g->host.dev[0].cd_dead = true;
    g_assert_true(guest_command(g, 0x05 | (uint64_t)g->sid[0] << 32, 1));
    assert_atc_is_asked(g);
}

static void atc_behind_tlbi(unsigned n)
{
    Guest *g = translating(1);

    fake_host_fail(&g->host, BIT(FAKE_INVALIDATE), 0, UINT_MAX, EIO);
    for (unsigned i = 0; i < n; i++) {
        g_assert_true(guest_command(g, 0x12, i << 12));
    }
    assert_atc_is_asked(g);
}

static void test_atc_behind_tlbi(void)
{
    atc_behind_tlbi(1);
}

static void test_atc_behind_full(void)
{
    atc_behind_tlbi(SMMUV3_INVAL_MAX);
}

static void test_dead_atc_when_full(void)
{
    Guest *g = translating(2);

    g->host.dev[1].atc_dead = true;
    for (int i = 0; i < 64; i++) {
        atc_inv(g, 1);
    }
    for (int i = 64; i <= 1024; i++) {
        g_assert_true(guest_command(g, 0x12, i << 12));
    }
    g_assert_true(g->stream[1]->closed);
    /* The batch, the device once, and wider: not 64 timeouts */
    g_assert_cmpuint(g->host.calls[FAKE_INVALIDATE], ==, 1 + 2 + 960);
    g_assert_true(guest_sync_fails(g));
    g_assert_false(guest_sync_fails(g));
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    g->host.dev[1].atc_dead = false;
    guest_wait(g, 1000);
    end(g);
}

static void test_dead_cds(void)
{
    Guest *g = translating(3);

    g->host.dev[1].cd_dead = true;
    guest_cfgi_all(g);
    g_assert_false(guest_sync_fails(g));
    g_assert_cmpint(g->stream[1]->closed, ==, SMMUV3_CLOSED_BUSY);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    g_assert_cmpint(guest_dma(g, 2), ==, FAKE_TRANSLATED);
    g->host.dev[1].cd_dead = false;
    guest_wait(g, 50);
    end(g);
}

static void test_machine_reset_forgets(void)
{
    Guest *g = translating(1);

    g->host.dev[0].atc_dead = true;
    atc_inv(g, 0);
    guest_cfgi_all(g);
    guest_reset(g);
    g->host.dev[0].atc_dead = false;
    g_assert_false(guest_sync_fails(g));
    end(g);
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/retry/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("50 ms, doubling to a second", test_schedule);
    ADD("given up after 65 s, and told once", test_gives_up);
    ADD("errors that can pass, and others", test_errors);
    ADD("a device that the host resets comes back by time alone",
        test_reset_then_time);
    ADD("a reset while nothing changes is not noticed",
        test_reset_nothing_changes);
    ADD("a reset while SMMUEN is toggled leaves it blocked, not open",
        test_reset_smmuen);
    ADD("a replace is tried once more where the error can pass",
        test_replace_once_more);
    ADD("a replace that is refused closes", test_replace_refused);
    ADD("a plain TLBI and CMD_SYNC open it", test_sync);
    ADD("time alone opens it", test_time);
    ADD("many CMD_SYNCs are few attempts", test_syncs_are_bounded);
    ADD("what stays refused waits for the guest", test_refused_waits_for_guest);
    ADD("another stream's CFGI is no reason to try",
        test_not_at_another_cfgi);
    ADD("a reset of the device is a reason to try", test_device_reset);
    ADD("after it has been given up a CMD_SYNC still opens it", test_given_up);
    ADD("it is told when it is closed, and when the reason changes",
        test_told_when_it_changes);
    ADD("unplugging the holder of a StreamID gives it to the other",
        test_unplug_holder);
    ADD("a TLB that was not invalidated: TLBI and CMD_SYNC try again",
        test_tlb_heals_by_sync);
    ADD("a TLB that was not invalidated: time tries again, once for all",
        test_tlb_heals_by_time);
    ADD("8 devices, one whose ATC never answers: seven go on", test_dead_atc);
    ADD("without a vDEVICE a dead ATC stays dead",
        test_dead_atc_without_vdevice);
    ADD("without ATS a dead ATC does not matter", test_dead_atc_without_ats);
    ADD("after a reset of the device its ATC has to answer",
        test_dead_atc_then_reset);
    ADD("a dead ATC behind a CD that fails is asked", test_atc_behind_cd);
    ADD("a dead ATC behind a TLBI that fails is asked", test_atc_behind_tlbi);
    ADD("a dead ATC behind a full batch that fails is asked",
        test_atc_behind_full);
    ADD("a dead ATC in a full batch: reported at the next CMD_SYNC",
        test_dead_atc_when_full);
    ADD("CDs that are not invalidated close their stream only", test_dead_cds);
    ADD("a machine reset forgets a failed ATC_INV", test_machine_reset_forgets);
    return g_test_run();
}
