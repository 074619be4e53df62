/*
 * Whether a vCPU that polls for the main loop leaves it asleep
 *
 * A thread with QEMU's big lock, as a vCPU has it that waits for a disk, sets a
 * timer and polls. The main loop has to run the timer in time. It has the same
 * CPU and the lowest priority, so that the event which tells of the timer is
 * gone before the main loop can see it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sched.h>
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "block/aio.h"
#include "system/cpus.h"

#define ROUNDS 10
/* How long a thread sleeps that nothing wakes */
#define ASLEEP_MS 500

static int ran;
static bool done;

static void run(void *opaque)
{
    qatomic_inc(&ran);
}

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

/* How often the main loop has gone to sleep; -1: it does not sleep */
static long sleeps(void)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/status",
                                            getpid());
    g_autofree char *text = NULL;
    const char *count;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        fail(path);
    }
    if (!strstr(text, "State:\tS")) {
        return -1;
    }
    count = strstr(text, "\nvoluntary_ctxt_switches:");
    return atol(strchr(count, '\t'));
}

/* Is the main loop in its poll, and has it been since it was asked last? */
static bool sleeps_on(long *since)
{
    long was = *since;

    *since = qatomic_read(&qemu_get_aio_context()->notify_me) & 1 ? sleeps()
                                                                  : -1;
    return *since >= 0 && *since == was;
}

/* Has the main loop run the timer? Until it has, or sleeps for good. */
static bool was_run(int before)
{
    long since = -1;
    int asleep_ms = 0;

    while (qatomic_read(&ran) == before) {
        g_usleep(10 * 1000);
        asleep_ms = sleeps_on(&since) ? asleep_ms + 10 : 0;
        if (asleep_ms == ASLEEP_MS) {
            return false;
        }
    }
    return true;
}

static void *poll_like_a_vcpu(void *opaque)
{
    QEMUTimer *timer = timer_new_ms(QEMU_CLOCK_REALTIME, run, NULL);
    int lost = 0;

    for (int round = 0; round < ROUNDS; round++) {
        long since = -1;
        int before = qatomic_read(&ran);

        while (!sleeps_on(&since)) {
            g_usleep(1000);
        }
        bql_lock();
        timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 20);
        /* The first does the work, the second reads the eventfd */
        aio_poll(qemu_get_aio_context(), true);
        aio_poll(qemu_get_aio_context(), true);
        bql_unlock();
        if (!was_run(before)) {
            lost++;
            qemu_notify_event();
            while (qatomic_read(&ran) == before) {
                g_usleep(1000);
            }
        }
    }
    printf("%d of %d timers not run\n", lost, ROUNDS);
    qatomic_set(&done, true);
    qemu_notify_event();
    return NULL;
}

int main(void)
{
    const struct sched_param none = { 0 };
    cpu_set_t all, one;
    QemuThread thread;
    int cpu = 0;

    if (sched_getaffinity(0, sizeof(all), &all)) {
        fail("sched_getaffinity");
    }
    while (!CPU_ISSET(cpu, &all)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof(one), &one)) {
        fail("sched_setaffinity");
    }
    qemu_init_cpu_loop();
    bql_lock();
    qemu_init_main_loop(&error_fatal);
    qemu_thread_create(&thread, "vcpu", poll_like_a_vcpu, NULL,
                       QEMU_THREAD_JOINABLE);
    if (sched_setscheduler(0, SCHED_IDLE, &none)) {
        fail("SCHED_IDLE");
    }
    while (!qatomic_read(&done)) {
        main_loop_wait(false);
    }
    qemu_thread_join(&thread);
    return 0;
}
