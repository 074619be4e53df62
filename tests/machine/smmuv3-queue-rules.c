/*
 * A command queue that is too long to be done at once
 *
 * A write does as much of it as fits between two other accesses; the main loop
 * does the rest. Whatever happens meanwhile meets a queue in the middle of its
 * work. Work is counted in commands, and the time is the VM's, which passes
 * when the fake host says so: how busy this machine is does not matter.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "smmuv3-machine.h"
#include "smmuv3-queue-rules.h"
#include "smmuv3-register-rules.h"
#include "system/address-spaces.h"
#include "system/runstate.h"

#define QUEUE    0x42000000ULL
#define MESSAGE  0x43000000ULL
#define TABLE    0x43100000ULL
#define LOG2     15
#define LONG     (1u << LOG2)

/* A batch of Linux's (64 commands and a CMD_SYNC) of each of 72 vCPUs */
#define USUAL    (72 * 65)
/* So much may be done at a time: the same, and a run of adjacent commands */
#define AT_ONCE  (USUAL + 128)

#define SMMUEN   0x1
#define CMDQEN   0x8
#define CMDQ_ERR 0x1

#define PREFETCH 0x01ULL
#define CFGI_STE (0x03ULL | (uint64_t)RULES_SID << 32)
#define TLBI_VA  0x12ULL
#define TLBI_ALL 0x30ULL
#define SYNC     0x46ULL
#define SYNC_MSG (0x1046ULL | 0x77ULL << 32)
#define ILLEGAL  0xffULL

static FakeHost *host;
static int64_t call_takes;
static unsigned issued, issued_before;
/* CMDQ_CONS while the host is asked for the first ones */
static uint32_t cons_then[2];

/* Each command takes its time on the host */
static void is_issued(void *opaque, const uint64_t cmd[2])
{
    if (issued < ARRAY_SIZE(cons_then)) {
        cons_then[issued] = machine_read(CMDQ_CONS, 4);
    }
    issued++;
    machine_pass_time(call_takes);
}

static void setup(void)
{
    host = rules_begin();
    host->issued = is_issued;
    call_takes = 0;
    issued = 0;
    machine_write(CMDQ_BASE, 8, QUEUE | LOG2);
    machine_store(MESSAGE, 0);
}

static void teardown(void)
{
    rules_end();
}

static void put(unsigned index, uint64_t word0, uint64_t word1)
{
    machine_store(QUEUE + index * 16, word0);
    machine_store(QUEUE + index * 16 + 8, word1);
}

static void fill(unsigned n, uint64_t word0, uint64_t word1)
{
    for (unsigned i = 0; i < n; i++) {
        put(i, word0, word1);
    }
}

static uint32_t cons(void)
{
    return machine_read(CMDQ_CONS, 4) & 0xfffff;
}

/* Some @n commands, of which the first part is done when this returns */
static void begin(unsigned n)
{
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, n);
    g_assert_cmpuint(cons(), >, 0);
    g_assert_cmpuint(cons(), <, n);
}

/* The last of LONG - 1 commands is a CMD_SYNC with a message */
static void begin_with_message_at_the_end(void)
{
    fill(LONG - 1, TLBI_VA, 0x1000);
    put(LONG - 2, SYNC_MSG, MESSAGE);
    begin(LONG - 1);
}

/* What is left is done, never too much at a time; returns in how many parts */
static unsigned finish(unsigned n)
{
    unsigned parts = 0;

    while (cons() != n) {
        uint32_t was = cons();

        machine_main_loop();
        g_assert_cmpuint(cons(), >, was);
        g_assert_cmpuint(cons() - was, <=, AT_ONCE);
        parts++;
    }
    return parts;
}

/* The main loop does nothing now */
static void assert_rests(void)
{
    uint32_t was = cons();

    for (int i = 0; i < 10; i++) {
        machine_main_loop();
    }
    g_assert_cmpuint(cons(), ==, was);
}

static void a_usual_queue_is_done_within_the_write(void)
{
    fill(USUAL, TLBI_VA, 0x1000);
    for (int i = 64; i < USUAL; i += 65) {
        put(i, SYNC, 0);
    }
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, USUAL);
    g_assert_cmpuint(cons(), ==, USUAL);
    assert_rests();
}

