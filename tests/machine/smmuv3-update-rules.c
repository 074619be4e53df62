/*
 * SMMUEN and GBPA, which many devices have to follow
 *
 * A write does as many devices as fit between two other accesses; the main loop
 * does the rest, and then the guest is told. The time is the VM's, which passes
 * with each attach.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "smmuv3-machine.h"
#include "smmuv3-register-rules.h"
#include "smmuv3-update-rules.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "system/runstate.h"

#define DEVICES  8
/* So many attaches fit into a millisecond: the last one may begin in it */
#define TAKES    (400 * SCALE_US)
#define AT_ONCE  3

#define QUEUE    0x42000000ULL
#define TABLE    0x43100000ULL
#define BYPASS   (1 | 4 << 1)
#define ABORT    1

#define SMMUEN   0x1u
#define CMDQEN   0x8u
#define UPDATE   (1u << 31)
#define GBPA_ABORT (1u << 20)

#define CFGI_STE(n) (0x03ULL | (uint64_t)(RULES_SID + (n)) << 32)
#define SYNC     0x46ULL

static FakeHost *host;
static SMMUv3Stream *stream[DEVICES];
static unsigned attached;

static uint32_t get_sid(void *opaque, const SMMUv3Stream *st)
{
    FakeDevice *dev = st->dev.opaque;

    return RULES_SID + (dev - host->dev);
}

static void is_attached(void *opaque, FakeDevice *dev)
{
    attached++;
    machine_pass_time(TAKES);
}

static void plug(unsigned n)
{
    fake_host_open_device(host, &host->dev[n]);
    stream[n] = smmuv3_streams_plug(&smmu->accel->streams, &fake_host_ops, host,
                                    &host->dev[n].host, FAKE_PARENT,
                                    &error_abort);
}

static void unplug(unsigned n)
{
    smmuv3_streams_unplug(&smmu->accel->streams, g_steal_pointer(&stream[n]));
    fake_host_close_device(host, &host->dev[n]);
}

static void store_ste(unsigned n, uint64_t word0)
{
    machine_store(TABLE + (RULES_SID + n) * 64, word0);
}

/* Device 0 is that of rules_begin(); all are blocked, by GBPA */
static void setup(void)
{
    host = rules_begin();
    smmu->accel->streams.get_sid = get_sid;
    for (unsigned n = 1; n < DEVICES; n++) {
        plug(n);
    }
    for (unsigned n = 0; n < DEVICES; n++) {
        store_ste(n, BYPASS);
    }
    machine_write(CMDQ_BASE, 8, QUEUE | 8);
    machine_write(STRTAB_BASE, 8, TABLE);
    machine_write(STRTAB_BASE_CFG, 4, 8);
    machine_write(GBPA, 4, UPDATE | GBPA_ABORT);
    host->changed = is_attached;
    attached = 0;
}

static void teardown(void)
{
    host->changed = NULL;
    for (unsigned n = 1; n < DEVICES; n++) {
        if (stream[n]) {
            unplug(n);
        }
    }
    rules_end();
}

static unsigned count(FakeDMAKind kind)
{
    unsigned is = 0;

    for (unsigned n = 0; n < DEVICES; n++) {
        is += (n == 0 || stream[n]) &&
              fake_host_dma(host, &host->dev[n]).kind == kind;
    }
    return is;
}

/* One turn of the main loop: not too many devices */
static void turn(void)
{
    unsigned was = attached;

    machine_main_loop();
    g_assert_cmpuint(attached - was, <=, AT_ONCE);
}

static bool is_told(void)
{
    return !(machine_read(GBPA, 4) & UPDATE) &&
           machine_read(CR0, 4) == machine_read(CR0ACK, 4);
}

/* The main loop is left alone from here on */
static void assert_rests(void)
{
    unsigned was = attached;

    for (int i = 0; i < 10; i++) {
        machine_main_loop();
    }
    g_assert_cmpuint(attached, ==, was);
    g_assert_true(is_told());
}

/* What a write of a register has left is done; then all devices are @kind */
static void finish(FakeDMAKind kind, unsigned devices)
{
    for (unsigned turns = 0; !is_told(); turns++) {
        g_assert_cmpuint(turns, <, DEVICES);
        turn();
    }
    g_assert_cmpuint(count(kind), ==, devices);
    assert_rests();
}

/* Some have followed, and the guest is not told */
static void assert_in_the_middle(FakeDMAKind kind)
{
    g_assert_cmpuint(count(kind), >, 0);
    g_assert_cmpuint(count(kind), <=, AT_ONCE);
    g_assert_false(is_told());
}

static void gbpa_is_updated_in_parts(void)
{
    machine_write(GBPA, 4, UPDATE);
    assert_in_the_middle(FAKE_OPEN);
    /* 6.3.14: the new value reads back at once */
    g_assert_cmphex(machine_read(GBPA, 4), ==, UPDATE);
    finish(FAKE_OPEN, DEVICES);
    g_assert_cmphex(machine_read(GBPA, 4), ==, 0);
    g_assert_cmpuint(attached, ==, DEVICES);
}

