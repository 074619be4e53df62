/*
 * arm-smmuv3,accel=on on a host kernel that runs out of memory: each allocation
 * that the kernel makes for each event fails in turn
 *
 * The kernel's own fault injection does it, by way of
 * tests/lab/programs/fail-nth.c in QEMU. Whatever fails, DMA of a device is
 * then what the guest asked for or nothing; what the guest does next works; and
 * nothing is left behind.
 *
 * Needs what smmuv3-accel-test needs, and FAIL_NTH_FILE. SMMUV3_FAULT_LOSE is
 * "attach", "destroy" or "invalidate": it makes the library err and the test
 * fail.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "smmuv3-accel-lib.h"

#define COUNT_ONLY  1000000000
#define POINTS_MAX  1000

/*
 * DMA before the event and after it, of either device, and how many allocations
 * there are at least. A stream that is closed by a detach takes none.
 */
typedef struct Event {
    const char *name;
    void (*prepare)(Guest *g);
    bool (*act)(Guest *g);
    Dma before, after;
    unsigned least;
    bool by_detach_618;
} Event;

/* What must come back to where it was */
typedef struct Held {
    int objects, fds;
    int64_t vdevice;
} Held;

static FailNth *ctl;

static void map_control(void)
{
    const char *lose = g_getenv("SMMUV3_FAULT_LOSE");

    ctl = guest_fail_nth();
    ctl->lose = !g_strcmp0(lose, "attach") ? FAIL_NTH_LOSE_ATTACH :
                !g_strcmp0(lose, "destroy") ? FAIL_NTH_LOSE_DESTROY :
                !g_strcmp0(lose, "invalidate") ? FAIL_NTH_LOSE_INVALIDATE : 0;
}

static void set_knob(const char *kind, const char *knob, const char *value)
{
    g_autofree char *path = g_strdup_printf("/sys/kernel/debug/%s/%s", kind,
                                            knob);
    int fd = open(path, O_WRONLY);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, value, strlen(value)), ==, strlen(value));
    close(fd);
}

/* What may sleep can fail as well, down to a single page, and without a word */
static void set_up_kernel(void)
{
    static const char *const kind[] = { "failslab", "fail_page_alloc" };

    for (int i = 0; i < ARRAY_SIZE(kind); i++) {
        set_knob(kind[i], "ignore-gfp-wait", "N");
        set_knob(kind[i], "verbose", "0");
    }
    set_knob("fail_page_alloc", "min-order", "0");
}

static void arm(unsigned nth)
{
    ctl->nth = nth;
    ctl->points = ctl->fired = ctl->request = ctl->error = 0;
    qatomic_store_release(&ctl->armed, 1);
}

static void disarm(void)
{
    qatomic_store_release(&ctl->armed, 0);
}

/*
 * The kernel gives the lowest free ID to what is made: if one that was made at
 * the beginning has its number again, nothing was left below it.
 */
static int64_t vdevice_ids(Guest *g)
{
    QDict *smmu = guest_query(g);
    QListEntry *e;
    int64_t ids = 0;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(smmu, "streams"), e) {
        QDict *st = qobject_to(QDict, qlist_entry_obj(e));
        QDict *vdevice = qdict_get_qdict(st, "vdevice");

        ids = ids * 1000 + (vdevice ? qdict_get_int(vdevice, "id") : 0);
    }
    qobject_unref(smmu);
    return ids;
}

/* Streams whose member @key is @value */
static unsigned count(Guest *g, const char *key, const char *value)
{
    QDict *smmu = guest_query(g);
    QListEntry *e;
    unsigned n = 0;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(smmu, "streams"), e) {
        QDict *st = qobject_to(QDict, qlist_entry_obj(e));

        n += !strcmp(qdict_get_str(st, key), value);
    }
    qobject_unref(smmu);
    return n;
}

static unsigned count_closed(Guest *g)
{
    g_assert_cmpuint(count(g, "host-attachment", "quarantine"), ==, 0);
    return count(g, "attached", "closed");
}

static void gbpa(Guest *g, bool abort)
{
    smmu_gbpa(g, GBPA_RESET | (abort ? GBPA_ABORT : 0));
}

static void enable(Guest *g)
{
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
}

static void disable(Guest *g)
{
    smmu_cr0(g, CR0_QUEUES);
}

static void set_stes(Guest *g, uint64_t ste)
{
    for (int i = 0; i < DEVS; i++) {
        smmu_set_ste(g, false, guest_sid(i), ste);
    }
}

/* SMMUEN = 1 and these STEs, with nothing left of others */
static void enabled_with(Guest *g, uint64_t ste)
{
    gbpa(g, false);
    set_stes(g, STE_ABORT);
    enable(g);
    smmu_cfgi_all(g);
    if (ste != STE_ABORT) {
        set_stes(g, ste);
        smmu_cfgi_all(g);
    }
}

