/*
 * arm-smmuv3,accel=on while the host resets one of its devices, again and again
 *
 * Needs two devices of the lab's board that have ATS and FLR, bound to vfio-pci
 * behind an SMMUv3 with ATS, and their addresses in SMMUV3_TEST_DEVICES: only
 * of such devices does Linux detach the SMMU during a reset. The first is
 * reset, the second is its neighbour. SMMUV3_TEST_RESETS says how many resets
 * there are to be.
 *
 * The devices only ever write here. A reset loses the writes of registers that
 * come meanwhile, and QEMU's edu device believes any address in its buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "smmuv3-accel-lib.h"

#define ECAM            0x4010000000ull
#define EVT_TYPE(e)     ((e)[0] & 0xff)
#define EVT_SID(e)      ((e)[0] >> 32)
#define F_TRANSLATION   0x10
/* A reset, with what Linux waits for after it, takes some hundred ms */
#define PATIENCE_US     (30 * G_USEC_PER_SEC)

/* Of each device: where DMA in bypass may write, and where translated DMA */
#define FLAT_PAGE(i)    (BUF + (i) * 0x10000)
#define MAPPED_PAGE(i)  (BUF + (i) * 0x10000 + 0x8000)

/*
 * Two page tables, of which the guest takes the one it had not before. Both
 * have MAP_OFFSET, and each has an offset of its own.
 */
#define OTHER_CD        (CD + 0x1000)
#define OTHER_PGD       (PGD + 0x1000)
#define OWN_OFFSET(other) ((other) ? 4ull << 30 : 3ull << 30)

/* A thread that lets the host reset the first device */
typedef struct Resetter {
    GThread *thread;
    GMutex lock;        /* held during a reset */
    bool stop;
    bool running;
    unsigned resets[3]; /* of each method */
    unsigned refused;   /* as one of the guest's was under way */
    unsigned failed;
    int64_t ended;      /* when the last reset did, in us */
} Resetter;

typedef struct Storm {
    Guest *g;
    Resetter r;
    GRand *rand;
    int64_t clock;      /* the VM's clock was last moved at this time, in us */
    bool enabled, abort;
    uint64_t ste;
    bool other;         /* STEs that translate have the other page table */
    unsigned steps, missed, expected[DEVS], events[DEVS];
    GArray *reopened;   /* how long that took, in us */
} Storm;

static unsigned number(const char *env, unsigned otherwise)
{
    return g_getenv(env) ? atoi(g_getenv(env)) : otherwise;
}

static bool write_file(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY);
    bool ok = fd >= 0 && write(fd, value, strlen(value)) == strlen(value);
    int error = errno;

    if (fd >= 0) {
        close(fd);
    }
    errno = error;
    return ok;
}

/* By FLR, by a reset of the device's bus, by one of all that is on its port */
static bool reset_by(int method)
{
    g_autofree char *dev = g_strdup_printf("/sys/bus/pci/devices/%s",
                                           guest_host_device(0));
    g_autofree char *methods = g_strdup_printf("%s/reset_method", dev);
    g_autofree char *reset = g_strdup_printf("%s/reset", dev);
    g_autofree char *real = NULL, *port = NULL, *subordinate = NULL;

    switch (method) {
    case 0:
        return write_file(methods, "flr") && write_file(reset, "1");
    case 1:
        return write_file(methods, "bus") && write_file(reset, "1");
    default:
        real = realpath(dev, NULL);
        port = g_path_get_dirname(real);
        subordinate = g_strdup_printf("%s/reset_subordinate", port);
        return write_file(subordinate, "1");
    }
}

static void *reset_loop(void *opaque)
{
    Resetter *r = opaque;
    unsigned n = 0;

    while (!qatomic_read(&r->stop)) {
        g_mutex_lock(&r->lock);
        qatomic_set(&r->running, true);
        if (reset_by(n % 3)) {
            r->resets[n % 3]++;
        } else if (errno == EAGAIN) {
            r->refused++;
        } else {
            r->failed++;
        }
        qatomic_set(&r->running, false);
        r->ended = g_get_monotonic_time();
        g_mutex_unlock(&r->lock);
        n++;
        g_usleep(1000 + n % 7 * 5000);
    }
    return NULL;
}

static unsigned resets(const Resetter *r)
{
    return r->resets[0] + r->resets[1] + r->resets[2];
}

