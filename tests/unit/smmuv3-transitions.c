/*
 * Every event that can change what a stream does, and the host calls it costs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-transitions.h"

uint64_t ctx_of(const Guest *g, unsigned i)
{
    return 0x100000 + (i << 12);
}

void all_plug(Guest *g, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        guest_plug(g, i);
    }
}

void all_unplug(Guest *g, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        guest_unplug(g, i);
    }
}

void all_ste(Guest *g, unsigned n, uint64_t word0)
{
    for (unsigned i = 0; i < n; i++) {
        guest_ste(g, g->sid[i], word0, 0);
    }
}

void all_s1(Guest *g, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        guest_ste(g, g->sid[i], STE_S1(ctx_of(g, i)), 0);
    }
}

void all_cfgi(Guest *g, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        guest_cfgi_ste(g, g->sid[i]);
    }
}

/* --- The states that events begin in --- */

static void nothing(Guest *g, unsigned n)
{
}

static void gbpa_bypass(Guest *g, unsigned n)
{
    all_plug(g, n);
}

static void gbpa_abort(Guest *g, unsigned n)
{
    guest_gbpa(g, true);
    all_plug(g, n);
}

static void abort_unplugged(Guest *g, unsigned n)
{
    guest_gbpa(g, true);
}

static void reach_ste(Guest *g, unsigned n, uint64_t word0)
{
    all_plug(g, n);
    all_ste(g, n, word0);
    guest_smmuen(g, true);
}

static void reach_abort(Guest *g, unsigned n)
{
    reach_ste(g, n, STE_ABORT);
}

static void reach_bypass(Guest *g, unsigned n)
{
    reach_ste(g, n, STE_BYPASS);
}

static void reach_invalid(Guest *g, unsigned n)
{
    reach_ste(g, n, STE_INVALID);
}

void reach_s1(Guest *g, unsigned n)
{
    all_plug(g, n);
    all_s1(g, n);
    guest_smmuen(g, true);
}

static void enabled_unplugged(Guest *g, unsigned n)
{
    guest_smmuen(g, true);
}

static void enabled_unplugged_bypass(Guest *g, unsigned n)
{
    all_ste(g, n, STE_BYPASS);
    guest_smmuen(g, true);
}

static void enabled_unplugged_s1(Guest *g, unsigned n)
{
    all_s1(g, n);
    guest_smmuen(g, true);
}

static void plugged_s1_table(Guest *g, unsigned n)
{
    all_plug(g, n);
    all_s1(g, n);
}

static void plugged_bypass_table(Guest *g, unsigned n)
{
    all_plug(g, n);
    all_ste(g, n, STE_BYPASS);
}

static void s1_then_disabled(Guest *g, unsigned n)
{
    reach_s1(g, n);
    guest_smmuen(g, false);
}

static void s1_then_gbpa_abort(Guest *g, unsigned n)
{
    reach_s1(g, n);
    guest_gbpa(g, true);
}

static void s1_then_renumbered(Guest *g, unsigned n)
{
    reach_s1(g, n);
    for (unsigned i = 0; i < n; i++) {
        g->sid[i] += 0x40;
    }
    all_s1(g, n);
}

/* Each takes the StreamID of the one before it */
static void s1_then_rotated(Guest *g, unsigned n)
{
    reach_s1(g, n);
    for (unsigned i = 0; i < n; i++) {
        g->sid[i] = (i + 1) % n + (n == 1);
    }
    all_s1(g, n);
}

static void bypass_then_renumbered_to_abort(Guest *g, unsigned n)
{
    reach_bypass(g, n);
    for (unsigned i = 0; i < n; i++) {
        g->sid[i] += 0x40;
    }
    all_ste(g, n, STE_ABORT);
}

static void s1_then_out_of_range(Guest *g, unsigned n)
{
    reach_s1(g, n);
    for (unsigned i = 0; i < n; i++) {
        g->sid[i] += 0x1000;
    }
}

/* --- The events --- */

static void gbpa_to_abort(Guest *g, unsigned n)
{
    guest_gbpa(g, true);
}

static void gbpa_to_bypass(Guest *g, unsigned n)
{
    guest_gbpa(g, false);
}

static void enable(Guest *g, unsigned n)
{
    guest_smmuen(g, true);
}

