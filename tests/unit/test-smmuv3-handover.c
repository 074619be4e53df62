/*
 * A guest that another QEMU takes over: its streams stay as they are, and
 * afterwards every event costs what it costs without a hand-over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "smmuv3-transitions.h"

static const unsigned device_counts[] = { 1, 2, 8 };

static void run_transition(const Transition *t, bool old_kernel, unsigned n)
{
    Guest *g = guest_new(old_kernel);
    g_autofree char *expected = NULL;

    t->before(g, n);
    fake_host_take_calls(&g->host);
    expected = transition_calls(t, g, n);
    guest_hand_over(g);
    t->event(g, n);
    g_assert_cmpstr(g->host.log->str, ==, expected);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmpint(guest_dma(g, i), ==, t->after);
        g_assert_true(!g->stream[i] == t->unplugged);
    }
    guest_assert_safe(g, true);
    guest_hand_over(g);
    guest_continue(g);
    fake_host_assert_calls(&g->host, "");
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_transition(const void *opaque)
{
    for (size_t i = 0; i < ARRAY_SIZE(device_counts); i++) {
        run_transition(opaque, false, device_counts[i]);
        run_transition(opaque, true, device_counts[i]);
    }
}

static void test_queued(void)
{
    Guest *g = guest_new(false);
    SMMUv3Handover h;

    reach_s1(g, 1);
    g_assert_true(guest_command(g, 0x06, 0));
    fake_host_take_calls(&g->host);
    smmuv3_streams_hand_over(&g->s, &h);
    fake_host_assert_calls(&g->host, "invalidate 1; ");
    smmuv3_handover_clear(&h);
    guest_free(g);
}

static void test_closed(void)
{
    Guest *g = guest_new(false);

    all_plug(g, 1);
    all_s1(g, 1);
    fake_host_fail(&g->host, BIT(FAKE_ALLOC_VDEVICE), 0, 1000, EBUSY);
    guest_smmuen(g, true);
    g_assert_cmpint(g->stream[0]->closed, ==, SMMUV3_CLOSED_BUSY);
    guest_hand_over(g);
    g_assert_cmpint(g->stream[0]->closed, ==, SMMUV3_CLOSED_BUSY);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_BLOCKED);
    /* It is tried again when the new QEMU runs the guest, and by its timer */
    guest_continue(g);
    fake_host_heal(&g->host);
    guest_wait(g, 1000);
    g_assert_cmpint(guest_dma(g, 0), ==, FAKE_TRANSLATED);
    guest_assert_safe(g, true);
    guest_free(g);
}

static void test_quarantined(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 2);
    fake_host_fail(&g->host, FAKE_ANY_CALL, 0, 1000, EIO);
    guest_ste(g, 0, STE_ABORT, 0);
    guest_cfgi_ste(g, 0);
    g_assert_cmpint(g->stream[0]->attached, ==, SMMUV3_ATTACHED_QUARANTINE);
    guest_hand_over(g);
    g_assert_cmpint(g->stream[0]->attached, ==, SMMUV3_ATTACHED_QUARANTINE);
    g_assert_true(g->stream[0]->has_s1);
    fake_host_heal(&g->host);
    guest_continue(g);
    guest_assert_safe(g, true);
    g_assert_false(g->stream[0]->has_s1);
    guest_free(g);
}

/* A reset empties an SMMU's TLB, so the host's is emptied before it serves */
static void test_tlb_after_reset(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 1);
    guest_reset(g);
    guest_hand_over(g);
    fake_host_take_calls(&g->host);
    guest_smmuen(g, true);
    fake_host_assert_calls(&g->host, "invalidate 1; vdevice d0 0x0; "
                           "hwpt s1@100000; attach d0 s1@100000; ");
    guest_free(g);
}

static void test_failed_atc(void)
{
    Guest *g = guest_new(false);

    g->s.regs.ats = true;
    reach_s1(g, 1);
    /* EATS */
    guest_ste(g, 0, STE_S1(ctx_of(g, 0)), 1ULL << 28);
    guest_cfgi_ste(g, 0);
    g->host.dev[0].atc_dead = true;
    g_assert_true(guest_command(g, 0x40, 52));
    guest_hand_over(g);
    g_assert_true(guest_sync_fails(g));
    g_assert_false(guest_sync_fails(g));
    g->host.dev[0].atc_dead = false;
    guest_free(g);
}

/* There is no file to hand over */
static void test_no_veventq(void)
{
    Guest *g = guest_new(false);

    g->host.no_veventq = true;
    reach_s1(g, 1);
    guest_hand_over(g);
    g_assert_false(g->s.viommu->has_veventq);
    g_assert_cmpint(g->s.viommu->veventq_fd, ==, -1);
    guest_continue(g);
    guest_assert_safe(g, true);
    guest_free(g);
}

/* The last nesting parent: its VMID may still have entries in the host's TLB */
static void test_no_stream(void)
{
    Guest *g = guest_new(false);

    reach_s1(g, 1);
    all_unplug(g, 1);
    guest_hand_over(g);
    fake_host_take_calls(&g->host);
    g_assert_true(guest_plug(g, 0));
    g_assert_nonnull(strstr(g->host.log->str, "invalidate 1; "));
    guest_free(g);
}

/* --- What is refused; the old process then goes on --- */

static void another_device(SMMUv3Handover *h, int *fd)
{
    h->stream[1].dev_id++;
}

static void another_order(SMMUv3Handover *h, int *fd)
{
    SMMUv3HandoverStream first = h->stream[0];

    h->stream[0] = h->stream[1];
    h->stream[1] = first;
}

