/*
 * The same random guest program on accel=off and on accel=on
 *
 * Emulated devices behind the emulated SMMUv3 are the measure: after each
 * program the assigned devices behind the accelerated one must have moved the
 * same bytes, the registers must read the same, and both must have recorded
 * the same events: as many, with type, StreamID and address.
 *
 * SMMUV3_DIFF_PROGRAMS and SMMUV3_DIFF_SEED say how many and which.
 *
 * Where the two may differ is said in unreported[] and id_regs[], each with the
 * architecture's word on it (IHI 0070); a difference there that is not seen is
 * an error, too. Where the emulation is not a measure, the program generator
 * stays away; each such place is marked "Not compared".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "smmuv3-accel-lib.h"

#define SIDES 2
#define STEPS_MAX 5
#define EVENTS_MAX 64
/* So few need not have had everything */
#define FEW_PROGRAMS 500
#define EVENT_WAIT_US (5 * G_USEC_PER_SEC)
/* What comes later than that has come, most likely */
#define SETTLE_US 20000

/* Events that accel=off records and accel=on does not */
static const struct {
    uint8_t type;
    const char *name;
    const char *why;
} unreported[] = {
    { 0x02, "C_BAD_STREAMID", "7.3.3; 6.3.12: only with CR2.RECINVSID = 1, of "
      "which the emulation makes no condition; with it, as the next" },
    { 0x03, "F_STE_FETCH", "7.3.4: of a transaction, and of those of a stream "
      "that aborts the host tells nothing: a limit, in the manual" },
    { 0x04, "C_BAD_STE", "7.3.5: as F_STE_FETCH" },
};

/* Bits of ID registers that are not the same; all others are */
static const struct {
    const char *name;
    uint32_t reg;
    uint32_t differ;
    const char *why;
} id_regs[] = {
    { "IDR0", 0x00, 1u << 13, "6.3.1, MSI: its interrupts and those of "
      "CMD_SYNC can be messages; the emulation's are wires" },
    { "IDR1", 0x04, 0, "6.3.2" },
    { "IDR2", 0x08, 0, "6.3.3" },
    { "IDR3", 0x0c, 1u << 2, "6.3.4, HAD: no host tells whether its SMMU has "
      "it" },
    { "IDR4", 0x10, 0, "6.3.5" },
    { "IDR5", 0x14, 0, "6.3.6" },
    { "IIDR", 0x18, 0, "6.3.7" },
    { "AIDR", 0x1c, 0, "6.3.8" },
};

typedef struct Diff {
    GRand *rand;
    Guest *side[SIDES];
    bool linear;
    bool smmuen;
    bool spare[DEVS];        /* the device is on another bus number */
    bool replugged;          /* one of them, in this program */
    bool fresh[DEVS];        /* plugged since the reset */
    GString *log;
    unsigned events[SIDES];
    unsigned unreported[ARRAY_SIZE(unreported)];
    /* Writes at their own addresses, and through stage 1 */
    unsigned arrived[2];
    unsigned blocked[2];
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

static void G_NORETURN differ(Diff *d, const char *what, uint64_t off,
                              uint64_t on)
{
    g_test_message("%s", d->log->str);
    g_error("%s: 0x%" PRIx64 " with accel=off, 0x%" PRIx64 " with accel=on; "
            "the program is above", what, off, on);
}

/*
 * Not compared: EVENTQ_PROD, which counts those of unreported[], too, and
 * CMDQ_PROD, which is the guest's alone
 */
static void compare_registers(Diff *d)
{
    static const struct {
        const char *name;
        uint32_t reg;
    } regs[] = {
        { "CR0", CR0 }, { "CR0ACK", CR0ACK }, { "CR1", CR1 }, { "CR2", CR2 },
        { "GBPA", GBPA }, { "IRQ_CTRL", IRQ_CTRL },
        { "IRQ_CTRLACK", IRQ_CTRL + 4 }, { "GERROR", GERROR },
        { "GERRORN", GERRORN }, { "GERROR_IRQ_CFG0", GERROR_IRQ_CFG0 },
        { "STRTAB_BASE", STRTAB_BASE }, { "STRTAB_BASE high", STRTAB_BASE + 4 },
        { "STRTAB_BASE_CFG", STRTAB_BASE_CFG }, { "CMDQ_BASE", CMDQ_BASE },
        { "CMDQ_CONS", CMDQ_CONS }, { "EVENTQ_BASE", EVENTQ_BASE },
    };

    for (int i = 0; i < ARRAY_SIZE(regs); i++) {
        uint32_t off = smmu_read(d->side[0], regs[i].reg);
        uint32_t on = smmu_read(d->side[1], regs[i].reg);

        if (off != on) {
            differ(d, regs[i].name, off, on);
        }
    }
    if (smmu_readq(d->side[0], STRTAB_BASE) !=
        smmu_readq(d->side[1], STRTAB_BASE)) {
        differ(d, "STRTAB_BASE as a whole",
               smmu_readq(d->side[0], STRTAB_BASE),
               smmu_readq(d->side[1], STRTAB_BASE));
    }
}

typedef struct Event {
    uint64_t word0;      /* type and StreamID */
    uint64_t addr;
} Event;

typedef struct Events {
    unsigned n;
    Event event[EVENTS_MAX];
} Events;

/* Add what is in the queue; return whether there was anything */
static bool drain(Guest *g, Events *e)
{
    uint32_t mask = (2 << EVENTQ_LOG2) - 1;
    unsigned before = e->n;
    uint32_t ahead;

    while ((ahead = smmu_read(g, EVENTQ_PROD) ^ g->eventq_cons) &&
           e->n < EVENTS_MAX) {
        uint64_t at = EVENTQ + (g->eventq_cons & (mask >> 1)) * 32;
        uint64_t word0 = qtest_readq(g->qts, at);

        g_assert_cmphex(ahead & EVENTQ_OVFLG, ==, 0);
        e->event[e->n++] = (Event) {
            .word0 = word0 & 0xffffffff000000ffull,
            .addr = qtest_readq(g->qts, at + 16),
        };
        g->eventq_cons = (g->eventq_cons & ~mask) |
                         ((g->eventq_cons + 1) & mask);
        smmu_write(g, EVENTQ_CONS, g->eventq_cons);
    }
    return e->n != before;
}

/* Take out what only accel=off records */
static void take_unreported(Diff *d, Events *off)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < off->n; i++) {
        bool known = false;

        for (unsigned j = 0; j < ARRAY_SIZE(unreported); j++) {
            if ((off->event[i].word0 & 0xff) == unreported[j].type) {
                d->unreported[j]++;
                known = true;
            }
        }
        if (!known) {
            off->event[kept++] = off->event[i];
        }
    }
    off->n = kept;
}