/* 6.3.14: a write while UPDATE reads 1 is ignored */
static void gbpa_is_not_written_meanwhile(void)
{
    machine_write(GBPA, 4, UPDATE);
    machine_write(GBPA, 4, UPDATE | GBPA_ABORT);
    g_assert_cmphex(machine_read(GBPA, 4), ==, UPDATE);
    finish(FAKE_OPEN, DEVICES);
}

static void smmuen_is_acknowledged_in_the_end(void)
{
    machine_write(CR0, 4, SMMUEN | CMDQEN);
    assert_in_the_middle(FAKE_OPEN);
    /* 6.3.10: each field by itself */
    g_assert_cmphex(machine_read(CR0, 4), ==, SMMUEN | CMDQEN);
    g_assert_cmphex(machine_read(CR0ACK, 4), ==, CMDQEN);
    machine_write(CR0, 4, SMMUEN);
    g_assert_cmphex(machine_read(CR0ACK, 4), ==, 0);
    finish(FAKE_OPEN, DEVICES);
    machine_write(CR0, 4, CMDQEN);
    assert_in_the_middle(FAKE_BLOCKED);
    g_assert_cmphex(machine_read(CR0ACK, 4), ==, SMMUEN | CMDQEN);
    finish(FAKE_BLOCKED, DEVICES);
}

/* Nothing tells it that the last value has been reached before it has */
static void a_guest_changes_its_mind(void)
{
    machine_write(CR0, 4, SMMUEN);
    turn();
    machine_write(CR0, 4, 0);
    g_assert_cmpuint(count(FAKE_BLOCKED), <, DEVICES);
    g_assert_false(is_told());
    finish(FAKE_BLOCKED, DEVICES);
    g_assert_cmphex(machine_read(CR0ACK, 4), ==, 0);
}

/* Of SMMUEN = 0 GBPA is a part */
static void gbpa_is_written_while_smmuen_is_cleared(void)
{
    machine_write(CR0, 4, SMMUEN);
    finish(FAKE_OPEN, DEVICES);
    machine_write(CR0, 4, 0);
    assert_in_the_middle(FAKE_BLOCKED);
    machine_write(GBPA, 4, UPDATE);
    g_assert_false(is_told());
    finish(FAKE_OPEN, DEVICES);
}

/* 6.3.14.1: while a device still obeys GBPA, an update of it is not complete */
static void gbpa_is_written_while_smmuen_is_set(void)
{
    machine_write(CR0, 4, SMMUEN);
    assert_in_the_middle(FAKE_OPEN);
    machine_write(GBPA, 4, UPDATE);
    g_assert_cmphex(machine_read(GBPA, 4), ==, UPDATE);
    machine_main_loop();
    g_assert_cmpuint(count(FAKE_OPEN), <, DEVICES);
    g_assert_cmphex(machine_read(GBPA, 4), ==, UPDATE);
    finish(FAKE_OPEN, DEVICES);
    g_assert_cmphex(machine_read(GBPA, 4), ==, 0);
    g_assert_cmpuint(attached, ==, DEVICES);
    /* Now nobody obeys it */
    machine_write(GBPA, 4, UPDATE | GBPA_ABORT);
    g_assert_cmphex(machine_read(GBPA, 4), ==, GBPA_ABORT);
    assert_rests();
}

/* CFGI and CMD_SYNC come after it */
static void commands_wait_for_it(void)
{
    machine_store(QUEUE, CFGI_STE(0));
    machine_store(QUEUE + 8, 1);
    machine_store(QUEUE + 16, SYNC);
    machine_store(QUEUE + 24, 0);
    machine_write(CR0, 4, SMMUEN | CMDQEN);
    assert_in_the_middle(FAKE_OPEN);
    /* Of one that has followed: only its CFGI closes it */
    store_ste(0, ABORT);
    machine_write(CMDQ_PROD, 4, 2);
    for (unsigned turns = 0; !is_told(); turns++) {
        g_assert_cmpuint(turns, <, DEVICES);
        g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 0);
        g_assert_cmpint(fake_host_dma(host, &host->dev[0]).kind, ==, FAKE_OPEN);
        turn();
    }
    g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 2);
    g_assert_cmpint(fake_host_dma(host, &host->dev[0]).kind, ==, FAKE_BLOCKED);
    g_assert_cmpuint(count(FAKE_OPEN), ==, DEVICES - 1);
}

static void commands_go_on_after_it(void)
{
    machine_store(QUEUE, CFGI_STE(1));
    machine_store(QUEUE + 8, 1);
    machine_write(CR0, 4, CMDQEN);
    machine_write(GBPA, 4, UPDATE);
    assert_in_the_middle(FAKE_OPEN);
    machine_write(CMDQ_PROD, 4, 1);
    g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 0);
    finish(FAKE_OPEN, DEVICES);
    g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 1);
}

