/*
 * What each event makes of the streams, and exactly which host calls it costs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-transitions.h"

static const unsigned device_counts[] = { 1, 2, 8 };

/* Calls that were counted, for the table at the end */
static unsigned counted[128][2][ARRAY_SIZE(device_counts)];

static void run_transition(const Transition *t, bool old_kernel, size_t col)
{
    unsigned n = device_counts[col];
    Guest *g = guest_new(old_kernel);
    g_autofree char *expected = NULL;

    t->before(g, n);
    fake_host_take_calls(&g->host);
    expected = transition_calls(t, g, n);
    t->event(g, n);
    g_assert_cmpstr(g->host.log->str, ==, expected);
    counted[t - transitions][old_kernel][col] = fake_host_take_calls(&g->host);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmpint(guest_dma(g, i), ==, t->after);
        g_assert_true(!g->stream[i] == t->unplugged);
    }
    guest_assert_safe(g, true);
    /* The same again costs nothing but invalidations */
    if (!t->unplugged && t->event != all_plug) {
        t->event(g, n);
        g_assert_cmpuint(g->host.calls[FAKE_ATTACH], ==, 0);
        g_assert_cmpuint(g->host.calls[FAKE_DETACH], ==, 0);
        g_assert_cmpuint(g->host.calls[FAKE_DESTROY], ==, 0);
    }
    guest_free(g);
}

static void test_new_kernel(const void *opaque)
{
    for (size_t col = 0; col < ARRAY_SIZE(device_counts); col++) {
        run_transition(opaque, false, col);
    }
}

static void test_old_kernel(const void *opaque)
{
    for (size_t col = 0; col < ARRAY_SIZE(device_counts); col++) {
        run_transition(opaque, true, col);
    }
}

static void print_table(void)
{
    g_test_message("host calls with 1, 2 and 8 devices, Linux >= 6.19 | "
                   "6.15 to 6.18");
    for (size_t i = 0; i < n_transitions; i++) {
        unsigned (*c)[ARRAY_SIZE(device_counts)] = counted[i];

        g_test_message("%-62s %3u %3u %3u | %3u %3u %3u", transitions[i].name,
                       c[0][0], c[0][1], c[0][2], c[1][0], c[1][1], c[1][2]);
    }
}

/* --- What does not fit into the table --- */

static void test_cfgi_all_64(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 64);
    fake_host_take_calls(&g->host);
    guest_cfgi_all(g);
    fake_host_assert_calls(&g->host, "");
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 64; ");
    guest_free(g);
}

static void test_one_of_many(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 8);
    fake_host_take_calls(&g->host);
    g->reads = 0;
    guest_ste(g, 3, STE_BYPASS, 0);
    guest_ste(g, 4, STE_BYPASS, 0);
    guest_cfgi_ste(g, 3);
    g_assert_cmpuint(g->reads, <=, 2);
    fake_host_assert_calls(&g->host, "attach d3 bypass; free s1@103000; "
                           "free vdevice d3; ");
    g_assert_cmpint(guest_dma(g, 4), ==, FAKE_TRANSLATED);
    /* StreamIDs 4 and 5 */
    g_assert_true(guest_command(g, 0x04 | 5ULL << 32, 0));
    guest_sync(g);
    fake_host_assert_calls(&g->host, "invalidate 1; attach d4 bypass; "
                           "free s1@104000; free vdevice d4; ");
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_queued_before_freed(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 1);
    fake_host_take_calls(&g->host);
    g_assert_true(guest_command(g, 0x06, 0));
    guest_ste(g, 0, STE_ABORT, 0);
    guest_cfgi_ste(g, 0);
    fake_host_assert_calls(&g->host, "invalidate 1; attach d0 abort; "
                           "free s1@100000; free vdevice d0; ");
    guest_free(g);
}

static void test_reset_flushes(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 1);
    guest_smmuen(g, false);
    fake_host_take_calls(&g->host);
    g_assert_true(guest_command(g, 0x06, 0));
    guest_reset(g);
    fake_host_assert_calls(&g->host, "invalidate 1; free s1@100000; "
                           "free vdevice d0; ");
    guest_free(g);
}

static void test_unplug_flushes(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    fake_host_take_calls(&g->host);
    g_assert_true(guest_command(g, 0x30, 0));
    guest_unplug(g, 0);
    fake_host_assert_calls(&g->host, "invalidate 1; detach d0; "
                           "free s1@100000; free vdevice d0; ");
    guest_free(g);
}