static int by_words(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(Event));
}

static void compare_events(Diff *d)
{
    Events off = {}, on = {};
    int64_t end = g_get_monotonic_time() + EVENT_WAIT_US;

    drain(d->side[0], &off);
    d->events[0] += off.n;
    take_unreported(d, &off);
    /* The host's come by its interrupt, a thread of its kernel's, and a fd */
    while ((drain(d->side[1], &on) || on.n < off.n) &&
           g_get_monotonic_time() < end) {
        g_usleep(100);
    }
    d->events[1] += on.n;
    qsort(off.event, off.n, sizeof(Event), by_words);
    qsort(on.event, on.n, sizeof(Event), by_words);
    for (unsigned i = 0; i < off.n && i < on.n; i++) {
        if (off.event[i].word0 != on.event[i].word0) {
            differ(d, "an event (StreamID and type)", off.event[i].word0,
                   on.event[i].word0);
        }
        if (off.event[i].addr != on.event[i].addr) {
            differ(d, "an event's address", off.event[i].addr,
                   on.event[i].addr);
        }
    }
    if (off.n != on.n) {
        differ(d, "the number of events", off.n, on.n);
    }
}

/* Each device has two numbers of its own */
static uint8_t bus(Diff *d, int i)
{
    return FIRST_BUS + i + (d->spare[i] ? DEVS : 0);
}

static uint32_t sid_of(Diff *d, int i)
{
    return bus(d, i) << 8;
}

static void step_ste(Diff *d)
{
    static const uint64_t ste[] = {
        STE_S1, STE_S1, STE_S1, STE_S1, STE_S1, STE_BYPASS, STE_ABORT,
        STE_INVALID, 0x3, 0x7, STE_S2, 0xf,
    };
    uint64_t ste0 = ste[pick(d, ARRAY_SIZE(ste))];
    uint32_t sid = sid_of(d, pick(d, DEVS));
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
                             (uint64_t)sid_of(d, i) << 32, 1);
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

static void set_size(Diff *d, Guest *g, uint32_t log2)
{
    /* 6.3.25: with SMMUEN = 1 the write may be ignored */
    smmu_cr0(g, CR0_QUEUES);
    smmu_write(g, STRTAB_BASE_CFG, d->linear ? log2 : 1 << 16 | 8 << 6 | log2);
    smmu_cr0(g, CR0_QUEUES | (d->smmuen ? CR0_SMMUEN : 0));
    smmu_cfgi_all(g);
}

static void step_size(Diff *d)
{
    bool small = !pick(d, 3);

    say(d, "Stream table of %s size", small ? "a small" : "full");
    BOTH(d, g) {
        set_size(d, g, small ? 12 : d->linear ? 13 : 16);
    }
}