static void disable(Guest *g, unsigned n)
{
    guest_smmuen(g, false);
}

static void reset(Guest *g, unsigned n)
{
    guest_reset(g);
}

static void cfgi_each(Guest *g, unsigned n)
{
    all_cfgi(g, n);
}

static void cfgi_all(Guest *g, unsigned n)
{
    guest_cfgi_all(g);
}

static void cfgi_range(Guest *g, unsigned n)
{
    g_assert_true(guest_command(g, 0x04, 5)); /* StreamIDs 0 to 63 */
}

static void cfgi_all_sync(Guest *g, unsigned n)
{
    guest_cfgi_all(g);
    guest_sync(g);
}

/* They are behind one bridge */
static void renumber(Guest *g, unsigned n)
{
    guest_renumber(g, 0, g->sid[0]);
}

static void load_enabled(Guest *g, unsigned n)
{
    guest_load(g, true, true);
}

static void load_disabled(Guest *g, unsigned n)
{
    guest_load(g, false, true);
}

static void cfgi_elsewhere(Guest *g, unsigned n)
{
    guest_cfgi_ste(g, 0xff);
}

static void ste_to(Guest *g, unsigned n, uint64_t word0)
{
    all_ste(g, n, word0);
    guest_cfgi_all(g);
}

static void ste_to_invalid(Guest *g, unsigned n)
{
    ste_to(g, n, STE_INVALID);
}

static void ste_to_abort(Guest *g, unsigned n)
{
    ste_to(g, n, STE_ABORT);
}

static void ste_to_bypass(Guest *g, unsigned n)
{
    ste_to(g, n, STE_BYPASS);
}

static void ste_to_illegal(Guest *g, unsigned n)
{
    ste_to(g, n, 0xd);
}

static void ste_to_s1(Guest *g, unsigned n)
{
    all_s1(g, n);
    guest_cfgi_all(g);
}

static void ste_to_other_s1(Guest *g, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        guest_ste(g, g->sid[i], STE_S1(ctx_of(g, i) + 0x10000000), 0);
    }
    guest_cfgi_all(g);
}

static void ste_shcfg(Guest *g, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        guest_ste(g, g->sid[i], STE_S1(ctx_of(g, i)), 0x0000100000000000);
    }
    guest_cfgi_all(g);
}

static void table_shrinks(Guest *g, unsigned n)
{
    g->s.regs.strtab_base_cfg = 0x3f;
    g->s.regs.strtab_base = 0;
    guest_cfgi_all(g);
}

static void table_unreadable(Guest *g, unsigned n)
{
    g->unreadable = true;
    guest_cfgi_all(g);
}

/* Linux: arm_smmu_device_reset() with the queue on and SMMUEN off */
static void linux_boot_disabled(Guest *g, unsigned n)
{
    guest_cfgi_all(g);
    guest_sync(g);
    g_assert_true(guest_command(g, 0x30, 0));
    guest_sync(g);
}

/* Linux: a crash kernel finds SMMUEN = 1 */
static void kdump(Guest *g, unsigned n)
{
    guest_gbpa(g, true);
    guest_smmuen(g, false);
}

static void pages_unmapped(Guest *g, unsigned n)
{
    for (unsigned i = 0; i < 64; i++) {
        g_assert_true(guest_command(g, 0x12, i << 12));
    }
    guest_sync(g);
}

static void cd_changed(Guest *g, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_true(guest_command(g, 0x05 | (uint64_t)g->sid[i] << 32, 1));
    }
    guest_sync(g);
}

#define NEW_VIOMMU "viommu; hwpt bypass; hwpt abort; veventq; "
/* What is asked at each plug: has the device one StreamID? */
#define PROBE "vdevice d$ 0xfffff; free vdevice d$; "
/* Once: Linux before 6.19 attaches nothing nested without a vDEVICE */
#define LEARN(what) "[attach d$ " what " !ENOENT; ]"
#define FREE_VIOMMU "free veventq; free abort; free bypass; free viommu; "

