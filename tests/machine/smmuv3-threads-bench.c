/*
 * What several vCPUs' invalidations cost each other, and others
 *
 * With SMMUV3_BENCH=1. On the fake host, whose calls sleep; each is measured
 * twice in one run: with the big lock taken for each access, as QEMU does it by
 * default, and without.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "smmuv3-threads.h"
#include "block/aio.h"
#include "qemu/timer.h"
#include "system/cpu-timers.h"

#define SECONDS 2

typedef struct Count {
    VSMMU *v;
    unsigned vcpu;
    unsigned unmaps;
} Count;

static bool stop;
static unsigned sleep_us;
static unsigned host_calls;

/* The VM's clock, by which a part of a queue ends, is the host's here */
static void sleep_a_while(VSMMU *v)
{
    cpus_set_virtual_clock(get_clock());
    g_usleep(sleep_us);
    cpus_set_virtual_clock(get_clock());
    qatomic_inc(&host_calls);
}

/* It goes on where no host is called, too */
static void *let_time_pass(void *opaque)
{
    while (!qatomic_read(&stop)) {
        cpus_set_virtual_clock(get_clock());
        g_usleep(50);
    }
    return NULL;
}

static void *unmap_until_stopped(void *opaque)
{
    Count *c = opaque;

    while (!qatomic_read(&stop)) {
        vsmmu_unmap(c->v, c->vcpu, ++c->unmaps);
    }
    return NULL;
}

static void set_lockless(bool lockless)
{
    for (int i = 0; i < SMMUS; i++) {
        ARM_SMMU(vsmmu[i].s)->iomem.lockless_io = lockless;
    }
}

static void setup(unsigned n, unsigned us)
{
    sleep_us = us;
    stop = false;
    for (unsigned i = 0; i < n; i++) {
        vsmmu_setup(&vsmmu[i]);
        vsmmu[i].enter = sleep_a_while;
    }
}

static void teardown(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        vsmmu_teardown(&vsmmu[i]);
    }
    set_lockless(true);
}

/* Unmaps a second of all vCPUs together, each on a vSMMU of its own */
static double throughput(unsigned n, bool lockless)
{
    QemuThread thread[SMMUS];
    Count count[SMMUS];
    unsigned sum = 0;

    setup(n, 20);
    set_lockless(lockless);
    for (unsigned i = 0; i < n; i++) {
        count[i] = (Count) { &vsmmu[i], i };
        vcpu_create(&thread[i], unmap_until_stopped, &count[i]);
    }
    bql_unlock();
    g_usleep(SECONDS * G_USEC_PER_SEC);
    qatomic_set(&stop, true);
    for (unsigned i = 0; i < n; i++) {
        qemu_thread_join(&thread[i]);
        sum += count[i].unmaps;
    }
    bql_lock();
    teardown(n);
    return (double)sum / SECONDS;
}

static void several_vsmmus(void)
{
    for (int lockless = 0; lockless < 2; lockless++) {
        double one = 0;

        for (unsigned n = 1; n <= SMMUS; n *= 2) {
            double is = throughput(n, lockless);

            one = n == 1 ? is : one;
            g_test_message("%s lock, %u vCPUs: %.0f unmaps/s, %.2f of one",
                           lockless ? "own" : "big", n, is, is / one);
        }
    }
}

static int compare(const void *a, const void *b)
{
    return *(const int64_t *)a < *(const int64_t *)b ? -1 : 1;
}

static void tell(const char *what, int64_t *ns, unsigned n)
{
    qsort(ns, n, sizeof(*ns), compare);
    g_test_message("%s: %u times, median %.3f ms, 99 %% %.3f ms, worst %.3f ms",
                   what, n, ns[n / 2] / 1e6, ns[n * 99 / 100] / 1e6,
                   ns[n - 1] / 1e6);
}

/* Another device's register, while a vCPU invalidates */
static void another_register(void)
{
    enum { TIMES = 100000 };
    g_autofree int64_t *ns = g_new(int64_t, TIMES);

    for (int lockless = 0; lockless < 2; lockless++) {
        Count count = { &vsmmu[0], 0 };
        QemuThread thread;
        int64_t end;
        unsigned n = 0;

        setup(1, 10000);
        set_lockless(lockless);
        vcpu_create(&thread, unmap_until_stopped, &count);
        bql_unlock();
        end = get_clock() + SECONDS * NANOSECONDS_PER_SECOND;
        while (n < TIMES && get_clock() < end) {
            int64_t begin = get_clock();

            vsmmu_read(&vsmmu[1], CR0);
            ns[n++] = get_clock() - begin;
            g_usleep(50);
        }
        qatomic_set(&stop, true);
        qemu_thread_join(&thread);
        bql_lock();
        teardown(1);
        tell(lockless ? "own lock, another register" :
             "big lock, another register", ns, n);
    }
}

/* --- When the main loop has its turn, while a guest does its worst --- */

/* A queue that is as long as can be (IDR1.CMDQS), beyond those of setup() */
#define LONG_QUEUE  0x42000000ULL
#define LONG_LOG2   19
#define LONG        (1u << LONG_LOG2)

#define TLBI_VA     0x12ULL
#define CFGI_STE    (0x03ULL | (uint64_t)SID << 32)
#define SYNC        0x46ULL
/* CMD_SYNC with a message, which is @data */
#define SYNC_MSG(data) (0x1046ULL | (uint64_t)(data) << 32)
#define STE         (vsmmu[0].queue + TABLE + SID * 64)
#define STE_ABORT   0x1
#define STE_S1      0x4300000b