static void prepare_open(Guest *g)
{
    enabled_with(g, STE_ABORT);
    disable(g);
    set_stes(g, STE_S1);
}

static void prepare_abort(Guest *g)
{
    prepare_open(g);
    gbpa(g, true);
}

static void prepare_bypass(Guest *g)
{
    enabled_with(g, STE_BYPASS);
}

static void prepare_s1(Guest *g)
{
    enabled_with(g, STE_S1);
}

static void prepare_s1_over_abort(Guest *g)
{
    enabled_with(g, STE_S1);
    gbpa(g, true);
}

static void prepare_unmapped(Guest *g)
{
    enabled_with(g, STE_S1);
    /* So that the host's TLB has it */
    dma_assert(g, MAPPED, MAPPED);
    smmu_set_block(g, false);
}

static void prepare_numbers(Guest *g)
{
    for (int i = 0; i < DEVS; i++) {
        guest_set_bus(g, i, FIRST_BUS + i);
        smmu_set_ste(g, false, guest_sid(DEVS + i), STE_S1);
    }
    enabled_with(g, STE_S1);
}

static bool act_gbpa_abort(Guest *g)
{
    gbpa(g, true);
    return true;
}

static bool act_gbpa_bypass(Guest *g)
{
    gbpa(g, false);
    return true;
}

static bool act_enable(Guest *g)
{
    enable(g);
    return true;
}

static bool act_disable(Guest *g)
{
    disable(g);
    return true;
}

static bool cfgi_to(Guest *g, uint64_t ste)
{
    set_stes(g, ste);
    if (ste == STE_ABORT) {
        smmu_cfgi_all(g);
        return true;
    }
    for (int i = 0; i < DEVS; i++) {
        smmu_cfgi_ste(g, guest_sid(i));
    }
    return true;
}

static bool act_cfgi_s1(Guest *g)
{
    return cfgi_to(g, STE_S1);
}

static bool act_cfgi_bypass(Guest *g)
{
    return cfgi_to(g, STE_BYPASS);
}

static bool act_cfgi_abort(Guest *g)
{
    return cfgi_to(g, STE_ABORT);
}

static bool act_renumber(Guest *g)
{
    for (int i = 0; i < DEVS; i++) {
        guest_set_bus(g, i, FIRST_BUS + DEVS + i);
    }
    return true;
}

static bool act_tlbi(Guest *g)
{
    smmu_cmd_sync(g, 0x30, 0);              /* TLBI_NSNH_ALL */
    return true;
}

static bool act_plug_second(Guest *g)
{
    return guest_try_hotplug(g, 1);
}

static bool act_plug_first(Guest *g)
{
    return guest_try_hotplug(g, 0);
}

static bool act_unplug_second(Guest *g)
{
    guest_unplug(g, 1);
    return true;
}

/* Any event has QEMU try again what did not work */
static void try_again(Guest *g)
{
    if (smmu_read(g, CR0) & CR0_SMMUEN) {
        smmu_cfgi_all(g);
    } else {
        smmu_gbpa(g, smmu_read(g, GBPA));
    }
}

static void assert_one_of(Guest *g, const Event *e, unsigned nth, bool closed)
{
    Dma is[DEVS_MAX];

    dma_probe_all(g, is);
    for (int i = 0; i < DEVS; i++) {
        if (is[i] != e->after && (!closed || is[i] != BLOCKED)) {
            g_error("%s, point %u (ioctl 0x%x, error %d): DMA of device %d "
                    "is %s", e->name, nth, ctl->request, ctl->error, i,
                    dma_name(is[i]));
        }
    }
}

/* Once, with the @nth allocation failing; returns the streams it closed */
static unsigned fail_once(Guest *g, const Event *e, unsigned nth)
{
    unsigned closed;

    e->prepare(g);
    arm(nth);
    e->act(g);
    disarm();
    closed = count_closed(g);
    assert_one_of(g, e, nth, ctl->fired);
    g_assert_cmphex(smmu_read(g, CR0ACK), ==, smmu_read(g, CR0));
    g_assert_cmphex(smmu_read(g, GERROR), ==, 0);
    try_again(g);
    g_assert_cmpuint(count_closed(g), ==, 0);
    assert_one_of(g, e, nth, false);
    smmu_set_block(g, true);
    return closed;
}

/* What is held in the state that each walk starts from and ends in */
static Held held(Guest *g)
{
    Held h;

    /* By the same way each time, as IDs follow from it */
    enabled_with(g, STE_ABORT);
    prepare_numbers(g);
    h = (Held) { ctl->objects, guest_fds(g), vdevice_ids(g) };
    return h;
}

