/*
 * One test for each rule of the registers, queues and interrupts (IHI 0070)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "smmuv3-machine.h"
#include "smmuv3-register-rules.h"
#include "system/address-spaces.h"

#define CMDQ     0x41100000ULL
#define EVENTQ   0x41200000ULL
#define MESSAGES 0x41300000ULL
#define TABLE    0x41400000ULL
#define NOWHERE  (RAM + RAM_SIZE)
#define SID      RULES_SID

#define SMMUEN   0x1
#define EVENTQEN 0x4
#define CMDQEN   0x8
#define BOTH     (EVENTQEN | CMDQEN)

#define CFGI_STE (0x03ULL | (uint64_t)SID << 32)
#define TLBI_VA  0x12
#define TLBI_VAA 0x13
#define ATC_INV  (0x40ULL | (uint64_t)SID << 32)
#define SYNC     0x46
#define SYNC_IRQ 0x1046
#define ILLEGAL  0xff

/* 5.2: V, Config 0b101, S1ContextPtr; EATS 0b01 */
#define STE_S1   (1 | 5 << 1 | 0x43200000ULL)
#define STE_EATS (1ULL << 28)
#define STE_BYPASS (1 | 4 << 1)

#define C_BAD_SUBSTREAMID 0x08

/* GERROR */
#define CMDQ_ERR           0x01
#define EVENTQ_ABT_ERR     0x04
#define MSI_CMDQ_ABT_ERR   0x10
#define MSI_EVENTQ_ABT_ERR 0x20
#define MSI_GERROR_ABT_ERR 0x80
/* IRQ_CTRL */
#define GERROR_IRQEN       0x1
#define EVENTQ_IRQEN       0x4

/* One device behind the SMMU, and the host's vEVENTQ */
static FakeHost *host;
static SMMUv3Stream *stream;

static uint32_t get_sid(void *opaque, const SMMUv3Stream *st)
{
    return SID;
}

static void setup(void)
{
    SMMUv3Streams *s = &smmu->accel->streams;

    machine_reset();
    host = g_new0(FakeHost, 1);
    fake_host_init(host);
    fake_host_open_device(host, &host->dev[0]);
    s->get_sid = get_sid;
    s->on_close = NULL;
    stream = smmuv3_streams_plug(s, &fake_host_ops, host, &host->dev[0].host,
                                 FAKE_PARENT, &error_abort);
    machine_new_veventq();
    /* UNKNOWN after a reset */
    machine_write(IRQ_CTRL, 4, 0);
    machine_write(EVENTQ_IRQ_CFG0, 8, 0);
    machine_write(GERROR_IRQ_CFG0, 8, 0);
    machine_write(CMDQ_BASE, 8, CMDQ | 4);
    machine_write(CMDQ_PROD, 4, 0);
    machine_write(CMDQ_CONS, 4, 0);
    machine_write(EVENTQ_BASE, 8, EVENTQ | 2);
    machine_write(EVENTQ_PROD, 4, 0);
    machine_write(EVENTQ_CONS, 4, 0);
    for (int i = 0; i < 64; i++) {
        machine_store(CMDQ + i * 8, 0);
        machine_store(EVENTQ + i * 8, 0);
        machine_store(MESSAGES + i * 8, 0);
    }
    for (int i = 0; i < WIRES; i++) {
        machine_take_pulses(i);
    }
    machine_take_event_reads();
}

static void teardown(void)
{
    if (stream) {
        rules_unplug();
    }
    fake_host_end(host);
    g_free(host);
    machine_reset();
}

FakeHost *rules_begin(void)
{
    setup();
    return host;
}

void rules_unplug(void)
{
    smmuv3_streams_unplug(&smmu->accel->streams, g_steal_pointer(&stream));
    fake_host_close_device(host, &host->dev[0]);
}

void rules_end(void)
{
    teardown();
}

/* --- What tests say --- */

static void assert_reads(uint32_t reg, unsigned width, uint64_t val)
{
    uint64_t is = machine_read(reg, width);

    if (is != val) {
        g_error("0x%x (%u) reads 0x%" PRIx64 ", not 0x%" PRIx64, reg, width,
                is, val);
    }
}

static void assert_writes(uint32_t reg, uint32_t val, uint32_t reads)
{
    machine_write(reg, 4, val);
    assert_reads(reg, 4, reads);
}

static void put_command(uint64_t queue, unsigned index, uint64_t word0,
                        uint64_t word1)
{
    machine_store(queue + index * 16, word0);
    machine_store(queue + index * 16 + 8, word1);
}

void rules_command(uint64_t word0, uint64_t word1)
{
    uint32_t prod = machine_read(CMDQ_PROD, 4);

    put_command(CMDQ, prod % 16, word0, word1);
    machine_write(CMDQ_PROD, 4, (prod + 1) % 32);
}

static uint32_t message(unsigned n)
{
    return machine_load(MESSAGES + n * 8);
}

static void set_message(uint32_t cfg0, uint64_t addr, uint32_t data)
{
    machine_write(cfg0, 8, addr);
    machine_write(cfg0 + 8, 4, data);
}

/* The host has a fault, and QEMU's main loop hears of it */
static void fault(uint64_t addr)
{
    machine_put_event(SID, addr);
    smmuv3_accel_read_events(smmu->accel);
}

static void acknowledge_errors(void)
{
    machine_write(GERRORN, 4, machine_read(GERROR, 4));
}

/* --- 6.2: accesses --- */

static void a_pair_of_registers_is_accessed_at_once(void)
{
    machine_write(CR0, 4, BOTH);
    fault(0x1000);
    fault(0x2000);
    machine_write(EVENTQ_CONS, 4, 1);
    /* FreeBSD's interrupt handler reads PROD and CONS so */
    assert_reads(PAGE1 + EVENTQ_PROD, 8, 1ULL << 32 | 2);
    assert_reads(CR0, 8, (uint64_t)BOTH << 32 | BOTH);
    assert_reads(IDR0, 8, machine_read(IDR0, 4) | machine_read(IDR1, 4) << 32);
    machine_write(GERROR_IRQ_CFG1, 8, 0x1500001234);
    assert_reads(GERROR_IRQ_CFG1, 4, 0x1234);
    assert_reads(GERROR_IRQ_CFG2, 4, 0x15);
    machine_write(CR0, 8, CMDQEN);
    assert_reads(CR0ACK, 4, CMDQEN);
}

