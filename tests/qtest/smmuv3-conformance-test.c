/*
 * The conformance table with real DMA, behind the accelerated SMMUv3 or behind
 * the emulated one
 *
 *   smmuv3-conformance-test on|off LIST TABLE...
 *
 * "on" runs the rows that tell what DMA meets, on the lab's devices. "off" runs
 * all rows on accel=off with emulated devices, which needs no lab. Rows on LIST
 * have to fail. Prints TAP, one point a row.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-accel-lib.h"
#include "tests/conformance/interpreter.h"

/* The distributor, and the first SPI of the virt machine's platform bus */
#define GICD         0x08000000ull
#define GICD_ISPENDR (GICD + 0x200)
#define GICD_ICPENDR (GICD + 0x280)
#define GICD_ICFGR   (GICD + 0xc00)
#define FIRST_INTID  (32 + 112)

/* The host's events come by an interrupt, a thread of its kernel's, and a fd */
#define SETTLE_US    10000
#define SETTLE_TRIES 30

typedef struct Side {
    const char *way;
    Guest *g;
    uint32_t eventq_prod;
} Side;

static void do_reset(void *opaque)
{
    Side *s = opaque;

    qtest_system_reset(s->g->qts);
    guest_enumerate(s->g);
    /* Edge-triggered: a pulse stays pending */
    qtest_writel(s->g->qts, GICD_ICFGR + FIRST_INTID / 16 * 4, 0xaa);
    qtest_writel(s->g->qts, GICD_ICPENDR + FIRST_INTID / 32 * 4,
                 0xfu << FIRST_INTID % 32);
}

static uint64_t reg_read(void *opaque, uint32_t reg, unsigned width)
{
    Side *s = opaque;

    g_assert_true(width == 4 || width == 8);
    return width == 8 ? smmu_readq(s->g, reg) : smmu_read(s->g, reg);
}

static void reg_write(void *opaque, uint32_t reg, unsigned width, uint64_t val)
{
    Side *s = opaque;

    smmu_write_width(s->g, reg, width, val);
}

static void mem_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    Side *s = opaque;

    qtest_memread(s->g->qts, addr, buf, len);
}

static bool is_zero(const uint8_t *buf, size_t len)
{
    while (len && !*buf) {
        buf++;
        len--;
    }
    return !len;
}

static void mem_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
    Side *s = opaque;

    if (is_zero(buf, len)) {
        qtest_memset(s->g->qts, addr, 0, len);
    } else {
        qtest_memwrite(s->g->qts, addr, buf, len);
    }
}

static ConfDMA dma(void *opaque, unsigned dev)
{
    static const ConfDMA is[] = {
        [BLOCKED] = CONF_BLOCKED, [FLAT] = CONF_FLAT, [MAPPED] = CONF_MAPPED,
    };
    Side *s = opaque;

    return is[dma_probe(s->g, dev)];
}

static void write_to(void *opaque, unsigned dev, uint64_t iova)
{
    Side *s = opaque;

    s->eventq_prod = smmu_read(s->g, EVENTQ_PROD);
    dma_write(s->g, dev, iova);
}

static void settle(void *opaque)
{
    Side *s = opaque;

    for (int i = 0; i < SETTLE_TRIES && !s->g->emulated &&
         smmu_read(s->g, EVENTQ_PROD) == s->eventq_prod; i++) {
        g_usleep(SETTLE_US);
    }
}

static bool was_pulsed(void *opaque, ConfIRQ irq)
{
    static const unsigned which[] = {
        [CONF_IRQ_EVENTQ] = 0, [CONF_IRQ_SYNC] = 2, [CONF_IRQ_GERROR] = 3,
    };
    Side *s = opaque;
    uint32_t bit = 1u << (FIRST_INTID + which[irq]) % 32;
    bool was = qtest_readl(s->g->qts,
                           GICD_ISPENDR + FIRST_INTID / 32 * 4) & bit;

    qtest_writel(s->g->qts, GICD_ICPENDR + FIRST_INTID / 32 * 4, bit);
    return was;
}

static const ConfMachine machine = {
    .reset = do_reset,
    .reg_read = reg_read,
    .reg_write = reg_write,
    .mem_read = mem_read,
    .mem_write = mem_write,
    .dma = dma,
    .write_to = write_to,
    .pending = write_to,
    .irq = was_pulsed,
    .settle = settle,
};

static bool runs_here(const ConfRow *row, const char *way, const char *with)
{
    bool off = g_str_equal(way, "off");

    return g_str_equal(row->with, with) && (off || row->dma) &&
           (!*row->only || g_str_equal(row->only, way));
}

static bool run_rows(const ConfTable *table, ConfList *expected,
                     const char *way, const char *with, unsigned *number)
{
    static const struct {
        const char *with, *props;
    } props[] = { { "", "" }, { "noril", ",ril=off" } };
    Side side = { .way = way };
    ConfMachine m = machine;
    bool good = true;

    m.opaque = &side;
    for (unsigned i = 0; i < table->rows->len; i++) {
        const ConfRow *row = table->rows->pdata[i];

        if (!runs_here(row, way, with)) {
            continue;
        }
        for (size_t j = 0; !side.g && j < ARRAY_SIZE(props); j++) {
            if (g_str_equal(with, props[j].with)) {
                side.g = g_str_equal(way, "off") ?
                         guest_start_emulated(2) :
                         guest_start(2, props[j].props);
            }
        }
        good &= conf_point(table, row, &m, expected, ++*number);
    }
    if (side.g) {
        guest_stop(side.g);
    }
    return good;
}

int main(int argc, char **argv)
{
    static const char *const withs[] = { "", "noril" };
    ConfTable table = {};
    ConfList *expected;
    unsigned number = 0;
    bool good = true;

    g_test_init(&argc, &argv, NULL);
    if (argc < 4) {
        fprintf(stderr, "usage: %s on|off LIST TABLE...\n", argv[0]);
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        conf_load(&table, argv[i]);
    }
    expected = conf_list_load(argv[2]);
    conf_list_check(expected, &table);
    printf("TAP version 13\n");
    for (size_t i = 0; i < ARRAY_SIZE(withs); i++) {
        if (!*withs[i] || g_str_equal(argv[1], "on")) {
            good &= run_rows(&table, expected, argv[1], withs[i], &number);
        }
    }
    printf("1..%u\n", number);
    return !good;
}