/* A field of what the monitor shows of a device */
static uint64_t stream_number(Guest *g, int i, const char *key)
{
    QDict *smmu = guest_query(g);
    const QListEntry *e;
    uint64_t value = UINT64_MAX;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(smmu, "streams"), e) {
        QDict *st = qobject_to(QDict, qlist_entry_obj(e));

        if (qdict_get_int(st, "sid") == guest_sid(i)) {
            value = !strcmp(key, "closed") ?
                    !strcmp(qdict_get_str(st, "attached"), "closed") :
                    qdict_get_int(st, key);
        }
    }
    qobject_unref(smmu);
    g_assert_cmphex(value, !=, UINT64_MAX);
    return value;
}

static bool is_closed(Guest *g, int i)
{
    return stream_number(g, i, "closed");
}

/* A qtest's clock stands still but for this: let it be the real one */
static void pass_time(Storm *s)
{
    int64_t t = g_get_monotonic_time();

    qtest_clock_step(s->g->qts, (t - s->clock) * 1000);
    s->clock = t;
}

static Dma wanted(const Storm *s)
{
    return s->enabled ? s->ste == STE_S1 ? MAPPED :
                        s->ste == STE_BYPASS ? FLAT : BLOCKED
                      : s->abort ? BLOCKED : FLAT;
}