/* CONS is the new one when PROD is looked at */
static void a_queues_indices_are_written_at_once(void)
{
    put_command(CMDQ, 7, SYNC, 0);
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 8, 7ULL << 32 | 8);
    assert_reads(CMDQ_PROD, 8, 8ULL << 32 | 8);
    assert_reads(GERROR, 4, 0);
}

static void other_widths_do_nothing(void)
{
    machine_write(CR0, 1, CMDQEN);
    machine_write(CR0, 2, CMDQEN);
    machine_write(CR0ACK, 8, ~0ULL);
    assert_reads(CR0, 8, 0);
}

/* --- 6.3: fields --- */

static void interrupt_configuration_reads_as_written(void)
{
    static const uint32_t cfg0[] = { GERROR_IRQ_CFG0, EVENTQ_IRQ_CFG0 };

    for (int i = 0; i < ARRAY_SIZE(cfg0); i++) {
        machine_write(cfg0[i], 8, 0xffffffffffffffff);
        assert_reads(cfg0[i], 8, 0x00fffffffffffffc);
        machine_write(cfg0[i], 4, 0x12345678);
        machine_write(cfg0[i] + 4, 4, 0x9);
        assert_reads(cfg0[i], 8, 0x912345678);
        assert_reads(cfg0[i], 4, 0x12345678);
        assert_reads(cfg0[i] + 4, 4, 0x9);
        assert_writes(cfg0[i] + 8, 0xdeadbeef, 0xdeadbeef);
        assert_writes(cfg0[i] + 12, 0xffffffff, 0x3f);
    }
}

static void reserved_bits_are_not_stored(void)
{
    assert_writes(CR0, 0xfffffff0, 0);
    assert_reads(CR0ACK, 4, 0);
    assert_writes(CR0, ~SMMUEN, BOTH);
    assert_reads(CR0ACK, 4, BOTH);
    machine_write(CR0, 4, 0);
    assert_writes(CR1, ~0u, 0xfff);
    assert_writes(CR2, ~0u, 0x2);
    assert_writes(IRQ_CTRL, ~0u, 0x5);
    assert_reads(IRQ_CTRLACK, 4, 0x5);
    assert_writes(IRQ_CTRL, 0, 0);
    assert_writes(GBPA, ~0u, 0x1f3f1f);
    assert_writes(GBPA, 0x80001000, 0x1000);
    assert_writes(GERRORN, ~0u, 0x1b5);
    assert_writes(GERRORN, 0, 0);
    assert_writes(STRTAB_BASE_CFG, ~0u, 0x307ff);
    machine_write(STRTAB_BASE, 8, ~0ULL);
    assert_reads(STRTAB_BASE, 8, 0x40ffffffffffffc0);
    machine_write(CMDQ_BASE, 8, ~0ULL);
    assert_reads(CMDQ_BASE, 8, 0x40ffffffffffffff);
    machine_write(EVENTQ_BASE, 8, ~0ULL);
    assert_reads(EVENTQ_BASE, 8, 0x40ffffffffffffff);
    assert_writes(STATUSR, ~0u, 0);
}

/* 6.3.27 to 6.3.29: by the size of the queue, and the largest is 2^19 */
static void indices_have_no_bits_above_the_wrap_bit(void)
{
    assert_writes(CMDQ_PROD, ~0u, 0xfffff);
    assert_writes(CMDQ_CONS, ~0u, 0x7f00001f);
    assert_writes(EVENTQ_PROD, ~0u, 0x80000007);
    assert_writes(EVENTQ_CONS, ~0u, 0x800fffff);
    machine_write(CMDQ_BASE, 8, CMDQ);
    assert_writes(CMDQ_CONS, 0xfffff, 1);
    machine_write(CMDQ_BASE, 8, CMDQ | 31);
    assert_writes(CMDQ_CONS, 0xfffff, 0xfffff);
}

/* ID_REGS: by these software knows a component of Arm's (CIDR0 to CIDR3) */
static void it_identifies_itself(void)
{
    static const uint32_t cidr[] = { 0x0d, 0xf0, 0x05, 0xb1 };

    for (int i = 0; i < 4; i++) {
        assert_reads(0xff0 + i * 4, 4, cidr[i]);
    }
}

static void set_ats(OnOffAuto ats)
{
    smmu->accel->props.ats = ats;
    machine_reset();
}

/* 6.3.9: reserved where there is no ATS */
static void atschk_is_stored_where_there_is_ats(void)
{
    assert_writes(CR0, 0x10, 0);
    set_ats(ON_OFF_AUTO_ON);
    assert_writes(CR0, 0x10, 0x10);
    assert_reads(CR0ACK, 4, 0x10);
    set_ats(ON_OFF_AUTO_AUTO);
    assert_writes(CR0, 0x10, 0);
}

/* --- What is guarded --- */

static void registers_of_what_is_enabled_are_read_only(void)
{
    machine_write(STRTAB_BASE, 8, TABLE);
    machine_write(STRTAB_BASE_CFG, 4, 8);
    machine_write(CR1, 4, 0x555);
    machine_write(CR2, 4, 0);
    machine_write(CR0, 4, SMMUEN);
    machine_write(STRTAB_BASE, 8, 0);
    machine_write(STRTAB_BASE + 4, 4, 1);
    assert_reads(STRTAB_BASE, 8, TABLE);
    assert_writes(STRTAB_BASE_CFG, 0, 8);
    assert_writes(CR2, 2, 0);
    /* TABLE_* by SMMUEN, QUEUE_* by either queue */
    assert_writes(CR1, 0xaaa, 0x56a);
    machine_write(CR0, 4, EVENTQEN);
    assert_writes(CR1, 0xfff, 0xfea);
    machine_write(CR0, 4, CMDQEN);
    assert_writes(CR1, 0x000, 0x02a);
    machine_write(CR0, 4, 0);
    assert_writes(CR1, 0x000, 0x000);
    assert_writes(CR2, 2, 2);
}

