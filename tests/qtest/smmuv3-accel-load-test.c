/*
 * arm-smmuv3,accel=on under load: many devices, many SMMUs, many changes while
 * DMA runs, many plugs; QEMU and the host hold the same before and after
 *
 * Needs what smmuv3-accel-test needs, with as many edu devices as there are to
 * be, and FAIL_NTH_FILE. SMMUV3_LOAD_FLIPS and SMMUV3_LOAD_PLUGS say how many.
 * With SMMUV3_LOAD_LEAK no object is destroyed, and the test fails.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-accel-lib.h"

/* Odd, or only every other state would be looked at */
#define CHECK_EVERY     51
#define SMMUS           8
/* Less than 300 bytes a flip, 3 KiB a plug: what a leaked object would take */
#define SLACK_KIB       2048

typedef struct Figures {
    long rss, free, slab;
    int fds, objects;
} Figures;

static FailNth *ctl;

static unsigned number(const char *env, unsigned otherwise)
{
    return g_getenv(env) ? atoi(g_getenv(env)) : otherwise;
}

static Figures figures(Guest *g)
{
    return (Figures) {
        .rss = guest_rss(g),
        .free = proc_kib("/proc/meminfo", "MemAvailable"),
        .slab = proc_kib("/proc/meminfo", "SUnreclaim"),
        .fds = guest_fds(g),
        .objects = ctl->objects,
    };
}

static void assert_figures(const char *what, Figures is, Figures was)
{
    g_test_message("%s: QEMU's memory %ld KiB, then %ld; its descriptors %d, "
                   "then %d; its iommufd objects %d, then %d; the host's "
                   "unreclaimable slabs %ld KiB, then %ld; available there "
                   "%ld KiB, then %ld", what, was.rss, is.rss, was.fds, is.fds,
                   was.objects, is.objects, was.slab, is.slab, was.free,
                   is.free);
    g_assert_cmpint(is.fds, ==, was.fds);
    g_assert_cmpint(is.objects, ==, was.objects);
    g_assert_cmpint(is.rss, <, was.rss + SLACK_KIB);
    g_assert_cmpint(is.slab, <, was.slab + SLACK_KIB);
}

static Dma of_ste(uint64_t ste)
{
    return ste == STE_S1 ? MAPPED : ste == STE_BYPASS ? FLAT : BLOCKED;
}

static uint64_t nth_ste(int n)
{
    static const uint64_t ste[] = { STE_S1, STE_BYPASS, STE_ABORT };

    return ste[n % ARRAY_SIZE(ste)];
}

static void set_gbpa(Guest *g, bool abort)
{
    smmu_gbpa(g, GBPA_RESET | (abort ? GBPA_ABORT : 0));
}

static void set_enabled(Guest *g, bool enabled)
{
    smmu_cr0(g, CR0_QUEUES | (enabled ? CR0_SMMUEN : 0));
}

/* Both devices write, as fast as they can, to where either kind of DMA goes */
static bool keep_writing(Guest *g, unsigned n)
{
    bool running = false;

    for (int i = 0; i < DEVS; i++) {
        dma_write_again(g, i, MSI_BUF + (n & 1 ? MAP_OFFSET : 0));
        running |= dma_running(g, i);
    }
    return running;
}

/*
 * An edu device takes no new address while it runs, and QEMU's believes any
 * address in its buffer: half of a transfer may bring down the board.
 */
static void finish_writing(Guest *g)
{
    for (int i = 0; i < DEVS; i++) {
        dma_write_wait(g, i);
    }
}

static void flips_while_dma_runs(void)
{
    Guest *g = guest_start_untraced(DEVS);
    unsigned flips = number("SMMUV3_LOAD_FLIPS", 1000), running = 0;
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    bool enabled = false, abort = false;
    unsigned seen[3] = {};
    Figures was;

    smmu_setup(g, false);
    for (int i = 0; i < DEVS; i++) {
        smmu_set_ste(g, false, guest_sid(i), STE_S1);
        dma_write(g, i, MSI_BUF);
    }
    set_enabled(g, true);
    set_enabled(g, false);
    was = figures(g);
    for (unsigned n = 0; n < flips; n++) {
        running += keep_writing(g, n);
        if (g_rand_boolean(rand)) {
            set_gbpa(g, abort = !abort);
        } else {
            set_enabled(g, enabled = !enabled);
        }
        if (n % CHECK_EVERY == 0 || n == flips - 1) {
            Dma want = enabled ? MAPPED : abort ? BLOCKED : FLAT;

            finish_writing(g);
            dma_assert(g, want, want);
            seen[want]++;
        }
    }
    set_enabled(g, false);
    set_gbpa(g, false);
    /* Else this was no test of running DMA; a busy machine has less of it */
    g_assert_cmpuint(running, >, flips / 10);
    g_test_message("%u flips, %u of them while DMA ran; found %u times "
                   "blocked, %u flat, %u mapped", flips, running,
                   seen[BLOCKED], seen[FLAT], seen[MAPPED]);
    g_assert_true(seen[BLOCKED] && seen[FLAT] && seen[MAPPED]);
    assert_figures("flips", figures(g), was);
    guest_stop(g);
}