static void test_swap(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    g->sid[0] = 1;
    g->sid[1] = 0;
    all_s1(g, 2);
    fake_host_take_calls(&g->host);
    guest_cfgi_ste(g, 1);
    fake_host_assert_calls(&g->host,
                           "free vdevice d0; free vdevice d1; "
                           "vdevice d0 0x1; hwpt s1@100000; "
                           "attach d0 s1@100000; free s1@100000; "
                           "vdevice d1 0x0; hwpt s1@101000; "
                           "attach d1 s1@101000; free s1@101000; ");
    guest_assert_safe(g, true);
    guest_free(g);
}

/* Asked before each stream but the first: a slice is for two */
static bool after_two(void *owner)
{
    static unsigned asked;

    return asked++ % 2;
}

/*
 * SMMUEN is followed in slices. A device whose turn has not come is as it was,
 * and its ATC is nobody's yet.
 */
static void test_slices(void)
{
    const unsigned n = 5;
    unsigned done = 0;
    Guest *g = guest_new(false);

    g->s.regs.ats = true;
    all_plug(g, n);
    for (unsigned i = 0; i < n; i++) {
        /* EATS */
        guest_ste(g, i, STE_S1(ctx_of(g, i)), 1ULL << 28);
    }
    guest_smmuen(g, true);
    guest_smmuen(g, false);
    g->s.regs.smmuen = true;
    smmuv3_streams_update_begin(&g->s);
    while (done < n) {
        done = MIN(done + 2, n);
        g_assert_true(smmuv3_streams_update_some(&g->s, after_two) ==
                      (done == n));
        for (unsigned i = 0; i < n; i++) {
            g_assert_cmpint(guest_dma(g, i), ==,
                            i < done ? FAKE_TRANSLATED : FAKE_OPEN);
        }
        fake_host_take_calls(&g->host);
        /* ATC_INV of the last */
        g_assert_true(guest_command(g, 0x40 | (uint64_t)(n - 1) << 32, 52));
        guest_sync(g);
        fake_host_assert_calls(&g->host, done < n ? "" : "invalidate 1; ");
    }
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_swap_while_disabled(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    guest_smmuen(g, false);
    g->sid[0] = 1;
    g->sid[1] = 0;
    all_s1(g, 2);
    fake_host_take_calls(&g->host);
    guest_smmuen(g, true);
    /* The HWPTs are as before, and are not attached: no new ones */
    fake_host_assert_calls(&g->host,
                           "free vdevice d0; free vdevice d1; "
                           "vdevice d0 0x1; attach d0 s1@100000; "
                           "vdevice d1 0x0; attach d1 s1@101000; ");
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_same_streamid(void)
{
    Guest *g = guest_new(false);

    all_plug(g, 2);
    g->sid[1] = 0;
    guest_ste(g, 0, STE_S1(0x100000), 0);
    fake_host_take_calls(&g->host);
    guest_smmuen(g, true);
    fake_host_assert_calls(&g->host, "vdevice d0 0x0; hwpt s1@100000; "
                           "attach d0 s1@100000; attach d1 abort; ");
    g_assert_true(g->stream[1]->closed);
    g_assert_nonnull(strstr(g->stream[1]->last_error, "d0"));
    guest_assert_safe(g, false);

    /* Asking again changes nothing */
    guest_cfgi_ste(g, 0);
    guest_cfgi_ste(g, 0xff);
    g_assert_cmpuint(g->host.calls[FAKE_ATTACH], ==, 0);
    fake_host_take_calls(&g->host);

    /* Until the guest gives one of them another number */
    g->sid[1] = 1;
    guest_ste(g, 1, STE_S1(0x101000), 0);
    guest_cfgi_ste(g, 1);
    fake_host_assert_calls(&g->host, "vdevice d1 0x1; hwpt s1@101000; "
                           "attach d1 s1@101000; ");
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_same_streamid_bypass(void)
{
    Guest *g = guest_new(false);

    all_plug(g, 2);
    g->sid[1] = 0;
    guest_ste(g, 0, STE_BYPASS, 0);
    guest_smmuen(g, true);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_same_streamid_first_leaves(void)
{
    Guest *g = guest_new(false);

    all_plug(g, 2);
    g->sid[1] = 0;
    guest_ste(g, 0, STE_S1(0x100000), 0);
    guest_smmuen(g, true);
    guest_unplug(g, 0);
    g_assert_cmpint(guest_dma(g, 1), ==, FAKE_TRANSLATED);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_plug_at_taken_streamid(void)
{
    Guest *g = guest_new(false);

    guest_plug(g, 0);
    guest_ste(g, 0, STE_S1(0x100000), 0);
    guest_smmuen(g, true);
    g->sid[1] = 0;
    g_assert_true(guest_plug(g, 1));
    g_assert_true(g->stream[1]->closed);
    g_assert_cmpint(guest_dma(g, 1), ==, FAKE_BLOCKED);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    guest_free(g);
}

/* The old holder aborts, and another device translates with its number */
static void test_handed_over(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    g->sid[0] = 2;
    guest_ste(g, 2, STE_ABORT, 0);
    g->sid[1] = 0;
    guest_ste(g, 0, STE_S1(0x101000), 0);
    fake_host_take_calls(&g->host);
    guest_cfgi_all(g);
    fake_host_assert_calls(&g->host,
                           "free vdevice d1; "
                           "attach d0 abort; free s1@100000; free vdevice d0; "
                           "vdevice d1 0x0; hwpt s1@101000; "
                           "attach d1 s1@101000; free s1@101000; ");
    guest_assert_safe(g, true);
    guest_free(g);
}

/* As above, but the STE of the one that gives is not in the CFGI's range */
static void test_handed_over_narrow(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    g->sid[0] = 2;
    guest_ste(g, 2, STE_BYPASS, 0);
    g->sid[1] = 0;
    guest_ste(g, 0, STE_S1(0x101000), 0);
    guest_cfgi_ste(g, 0);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_other_smmu(void)
{
    Guest *g = guest_new(false);
    Error *err = NULL;

    guest_plug(g, 0);
    g->host.dev[1].smmu = 1;
    fake_host_take_calls(&g->host);
    g_assert_null(smmuv3_streams_plug(&g->s, &fake_host_ops, &g->host,
                                      &g->host.dev[1].host, FAKE_PARENT + 1000,
                                      &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "it is behind another host SMMU "
                    "than the devices already on this arm-smmuv3");
    error_free(err);
    fake_host_assert_calls(&g->host, "attach d1 parent !EINVAL; ");
    guest_free(g);
}

/* VFIO makes another parent whatever the error is; ours says which it was */
static void test_other_parent(void)
{
    static const char *const said[] = {
        "the host does not attach it to the page table of the devices already "
        "on this arm-smmuv3: fake host: Cannot allocate memory",
        "the host did not attach it to the page table of the devices already "
        "on this arm-smmuv3, and does now: plug it again",
    };
    for (int passed = 0; passed < 2; passed++) {
        Guest *g = guest_new(false);
        FakeDevice *dev = &g->host.dev[1];
        Error *err = NULL;

        guest_plug(g, 0);
        fake_host_open_device(&g->host, dev);
        fake_host_fail(&g->host, BIT(FAKE_ATTACH), 0, !passed, ENOMEM);
        g_assert_null(smmuv3_streams_plug(&g->s, &fake_host_ops, &g->host,
                                          &dev->host, FAKE_PARENT + 1000,
                                          &err));
        g_assert_cmpstr(error_get_pretty(err), ==, said[passed]);
        error_free(err);
        fake_host_close_device(&g->host, dev);
        guest_free(g);
    }
}

static void plug_refused(Guest *g, unsigned i, const char *why)
{
    FakeDevice *dev = &g->host.dev[i];
    Error *err = NULL;

    fake_host_open_device(&g->host, dev);
    g_assert_null(smmuv3_streams_plug(&g->s, &fake_host_ops, &g->host,
                                      &dev->host, FAKE_PARENT, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, why);
    error_free(err);
    fake_host_close_device(&g->host, dev);
}

static void test_several_sids(void)
{
    Guest *g = guest_new(false);

    guest_plug(g, 0);
    g->host.dev[1].sids = 2;
    plug_refused(g, 1, "the host's SMMU knows it by several StreamIDs, as of a "
                 "device behind a PCIe-to-PCI bridge, and Linux gives a guest "
                 "devices with one only: fake host: Operation not supported");
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_linux_6_13(void)
{
    Guest *g = guest_new(false);

    g->host.kernel = FAKE_LINUX_6_13;
    plug_refused(g, 0, "the host kernel is older than Linux 6.15, and with it "
                 "interrupts of an assigned device could be writes to guest "
                 "memory: fake host: Inappropriate ioctl for device");
    g_assert_null(g->s.viommu);
    fake_host_assert_calls(&g->host, "viommu; hwpt bypass; hwpt abort; "
                           "veventq !ENOTTY; free abort; free bypass; "
                           "free viommu; ");
    guest_free(g);
}

/* VFIO shared the parent, and the kernel says only now that it cannot be */
static void test_other_smmu_late(void)
{
    for (int old = 0; old < 2; old++) {
        Guest *g = guest_new(old);

        guest_plug(g, 0);
        guest_ste(g, 1, STE_S1(0x101000), 0);
        guest_ste(g, 0, STE_S1(0x100000), 0);
        guest_smmuen(g, true);
        g->host.dev[1].smmu = 1;
        g_assert_false(guest_plug(g, 1));
        guest_assert_safe(g, true);
        guest_free(g);
    }
}

static void test_no_veventq(void)
{
    Guest *g = guest_new(false);

    g->host.no_veventq = true;
    reach_s1(g, 1);
    g_assert_false(g->s.viommu->has_veventq);
    g_assert_cmpint(g->s.viommu->veventq_fd, ==, -1);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_mode_is_known(void)
{
    Guest *g = guest_new(true);

    guest_plug(g, 0);
    g_assert_cmpstr(smmuv3_kernel_mode_name(g->s.viommu->kernel_mode), ==,
                    "no-nested");
    guest_free(g);
    g = guest_new(false);
    guest_plug(g, 0);
    g_assert_cmpstr(smmuv3_kernel_mode_name(g->s.viommu->kernel_mode), ==,
                    "nested");
    guest_free(g);
}

static void test_next_viommu(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 1);
    guest_unplug(g, 0);
    g_assert_null(g->s.viommu);
    guest_plug(g, 0);
    guest_assert_safe(g, true);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    guest_free(g);
}

static void test_commands_without_device(void)
{
    Guest *g = guest_new(false);

    guest_smmuen(g, true);
    guest_cfgi_all(g);
    g_assert_true(guest_command(g, 0x30, 0));
    guest_sync(g);
    guest_reset(g);
    guest_gbpa(g, true);
    fake_host_assert_calls(&g->host, "");
    g_assert_cmpuint(g->reads, ==, 0);
    guest_free(g);
}

/* The program's name comes first */
static void assert_messages(const char *expected)
{
    g_autofree char *said = g_strdup(guest_messages->str);
    const char *name = g_get_prgname();
    char *p = said;

    g_assert(said);
    while (name && (p = strstr(p, name))) {
        char *from = strstr(p, ": ") + 2;

        memmove(p, from, strlen(from) + 1);
    }
    g_assert_cmpstr(said, ==, expected);
}

static unsigned closed_times;

static void count_closed(const SMMUv3Stream *st, const Error *why)
{
    closed_times++;
}

static void test_messages(void)
{
    Guest *g = guest_new(false);

    g->s.on_close = count_closed;
    all_plug(g, 2);
    all_s1(g, 2);
    fake_host_fail(&g->host, BIT(FAKE_ALLOC_HWPT), 0, UINT_MAX, ENOMEM);
    guest_smmuen(g, true);
    for (int i = 0; i < 1000; i++) {
        guest_cfgi_all(g);
    }
    assert_messages("arm-smmuv3: d0: StreamID 0x0 cannot be set to translate, "
                    "its DMA is blocked (0 earlier failures not shown): fake "
                    "host: Cannot allocate memory\n");
    /* The second device's; not each attempt's */
    g_assert_cmpuint(g->s.unreported, ==, 1);
    g_assert_cmpuint(closed_times, ==, 2);

    /* Other reasons, within the second and after it */
    for (int i = 0; i < 1000; i++) {
        g->host.fail_errno = i & 1 ? EIO : EINVAL;
        guest_cfgi_all(g);
    }
    g_assert_cmpuint(g->s.unreported, ==, 2001);
    g_assert_cmpuint(closed_times, ==, 2002);
    g->host.fail_errno = ENOMEM;
    g->s.last_report -= G_USEC_PER_SEC;
    g_string_truncate(guest_messages, 0);
    guest_cfgi_all(g);
    assert_messages("arm-smmuv3: d0: StreamID 0x0 cannot be set to translate, "
                    "its DMA is blocked (2001 earlier failures not shown): "
                    "fake host: Cannot allocate memory\n");
    fake_host_heal(&g->host);
    guest_free(g);
}

static void test_old_kernel_is_told_once(void)
{
    Guest *g = guest_new(true);

    all_plug(g, 8);
    guest_gbpa(g, true);
    guest_gbpa(g, false);
    assert_messages("info: arm-smmuv3: this host kernel attaches a nested page "
                    "table only to a device whose StreamID is known (Linux "
                    "before 6.19); bypass and abort are done by the nesting "
                    "parent and by detaching instead\n");
    guest_free(g);
}

static void test_settled_reads_once(void)
{
    Guest *g = guest_new(false);

    all_plug(g, 4);
    all_ste(g, 4, STE_BYPASS);
    guest_smmuen(g, true);
    g->reads = 0;
    guest_cfgi_all(g);
    /* One fetch of an STE each: what was checked is what is used */
    g_assert_cmpuint(g->reads, ==, 4);
    guest_free(g);
}

/* Of a host that stalls, no translating stream does; of others the bit is 0 */
static void test_stalls(void)
{
    for (int stalls = 0; stalls < 2; stalls++) {
        Guest *g = guest_new(false);
        FakeDevice *dev = &g->host.dev[0];

        g->host.stalls = stalls;
        guest_plug(g, 0);
        g_assert_cmphex(fake_host_dma(&g->host, dev).vste[1], ==, 0);
        guest_ste(g, 0, STE_S1(0x100000), 0);
        guest_smmuen(g, true);
        g_assert_cmphex(fake_host_dma(&g->host, dev).vste[1] & BIT(27), ==,
                        stalls ? BIT(27) : 0);
        fake_host_take_calls(&g->host);
        guest_cfgi_ste(g, 0);
        fake_host_assert_calls(&g->host, "");
        guest_free(g);
    }
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/streams/" sentence, test)

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    g_assert_cmpuint(n_transitions, <=, ARRAY_SIZE(counted));
    for (size_t i = 0; i < n_transitions; i++) {
        g_autofree char *new = g_strdup_printf("/smmuv3/streams/linux-6.19/%s",
                                               transitions[i].name);
        g_autofree char *old = g_strdup_printf("/smmuv3/streams/linux-6.15/%s",
                                               transitions[i].name);

        g_test_add_data_func(new, &transitions[i], test_new_kernel);
        g_test_add_data_func(old, &transitions[i], test_old_kernel);
    }
    ADD("CFGI_ALL with 64 unchanged streams is one invalidation",
        test_cfgi_all_64);
    ADD("a CFGI touches and reads only what is in its range",
        test_one_of_many);
    ADD("queued invalidations are issued before what they name is freed",
        test_queued_before_freed);
    ADD("reset issues what is queued", test_reset_flushes);
    ADD("unplug issues what is queued", test_unplug_flushes);
    ADD("two StreamIDs swap in one event", test_swap);
    ADD("streams follow SMMUEN in slices", test_slices);
    ADD("two StreamIDs swap while SMMUEN is 0", test_swap_while_disabled);
    ADD("of two devices with one StreamID the second is closed",
        test_same_streamid);
    ADD("two devices with one StreamID may both bypass",
        test_same_streamid_bypass);
    ADD("a StreamID is free again when its device leaves",
        test_same_streamid_first_leaves);
    ADD("a device plugged at a taken StreamID is closed, not refused",
        test_plug_at_taken_streamid);
    ADD("a stream that aborts hands its StreamID over in the same event",
        test_handed_over);
    ADD("a stream that moved hands its StreamID over to a narrow CFGI",
        test_handed_over_narrow);
    ADD("a device with another nesting parent is refused", test_other_smmu);
    ADD("another parent is not taken for another host SMMU", test_other_parent);
    ADD("a device with several StreamIDs is refused", test_several_sids);
    ADD("a kernel before 6.15 is refused", test_linux_6_13);
    ADD("a device that the kernel says is behind another SMMU is refused",
        test_other_smmu_late);
    ADD("a translating stream never stalls", test_stalls);
    ADD("a kernel that makes no vEVENTQ is good enough", test_no_veventq);
    ADD("the kernel's way with bypass and abort is detected",
        test_mode_is_known);
    ADD("the last device frees the vIOMMU and the next makes another",
        test_next_viommu);
    ADD("without devices the guest costs no host call",
        test_commands_without_device);
    ADD("failures are printed once a second, with all that helps",
        test_messages);
    ADD("the kernel's way with bypass and abort is told once",
        test_old_kernel_is_told_once);
    ADD("a settled stream's STE is fetched once", test_settled_reads_once);
    ret = g_test_run();
    print_table();
    return ret;
}
