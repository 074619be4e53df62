/*
 * The same random guest program on accel=off and on accel=on
 *
 * Emulated devices behind the emulated SMMUv3 are the measure: after each
 * program the assigned devices behind the accelerated one must have moved the
 * same bytes, the registers must read the same, and an event that the host
 * reported must be one that the emulation reported, too.
 *
 * SMMUV3_DIFF_PROGRAMS and SMMUV3_DIFF_SEED say how many and which.
 *
 * Where the two differ and both are right (or the emulation is not), the
 * program generator stays away; each such place is marked "Not compared".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-accel-lib.h"

#define SIDES 2
#define STEPS_MAX 5
#define SPIN_EVENTS 8

typedef struct Diff {
    GRand *rand;
    Guest *side[SIDES];
    bool linear;
    bool smmuen;
    GString *log;
    unsigned events[SIDES];
} Diff;

#define BOTH(d, g) \
    for (Guest **side_ = (d)->side, *g; \
         side_ < (d)->side + SIDES && (g = *side_); side_++)

static uint32_t pick(Diff *d, uint32_t n)
{
    return g_rand_int_range(d->rand, 0, n);
}

static void G_GNUC_PRINTF(2, 3) say(Diff *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_string_append_vprintf(d->log, fmt, ap);
    va_end(ap);
    g_string_append_c(d->log, '\n');
}

static void step_ste(Diff *d)
{
    static const uint64_t ste[] = {
        STE_S1, STE_S1, STE_BYPASS, STE_ABORT, STE_INVALID, 0x3, 0x7, STE_S2,
        0xf,
    };
    uint64_t ste0 = ste[pick(d, ARRAY_SIZE(ste))];
    uint32_t sid = guest_sid(pick(d, DEVS));
    uint32_t how = pick(d, 3);

    say(d, "STE of 0x%x = 0x%" PRIx64 ", CFGI way %u", sid, ste0, how);
    BOTH(d, g) {
        smmu_set_ste(g, d->linear, sid, ste0);
        switch (how) {
        case 0:
            smmu_cfgi_ste(g, sid);
            break;
        case 1:
            smmu_cmd_sync(g, 0x04 | (uint64_t)sid << 32, 7);
            break;
        default:
            smmu_cfgi_all(g);
        }
    }
}

static void step_smmuen(Diff *d)
{
    d->smmuen = !d->smmuen;
    say(d, "SMMUEN = %d", d->smmuen);
    BOTH(d, g) {
        smmu_cr0(g, CR0_QUEUES | (d->smmuen ? CR0_SMMUEN : 0));
    }
}

static void step_gbpa(Diff *d)
{
    uint32_t val = GBPA_RESET | (pick(d, 2) ? GBPA_ABORT : 0) |
                   (pick(d, 4) ? GBPA_UPDATE : 0);

    say(d, "GBPA = 0x%x", val);
    BOTH(d, g) {
        smmu_write(g, GBPA, val);
    }
}

/* The CD is both devices' own: one of them is told, then the other */
static void step_cd(Diff *d)
{
    bool valid = pick(d, 3);
    bool all = pick(d, 2);

    say(d, "CD %s, CFGI_CD%s", valid ? "valid" : "invalid", all ? "_ALL" : "");
    BOTH(d, g) {
        uint32_t low = qtest_readl(g->qts, CD) & ~(1u << 31);

        qtest_writel(g->qts, CD, low | (valid ? 1u << 31 : 0));
        for (int i = 0; i < DEVS; i++) {
            smmu_cmd_sync(g, (all ? 0x06 : 0x05) |
                             (uint64_t)guest_sid(i) << 32, 1);
        }
    }
}