/* As FreeBSD and Hafnium may find it, who would use the last owner's else */
static void queues_and_messages_can_be_taken_over_while_enabled(void)
{
    machine_write(CR0, 4, BOTH);
    machine_write(IRQ_CTRL, 4, EVENTQ_IRQEN | GERROR_IRQEN);
    machine_write(EVENTQ_BASE, 8, (EVENTQ + 0x1000) | 2);
    machine_write(EVENTQ_PROD, 4, 3);
    machine_write(EVENTQ_CONS, 4, 3);
    set_message(EVENTQ_IRQ_CFG0, MESSAGES, 0x77);
    fault(0x5000);
    g_assert_cmphex(machine_load(EVENTQ + 0x1000 + 3 * 32 + 16), ==, 0x5000);
    g_assert_cmphex(message(0), ==, 0x77);
    set_message(GERROR_IRQ_CFG0, MESSAGES + 8, 0x88);
    rules_command(ILLEGAL, 0);
    g_assert_cmphex(message(1), ==, 0x88);
}

/*
 * Arm's ACS writes CMDQ_BASE, PROD and CONS with CMDQEN = 1. Of the old ring no
 * command is done any more, of the new one each once.
 */
static void a_ring_can_be_moved_while_it_is_enabled(void)
{
    const uint64_t ring = CMDQ + 0x1000;

    machine_write(CR0, 4, CMDQEN);
    for (int round = 0; round < 3; round++) {
        /* So many that CONS and the new PROD could be of one queue */
        for (int i = 0; i < 20; i++) {
            rules_command(SYNC, 0);
        }
        for (int i = 0; i < 16; i++) {
            put_command(CMDQ, i, ILLEGAL, 0);
            put_command(ring, i, ILLEGAL, 0);
        }
        machine_write(CMDQ_BASE, 8, ring | 4);
        machine_write(CMDQ_PROD, 4, 0);
        machine_write(CMDQ_CONS, 4, 0);
        put_command(ring, 0, SYNC_IRQ, MESSAGES);
        machine_write(CR0, 4, CMDQEN);
        machine_write(CMDQ_PROD, 4, 1);
        assert_reads(CMDQ_CONS, 4, 1);
        assert_reads(GERROR, 4, 0);
        /* And back, by 32 bits, CONS before PROD */
        machine_write(CMDQ_BASE, 4, CMDQ | 4);
        machine_write(CMDQ_BASE + 4, 4, 0);
        machine_write(CMDQ_CONS, 4, 0);
        machine_write(CMDQ_PROD, 4, 0);
        assert_reads(GERROR, 4, 0);
    }
}

/* 3.5.1: indices further apart than the queue is long are of no queue */
static void indices_of_no_queue_bring_no_commands(void)
{
    for (int i = 0; i < 16; i++) {
        put_command(CMDQ, i, SYNC, 0);
    }
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, 17);
    assert_reads(CMDQ_CONS, 4, 0);
    machine_write(CMDQ_PROD, 4, 16);
    assert_reads(CMDQ_CONS, 4, 16);
    assert_reads(GERROR, 4, 0);
}

/* --- Where queues are --- */

static void a_queue_is_aligned_by_the_smmu(void)
{
    machine_write(CR0, 4, 0);
    /* Of one command, at 32 modulo 64 */
    machine_write(CMDQ_BASE, 8, CMDQ + 32);
    put_command(CMDQ, 0, ILLEGAL, 0);
    put_command(CMDQ + 32, 0, SYNC, 0);
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, 1);
    assert_reads(CMDQ_CONS, 4, 1);
    assert_reads(GERROR, 4, 0);
    assert_reads(CMDQ_BASE, 8, CMDQ + 32);
    /* Of sixteen, with a base in its middle */
    machine_write(CR0, 4, 0);
    machine_write(CMDQ_BASE, 8, (CMDQ + 0x1080) | 4);
    put_command(CMDQ + 0x1000, 1, SYNC, 0);
    put_command(CMDQ + 0x1080, 1, ILLEGAL, 0);
    machine_write(CMDQ_CONS, 4, 1);
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, 2);
    assert_reads(CMDQ_CONS, 4, 2);
    assert_reads(GERROR, 4, 0);
    /* Of four events, 128 bytes */
    machine_write(EVENTQ_BASE, 8, (EVENTQ + 0x1060) | 2);
    machine_write(CR0, 4, EVENTQEN);
    fault(0x9000);
    g_assert_cmphex(machine_load(EVENTQ + 0x1000 + 16), ==, 0x9000);
    assert_reads(EVENTQ_BASE, 8, (EVENTQ + 0x1060) | 2);
}

/* 3.4.3 */
static void addresses_are_truncated_to_the_oas(void)
{
    unsigned oas = (machine_read(IDR5, 4) & 7) == 4 ? 44 : 48;
    const uint64_t above = 1ULL << oas | 1ULL << 51;

    put_command(CMDQ, 0, SYNC, 0);
    machine_write(CMDQ_BASE, 8, above | CMDQ | 4);
    machine_write(EVENTQ_BASE, 8, above | EVENTQ | 2);
    set_message(EVENTQ_IRQ_CFG0, above | MESSAGES, 0x11);
    set_message(GERROR_IRQ_CFG0, above | (MESSAGES + 8), 0x22);
    machine_write(IRQ_CTRL, 4, EVENTQ_IRQEN | GERROR_IRQEN);
    machine_write(CR0, 4, BOTH);
    machine_write(CMDQ_PROD, 4, 1);
    assert_reads(CMDQ_CONS, 4, 1);
    assert_reads(GERROR, 4, 0);
    fault(0x3000);
    g_assert_cmphex(machine_load(EVENTQ + 16), ==, 0x3000);
    g_assert_cmphex(message(0), ==, 0x11);
    put_command(CMDQ, 1, SYNC_IRQ | 0x33ULL << 32, above | (MESSAGES + 16));
    machine_write(CMDQ_PROD, 4, 2);
    g_assert_cmphex(message(2), ==, 0x33);
    put_command(CMDQ, 2, ILLEGAL, 0);
    machine_write(CMDQ_PROD, 4, 3);
    assert_reads(GERROR, 4, CMDQ_ERR);
    g_assert_cmphex(message(1), ==, 0x22);
}