static void plugs(void)
{
    Guest *g = guest_start_untraced(1);
    unsigned cycles = number("SMMUV3_LOAD_PLUGS", 20);
    Figures was;

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    set_enabled(g, true);
    for (int i = 0; i < 3; i++) {
        guest_hotplug(g, 1);
        guest_unplug(g, 1);
    }
    was = figures(g);
    for (unsigned n = 0; n < cycles; n++) {
        guest_hotplug(g, 1);
        g_assert_cmpint(dma_probe(g, 1), ==, MAPPED);
        guest_unplug(g, 1);
    }
    g_assert_cmpint(dma_probe(g, 0), ==, MAPPED);
    g_test_message("%u plugs and unplugs", cycles);
    assert_figures("plugs", figures(g), was);
    guest_stop(g);
}

static void assert_all(Guest *g, int n, const Dma *want)
{
    Dma is[DEVS_MAX];

    dma_probe_all(g, is);
    for (int i = 0; i < n; i++) {
        if (is[i] != want[i]) {
            g_error("DMA of device %d is %s, not %s", i, dma_name(is[i]),
                    dma_name(want[i]));
        }
    }
}

static void assert_all_are(Guest *g, int n, Dma dma)
{
    Dma want[DEVS_MAX];

    for (int i = 0; i < n; i++) {
        want[i] = dma;
    }
    assert_all(g, n, want);
}

static void one_smmu_with_all_devices(void)
{
    const int n = DEVS_MAX;
    Guest *g = guest_start_many(n, true);
    Dma want[DEVS_MAX];
    Figures was;

    smmu_setup(g, false);
    assert_all_are(g, n, FLAT);
    was = figures(g);
    for (int round = 0; round < 3; round++) {
        set_gbpa(g, true);
        assert_all_are(g, n, BLOCKED);
        for (int i = 0; i < n; i++) {
            smmu_set_ste(g, false, guest_sid(i), nth_ste(i + round));
            want[i] = of_ste(nth_ste(i + round));
        }
        set_enabled(g, true);
        assert_all(g, n, want);
        for (int i = 0; i < n; i++) {
            smmu_set_ste(g, false, guest_sid(i), STE_S1);
        }
        smmu_cfgi_all(g);
        assert_all_are(g, n, MAPPED);
        for (int i = 0; i < n; i++) {
            smmu_set_ste(g, false, guest_sid(i), STE_ABORT);
        }
        smmu_cfgi_all(g);
        set_gbpa(g, false);
        set_enabled(g, false);
        assert_all_are(g, n, FLAT);
    }
    g_test_message("%d devices", n);
    assert_figures("devices", figures(g), was);
    guest_stop(g);
}

/* Each SMMU's registers are for its own device, and for no other */
static void smmus_with_a_device_each(void)
{
    Guest *g = guest_start_many(SMMUS, false);
    bool enabled[SMMUS] = {}, abort[SMMUS] = {};
    Dma want[DEVS_MAX];
    Figures was;

    for (g->smmu = 0; g->smmu < SMMUS; g->smmu++) {
        smmu_setup(g, false);
    }
    for (int i = 0; i < SMMUS; i++) {
        smmu_set_ste(g, false, guest_sid(i), STE_S1);
        want[i] = FLAT;
    }
    assert_all(g, SMMUS, want);
    was = figures(g);
    for (int n = 0; n < 4 * SMMUS; n++) {
        int i = g->smmu = n * 3 % SMMUS;

        if (n / SMMUS % 2) {
            set_enabled(g, enabled[i] = !enabled[i]);
        } else {
            set_gbpa(g, abort[i] = !abort[i]);
        }
        want[i] = enabled[i] ? MAPPED : abort[i] ? BLOCKED : FLAT;
        if (n % 4 == 3) {
            assert_all(g, SMMUS, want);
        }
    }
    for (g->smmu = 0; g->smmu < SMMUS; g->smmu++) {
        smmu_set_ste(g, false, guest_sid(g->smmu), STE_ABORT);
        set_enabled(g, true);
        smmu_cfgi_all(g);
        set_gbpa(g, false);
        set_enabled(g, false);
    }
    assert_all_are(g, SMMUS, FLAT);
    g_test_message("%d SMMUs", SMMUS);
    assert_figures("SMMUs", figures(g), was);
    guest_stop(g);
}

#define TEST(name) qtest_add_func("/smmuv3-accel/load/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    ctl = guest_fail_nth();
    if (g_getenv("SMMUV3_LOAD_LEAK")) {
        ctl->lose = FAIL_NTH_LOSE_DESTROY;
        ctl->armed = ctl->fired = 1;
    }
    TEST(flips_while_dma_runs);
    TEST(plugs);
    TEST(one_smmu_with_all_devices);
    TEST(smmus_with_a_device_each);
    return g_test_run();
}