static bool answered;

static void answer(void *opaque)
{
    answered = true;
}

/* 2^20 commands: all of the queue, twice */
static void *ring(void *opaque)
{
    VSMMU *v = opaque;

    for (unsigned prod = LONG; !qatomic_read(&stop); prod ^= LONG) {
        vsmmu_write(v, CMDQ_PROD, prod);
        while (!qatomic_read(&stop) &&
               vsmmu_read(v, CMDQ_CONS) % (2 * LONG) != prod) {
            g_thread_yield();
        }
    }
    return NULL;
}

static void *flip(void *opaque)
{
    for (unsigned i = 0; !qatomic_read(&stop); i++) {
        vsmmu_write(opaque, GBPA, 1u << 31 | (i & 1) << 20);
    }
    return NULL;
}

/* What the main loop is asked for while @run runs */
static void ask_the_main_loop(const char *what, bool lockless,
                              void *(*run)(void *))
{
    enum { TIMES = 100000 };
    g_autofree int64_t *ns = g_new(int64_t, TIMES);
    g_autofree char *text = g_strdup_printf("%s lock, %s",
                                            lockless ? "own" : "big", what);
    QemuThread thread, clock;
    unsigned n = 0, most_calls = 0;
    int64_t end = get_clock() + SECONDS * NANOSECONDS_PER_SECOND;

    set_lockless(lockless);
    vcpu_create(&thread, run, &vsmmu[0]);
    vcpu_create(&clock, let_time_pass, NULL);
    while (n < TIMES && get_clock() < end) {
        unsigned calls_before;
        int64_t asked;

        bql_unlock();
        g_usleep(100);
        asked = get_clock();
        calls_before = qatomic_read(&host_calls);
        bql_lock();
        answered = false;
        aio_bh_schedule_oneshot(qemu_get_aio_context(), answer, NULL);
        while (!answered) {
            main_loop_wait(true);
        }
        ns[n++] = get_clock() - asked;
        most_calls = MAX(most_calls, qatomic_read(&host_calls) - calls_before);
    }
    qatomic_set(&stop, true);
    vcpu_join(&thread);
    vcpu_join(&clock);
    tell(text, ns, n);
    g_test_message("%s: at most %u host calls meanwhile", text, most_calls);
    teardown(1);
}

/* @devices on one vSMMU, with SMMUEN = 0 */
static void setup_devices(unsigned us, unsigned devices)
{
    setup(1, us);
    vsmmu_write(&vsmmu[0], CR0, 0);
    for (unsigned i = 1; i < devices; i++) {
        vsmmu_plug(&vsmmu[0], i);
    }
    vsmmu[0].attaching = sleep_a_while;
}

static void fill(unsigned first, unsigned step, uint64_t word0, uint64_t word1)
{
    for (unsigned i = first; i < LONG; i += step) {
        guest_store(LONG_QUEUE + i * 16, word0);
        guest_store(LONG_QUEUE + i * 16 + 8, word1);
    }
}

static void use_long_queue(void)
{
    VSMMU *v = &vsmmu[0];

    vsmmu_write(v, CR0, 0);
    vsmmu_write(v, CMDQ_BASE, LONG_QUEUE | LONG_LOG2);
    vsmmu_write(v, CMDQ_PROD, 0);
    vsmmu_write(v, CMDQ_CONS, 0);
    guest_store(STE, STE_S1);
    vsmmu_write(v, CR0, 0x9);
}

static void many_commands(bool lockless)
{
    setup(1, 20);
    fill(0, 2, TLBI_VA, 0x1000);
    fill(1, 2, SYNC, 0);
    use_long_queue();
    ask_the_main_loop("2^20 commands, TLBI and CMD_SYNC", lockless, ring);
}

/* Each CFGI_STE finds another STE, which must be attached */
static void messages_rewrite_an_ste(bool lockless)
{
    setup_devices(100, 1);
    fill(0, 4, SYNC_MSG(STE_ABORT), STE);
    fill(1, 2, CFGI_STE, 1);
    fill(2, 4, SYNC_MSG(STE_S1), STE);
    use_long_queue();
    ask_the_main_loop("CMD_SYNC's message rewrites the STE of the next "
                      "CFGI_STE, 100 us an attach", lockless, ring);
}

static void eight_devices_with_one_sid(bool lockless)
{
    setup_devices(100, 8);
    vsmmu[0].same_sid = true;
    fill(0, 1, CFGI_STE, 1);
    use_long_queue();
    ask_the_main_loop("2^20 CFGI_STE, eight devices with one StreamID",
                      lockless, ring);
}

static void many_devices_flip(bool lockless)
{
    setup_devices(100, FAKE_DEVICES);
    ask_the_main_loop("GBPA flips with 64 devices, 100 us an attach", lockless,
                      flip);
}

static void the_main_loop(void)
{
    for (int lockless = 0; lockless < 2; lockless++) {
        many_commands(lockless);
        messages_rewrite_an_ste(lockless);
        eight_devices_with_one_sid(lockless);
        many_devices_flip(lockless);
    }
}

void threads_add_benchmarks(void)
{
    if (!g_getenv("SMMUV3_BENCH")) {
        return;
    }
    g_test_add_func("/smmuv3/bench/several_vsmmus", several_vsmmus);
    g_test_add_func("/smmuv3/bench/another_register", another_register);
    g_test_add_func("/smmuv3/bench/the_main_loop", the_main_loop);
}