static void step_l1(Diff *d)
{
    int i = pick(d, DEVS);
    bool valid = pick(d, 3);

    if (d->linear) {
        return;
    }
    say(d, "L1 descriptor of bus 0x%x %s", bus(d, i),
        valid ? "valid" : "points at no memory");
    BOTH(d, g) {
        smmu_set_l1(g, bus(d, i), valid);
        smmu_cfgi_all(g);
    }
}

/*
 * Not compared: DMA before a CFGI. The StreamID is another one at once, whose
 * STE counts; the emulation keeps the last one's for the device.
 */
static void renumber(Diff *d, int i, bool spare)
{
    d->spare[i] = spare;
    say(d, "device %d: bus 0x%x", i, bus(d, i));
    BOTH(d, g) {
        guest_set_bus(g, i, bus(d, i));
        smmu_cfgi_all(g);
    }
}

static void step_renumber(Diff *d)
{
    int i = pick(d, DEVS);

    renumber(d, i, !d->spare[i]);
}

static void step_replug(Diff *d)
{
    int i = pick(d, DEVS);

    if (d->replugged || pick(d, 8)) {
        return;
    }
    d->replugged = d->fresh[i] = true;
    renumber(d, i, false);
    say(d, "device %d unplugged and plugged", i);
    BOTH(d, g) {
        guest_unplug(g, i);
        guest_hotplug(g, i);
        dma_write(g, i, BUF);
    }
    /* Before another step can keep what is still on its way from the queue */
    compare_events(d);
}

/* What it is that the devices write, from now on: or nothing, if blocked */
static void step_load(Diff *d)
{
    uint64_t from = BUF + (pick(d, 2) ? MAP_OFFSET : 0);
    uint32_t word = g_rand_int_range(d->rand, 1, INT32_MAX);

    say(d, "0x%x is to be read from 0x%" PRIx64, word, from);
    BOTH(d, g) {
        qtest_writel(g->qts, BUF, word);
        for (int i = 0; i < DEVS; i++) {
            dma_load(g, i, from);
            dma_write(g, i, from + 0x100);
        }
    }
    compare_events(d);
}

/*
 * Accesses of any width, in any order; then all is as it should be again. Not
 * compared, because the emulation has it differently: 64-bit accesses to two
 * registers (6.2), bits that are no field (6.2), registers that are written
 * while what they configure is enabled (6.3.11, 6.3.12, 6.3.24), and
 * EVENTQ_IRQ_CFG0, which it does not read back (6.3.30). tests/machine has
 * these.
 */
static void step_registers(Diff *d)
{
    static const struct {
        uint32_t reg;
        unsigned width_max;
        uint64_t fields;
        bool smmuen_is_0;
    } regs[] = {
        { CR0, 4, 0xd }, { CR1, 4, 0xfff, true }, { CR2, 4, 0x2, true },
        { GBPA, 4, 0x801f3f1f },
        /* The tests are not told of interrupts, but memory would be */
        { IRQ_CTRL, 4, 0 },
        { GERROR_IRQ_CFG0, 8, 0x00fffffffffffffc },
        { STRTAB_BASE, 8, 0x40ffffffffffffc0, true },
        { STRTAB_BASE + 4, 4, 0x40ffffff, true },
        { STRTAB_BASE_CFG, 4, 0x307ff, true },
        { EVENTQ_IRQ_CFG0, 8, UINT64_MAX }, { IDR0, 4, UINT64_MAX },
        { CR0ACK, 4, UINT64_MAX }, { GERROR, 4, UINT64_MAX },
    };

    say(d, "registers:");
    for (int n = 1 + pick(d, 10); n; n--) {
        int i = pick(d, ARRAY_SIZE(regs));
        unsigned width = MIN(pick(d, 2) ? 4 : 1u << pick(d, 4),
                             regs[i].width_max);
        /* Aligned: nothing else leaves a CPU */
        uint32_t reg = (regs[i].reg + (pick(d, 4) ? 0 : 0x10000)) & -width;
        uint64_t val = ((uint64_t)g_rand_int(d->rand) << 32 |
                        g_rand_int(d->rand)) & regs[i].fields;

        /* Not compared: FMT; see step_reset() */
        if (regs[i].reg == STRTAB_BASE_CFG) {
            val = deposit64(val, 16, 2, !d->linear);
        }
        say(d, "    0x%x (%u) = 0x%" PRIx64 "%s", reg, width, val,
            regs[i].smmuen_is_0 ? ", after CR0 = 0" : "");
        BOTH(d, g) {
            if (regs[i].smmuen_is_0) {
                smmu_cr0(g, 0);
            }
            smmu_write_width(g, reg, width, val);
        }
    }
    compare_registers(d);
    BOTH(d, g) {
        smmu_cr0(g, 0);
        smmu_write_width(g, STRTAB_BASE, 8, STRTAB);
        set_size(d, g, d->linear ? 13 : 16);
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
    memset(d->spare, 0, sizeof(d->spare));
    memset(d->fresh, 0, sizeof(d->fresh));
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
        step_cd, step_map, step_illegal, step_size, step_l1, step_renumber,
        step_replug, step_load, step_registers,
    };

    steps[pick(d, ARRAY_SIZE(steps))](d);
}