static void step_map(Diff *d)
{
    static const char *const name[] = { "NH_VA", "NH_VAA", "NH_ASID", "NH_ALL",
                                        "NSNH_ALL" };
    static const uint8_t op[] = { 0x12, 0x13, 0x11, 0x10, 0x30 };
    bool mapped = pick(d, 2);
    int how = pick(d, ARRAY_SIZE(op));

    say(d, "IOVA %s, TLBI_%s", mapped ? "mapped" : "unmapped", name[how]);
    BOTH(d, g) {
        smmu_set_block(g, mapped);
        smmu_cmd_sync(g, op[how] | (how == 0 || how == 2 ? 1ull << 48 : 0),
                      op[how] < 0x14 && how < 2 ? BUF + MAP_OFFSET : 0);
    }
}

/*
 * Not compared: the commands of EL2, EL3, stage 2, ATS, PRI and stalls, which
 * the emulation ignores and 4.1.3 calls illegal where the feature is not there.
 */
static void step_illegal(Diff *d)
{
    static const uint64_t cmd[] = { 0xff, 0x0e, 0x03 | 1 << 10, 0x04 | 1 << 10,
                                    0x05 | 1 << 10, 0x06 | 1 << 10 };
    uint64_t word0 = cmd[pick(d, ARRAY_SIZE(cmd))];

    say(d, "illegal command 0x%" PRIx64, word0);
    BOTH(d, g) {
        uint32_t at = g->cmdq_prod;

        g_assert_false(smmu_cmd(g, word0, 0));
        qtest_writeq(g->qts, CMDQ + (at & 0xff) * 16, 0x46);
        smmu_write(g, GERRORN, smmu_read(g, GERROR));
        g_assert_cmphex(smmu_read(g, CMDQ_CONS) & 0xfffff, ==, g->cmdq_prod);
    }
}

static void step_size(Diff *d)
{
    uint32_t log2 = pick(d, 3) ? (d->linear ? 13 : 16) : 12;

    say(d, "LOG2SIZE = %u", log2);
    BOTH(d, g) {
        smmu_write(g, STRTAB_BASE_CFG,
                   d->linear ? log2 : 1 << 16 | 8 << 6 | log2);
        smmu_cfgi_all(g);
    }
}

static void step_reset(Diff *d)
{
    /*
     * Not compared: FMT set back from 2-level to linear without a reset, which
     * the emulation does not take up.
     */
    d->linear = pick(d, 2);
    d->smmuen = false;
    say(d, "reset, %s table", d->linear ? "linear" : "2-level");
    BOTH(d, g) {
        qtest_system_reset(g->qts);
        guest_enumerate(g);
        smmu_setup(g, d->linear);
        qtest_writel(g->qts, BUF, 0x5a5a5a5a);
        for (int i = 0; i < DEVS; i++) {
            dma_load(g, i, BUF);
            dma_write(g, i, BUF);
        }
    }
}

static void step(Diff *d)
{
    static void (*const steps[])(Diff *) = {
        step_ste, step_ste, step_ste, step_smmuen, step_smmuen, step_gbpa,
        step_cd, step_map, step_illegal, step_size,
    };

    steps[pick(d, ARRAY_SIZE(steps))](d);
}

static void G_NORETURN differ(Diff *d, const char *what, uint64_t off,
                              uint64_t on)
{
    g_test_message("%s", d->log->str);
    g_error("%s: 0x%" PRIx64 " with accel=off, 0x%" PRIx64 " with accel=on; "
            "the program is above", what, off, on);
}

/* What the devices' writes did: one of two words that were 0 for each */
static uint64_t try_writes(Guest *g, uint64_t offset)
{
    uint64_t to = BUF + 0x800;

    qtest_writeq(g->qts, to, 0);
    for (int i = 0; i < DEVS; i++) {
        dma_write_again(g, i, to + i * 4 + offset);
    }
    for (int i = 0; i < DEVS; i++) {
        dma_write_wait(g, i);
    }
    return qtest_readq(g->qts, to);
}

typedef struct Event {
    uint8_t type;
    uint32_t sid;
    uint64_t addr;
} Event;