/* --- Events --- */

/* 7.2.1, 7.5 */
static void nothing_is_recorded_while_an_abort_is_active(void)
{
    machine_write(EVENTQ_BASE, 8, NOWHERE | 2);
    machine_write(CR0, 4, BOTH);
    fault(0x1000);
    assert_reads(GERROR, 4, EVENTQ_ABT_ERR);
    assert_reads(EVENTQ_PROD, 4, 0);
    /* The queue is put right, the error not yet acknowledged */
    machine_write(EVENTQ_BASE, 8, EVENTQ | 2);
    for (int i = 0; i < 8; i++) {
        fault(0x2000);
    }
    assert_reads(EVENTQ_PROD, 4, 0);
    g_assert_cmphex(machine_load(EVENTQ), ==, 0);
    acknowledge_errors();
    fault(0x3000);
    assert_reads(EVENTQ_PROD, 4, 1);
    g_assert_cmphex(machine_load(EVENTQ + 16), ==, 0x3000);
}

static void an_event_interrupts_where_there_was_none(void)
{
    set_message(EVENTQ_IRQ_CFG0, MESSAGES, 0x77);
    machine_write(IRQ_CTRL, 4, EVENTQ_IRQEN);
    machine_write(CR0, 4, BOTH);
    fault(0x1000);
    g_assert_cmpuint(machine_take_pulses(WIRE_EVENTQ), ==, 1);
    g_assert_cmphex(message(0), ==, 0x77);
    machine_store(MESSAGES, 0);
    for (int i = 0; i < 3; i++) {
        fault(0x2000);
    }
    assert_reads(EVENTQ_PROD, 4, 4);
    /* Full: what is lost is told in OVFLG, and by no interrupt */
    fault(0x3000);
    fault(0x3000);
    assert_reads(EVENTQ_PROD, 4, 0x80000004);
    g_assert_cmpuint(machine_take_pulses(WIRE_EVENTQ), ==, 0);
    g_assert_cmphex(message(0), ==, 0);
    machine_write(EVENTQ_CONS, 4, 0x80000003);
    fault(0x4000);
    g_assert_cmpuint(machine_take_pulses(WIRE_EVENTQ), ==, 0);
    machine_write(EVENTQ_CONS, 4, 0x80000005);
    fault(0x5000);
    g_assert_cmpuint(machine_take_pulses(WIRE_EVENTQ), ==, 1);
    g_assert_cmphex(message(0), ==, 0x77);
}

/* 4.7.3 */
static void events_are_there_when_a_sync_completes(void)
{
    machine_write(CR0, 4, BOTH);
    machine_take_event_reads();
    machine_put_event(SID, 0x1000);
    rules_command(0x30, 0);
    assert_reads(EVENTQ_PROD, 4, 0);
    g_assert_cmpuint(machine_take_event_reads(), ==, 0);
    rules_command(SYNC, 0);
    assert_reads(EVENTQ_PROD, 4, 1);
    g_assert_cmpuint(machine_take_event_reads(), ==, 1);
    /* Before the message, which the guest may poll: here it overwrites one */
    machine_put_event(SID, 0x2000);
    rules_command(SYNC_IRQ | 0x55ULL << 32, EVENTQ + 32 + 16);
    assert_reads(EVENTQ_PROD, 4, 2);
    g_assert_cmphex(machine_load(EVENTQ + 32 + 16), ==, 0x55);
}

/* One read for each message, and one for all that the guest sees by CONS */
static void many_syncs_read_events_once(void)
{
    for (int i = 0; i < 12; i++) {
        put_command(CMDQ, i, i == 3 || i == 7 ? SYNC_IRQ : SYNC, MESSAGES);
    }
    machine_write(CR0, 4, BOTH);
    machine_take_event_reads();
    machine_write(CMDQ_PROD, 4, 8);
    g_assert_cmpuint(machine_take_event_reads(), ==, 2);
    machine_write(CMDQ_PROD, 4, 12);
    g_assert_cmpuint(machine_take_event_reads(), ==, 1);
    /* Where none can be recorded, none is asked for */
    machine_write(CR0, 4, CMDQEN);
    machine_take_event_reads();
    rules_command(SYNC, 0);
    g_assert_cmpuint(machine_take_event_reads(), ==, 0);
}

/* 6.3.9.4 */
static void events_of_before_eventqen_do_not_appear(void)
{
    machine_put_event(SID, 0x1000);
    machine_write(CR0, 4, BOTH);
    g_assert_cmpuint(machine_events_left(), ==, 0);
    smmuv3_accel_read_events(smmu->accel);
    assert_reads(EVENTQ_PROD, 4, 0);
    /* While it stays 1 nothing is dropped */
    machine_put_event(SID, 0x2000);
    machine_write(CR0, 4, EVENTQEN);
    g_assert_cmpuint(machine_events_left(), ==, 1);
    smmuv3_accel_read_events(smmu->accel);
    assert_reads(EVENTQ_PROD, 4, 1);
    /* Those of before it becomes 0 do */
    machine_put_event(SID, 0x3000);
    machine_write(CR0, 4, 0);
    assert_reads(EVENTQ_PROD, 4, 2);
    fault(0x4000);
    assert_reads(EVENTQ_PROD, 4, 2);
    assert_reads(GERROR, 4, 0);
}