static void one_less(SMMUv3Handover *h, int *fd)
{
    h->n--;
}

static void one_more(SMMUv3Handover *h, int *fd)
{
    h->stream = g_renew(SMMUv3HandoverStream, h->stream, h->n + 1);
    h->stream[h->n] = h->stream[0];
    h->n++;
}

static void another_parent(SMMUv3Handover *h, int *fd)
{
    h->parent++;
}

static void no_fd(SMMUv3Handover *h, int *fd)
{
    *fd = -1;
}

static void fd_of_nothing(SMMUv3Handover *h, int *fd)
{
    h->has_veventq = false;
}

static void bad_attachment(SMMUv3Handover *h, int *fd)
{
    h->stream[1].attached = SMMUV3_ATTACHED_QUARANTINE + 1;
}

static void bad_closed(SMMUv3Handover *h, int *fd)
{
    h->stream[1].closed = SMMUV3_CLOSED_ATC_STALE + 1;
}

static void bad_kind(SMMUv3Handover *h, int *fd)
{
    h->stream[1].s1.kind = SMMUV3_VSTE_TRANSLATE + 1;
}

static void bad_reason(SMMUv3Handover *h, int *fd)
{
    h->stream[1].wanted.reason = SMMUV3_VSTE_BAD_STE + 1;
}

static void bad_detail(SMMUv3Handover *h, int *fd)
{
    h->stream[1].wanted.detail = SMMUV3_VSTE_S1CONTEXTPTR + 1;
}

static void translate_without_vdevice(SMMUv3Handover *h, int *fd)
{
    h->stream[0].has_vdevice = false;
}

static void translate_without_s1(SMMUv3Handover *h, int *fd)
{
    h->stream[0].has_s1 = false;
}

static void translate_by_another(SMMUv3Handover *h, int *fd)
{
    h->stream[0].s1_attached = false;
}

static void bad_kernel_mode(SMMUv3Handover *h, int *fd)
{
    h->kernel_mode = 3;
}

static const struct {
    const char *name;
    void (*damage)(SMMUv3Handover *h, int *fd);
    const char *says;
} refused[] = {
    { "another-device", another_device, "d1 is not the device with number 1" },
    { "another-order", another_order, "d0 is not the device with number 0" },
    { "one-less", one_less, "d1 is not the device with number 1" },
    { "one-more", one_more, "had 3 devices behind it, and this one has 2" },
    { "another-parent", another_parent, "nesting parent was" },
    { "no-veventq-fd", no_fd, "the state of its vIOMMU is damaged" },
    { "no-veventq", fd_of_nothing, "the state of its vIOMMU is damaged" },
    { "bad-attachment", bad_attachment, "the state of d1 is damaged" },
    { "bad-closed", bad_closed, "the state of d1 is damaged" },
    { "bad-kind", bad_kind, "the state of d1 is damaged" },
    { "bad-reason", bad_reason, "the state of d1 is damaged" },
    { "bad-detail", bad_detail, "the state of d1 is damaged" },
    { "no-vdevice", translate_without_vdevice, "the state of d0 is damaged" },
    { "no-s1", translate_without_s1, "the state of d0 is damaged" },
    { "s1-not-attached", translate_by_another, "the state of d0 is damaged" },
    { "bad-kernel-mode", bad_kernel_mode,
      "the state of its vIOMMU is damaged" },
};

static void test_refused(const void *opaque)
{
    size_t i = (uintptr_t)opaque;
    Guest *g = guest_new(false);
    g_autofree SMMUv3Streams *new = g_new0(SMMUv3Streams, 1);
    int fd;
    SMMUv3Handover h;
    Error *err = NULL;

    reach_s1(g, 2);
    fd = g->s.viommu->veventq_fd;
    smmuv3_streams_hand_over(&g->s, &h);
    guest_new_process(g, new);
    fake_host_take_calls(&g->host);
    refused[i].damage(&h, &fd);
    g_assert_false(smmuv3_streams_take_over(new, &h, fd, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), refused[i].says));
    error_free(err);
    g_assert_true(new->held);
    smmuv3_handover_clear(&h);
    /* The new process fails, and lets its devices go one by one */
    while (!QTAILQ_EMPTY(&new->list)) {
        smmuv3_streams_unplug(new, QTAILQ_FIRST(&new->list));
    }
    g_assert_null(new->viommu);
    fake_host_assert_calls(&g->host, "");
    guest_assert_safe(g, true);
    guest_smmuen(g, false);
    guest_smmuen(g, true);
    guest_assert_safe(g, true);
    guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < n_transitions; i++) {
        g_autofree char *path = g_strdup_printf("/smmuv3/handover/then/%s",
                                                transitions[i].name);

        g_test_add_data_func(path, &transitions[i], test_transition);
    }
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        g_autofree char *path = g_strdup_printf("/smmuv3/handover/refused/%s",
                                                refused[i].name);

        g_test_add_data_func(path, (void *)(uintptr_t)i, test_refused);
    }
    g_test_add_func("/smmuv3/handover/queued", test_queued);
    g_test_add_func("/smmuv3/handover/closed", test_closed);
    g_test_add_func("/smmuv3/handover/quarantined", test_quarantined);
    g_test_add_func("/smmuv3/handover/tlb-after-reset", test_tlb_after_reset);
    g_test_add_func("/smmuv3/handover/failed-atc", test_failed_atc);
    g_test_add_func("/smmuv3/handover/no-veventq", test_no_veventq);
    g_test_add_func("/smmuv3/handover/no-stream", test_no_stream);
    return g_test_run();
}