const Transition transitions[] = {
    /* Plug */
    { "plug with SMMUEN 0 and GBPA bypass", nothing, all_plug,
      NEW_VIOMMU "{" PROBE "attach d$ bypass; }",
      NEW_VIOMMU "{" PROBE LEARN("bypass") "attach d$ parent; }", FAKE_OPEN },
    { "plug with SMMUEN 0 and GBPA abort", abort_unplugged, all_plug,
      NEW_VIOMMU "{" PROBE "attach d$ abort; }",
      NEW_VIOMMU "{" PROBE LEARN("abort") "detach d$; }", FAKE_BLOCKED },
    { "plug with SMMUEN 1 and no valid STE", enabled_unplugged, all_plug,
      NEW_VIOMMU "{" PROBE "attach d$ abort; }",
      NEW_VIOMMU "{" PROBE LEARN("abort") "detach d$; }", FAKE_BLOCKED },
    { "plug with SMMUEN 1 and a bypass STE", enabled_unplugged_bypass,
      all_plug, NEW_VIOMMU "{" PROBE "attach d$ bypass; }",
      NEW_VIOMMU "{" PROBE LEARN("bypass") "attach d$ parent; }", FAKE_OPEN },
    { "plug with SMMUEN 1 and an S1 STE", enabled_unplugged_s1, all_plug,
      NEW_VIOMMU "{" PROBE "vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; }", NULL,
      FAKE_TRANSLATED },

    /* Reset */
    { "reset while translating", reach_s1, reset,
      "{attach d$ bypass; }{free s1@#; free vdevice d$; }", NULL, FAKE_OPEN },
    { "reset with SMMUEN 1 and bypass STEs", reach_bypass, reset,
      "", NULL, FAKE_OPEN },
    { "reset with SMMUEN 1 and abort STEs", reach_abort, reset,
      "{attach d$ bypass; }", NULL, FAKE_OPEN },
    { "reset with GBPA abort", gbpa_abort, reset,
      "{attach d$ bypass; }", NULL, FAKE_OPEN },
    { "reset with GBPA bypass", gbpa_bypass, reset, "", NULL, FAKE_OPEN },
    { "reset after SMMUEN 1 to 0", s1_then_disabled, reset,
      "{free s1@#; free vdevice d$; }", NULL, FAKE_OPEN },

    /* GBPA */
    { "GBPA bypass to abort", gbpa_bypass, gbpa_to_abort,
      "{attach d$ abort; }", NULL, FAKE_BLOCKED },
    { "GBPA abort to bypass", gbpa_abort, gbpa_to_bypass,
      "{attach d$ bypass; }", NULL, FAKE_OPEN },
    { "GBPA bypass to bypass", gbpa_bypass, gbpa_to_bypass, "", NULL,
      FAKE_OPEN },
    { "GBPA abort to abort", gbpa_abort, gbpa_to_abort, "", NULL,
      FAKE_BLOCKED },
    { "GBPA written while SMMUEN 1", reach_s1, gbpa_to_abort, "", NULL,
      FAKE_TRANSLATED },

    /* SMMUEN */
    { "SMMUEN 0 to 1, S1 STEs", plugged_s1_table, enable,
      "{vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; }", NULL,
      FAKE_TRANSLATED },
    { "SMMUEN 0 to 1, bypass STEs, GBPA bypass", plugged_bypass_table, enable,
      "", NULL, FAKE_OPEN },
    { "SMMUEN 0 to 1, no valid STE, GBPA bypass", gbpa_bypass, enable,
      "{attach d$ abort; }", NULL, FAKE_BLOCKED },
    { "SMMUEN 0 to 1, no valid STE, GBPA abort", gbpa_abort, enable,
      "", NULL, FAKE_BLOCKED },
    { "SMMUEN 0 to 1 again, S1 STEs as they were", s1_then_disabled, enable,
      "{attach d$ s1@#; }", NULL, FAKE_TRANSLATED },
    { "SMMUEN 1 to 0 while translating", reach_s1, disable,
      "{attach d$ bypass; }", NULL, FAKE_OPEN },
    { "SMMUEN 1 to 0 while translating, GBPA abort", s1_then_gbpa_abort,
      disable, "{attach d$ abort; }", NULL, FAKE_BLOCKED },
    { "SMMUEN 1 to 0, bypass STEs", reach_bypass, disable, "", NULL,
      FAKE_OPEN },
    { "SMMUEN 1 to 0, abort STEs", reach_abort, disable,
      "{attach d$ bypass; }", NULL, FAKE_OPEN },
    { "GBPA abort and SMMUEN 1 to 0, as a crash kernel", reach_s1, kdump,
      "{attach d$ abort; }", NULL, FAKE_BLOCKED },

    /* STEs */
    { "CFGI_STE, abort to S1", reach_abort, ste_to_s1,
      "{vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; }", NULL,
      FAKE_TRANSLATED },
    { "CFGI_STE, bypass to S1", reach_bypass, ste_to_s1,
      "{vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; }", NULL,
      FAKE_TRANSLATED },
    { "CFGI_STE, bypass to abort", reach_bypass, ste_to_abort,
      "{attach d$ abort; }", NULL, FAKE_BLOCKED },
    { "CFGI_STE, V = 0 to bypass", reach_invalid, ste_to_bypass,
      "{attach d$ bypass; }", NULL, FAKE_OPEN },
    { "CFGI_STE, abort to V = 0", reach_abort, ste_to_invalid, "", NULL,
      FAKE_BLOCKED },
    { "CFGI_STE, S1 to other S1", reach_s1, ste_to_other_s1,
      "{hwpt s1@10#; attach d$ s1@10#; free s1@#; }", NULL, FAKE_TRANSLATED },
    { "CFGI_STE, S1 to the same with other attributes", reach_s1, ste_shcfg,
      "", NULL, FAKE_TRANSLATED },
    { "CFGI_STE, S1 to abort", reach_s1, ste_to_abort,
      "{attach d$ abort; free s1@#; free vdevice d$; }", NULL, FAKE_BLOCKED },
    { "CFGI_STE, S1 to bypass", reach_s1, ste_to_bypass,
      "{attach d$ bypass; free s1@#; free vdevice d$; }", NULL, FAKE_OPEN },
    { "CFGI_STE, S1 to V = 0", reach_s1, ste_to_invalid,
      "{attach d$ abort; free s1@#; free vdevice d$; }", NULL, FAKE_BLOCKED },
    { "CFGI_STE, S1 to an illegal Config", reach_s1, ste_to_illegal,
      "{attach d$ abort; free s1@#; free vdevice d$; }", NULL, FAKE_BLOCKED },
    { "CFGI_ALL, S1 to nothing: the table has moved out of memory", reach_s1,
      table_shrinks, "{attach d$ abort; free s1@#; free vdevice d$; }", NULL,
      FAKE_BLOCKED },
    { "CFGI_ALL, S1 to nothing: the table cannot be read", reach_s1,
      table_unreadable, "{attach d$ abort; free s1@#; free vdevice d$; }",
      NULL, FAKE_BLOCKED },
    { "CFGI_ALL and SYNC, S1 STEs as they were", reach_s1, cfgi_all_sync,
      "invalidate %n; ", NULL, FAKE_TRANSLATED },
    { "CFGI_ALL and SYNC, bypass STEs as they were", reach_bypass,
      cfgi_all_sync, "", NULL, FAKE_OPEN },
    { "CFGI_STE of a StreamID without device", reach_s1, cfgi_elsewhere,
      "", NULL, FAKE_TRANSLATED },
    { "CFGI_STE, CFGI_ALL and TLBI with SMMUEN 0, as Linux boots",
      plugged_s1_table, linux_boot_disabled, "invalidate 1; ", NULL,
      FAKE_OPEN },
    { "CFGI_ALL with SMMUEN 0 after translating", s1_then_disabled, cfgi_all,
      "", NULL, FAKE_OPEN },

    /* CDs and TLB */
    { "64 pages unmapped and SYNC", reach_s1, pages_unmapped,
      "invalidate 64; ", NULL, FAKE_TRANSLATED },
    { "CFGI_CD of each and SYNC", reach_s1, cd_changed,
      "invalidate %n; ", NULL, FAKE_TRANSLATED },

    /* StreamIDs */
    { "a bus renumbered", s1_then_renumbered, renumber,
      "{free vdevice d$; }{vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; "
      "free s1@#; }", NULL, FAKE_TRANSLATED },
    { "buses renumbered, CFGI_STE of each", s1_then_renumbered, cfgi_each,
      "{free vdevice d$; }{vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; "
      "free s1@#; }", NULL, FAKE_TRANSLATED },
    { "buses renumbered, any CFGI", s1_then_renumbered, cfgi_elsewhere,
      "{free vdevice d$; }{vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; "
      "free s1@#; }", NULL, FAKE_TRANSLATED },
    { "StreamIDs rotated, CFGI_STE_RANGE", s1_then_rotated, cfgi_range,
      "{free vdevice d$; }{vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; "
      "free s1@#; }", NULL, FAKE_TRANSLATED },
    { "bypass renumbered to an abort STE, any CFGI",
      bypass_then_renumbered_to_abort, cfgi_elsewhere,
      "{attach d$ abort; }", NULL, FAKE_BLOCKED },
    { "S1 renumbered out of the table, any CFGI", s1_then_out_of_range,
      cfgi_elsewhere, "{attach d$ abort; free s1@#; free vdevice d$; }", NULL,
      FAKE_BLOCKED },

    /* A state that was loaded, over a reset or over what ran */
    { "loaded with SMMUEN 1 over GBPA bypass, S1 STEs", plugged_s1_table,
      load_enabled, "{vdevice d$ 0x@; hwpt s1@#; attach d$ s1@#; }", NULL,
      FAKE_TRANSLATED },
    { "loaded with SMMUEN 1 over the same", reach_s1, load_enabled, "", NULL,
      FAKE_TRANSLATED },
    { "loaded with GBPA abort over S1 STEs", reach_s1, load_disabled,
      "{attach d$ abort; }", NULL, FAKE_BLOCKED },
    { "loaded with GBPA abort over GBPA bypass", gbpa_bypass, load_disabled,
      "{attach d$ abort; }", NULL, FAKE_BLOCKED },

    /* Unplug */
    { "unplug with GBPA bypass", gbpa_bypass, all_unplug,
      "{detach d$; }" FREE_VIOMMU, NULL, FAKE_BLOCKED, true },
    { "unplug while translating", reach_s1, all_unplug,
      "{detach d$; free s1@#; free vdevice d$; }" FREE_VIOMMU, NULL,
      FAKE_BLOCKED, true },
    { "unplug after SMMUEN 1 to 0", s1_then_disabled, all_unplug,
      "{detach d$; free s1@#; free vdevice d$; }" FREE_VIOMMU, NULL,
      FAKE_BLOCKED, true },
};