static void assert_held(const Event *e, Held before, Held after)
{
    g_test_message("%s: objects %d, then %d; file descriptors %d, then %d; "
                   "vDEVICE IDs %" PRId64 ", then %" PRId64, e->name,
                   before.objects, after.objects, before.fds, after.fds,
                   before.vdevice, after.vdevice);
    g_assert_cmpint(after.objects, ==, before.objects);
    g_assert_cmpint(after.fds, ==, before.fds);
    g_assert_cmpint(after.vdevice, ==, before.vdevice);
}

/*
 * Until one is too far to fail: how many there are differs, as some are only
 * made now and then, to fill a cache
 */
static bool more_points(unsigned nth)
{
    g_assert_cmpuint(nth, <, POINTS_MAX);
    return nth == 1 || ctl->fired;
}

static void report(const Event *e, unsigned all, unsigned tried,
                   unsigned errors, unsigned closed)
{
    g_test_message("%s: %u allocations, %u made to fail, %u host calls failed "
                   "by that, streams closed %u times", e->name, all, tried,
                   errors, closed);
    if (guest_host_is_618() && e->by_detach_618) {
        g_assert_cmpuint(all + tried, ==, 0);
        return;
    }
    g_assert_cmpuint(tried, >=, e->least);
    g_assert_cmpuint(errors, >, 0);
}

static void test_event(const void *data)
{
    const Event *e = data;
    Guest *g = guest_start_untraced(DEVS);
    unsigned all, tried = 0, errors = 0, closed = 0;
    Held before;

    g_assert_cmpuint(ctl->pid, ==, qtest_pid(g->qts));
    smmu_setup(g, false);
    before = held(g);

    /* What it is when nothing fails, and how much there is to fail */
    e->prepare(g);
    /* What is only cached may be used or not; there it was seen before that */
    if (e->prepare != prepare_unmapped) {
        dma_assert(g, e->before, e->before);
    }
    arm(COUNT_ONLY);
    e->act(g);
    disarm();
    g_assert_false(ctl->fired);
    all = ctl->points;
    dma_assert(g, e->after, e->after);
    smmu_set_block(g, true);

    for (unsigned nth = 1; more_points(nth); nth++) {
        closed += fail_once(g, e, nth);
        tried += ctl->fired;
        errors += ctl->error != 0;
    }
    assert_held(e, before, held(g));
    report(e, all, tried, errors, closed);
    guest_stop(g);
}

/* The guest's SMMU translates; devices from @first on come and go */
static Guest *start_plug(int first)
{
    Guest *g = guest_start_untraced(first);

    g_assert_cmpuint(ctl->pid, ==, qtest_pid(g->qts));
    smmu_setup(g, false);
    set_stes(g, STE_S1);
    enable(g);
    return g;
}

static void test_plug(const void *data)
{
    const Event *e = data;
    int i = e->act == act_plug_second;
    Guest *g = start_plug(i);
    unsigned all, tried = 0, errors = 0;
    int objects, fds;
    int64_t id;

    /* The first unplug leaves what QEMU opens once and keeps */
    guest_hotplug(g, i);
    guest_unplug(g, i);
    objects = ctl->objects;
    fds = guest_fds(g);
    arm(COUNT_ONLY);
    g_assert_true(e->act(g));
    disarm();
    all = ctl->points;
    guest_setup_device(g, i);
    g_assert_cmpint(dma_probe(g, i), ==, e->after);
    id = vdevice_ids(g);
    guest_unplug(g, i);

    for (unsigned nth = 1; more_points(nth); nth++) {
        bool plugged;

        arm(nth);
        plugged = e->act(g);
        disarm();
        tried += ctl->fired;
        errors += ctl->error != 0;
        if (!plugged) {
            g_test_message("that was point %u: ioctl 0x%x: %s", nth,
                           ctl->request, strerror(ctl->error));
        }
        if (plugged) {
            /* Linux lets a device be opened whose BAR it could not map */
            if (guest_try_setup_device(g, i)) {
                assert_one_of(g, e, nth, true);
            }
            guest_unplug(g, i);
        }
        if (ctl->objects != objects || guest_fds(g) != fds) {
            g_error("%s, point %u (ioctl 0x%x, error %d): objects %d, then %d; "
                    "file descriptors %d, then %d", e->name, nth, ctl->request,
                    ctl->error, objects, ctl->objects, fds, guest_fds(g));
        }
        if (i) {
            g_assert_cmpint(dma_probe(g, 0), ==, MAPPED);
        }
    }
    guest_hotplug(g, i);
    g_assert_cmpint(dma_probe(g, i), ==, e->after);
    g_assert_cmpint(vdevice_ids(g), ==, id);
    report(e, all, tried, errors, 0);
    guest_stop(g);
}