static void a_reset_ends_it(void)
{
    machine_write(CR0, 4, SMMUEN);
    assert_in_the_middle(FAKE_OPEN);
    machine_reset();
    g_assert_cmphex(machine_read(CR0ACK, 4), ==, 0);
    /* The reset value of GBPA is bypass */
    g_assert_cmpuint(count(FAKE_OPEN), ==, DEVICES);
    assert_rests();
    machine_write(GBPA, 4, UPDATE | GBPA_ABORT);
    finish(FAKE_BLOCKED, DEVICES);
}

/* Nothing is left to do, or to wait for, right after a reset */
static void commands_do_not_wait_after_a_reset(void)
{
    machine_write(GBPA, 4, UPDATE);
    assert_in_the_middle(FAKE_OPEN);
    machine_reset();
    machine_store(QUEUE, SYNC);
    machine_store(QUEUE + 8, 0);
    machine_write(CMDQ_BASE, 8, QUEUE | 8);
    machine_write(CMDQ_CONS, 4, 0);
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, 1);
    g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 1);
}

static void devices_go_and_come_meanwhile(void)
{
    machine_write(GBPA, 4, UPDATE);
    assert_in_the_middle(FAKE_OPEN);
    unplug(DEVICES - 1);
    unplug(1);
    plug(1);
    /* What comes obeys the new value */
    g_assert_cmpint(fake_host_dma(host, &host->dev[1]).kind, ==, FAKE_OPEN);
    finish(FAKE_OPEN, DEVICES - 1);
}

static void all_devices_go_meanwhile(void)
{
    machine_write(GBPA, 4, UPDATE);
    assert_in_the_middle(FAKE_OPEN);
    for (unsigned n = 1; n < DEVICES; n++) {
        unplug(n);
    }
    rules_unplug();
    attached = 0;
    machine_main_loop();
    g_assert_cmpuint(attached, ==, 0);
    g_assert_true(is_told());
}

/* What is saved of a VM, or looked at, is not in the middle of anything */
static void it_is_finished_when_the_vm_stops(void)
{
    machine_store(QUEUE, SYNC);
    machine_store(QUEUE + 8, 0);
    machine_write(CR0, 4, CMDQEN);
    machine_write(GBPA, 4, UPDATE);
    assert_in_the_middle(FAKE_OPEN);
    machine_write(CMDQ_PROD, 4, 1);
    vm_stop(RUN_STATE_PAUSED);
    /* The bottom half runs, and does nothing */
    machine_main_loop();
    g_assert_true(is_told());
    g_assert_cmpuint(count(FAKE_OPEN), ==, DEVICES);
    g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 0);
    vm_start();
    machine_main_loop();
    g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 1);
    assert_rests();
}

/* A device that cannot follow is blocked, and nobody waits for it */
static void a_failure_does_not_hold_it_up(void)
{
    fake_host_fail(host, BIT(FAKE_ATTACH), 2, 1, EINVAL);
    machine_write(GBPA, 4, UPDATE);
    for (unsigned turns = 0; !is_told(); turns++) {
        g_assert_cmpuint(turns, <, DEVICES);
        turn();
    }
    g_assert_cmpuint(count(FAKE_OPEN), ==, DEVICES - 1);
    g_assert_cmpuint(count(FAKE_BLOCKED), ==, 1);
}

static void pass_time_and_run_timers(int64_t ns)
{
    machine_pass_time(ns);
    qemu_clock_run_timers(QEMU_CLOCK_VIRTUAL);
}

/* Without an access of the guest's, too */
static void who_was_busy_follows_when_it_is_time(void)
{
    fake_host_fail(host, BIT(FAKE_ATTACH), 2, UINT_MAX, EBUSY);
    machine_write(GBPA, 4, UPDATE);
    for (unsigned turns = 0; !is_told(); turns++) {
        g_assert_cmpuint(turns, <, DEVICES);
        turn();
    }
    g_assert_cmpuint(count(FAKE_OPEN), ==, 2);
    pass_time_and_run_timers(60 * SCALE_MS);
    g_assert_cmpuint(count(FAKE_OPEN), ==, 2);
    fake_host_heal(host);
    g_assert_cmpuint(count(FAKE_BLOCKED), ==, DEVICES - 2);
    pass_time_and_run_timers(200 * SCALE_MS);
    g_assert_cmpuint(count(FAKE_OPEN), ==, DEVICES);
}

#define RULES(X) \
    X(gbpa_is_updated_in_parts) \
    X(gbpa_is_not_written_meanwhile) \
    X(smmuen_is_acknowledged_in_the_end) \
    X(a_guest_changes_its_mind) \
    X(gbpa_is_written_while_smmuen_is_cleared) \
    X(gbpa_is_written_while_smmuen_is_set) \
    X(commands_wait_for_it) \
    X(commands_go_on_after_it) \
    X(a_reset_ends_it) \
    X(commands_do_not_wait_after_a_reset) \
    X(devices_go_and_come_meanwhile) \
    X(all_devices_go_meanwhile) \
    X(it_is_finished_when_the_vm_stops) \
    X(a_failure_does_not_hold_it_up) \
    X(who_was_busy_follows_when_it_is_time)

RULES(RULE_TEST)

void update_rules_add(void)
{
    RULES(RULE_ADD)
}