/* The events so far; what is in the queue is all there is after a sync */
static unsigned drain(Guest *g, Event *ev)
{
    unsigned n = 0;
    uint32_t mask = 15;

    while (((smmu_read(g, EVENTQ_PROD) ^ g->eventq_cons) & mask) &&
           n < SPIN_EVENTS) {
        uint64_t at = EVENTQ + (g->eventq_cons & 7) * 32;
        uint64_t word0 = qtest_readq(g->qts, at);

        ev[n++] = (Event) { word0, word0 >> 32, qtest_readq(g->qts, at + 16) };
        g->eventq_cons = (g->eventq_cons & ~mask) |
                         ((g->eventq_cons + 1) & mask);
        smmu_write(g, EVENTQ_CONS, g->eventq_cons);
    }
    return n;
}

static void compare_events(Diff *d)
{
    Event off[SPIN_EVENTS], on[SPIN_EVENTS];
    unsigned n_off = drain(d->side[0], off);
    unsigned n_on = drain(d->side[1], on);

    for (unsigned i = 0; i < n_on; i++) {
        bool known = false;

        for (unsigned j = 0; j < n_off; j++) {
            known |= on[i].type == off[j].type && on[i].sid == off[j].sid;
        }
        if (!known) {
            differ(d, "an event (type and StreamID) of the host", n_off,
                   (uint64_t)on[i].sid << 32 | on[i].type);
        }
    }
    d->events[0] += n_off;
    d->events[1] += n_on;
}

static void compare(Diff *d)
{
    static const struct { const char *name; uint32_t reg; } regs[] = {
        { "CR0ACK", CR0ACK }, { "GBPA", GBPA }, { "GERROR", GERROR },
        { "CMDQ_CONS", CMDQ_CONS },
    };

    for (int i = 0; i < ARRAY_SIZE(regs); i++) {
        uint32_t off = smmu_read(d->side[0], regs[i].reg);
        uint32_t on = smmu_read(d->side[1], regs[i].reg);

        if (off != on) {
            differ(d, regs[i].name, off, on);
        }
    }
    for (int mapped = 0; mapped < 2; mapped++) {
        uint64_t offset = mapped ? MAP_OFFSET : 0;
        uint64_t off = try_writes(d->side[0], offset);
        uint64_t on = try_writes(d->side[1], offset);

        if (off != on) {
            differ(d, mapped ? "DMA through stage 1 (a word a device)"
                             : "DMA at its own address (a word a device)",
                   off, on);
        }
    }
    compare_events(d);
}

static unsigned env(const char *name, unsigned def)
{
    const char *val = g_getenv(name);

    return val ? g_ascii_strtoull(val, NULL, 0) : def;
}

static void the_same_bytes_registers_and_events(void)
{
    unsigned programs = env("SMMUV3_DIFF_PROGRAMS", 2000);
    unsigned seed = env("SMMUV3_DIFF_SEED", 1);
    int64_t begin = g_get_monotonic_time();
    Diff d = {
        .rand = g_rand_new_with_seed(seed),
        .log = g_string_new(NULL),
        .side = { guest_start_emulated(2), guest_start_untraced(2) },
    };

    for (unsigned i = 0; i < programs; i++) {
        if (i % 100 == 0) {
            g_string_truncate(d.log, 0);
            say(&d, "seed %u, programs from %u on", seed, i);
            step_reset(&d);
            g_test_message("from %u on, %.0f s", i,
                           (g_get_monotonic_time() - begin) / 1e6);
        }
        for (int n = 1 + pick(&d, STEPS_MAX); n; n--) {
            step(&d);
        }
        compare(&d);
        say(&d, "-- %u", i);
    }
    g_test_message("%u programs, seed %u: events %u with accel=off, %u with "
                   "accel=on", programs, seed, d.events[0], d.events[1]);
    g_assert_cmpuint(d.events[1], >, 0);
    BOTH(&d, g) {
        guest_stop(g);
    }
    g_rand_free(d.rand);
    g_string_free(d.log, true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/smmuv3-accel-diff/the_same_bytes_registers_and_events",
                   the_same_bytes_registers_and_events);
    return g_test_run();
}