static void test_unplug(const void *data)
{
    const Event *e = data;
    Guest *g = start_plug(DEVS);
    unsigned all, tried = 0, errors = 0;
    int objects = ctl->objects, fds = guest_fds(g);
    int64_t id = vdevice_ids(g);

    arm(COUNT_ONLY);
    e->act(g);
    disarm();
    all = ctl->points;
    for (unsigned nth = 1; more_points(nth); nth++) {
        guest_hotplug(g, 1);
        arm(nth);
        e->act(g);
        disarm();
        tried += ctl->fired;
        errors += ctl->error != 0;
        g_assert_cmpint(dma_probe(g, 0), ==, MAPPED);
    }
    guest_hotplug(g, 1);
    dma_assert(g, MAPPED, MAPPED);
    g_assert_cmpint(ctl->objects, ==, objects);
    g_assert_cmpint(guest_fds(g), ==, fds);
    g_assert_cmpint(vdevice_ids(g), ==, id);
    report(e, all, tried, errors, 0);
    guest_stop(g);
}

static void assert_stopped(Guest *g)
{
    QDict *reply;

    qtest_qmp_eventwait(g->qts, "STOP");
    reply = qtest_qmp(g->qts, "{'execute': 'query-status'}");
    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(reply, "return"), "status"),
                    ==, "internal-error");
    qobject_unref(reply);
    g_assert_cmpuint(count(g, "host-attachment", "quarantine"), ==, DEVS);
}

/* The host neither blocks nor detaches: DMA ends even so, and the VM stops */
static void test_quarantine(void)
{
    Guest *g = guest_start_untraced(DEVS);

    smmu_setup(g, false);
    enabled_with(g, STE_S1);
    dma_assert(g, MAPPED, MAPPED);
    ctl->lose = FAIL_NTH_REFUSE_ATTACH;
    arm(COUNT_ONLY);
    cfgi_to(g, STE_ABORT);
    assert_stopped(g);
    dma_assert(g, BLOCKED, BLOCKED);

    /* As long as the host does not do better, the VM gets no further */
    qtest_system_reset(g->qts);
    qtest_qmp_assert_success(g->qts, "{'execute': 'cont'}");
    assert_stopped(g);
    disarm();
    ctl->lose = FAIL_NTH_LOSE_NOTHING;

    qtest_system_reset(g->qts);
    guest_enumerate(g);
    smmu_setup(g, false);
    g_assert_cmpuint(count_closed(g), ==, 0);
    dma_assert(g, FLAT, FLAT);
    enabled_with(g, STE_S1);
    dma_assert(g, MAPPED, MAPPED);
    guest_stop(g);
}

static const Event events[] = {
    { "gbpa_to_abort", prepare_open, act_gbpa_abort, FLAT, BLOCKED, 4, true },
    { "gbpa_to_bypass", prepare_abort, act_gbpa_bypass, BLOCKED, FLAT, 4 },
    { "smmuen_1", prepare_open, act_enable, FLAT, MAPPED, 12 },
    { "smmuen_0", prepare_s1, act_disable, MAPPED, FLAT, 4 },
    { "smmuen_0_to_abort", prepare_s1_over_abort, act_disable, MAPPED, BLOCKED,
      4, true },
    { "cfgi_bypass_to_s1", prepare_bypass, act_cfgi_s1, FLAT, MAPPED, 12 },
    { "cfgi_s1_to_bypass", prepare_s1, act_cfgi_bypass, MAPPED, FLAT, 4 },
    { "cfgi_s1_to_abort", prepare_s1, act_cfgi_abort, MAPPED, BLOCKED, 4,
      true },
    { "cfgi_bypass_to_abort", prepare_bypass, act_cfgi_abort, FLAT, BLOCKED,
      4, true },
    { "renumber", prepare_numbers, act_renumber, MAPPED, MAPPED, 12 },
    { "tlbi", prepare_unmapped, act_tlbi, MAPPED, BLOCKED, 1 },
};

static const Event plug_second = {
    "plug_beside_another", NULL, act_plug_second, BLOCKED, MAPPED, 40,
};
static const Event plug_first = {
    "plug_the_first", NULL, act_plug_first, BLOCKED, MAPPED, 60,
};
static const Event unplug_second = {
    "unplug", NULL, act_unplug_second, MAPPED, BLOCKED, 1,
};

static void add(const Event *e, GTestDataFunc test)
{
    g_autofree char *path = g_strdup_printf("smmuv3-accel/fault/%s", e->name);

    qtest_add_data_func(path, e, test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    map_control();
    set_up_kernel();
    for (int i = 0; i < ARRAY_SIZE(events); i++) {
        add(&events[i], test_event);
    }
    qtest_add_func("smmuv3-accel/fault/quarantine", test_quarantine);
    add(&plug_second, test_plug);
    add(&plug_first, test_plug);
    add(&unplug_second, test_unplug);
    return g_test_run();
}