/* What the devices' writes did: a word of each, which was all ones */
static uint64_t try_writes(Diff *d, Guest *g, uint64_t offset)
{
    uint64_t to = BUF + 0x800;
    uint64_t words;

    qtest_writeq(g->qts, to, UINT64_MAX);
    for (int i = 0; i < DEVS; i++) {
        dma_write_again(g, i, to + i * 4 + offset);
    }
    for (int i = 0; i < DEVS; i++) {
        dma_write_wait(g, i);
    }
    words = qtest_readq(g->qts, to);
    for (int i = 0; i < DEVS; i++) {
        /* A new one holds 0, and one of the host's what it held before */
        if (d->fresh[i] && extract64(words, i * 32, 32) != UINT32_MAX) {
            words = deposit64(words, i * 32, 32, 0);
        }
    }
    return words;
}

/* None came late, of which a reset would leave nothing */
static void compare_late_events(Diff *d)
{
    g_usleep(SETTLE_US);
    compare_events(d);
}

static void compare(Diff *d)
{
    compare_registers(d);
    for (int mapped = 0; mapped < 2; mapped++) {
        uint64_t offset = mapped ? MAP_OFFSET : 0;
        uint64_t off = try_writes(d, d->side[0], offset);
        uint64_t on = try_writes(d, d->side[1], offset);

        if (off != on) {
            differ(d, mapped ? "DMA through stage 1 (a word a device)"
                             : "DMA at its own address (a word a device)",
                   off, on);
        }
        for (int i = 0; i < DEVS; i++) {
            bool blocked = extract64(off, i * 32, 32) == UINT32_MAX;

            d->blocked[mapped] += blocked;
            d->arrived[mapped] += !blocked;
        }
    }
    compare_events(d);
}

/* They do not change, so once will do */
static void compare_id_registers(Diff *d)
{
    for (int i = 0; i < ARRAY_SIZE(id_regs); i++) {
        uint32_t off = smmu_read(d->side[0], id_regs[i].reg);
        uint32_t on = smmu_read(d->side[1], id_regs[i].reg);

        if ((off ^ on) != id_regs[i].differ) {
            differ(d, id_regs[i].name, off, on);
        }
        if (off != on) {
            g_test_message("%s: 0x%x with accel=off, 0x%x with accel=on: %s",
                           id_regs[i].name, off, on, id_regs[i].why);
        }
    }
}

static void report_unreported(Diff *d, unsigned programs)
{
    for (int i = 0; i < ARRAY_SIZE(unreported); i++) {
        g_test_message("%s, only with accel=off, %u times: %s",
                       unreported[i].name, d->unreported[i],
                       unreported[i].why);
        g_assert_true(programs < FEW_PROGRAMS || d->unreported[i]);
    }
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

    compare_id_registers(&d);
    for (unsigned i = 0; i < programs; i++) {
        if (i % 100 == 0) {
            compare_late_events(&d);
            if (i) {
                compare_late_events(&d);
            }
            g_string_truncate(d.log, 0);
            say(&d, "seed %u, programs from %u on", seed, i);
            step_reset(&d);
            g_test_message("from %u on, %.0f s", i,
                           (g_get_monotonic_time() - begin) / 1e6);
        }
        d.replugged = false;
        for (int n = 1 + pick(&d, STEPS_MAX); n; n--) {
            step(&d);
        }
        compare(&d);
        say(&d, "-- %u", i);
    }
    compare_late_events(&d);
    g_test_message("%u programs, seed %u: events %u with accel=off, %u with "
                   "accel=on", programs, seed, d.events[0], d.events[1]);
    g_assert_true(programs < FEW_PROGRAMS || d.events[1]);
    for (int mapped = 0; mapped < 2; mapped++) {
        g_test_message("DMA %s: %u arrived, %u blocked",
                       mapped ? "through stage 1" : "at its own address",
                       d.arrived[mapped], d.blocked[mapped]);
        g_assert_true(programs < FEW_PROGRAMS ||
                      (d.arrived[mapped] && d.blocked[mapped]));
    }
    report_unreported(&d, programs);
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