static void a_long_queue_is_done_in_parts(void)
{
    fill(LONG - 1, PREFETCH, 0);
    begin(LONG - 1);
    g_assert_cmpuint(cons(), <=, AT_ONCE);
    g_assert_cmpuint(finish(LONG - 1), >=, LONG / AT_ONCE);
    assert_rests();
}

/* Whichever write of a register it is that starts the queue */
static void no_write_does_more_than_a_part(void)
{
    fill(LONG, PREFETCH, 0);
    put(0, ILLEGAL, 0);
    machine_write(CMDQ_PROD, 4, LONG);
    machine_write(CR0, 4, CMDQEN);
    g_assert_cmphex(machine_read(GERROR, 4), ==, CMDQ_ERR);
    put(0, SYNC, 0);
    machine_write(GERRORN, 4, CMDQ_ERR);
    g_assert_cmpuint(cons(), >, 0);
    g_assert_cmpuint(cons(), <=, AT_ONCE);
    machine_write(CR0, 4, 0);
    machine_write(CMDQ_CONS, 4, 0);
    machine_write(CR0, 4, CMDQEN);
    g_assert_cmpuint(cons(), >, 0);
    g_assert_cmpuint(cons(), <=, AT_ONCE);
    finish(LONG);
}

static void a_slow_host_is_asked_a_few_times_at_once(void)
{
    const unsigned n = 200;

    for (unsigned i = 0; i < n; i += 2) {
        put(i, TLBI_ALL, 0);
        put(i + 1, SYNC, 0);
    }
    call_takes = 400 * SCALE_US;
    begin(n);
    /* The first, and as many as fit into a millisecond */
    g_assert_cmpuint(issued, <=, 4);
    while (cons() != n) {
        unsigned was = issued;

        machine_main_loop();
        g_assert_cmpuint(issued - was, <=, 4);
    }
    g_assert_cmpuint(issued, ==, n / 2);
}

/* Its clock stands still, so that no time would be over */
static void a_vcpu_that_is_to_stop_does_no_more(void)
{
    for (int i = 0; i < 8; i++) {
        put(i, i % 2 ? SYNC : TLBI_VA, i % 2 ? 0 : 0x1000);
    }
    machine_write(CR0, 4, CMDQEN);
    current_cpu = first_cpu;
    first_cpu->stop = true;
    machine_write(CMDQ_PROD, 4, 8);
    first_cpu->stop = false;
    current_cpu = NULL;
    g_assert_cmpuint(cons(), ==, 2);
    machine_main_loop();
    g_assert_cmpuint(cons(), ==, 8);
}

/* A CMD_SYNC's message is not there before all that precedes it is done */
static void a_sync_waits_for_what_precedes_it(void)
{
    fill(LONG - 1, TLBI_VA, 0x1000);
    for (unsigned i = 1; i < LONG - 1; i += 2) {
        put(i, TLBI_VA, 0x7000);
    }
    put(LONG - 2, SYNC_MSG, MESSAGE);
    begin(LONG - 1);
    while (!machine_load(MESSAGE)) {
        uint32_t was = cons();

        issued_before = issued;
        machine_main_loop();
        g_assert_cmpuint(cons(), >, was);
    }
    g_assert_cmpuint(machine_load(MESSAGE), ==, 0x77);
    g_assert_cmpuint(issued, ==, LONG - 2);
    g_assert_cmpuint(issued_before, <, LONG - 2);
}

/* 3.18: who sees its message, or its wire, finds it consumed */
static void a_sync_that_is_told_of_is_consumed(void)
{
    put(0, SYNC_MSG, MESSAGE);
    put(1, TLBI_VA, 0x1000);
    put(2, SYNC, 0);
    put(3, SYNC_MSG, 0);
    put(4, TLBI_VA, 0x2000);
    put(5, SYNC, 0);
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, 6);
    g_assert_cmpuint(issued, ==, 2);
    g_assert_cmpuint(cons_then[0], ==, 1);
    g_assert_cmpuint(cons_then[1], ==, 4);
    g_assert_cmpuint(cons(), ==, 6);
}