/* 6.3.9.6: with SMMUEN = 0 there is none; the host remembers the StreamID */
static void a_substream_of_a_stream_that_bypasses_is_no_event(void)
{
    machine_store(TABLE + SID * 64, STE_S1);
    machine_write(STRTAB_BASE, 8, TABLE);
    machine_write(STRTAB_BASE_CFG, 4, 8);
    machine_write(CR0, 4, SMMUEN | BOTH);
    machine_put_event_of(C_BAD_SUBSTREAMID, SID, 0);
    smmuv3_accel_read_events(smmu->accel);
    assert_reads(EVENTQ_PROD, 4, 1);
    machine_write(CR0, 4, BOTH);
    machine_put_event_of(C_BAD_SUBSTREAMID, SID, 0);
    smmuv3_accel_read_events(smmu->accel);
    g_assert_cmpuint(machine_events_left(), ==, 0);
    assert_reads(EVENTQ_PROD, 4, 1);
    /* By an STE that bypasses, after one that did not */
    machine_write(CR0, 4, SMMUEN | BOTH);
    machine_store(TABLE + SID * 64, STE_BYPASS);
    rules_command(CFGI_STE, 1);
    machine_put_event_of(C_BAD_SUBSTREAMID, SID, 0);
    smmuv3_accel_read_events(smmu->accel);
    assert_reads(EVENTQ_PROD, 4, 1);
}

/* Of those of the emulation (bridges' MSIs) all words are little-endian */
static void a_record_of_the_emulation_is_little_endian(void)
{
    static const uint32_t evt[8] = { 0x12345610, 0x41, 0, 0, 0x9abcdef0 };

    machine_write(CR0, 4, EVENTQEN);
    smmuv3_accel_record(smmu, evt);
    g_assert_cmphex(machine_load(EVENTQ), ==, 0x0000004112345610);
    g_assert_cmphex(machine_load(EVENTQ + 16), ==, 0x000000009abcdef0);
    assert_reads(EVENTQ_PROD, 4, 1);
}

/* 7.4: told once, and like all else only where it can be recorded */
static void what_the_host_lost_is_an_overflow(void)
{
    machine_write(CR0, 4, EVENTQEN);
    machine_lose_event();
    fault(0x1000);
    assert_reads(EVENTQ_PROD, 4, 0x80000001);
    machine_lose_event();
    fault(0x2000);
    assert_reads(EVENTQ_PROD, 4, 0x80000002);
    machine_write(EVENTQ_CONS, 4, 0x80000002);
    /* Not with EVENTQEN = 0 */
    machine_write(CR0, 4, 0);
    machine_lose_event();
    fault(0x3000);
    assert_reads(EVENTQ_PROD, 4, 0x80000002);
    /* Nor while an abort is active */
    machine_write(EVENTQ_BASE, 8, NOWHERE | 2);
    machine_write(CR0, 4, EVENTQEN);
    fault(0x4000);
    assert_reads(GERROR, 4, EVENTQ_ABT_ERR);
    machine_lose_event();
    fault(0x5000);
    assert_reads(EVENTQ_PROD, 4, 0x80000002);
}

/* --- Interrupts --- */

/* 3.18.2 */
static void a_source_pulses_its_wire_and_sends_its_message(void)
{
    set_message(EVENTQ_IRQ_CFG0, MESSAGES, 0x77);
    set_message(GERROR_IRQ_CFG0, MESSAGES + 8, 0x88);
    machine_write(CR0, 4, BOTH);
    fault(0x1000);
    rules_command(ILLEGAL, 0);
    /* Not enabled */
    g_assert_cmpuint(machine_take_pulses(WIRE_EVENTQ), ==, 0);
    g_assert_cmpuint(machine_take_pulses(WIRE_GERROR), ==, 0);
    g_assert_cmphex(message(0), ==, 0);
    g_assert_cmphex(message(1), ==, 0);
    machine_write(IRQ_CTRL, 4, EVENTQ_IRQEN | GERROR_IRQEN);
    /* 6.3.16: of what was before it was enabled nothing tells */
    g_assert_cmpuint(machine_take_pulses(WIRE_EVENTQ), ==, 0);
    machine_write(EVENTQ_CONS, 4, 1);
    fault(0x2000);
    g_assert_cmpuint(machine_take_pulses(WIRE_EVENTQ), ==, 1);
    g_assert_cmphex(message(0), ==, 0x77);
    acknowledge_errors();
    g_assert_cmpuint(machine_take_pulses(WIRE_GERROR), ==, 1);
    g_assert_cmphex(message(1), ==, 0x88);
    /* ADDR = 0: the wire alone */
    set_message(EVENTQ_IRQ_CFG0, 0, 0x79);
    machine_write(EVENTQ_CONS, 4, 2);
    fault(0x3000);
    g_assert_cmpuint(machine_take_pulses(WIRE_EVENTQ), ==, 1);
    assert_reads(GERROR, 4, 0);
}

/* A choice: 3.18.2 has it to the implementation, for each source */
static void a_sync_sends_its_message_or_pulses_its_wire(void)
{
    machine_write(CR0, 4, CMDQEN);
    rules_command(SYNC_IRQ | 0x55ULL << 32, MESSAGES);
    g_assert_cmphex(message(0), ==, 0x55);
    g_assert_cmpuint(machine_take_pulses(WIRE_SYNC), ==, 0);
    rules_command(SYNC_IRQ | 0x55ULL << 32, 0);
    g_assert_cmpuint(machine_take_pulses(WIRE_SYNC), ==, 1);
    rules_command(SYNC, MESSAGES + 8);
    g_assert_cmphex(message(1), ==, 0);
    g_assert_cmpuint(machine_take_pulses(WIRE_SYNC), ==, 0);
}