const size_t n_transitions = ARRAY_SIZE(transitions);

static char *replace(const char *s, const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(s, from, 0);

    return g_strjoinv(to, parts);
}

/* Once it is known, Linux before 6.19 gets the parent and detaches instead */
static char *for_old_kernel(const char *calls)
{
    g_autofree char *s = replace(calls, "attach d$ bypass", "attach d$ parent");

    return replace(s, "attach d$ abort", "detach d$");
}

/* One device's part of a template */
static void expand_device(GString *out, const char *from, const char *to,
                          const Guest *g, unsigned i)
{
    for (; from < to; from++) {
        if (*from == '[' && i) {
            from = strchr(from, ']');
        } else if (*from == '[' || *from == ']') {
            continue;
        } else if (*from == '$') {
            g_string_append_printf(out, "%u", i);
        } else if (*from == '@' && from[-1] == 'x') {
            g_string_append_printf(out, "%x", g->sid[i]);
        } else if (*from == '#') {
            g_string_append_printf(out, "%" PRIx64, ctx_of(g, i));
        } else {
            g_string_append_c(out, *from);
        }
    }
}

char *transition_calls(const Transition *t, const Guest *g, unsigned n)
{
    bool old = g->host.kernel == FAKE_LINUX_6_15;
    g_autofree char *template = !old ? g_strdup(t->calls) :
                                t->calls_old ? g_strdup(t->calls_old) :
                                for_old_kernel(t->calls);
    const char *p = template;
    GString *out = g_string_new(NULL);

    g_assert(p);
    for (; *p; p++) {
        if (*p == '{') {
            const char *end = strchr(p, '}');

            for (unsigned i = 0; i < n; i++) {
                expand_device(out, p + 1, end, g, i);
            }
            p = end;
        } else if (*p == '%') {
            g_string_append_printf(out, "%u", n);
            p++;
        } else {
            g_string_append_c(out, *p);
        }
    }
    return g_string_free(out, false);
}