static void an_error_stops_it(void)
{
    fill(LONG - 1, PREFETCH, 0);
    put(2 * AT_ONCE, ILLEGAL, 0);
    begin(LONG - 1);
    g_assert_cmphex(machine_read(GERROR, 4), ==, 0);
    finish(2 * AT_ONCE);
    g_assert_cmphex(machine_read(GERROR, 4), ==, CMDQ_ERR);
    g_assert_cmphex(machine_read(CMDQ_CONS, 4) >> 24, ==, 1);
    assert_rests();
    put(2 * AT_ONCE, PREFETCH, 0);
    /* Until the guest acknowledges it, whatever the command is now */
    assert_rests();
    machine_write(GERRORN, 4, CMDQ_ERR);
    finish(LONG - 1);
}

/* 6.3.9.3: CONS says how far it came, and there it goes on */
static void it_stands_while_cmdqen_is_0(void)
{
    fill(LONG - 1, PREFETCH, 0);
    begin(LONG - 1);
    machine_write(CR0, 4, 0);
    g_assert_cmphex(machine_read(CR0ACK, 4), ==, 0);
    assert_rests();
    machine_write(CR0, 4, CMDQEN);
    finish(LONG - 1);
}

/* SMMUEN's acknowledgement waits for streams, and not for the queue */
static void smmuen_is_acknowledged_meanwhile(void)
{
    const uint64_t ste[8] = { cpu_to_le64(1 | 4 << 1) };

    address_space_write(&address_space_memory, TABLE + RULES_SID * 64,
                        MEMTXATTRS_UNSPECIFIED, ste, sizeof(ste));
    machine_write(GBPA, 4, 1u << 31 | 1 << 20);
    machine_write(STRTAB_BASE, 8, TABLE);
    machine_write(STRTAB_BASE_CFG, 4, 8);
    fill(LONG - 1, CFGI_STE, 0);
    begin(LONG - 1);
    g_assert_cmpint(fake_host_dma(host, &host->dev[0]).kind, ==, FAKE_BLOCKED);
    machine_write(CR0, 4, CMDQEN | SMMUEN);
    g_assert_cmphex(machine_read(CR0ACK, 4), ==, CMDQEN | SMMUEN);
    g_assert_cmpint(fake_host_dma(host, &host->dev[0]).kind, ==, FAKE_OPEN);
    machine_main_loop();
    machine_write(CR0, 4, CMDQEN);
    g_assert_cmphex(machine_read(CR0ACK, 4), ==, CMDQEN);
    g_assert_cmpint(fake_host_dma(host, &host->dev[0]).kind, ==, FAKE_BLOCKED);
    finish(LONG - 1);
}

static void a_reset_forgets_it(void)
{
    begin_with_message_at_the_end();
    machine_reset();
    issued = 0;
    assert_rests();
    g_assert_cmpuint(cons(), ==, 0);
    g_assert_cmpuint(issued, ==, 0);
    g_assert_cmpuint(machine_load(MESSAGE), ==, 0);
}

static void the_last_device_can_go_meanwhile(void)
{
    begin_with_message_at_the_end();
    rules_unplug();
    issued = 0;
    finish(LONG - 1);
    g_assert_cmpuint(issued, ==, 0);
    g_assert_cmpuint(machine_load(MESSAGE), ==, 0x77);
}

/* What is saved of a VM, or looked at, does not change while it is */
static void it_stands_while_the_vm_does(void)
{
    fill(LONG - 1, PREFETCH, 0);
    begin(LONG - 1);
    vm_stop(RUN_STATE_PAUSED);
    assert_rests();
    vm_start();
    finish(LONG - 1);
}

#define RULES(X) \
    X(a_usual_queue_is_done_within_the_write) \
    X(a_long_queue_is_done_in_parts) \
    X(no_write_does_more_than_a_part) \
    X(a_slow_host_is_asked_a_few_times_at_once) \
    X(a_vcpu_that_is_to_stop_does_no_more) \
    X(a_sync_waits_for_what_precedes_it) \
    X(a_sync_that_is_told_of_is_consumed) \
    X(an_error_stops_it) \
    X(it_stands_while_cmdqen_is_0) \
    X(smmuen_is_acknowledged_meanwhile) \
    X(a_reset_forgets_it) \
    X(the_last_device_can_go_meanwhile) \
    X(it_stands_while_the_vm_does)

RULES(RULE_TEST)

void queue_rules_add(void)
{
    RULES(RULE_ADD)
}