/* QEMU stores it past the memory map; a migration must not miss it */
static void a_message_into_the_queue_makes_memory_dirty(void)
{
    MemoryRegion *mr;
    hwaddr at, len = 16;
    g_autofree DirtyBitmapSnapshot *snap = NULL;

    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(&address_space_memory, CMDQ, &at, &len, false,
                                 MEMTXATTRS_UNSPECIFIED);
    memory_region_set_log(mr, true, DIRTY_MEMORY_VGA);
    machine_write(CR0, 4, CMDQEN);
    put_command(CMDQ, 0, SYNC_IRQ | 0x55ULL << 32, CMDQ);
    memory_region_reset_dirty(mr, at, 0x1000, DIRTY_MEMORY_VGA);
    machine_write(CMDQ_PROD, 4, 1);
    g_assert_cmphex((uint32_t)machine_load(CMDQ), ==, 0x55);
    snap = memory_region_snapshot_and_clear_dirty(mr, at, 0x1000,
                                                  DIRTY_MEMORY_VGA);
    g_assert_true(memory_region_snapshot_get_dirty(mr, snap, at, 16));
    memory_region_set_log(mr, false, DIRTY_MEMORY_VGA);
}

/* 7.5.1 */
static void messages_that_fail_are_errors(void)
{
    set_message(EVENTQ_IRQ_CFG0, NOWHERE, 0x77);
    set_message(GERROR_IRQ_CFG0, NOWHERE, 0x88);
    machine_write(CR0, 4, BOTH);
    machine_write(IRQ_CTRL, 4, EVENTQ_IRQEN);
    fault(0x1000);
    assert_reads(GERROR, 4, MSI_EVENTQ_ABT_ERR);
    machine_write(IRQ_CTRL, 4, GERROR_IRQEN);
    rules_command(SYNC_IRQ, NOWHERE);
    assert_reads(GERROR, 4, MSI_EVENTQ_ABT_ERR | MSI_CMDQ_ABT_ERR |
                            MSI_GERROR_ABT_ERR);
    /* Of the message that failed no second one tells */
    g_assert_cmpuint(machine_take_pulses(WIRE_GERROR), ==, 1);
    assert_reads(CMDQ_CONS, 4, 1);
    /* 6.3.19: those are active, and stay as they are until acknowledged */
    rules_command(SYNC_IRQ, NOWHERE);
    assert_reads(GERROR, 4, MSI_EVENTQ_ABT_ERR | MSI_CMDQ_ABT_ERR |
                            MSI_GERROR_ABT_ERR);
    g_assert_cmpuint(machine_take_pulses(WIRE_GERROR), ==, 0);
}

static unsigned writes;

static void count_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    writes++;
}

static const MemoryRegionOps counting_ops = { .write = count_write };

/* A register would do what it does while this SMMU is at work */
static void no_message_goes_to_registers_but_the_doorbell(void)
{
    const uint64_t doorbell = smmu->accel->doorbell;
    MemoryRegion at_0, at_doorbell;

    memory_region_init_io(&at_0, NULL, &counting_ops, NULL, "at 0", 64);
    memory_region_init_io(&at_doorbell, NULL, &counting_ops, NULL, "doorbell",
                          64);
    memory_region_add_subregion_overlap(get_system_memory(), 0, &at_0, 1);
    memory_region_add_subregion_overlap(get_system_memory(), NOWHERE,
                                        &at_doorbell, 1);
    writes = 0;
    machine_write(CR0, 4, CMDQEN);
    smmu->accel->doorbell = NOWHERE;
    rules_command(SYNC_IRQ, NOWHERE);
    g_assert_cmpuint(writes, ==, 1);
    assert_reads(GERROR, 4, 0);
    /* This one is cut to 0, which is where no doorbell is, too */
    for (int i = 0; i < 2; i++) {
        smmu->accel->doorbell = i ? 0 : NOWHERE;
        rules_command(SYNC_IRQ, 1ULL << 51);
        g_assert_cmpuint(writes, ==, 1);
        g_assert_cmphex(machine_read(GERROR, 4) ^ machine_read(GERRORN, 4), ==,
                        MSI_CMDQ_ABT_ERR);
        acknowledge_errors();
    }
    rules_command(SYNC_IRQ, NOWHERE);
    g_assert_cmpuint(writes, ==, 1);
    memory_region_del_subregion(get_system_memory(), &at_0);
    memory_region_del_subregion(get_system_memory(), &at_doorbell);
    object_unparent(OBJECT(&at_0));
    object_unparent(OBJECT(&at_doorbell));
    smmu->accel->doorbell = doorbell;
}

/* --- Errors --- */

/* NVIDIA's EDK2 driver and Hafnium: bounded, and the same each time */
static void errors_acknowledged_without_repair_come_again(void)
{
    machine_write(IRQ_CTRL, 4, GERROR_IRQEN);
    machine_write(CR0, 4, CMDQEN);
    rules_command(SYNC, 0);
    rules_command(ILLEGAL, 0);
    rules_command(SYNC, 0);
    fake_host_take_calls(host);
    for (int i = 0; i < 1000; i++) {
        assert_reads(CMDQ_CONS, 4, 0x01000001);
        assert_reads(GERROR, 8, i % 2 ? 0x0000000100000000 : 1);
        g_assert_cmpuint(machine_take_pulses(WIRE_GERROR), ==, 1);
        acknowledge_errors();
    }
    g_assert_cmpuint(fake_host_take_calls(host), ==, 0);
    put_command(CMDQ, 1, SYNC, 0);
    acknowledge_errors();
    g_assert_cmphex(machine_read(CMDQ_CONS, 4) & 0xfffff, ==, 3);
}