static void wait_idle(Guest *g, int i)
{
    int64_t end = g_get_monotonic_time() + PATIENCE_US;

    /* All ones is what a device in reset reads as */
    while (dma_running(g, i)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

/* Let device @i write at @iova; did it arrive at @page? */
static bool arrives(Guest *g, int i, uint64_t iova, uint64_t page)
{
    wait_idle(g, i);
    qtest_writel(g->qts, page, 0);
    dma_write_again(g, i, iova);
    wait_idle(g, i);
    return qtest_readl(g->qts, page) != 0;
}

static Dma probe(Storm *s, int i)
{
    bool flat, mapped;

    flat = arrives(s->g, i, FLAT_PAGE(i), FLAT_PAGE(i));
    if (wanted(s) == MAPPED) {
        /* In a reset the second may have the first's address, too */
        s->expected[i] += i == 0 ? 2 : 1;
    }
    mapped = arrives(s->g, i, MAPPED_PAGE(i) + OWN_OFFSET(s->other),
                     MAPPED_PAGE(i));
    /* The first write must not have arrived late, or by the second's address */
    flat |= qtest_readl(s->g->qts, FLAT_PAGE(i)) != 0;
    g_assert_false(flat && mapped);
    return flat ? FLAT : mapped ? MAPPED : BLOCKED;
}

static void take_events(Storm *s)
{
    int64_t end = g_get_monotonic_time() + PATIENCE_US;
    uint64_t evt[4];

    do {
        uint32_t mask = (2 << EVENTQ_LOG2) - 1;

        if (((smmu_read(s->g, EVENTQ_PROD) ^ s->g->eventq_cons) & mask) == 0) {
            continue;
        }
        g_assert_true(smmu_next_event(s->g, evt));
        g_assert_cmphex(EVT_TYPE(evt), ==, F_TRANSLATION);
        for (int i = 0; i < DEVS; i++) {
            s->events[i] += EVT_SID(evt) == guest_sid(i);
        }
        g_assert_true(EVT_SID(evt) == guest_sid(0) ||
                      EVT_SID(evt) == guest_sid(1));
        /* What the neighbour's DMA was refused is told, all of it */
    } while (s->events[1] < s->expected[1] &&
             g_get_monotonic_time() < end);
    g_assert_cmpuint(s->events[1], ==, s->expected[1]);
    g_assert_cmpuint(s->events[0], <=, s->expected[0]);
}

static void make_tables(Guest *g)
{
    uint64_t block = 0x40000000ull | 0x741;

    qtest_writeq(g->qts, PGD + 4 * 8, block);
    qtest_memset(g->qts, OTHER_PGD, 0, 4096);
    qtest_writeq(g->qts, OTHER_PGD + 2 * 8, block);
    qtest_writeq(g->qts, OTHER_PGD + 5 * 8, block);
    smmu_set_cd(g, OTHER_CD, OTHER_PGD, 2);
}

static void set_stes(Storm *s, uint64_t ste)
{
    s->ste = ste;
    s->other ^= ste == STE_S1;
    for (int i = 0; i < DEVS; i++) {
        smmu_set_ste_cd(s->g, false, guest_sid(i), ste,
                        s->other ? OTHER_CD : CD);
    }
}

static void change(Storm *s)
{
    static const uint64_t stes[] = { STE_S1, STE_BYPASS, STE_ABORT, STE_S1 };
    Guest *g = s->g;

    switch (g_rand_int_range(s->rand, 0, 4)) {
    case 0:
        s->abort = !s->abort;
        smmu_gbpa(g, GBPA_RESET | (s->abort ? GBPA_ABORT : 0));
        /* fall through: GBPA acts once SMMUEN is 0 */
    case 1:
        s->enabled = !s->enabled;
        smmu_cr0(g, CR0_QUEUES | (s->enabled ? CR0_SMMUEN : 0));
        break;
    default:
        set_stes(s, stes[g_rand_int_range(s->rand, 0, ARRAY_SIZE(stes))]);
        for (int i = 0; i < DEVS; i++) {
            smmu_cfgi_ste(g, guest_sid(i));
        }
        break;
    }
}

/* A change while the devices write, and what they can do after it */
static void step(Storm *s)
{
    Dma is[DEVS] = {};

    for (int i = 0; i < DEVS; i++) {
        /* Makes no event that the guest is told, whatever is attached */
        dma_write_again(s->g, i, MAPPED_PAGE(i) + MAP_OFFSET);
    }
    change(s);
    /* In a reset it may be the address of before, of the other page table */
    s->expected[0] += wanted(s) == MAPPED;
    pass_time(s);
    for (int i = 0; i < DEVS; i++) {
        is[i] = probe(s, i);
    }
    if (is[1] != wanted(s)) {
        g_error("DMA of the neighbour is %s, not %s", dma_name(is[1]),
                dma_name(wanted(s)));
    }
    if (is[0] != BLOCKED && is[0] != wanted(s)) {
        g_error("DMA of the device in reset is %s, not %s", dma_name(is[0]),
                dma_name(wanted(s)));
    }
    s->missed += is[0] != wanted(s);
    s->steps++;
    take_events(s);
}

/* Set the state without more ado */
static void set(Storm *s, bool enabled, uint64_t ste)
{
    set_stes(s, ste);
    s->enabled = enabled;
    smmu_cr0(s->g, CR0_QUEUES | (enabled ? CR0_SMMUEN : 0));
    if (enabled) {
        smmu_cfgi_all(s->g);
    }
}

/*
 * Close the stream of the first device: by a change during a reset. Returns
 * with resets held up, and no event of the guest's since.
 */
static void close_by_reset(Storm *s)
{
    int64_t end = g_get_monotonic_time() + PATIENCE_US;
    bool closed = false;

    while (!closed) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        set(s, true, STE_ABORT);
        while (!qatomic_read(&s->r.running)) {
            g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
        set(s, true, STE_S1);
        g_mutex_lock(&s->r.lock);
        closed = is_closed(s->g, 0);
        if (!closed) {
            g_mutex_unlock(&s->r.lock);
        }
    }
    s->clock = g_get_monotonic_time();
}

/* Nothing but time passes; the stream must open */
static void reopen_by_time(Storm *s)
{
    int64_t start = s->r.ended;
    int64_t took;

    while (is_closed(s->g, 0)) {
        pass_time(s);
        g_assert_cmpint(g_get_monotonic_time(), <, start + PATIENCE_US);
    }
    took = g_get_monotonic_time() - start;
    g_array_append_val(s->reopened, took);
    g_assert_cmpint(probe(s, 0), ==, MAPPED);
    g_assert_cmpint(probe(s, 1), ==, MAPPED);
    take_events(s);
}

static uint16_t devctl(Guest *g)
{
    uint64_t dev = ECAM + ((uint64_t)FIRST_BUS << 20);
    uint8_t cap = qtest_readb(g->qts, dev + PCI_CAPABILITY_LIST);

    while (cap && qtest_readb(g->qts, dev + cap) != PCI_CAP_ID_EXP) {
        cap = qtest_readb(g->qts, dev + cap + 1);
    }
    g_assert_cmphex(cap, !=, 0);
    return cap + PCI_EXP_DEVCTL;
}

static void guest_flr(Guest *g)
{
    uint64_t at = ECAM + ((uint64_t)FIRST_BUS << 20) + devctl(g);

    qtest_writew(g->qts, at, qtest_readw(g->qts, at) | PCI_EXP_DEVCTL_BCR_FLR);
}

static Storm *storm_start(void)
{
    Storm *s = g_new0(Storm, 1);

    s->g = guest_start_untraced(DEVS);
    s->rand = g_rand_new_with_seed(1);
    s->reopened = g_array_new(false, false, sizeof(int64_t));
    smmu_setup(s->g, false);
    make_tables(s->g);
    /* What they write from now on */
    qtest_writel(s->g->qts, MSI_BUF, 0xa5a5a5a5);
    for (int i = 0; i < DEVS; i++) {
        dma_load(s->g, i, MSI_BUF);
        dma_write(s->g, i, MSI_BUF + 0x1000);
    }
    set(s, true, STE_S1);
    s->clock = g_get_monotonic_time();
    g_mutex_init(&s->r.lock);
    s->r.thread = g_thread_new("resets", reset_loop, &s->r);
    return s;
}

static void storm_stop(Storm *s)
{
    qatomic_set(&s->r.stop, true);
    g_thread_join(s->r.thread);
    g_assert_cmpuint(s->r.failed, ==, 0);
    guest_stop(s->g);
    g_rand_free(s->rand);
    g_array_free(s->reopened, true);
    g_mutex_clear(&s->r.lock);
    g_free(s);
}

static int by_time(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static int64_t nth_ms(GArray *times, unsigned n)
{
    return g_array_index(times, int64_t, n) / 1000;
}

static void storm(void)
{
    Storm *s = storm_start();
    unsigned todo = number("SMMUV3_TEST_RESETS", 60);

    while (resets(&s->r) < todo) {
        for (int i = 0; i < 4; i++) {
            step(s);
            if (g_rand_int_range(s->rand, 0, 8) == 0) {
                guest_flr(s->g);
            }
        }
        close_by_reset(s);
        reopen_by_time(s);
        g_mutex_unlock(&s->r.lock);
    }
    /* All is as the guest has it when it is over */
    g_mutex_lock(&s->r.lock);
    for (int i = 0; i < 20; i++) {
        step(s);
        while (is_closed(s->g, 0)) {
            pass_time(s);
        }
        g_assert_cmpint(probe(s, 0), ==, wanted(s));
        g_assert_cmpint(probe(s, 1), ==, wanted(s));
        take_events(s);
    }
    g_mutex_unlock(&s->r.lock);
    g_array_sort(s->reopened, by_time);
    g_test_message("%u resets by FLR, %u of the bus, %u of the port, %u not "
                   "begun; %u steps, in %u of them the device did not answer; "
                   "%" PRIu64 " attaches, the neighbour's %" PRIu64 "; closed "
                   "%" PRIu64 " times, the neighbour %" PRIu64 "; %u events of "
                   "at most %u, the neighbour's %u of %u", s->r.resets[0],
                   s->r.resets[1], s->r.resets[2], s->r.refused, s->steps,
                   s->missed,
                   stream_number(s->g, 0, "attaches"),
                   stream_number(s->g, 1, "attaches"),
                   stream_number(s->g, 0, "failures"),
                   stream_number(s->g, 1, "failures"), s->events[0],
                   s->expected[0], s->events[1], s->expected[1]);
    g_test_message("reopened %u times by time alone, after the end of the "
                   "reset: median %" PRIi64 " ms, worst %" PRIi64 " ms",
                   s->reopened->len,
                   nth_ms(s->reopened, s->reopened->len / 2),
                   nth_ms(s->reopened, s->reopened->len - 1));
    /* Or the resets were not in the way of anything */
    g_assert_cmpuint(stream_number(s->g, 0, "failures"), >, 0);
    g_assert_cmpuint(stream_number(s->g, 1, "failures"), ==, 0);
    g_assert_cmpuint(s->missed, >, 0);
    storm_stop(s);
}

static void a_reset_of_the_guests_reopens_at_once(void)
{
    Storm *s = storm_start();

    close_by_reset(s);
    guest_flr(s->g);
    g_assert_false(is_closed(s->g, 0));
    g_assert_cmpint(probe(s, 0), ==, MAPPED);
    g_mutex_unlock(&s->r.lock);
    storm_stop(s);
}

static void a_command_of_the_guests_reopens(void)
{
    Storm *s = storm_start();

    close_by_reset(s);
    smmu_cfgi_ste(s->g, guest_sid(0));
    g_assert_false(is_closed(s->g, 0));
    g_assert_cmpint(probe(s, 0), ==, MAPPED);
    g_mutex_unlock(&s->r.lock);
    storm_stop(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/smmuv3-accel/reset/a_command_of_the_guests_reopens",
                   a_command_of_the_guests_reopens);
    qtest_add_func("/smmuv3-accel/reset/a_reset_of_the_guests_reopens_at_once",
                   a_reset_of_the_guests_reopens_at_once);
    qtest_add_func("/smmuv3-accel/reset/storm", storm);
    return g_test_run();
}