/* 7.1: at the command that could not be read, and not before it */
static void an_abort_is_reported_at_its_command(void)
{
    MemoryRegion hole;

    for (int i = 0; i < 8; i++) {
        put_command(CMDQ, i, SYNC, 0);
    }
    memory_region_init_io(&hole, NULL, &unassigned_io_ops, NULL, "hole", 64);
    memory_region_add_subregion_overlap(get_system_memory(), CMDQ + 4 * 16,
                                        &hole, 1);
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, 8);
    assert_reads(CMDQ_CONS, 4, 0x02000004);
    assert_reads(GERROR, 4, CMDQ_ERR);
    memory_region_del_subregion(get_system_memory(), &hole);
    object_unparent(OBJECT(&hole));
    acknowledge_errors();
    g_assert_cmphex(machine_read(CMDQ_CONS, 4) & 0xfffff, ==, 8);
}

/* 7.1: CERROR_ATC_INV_SYNC, at the CMD_SYNC */
static void a_device_that_does_not_answer_is_an_error(void)
{
    set_ats(ON_OFF_AUTO_ON);
    machine_write(CMDQ_BASE, 8, CMDQ | 4);
    machine_store(TABLE + SID * 64, STE_S1);
    machine_store(TABLE + SID * 64 + 8, STE_EATS);
    machine_write(STRTAB_BASE, 8, TABLE);
    machine_write(STRTAB_BASE_CFG, 4, 8);
    machine_write(CR0, 4, SMMUEN | CMDQEN);
    host->dev[0].atc_dead = true;
    rules_command(ATC_INV, 52);
    rules_command(SYNC, 0);
    assert_reads(GERROR, 4, CMDQ_ERR);
    assert_reads(CMDQ_CONS, 4, 0x03000001);
    g_assert_cmpint(fake_host_dma(host, &host->dev[0]).kind, ==, FAKE_BLOCKED);
    host->dev[0].atc_dead = false;
    set_ats(ON_OFF_AUTO_AUTO);
}

/* --- Invalidations --- */

/* Of which test-smmuv3-inval.c shows when they are given up */
static void ranges_are_tried_again_after_a_reset(void)
{
    SMMUv3Accel *accel = smmu->accel;
    SMMUv3HostInfo was = accel->host;
    bool was_known = accel->host_known;

    /* IDR3.RIL, and pages of 4K, 16K and 64K */
    accel->host = (SMMUv3HostInfo) {
        .idr = { 0x0c4c141b, 0x520, 0, 0x1404, 0, 0x75 }, .oas = 48,
    };
    accel->host_known = true;
    machine_reset();
    g_assert_cmphex(accel->streams.inval.granules, ==, 0x15000);
    accel->streams.inval.granules = 0;
    machine_reset();
    g_assert_cmphex(accel->streams.inval.granules, ==, 0x15000);
    /* Not where the host has no ranges */
    accel->host.idr[3] = 0;
    machine_reset();
    g_assert_cmphex(accel->streams.inval.granules, ==, 0);
    accel->host = was;
    accel->host_known = was_known;
}

static uint64_t pages[4];
static unsigned n_pages;

static void page_is_issued(void *opaque, const uint64_t cmd[2])
{
    g_assert_cmpuint(n_pages, <, ARRAY_SIZE(pages));
    pages[n_pages++] = cmd[1];
}

/* Adjacent pages become a range, and one behind the last page is none */
static void no_range_goes_on_at_address_0(void)
{
    const uint64_t last = 0xfffffffffffff000;

    /* With more than one size, two pages would be no range */
    smmu->accel->streams.inval.granules = 0x1000;
    host->issued = page_is_issued;
    n_pages = 0;
    put_command(CMDQ, 0, TLBI_VA, last);
    put_command(CMDQ, 1, TLBI_VA, 0);
    put_command(CMDQ, 2, SYNC, 0);
    machine_write(CR0, 4, CMDQEN);
    machine_write(CMDQ_PROD, 4, 3);
    g_assert_cmpuint(n_pages, ==, 2);
    g_assert_cmphex(pages[0], ==, last);
    g_assert_cmphex(pages[1], ==, 0);
    host->issued = NULL;
}

static unsigned count_issued(void)
{
    machine_write(CR0, 4, CMDQEN);
    rules_command(SYNC, 0);
    machine_write(CR0, 4, 0);
    host->issued = NULL;
    return n_pages;
}

/*
 * How many entries the host, which has pages of @granule, is given for two
 * TLBI_VA that are @step apart
 */
static unsigned count_entries(uint32_t granule, uint64_t step, uint64_t word1)
{
    smmu->accel->streams.inval.granules = granule;
    host->issued = page_is_issued;
    n_pages = 0;
    rules_command(TLBI_VA, 0x100000 | word1);
    rules_command(TLBI_VA, (0x100000 + step) | word1);
    return count_issued();
}

/* What a guest without ranges says page by page is one range for the host */
static void adjacent_pages_are_a_range(void)
{
    g_assert_cmpuint(count_entries(0x1000, 0x1000, 0), ==, 1);
    g_assert_cmpuint(count_entries(0x4000, 0x4000, 0), ==, 1);
    g_assert_cmpuint(count_entries(0x10000, 0x10000, 0), ==, 1);
    /* No page is so large; and these are ranges already, of level 1 */
    g_assert_cmpuint(count_entries(0x1000, 0x2000, 0), ==, 2);
    g_assert_cmpuint(count_entries(0x1000, 0x1000, 0x500), ==, 2);
}

/* One of three is further away; one is of another ASID, and one of all */
static void a_range_ends_where_something_else_begins(void)
{
    smmu->accel->streams.inval.granules = 0x1000;
    host->issued = page_is_issued;
    n_pages = 0;
    rules_command(TLBI_VA, 0x100000);
    rules_command(TLBI_VA, 0x101000);
    rules_command(TLBI_VA, 0x103000);
    g_assert_cmpuint(count_issued(), ==, 2);
    g_assert_cmphex(pages[1], ==, 0x103000);
    host->issued = page_is_issued;
    n_pages = 0;
    rules_command(TLBI_VA, 0x100000);
    rules_command(TLBI_VA, 0x101000);
    rules_command(TLBI_VA | 1ULL << 48, 0x102000);
    rules_command(TLBI_VAA, 0x103000);
    rules_command(TLBI_VAA, 0x104000);
    g_assert_cmpuint(count_issued(), ==, 3);
    g_assert_cmphex(pages[1], ==, 0x102000);
}

/* --- Ways to and through the SMMU --- */

/* As a vCPU's access, under KVM */
static bool write_by_shortcut(unsigned reg, unsigned width, uint64_t val)
{
    val = cpu_to_le64(val);
    return mmio_shortcut_rw(machine_address(smmu) + reg, &val, width, true);
}

static void assert_reads_by_shortcut(unsigned reg, uint32_t want)
{
    uint32_t val = ~want;

    g_assert_true(mmio_shortcut_rw(machine_address(smmu) + reg, &val, 4,
                                   false));
    g_assert_cmphex(le32_to_cpu(val), ==, want);
}

static void a_shortcut_leads_to_the_registers(void)
{
    MemoryRegion other;

    machine_write(CR0, 4, CMDQEN);
    put_command(CMDQ, 0, SYNC, 0);
    put_command(CMDQ, 1, SYNC, 0);
    g_assert_false(write_by_shortcut(CMDQ_PROD, 8, 1));
    g_assert_false(write_by_shortcut(CMDQ_PROD + 2, 4, 1));
    g_assert_false(write_by_shortcut(PAGE1 + CMDQ_PROD, 4, 1));
    g_assert_false(write_by_shortcut(-4, 4, 1));
    assert_reads(CMDQ_PROD, 4, 0);
    g_assert_true(write_by_shortcut(CMDQ_PROD, 4, 1));
    assert_reads(CMDQ_CONS, 4, 1);
    assert_reads_by_shortcut(CMDQ_CONS, 1);
    /* And those that need the big lock */
    g_assert_true(write_by_shortcut(GBPA, 4, 0x80101000));
    assert_reads(GBPA, 4, 0x101000);
    assert_reads_by_shortcut(GBPA, 0x101000);

    /* Something else is there for a while, if only at one register */
    for (int part = 0; part < 2; part++) {
        memory_region_init_io(&other, NULL, &unassigned_io_ops, NULL, "other",
                              part ? 4 : 0x1000);
        memory_region_add_subregion_overlap(get_system_memory(),
                                            machine_address(smmu) +
                                            (part ? GERRORN : 0), &other, 1);
        g_assert_false(write_by_shortcut(CMDQ_PROD, 4, 2));
        memory_region_del_subregion(get_system_memory(), &other);
        object_unparent(OBJECT(&other));
    }
    g_assert_true(write_by_shortcut(CMDQ_PROD, 4, 2));
    assert_reads(CMDQ_CONS, 4, 2);
}

/* A bridge sends an MSI through the emulation. Returns: does it arrive? */
static bool bridge_sends(uint32_t data)
{
    AddressSpace *as = smmu->accel->base_ops->get_address_space(
        smmu->smmu_state.primary_bus, &smmu->smmu_state, SID);

    address_space_stl_le(as, MESSAGES, data, MEMTXATTRS_UNSPECIFIED, NULL);
    return message(0) == data;
}

static void a_bridges_msi_follows_its_ste(void)
{
    const uint64_t bypass = 0x9, abort = 0x1;

    machine_store(TABLE + SID * 64, bypass);
    machine_write(STRTAB_BASE, 8, TABLE);
    machine_write(STRTAB_BASE_CFG, 4, 8);
    machine_write(CR0, 4, SMMUEN | CMDQEN);
    g_assert_true(bridge_sends(1));
    machine_store(TABLE + SID * 64, abort);
    rules_command(CFGI_STE, 1);
    rules_command(SYNC, 0);
    g_assert_false(bridge_sends(2));
    machine_store(TABLE + SID * 64, bypass);
    rules_command(CFGI_STE, 1);
    rules_command(SYNC, 0);
    g_assert_true(bridge_sends(3));
}

#define RULES(X) \
    X(a_pair_of_registers_is_accessed_at_once) \
    X(a_queues_indices_are_written_at_once) \
    X(other_widths_do_nothing) \
    X(interrupt_configuration_reads_as_written) \
    X(reserved_bits_are_not_stored) \
    X(indices_have_no_bits_above_the_wrap_bit) \
    X(it_identifies_itself) \
    X(atschk_is_stored_where_there_is_ats) \
    X(registers_of_what_is_enabled_are_read_only) \
    X(queues_and_messages_can_be_taken_over_while_enabled) \
    X(a_ring_can_be_moved_while_it_is_enabled) \
    X(indices_of_no_queue_bring_no_commands) \
    X(a_queue_is_aligned_by_the_smmu) \
    X(addresses_are_truncated_to_the_oas) \
    X(nothing_is_recorded_while_an_abort_is_active) \
    X(an_event_interrupts_where_there_was_none) \
    X(events_are_there_when_a_sync_completes) \
    X(many_syncs_read_events_once) \
    X(events_of_before_eventqen_do_not_appear) \
    X(a_substream_of_a_stream_that_bypasses_is_no_event) \
    X(what_the_host_lost_is_an_overflow) \
    X(a_record_of_the_emulation_is_little_endian) \
    X(a_source_pulses_its_wire_and_sends_its_message) \
    X(a_sync_sends_its_message_or_pulses_its_wire) \
    X(a_message_into_the_queue_makes_memory_dirty) \
    X(messages_that_fail_are_errors) \
    X(no_message_goes_to_registers_but_the_doorbell) \
    X(errors_acknowledged_without_repair_come_again) \
    X(an_abort_is_reported_at_its_command) \
    X(a_device_that_does_not_answer_is_an_error) \
    X(ranges_are_tried_again_after_a_reset) \
    X(no_range_goes_on_at_address_0) \
    X(adjacent_pages_are_a_range) \
    X(a_range_ends_where_something_else_begins) \
    X(a_shortcut_leads_to_the_registers) \
    X(a_bridges_msi_follows_its_ste)

RULES(RULE_TEST)

void register_rules_add(void)
{
    RULES(RULE_ADD)
}
