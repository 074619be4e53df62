/*
 * A CMDQV for the guest: whoever has the queues, each command is done once
 *
 * A guest drives the registers as Linux's driver does. The fake host's hardware
 * does what is in the queues that it was given, and the vSMMU what is in those
 * that it kept. Either way the commands arrive, in order, and none twice.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "hw/arm/smmuv3-accel/core/cmdqv-regs.h"
#include "hw/arm/smmuv3-accel/core/handover-cmdqv.h"
#include "smmuv3-guest.h"

#define QUEUES        2
#define LOG2SIZE      8            /* as IDR1.CMDQS is cut */
#define ENTRIES       (1u << LOG2SIZE)
#define QUEUE_AT(l)   (GUEST_MEM_BASE + 0x8000 + (l) * 0x1000ULL)
#define NOT_MEMORY    0x1000
#define PLUGGED       0x1000

/* Registers, by the offsets that a guest knows */
#define CONFIG        0x0
#define PARAM         0x4
#define STATUS        0x8
#define VINTF_ERR_MAP 0x14
#define INT_MASK      0x1c
#define CMDQ_ERR_MAP  0x24
#define ALLOC(q)      (0x200 + 4 * (q))
#define VINTF_CONFIG  0x1000
#define VINTF_STATUS  0x1004
#define SID_MATCH     0x1040
#define ERR_MAP       0x10c0
#define VCMDQ(q)      (0x10000 + 0x80 * (q))
#define VCMDQ1(q)     (0x20000 + 0x80 * (q))
#define PAGE0(l)      (0x30000 + 0x80 * (l))
#define PAGE1(l)      (0x40000 + 0x80 * (l))
#define CONS          0x0
#define PROD          0x4
#define EN            0x8
#define QSTATUS       0xc
#define GERROR        0x10
#define GERRORN       0x14

#define HYP_OWN       BIT(17)
#define PLACE(l)      (1u | (l) << 1)
#define TLBI_NH_ASID  0x11
#define TLBI_NH_ALL   0x10
#define ILLEGAL       1
#define ABORT         2

/**
 * Machine - a guest with a CMDQV
 * @c: its registers
 * @page: what it sees of the host, or NULL
 * @pluggable: where memory is that does not stay, if any is
 * @next: the number of its next command, which is in the command's ASID
 * @done: the number of the next command that is to be done
 */
typedef struct Machine {
    Guest *g;
    SMMUv3Cmdqv c;
    uint8_t *page;
    uint64_t pluggable;
    bool paused;
    unsigned interrupts;
    unsigned more;
    uint16_t next[QUEUES];
    uint16_t done[QUEUES];
    uint32_t prod[QUEUES];
} Machine;

static Machine *the_machine;

static bool read_command(void *opaque, uint64_t gpa, uint64_t cmd[2])
{
    Machine *m = opaque;

    if (gpa < GUEST_MEM_BASE || gpa > GUEST_MEM_BASE + GUEST_MEM_SIZE - 16) {
        return false;
    }
    cmd[0] = ldq_le_p(m->g->mem + gpa - GUEST_MEM_BASE);
    cmd[1] = ldq_le_p(m->g->mem + gpa - GUEST_MEM_BASE + 8);
    return true;
}

static bool stays(void *opaque, uint64_t gpa)
{
    Machine *m = opaque;

    return gpa < m->pluggable || gpa >= m->pluggable + PLUGGED;
}

static void read_as_hardware(void *opaque, uint64_t gpa, uint64_t cmd[2])
{
    g_assert_true(read_command(the_machine, gpa, cmd));
}

static SMMUv3CmdqvError run_command(void *opaque, const uint64_t cmd[2])
{
    Machine *m = opaque;
    SMMUv3CommandEffect effect;

    if (!smmuv3_command(&m->g->s, cmd, m->g->ril, &effect)) {
        return SMMUV3_CMDQV_ILLEGAL;
    }
    return effect.atc_failed ? SMMUV3_CMDQV_ATC_TIMEOUT : SMMUV3_CMDQV_NO_ERROR;
}

static void show(void *opaque, void *page)
{
    Machine *m = opaque;

    g_assert_true(!m->page != !page);
    m->page = page;
}

static bool runs(void *opaque)
{
    return !((Machine *)opaque)->paused;
}

static void interrupt(void *opaque)
{
    ((Machine *)opaque)->interrupts++;
}

static void more(void *opaque)
{
    ((Machine *)opaque)->more++;
}

static const SMMUv3CmdqvOwner owner_ops = {
    .read = read_command,
    .stays = stays,
    .run = run_command,
    .show = show,
    .runs = runs,
    .interrupt = interrupt,
    .more = more,
};

/* ASIDs are the commands' numbers: bit 15 is the queue's */
static void issued(void *opaque, const uint64_t cmd[2])
{
    Machine *m = the_machine;
    unsigned l = cmd[0] >> 63;

    if ((cmd[0] & 0xff) == TLBI_NH_ASID) {
        g_assert_cmphex(cmd[0] >> 48 & 0x7fff, ==, m->done[l]);
        m->done[l]++;
    }
}

static uint32_t rd(Machine *m, uint64_t offset)
{
    if (m->page && offset >= PAGE0(0) && offset < PAGE1(0)) {
        return ldl_le_p(m->page + offset - PAGE0(0));
    }
    return smmuv3_cmdqv_read(&m->c, offset, 4);
}

static void wr(Machine *m, uint64_t offset, uint32_t val)
{
    if (m->page && offset >= PAGE0(0) && offset < PAGE1(0)) {
        stl_le_p(m->page + offset - PAGE0(0), val);
    } else {
        smmuv3_cmdqv_write(&m->c, offset, val, 4);
    }
}

static void wr64(Machine *m, uint64_t offset, uint64_t val)
{
    smmuv3_cmdqv_write(&m->c, offset, val, 8);
}

/* The hardware and the main loop have their turn */
static void let_run(Machine *m)
{
    if (fake_host_run_queues(&m->g->host, read_as_hardware)) {
        smmuv3_cmdqv_host_error(&m->c);
    }
    while (m->more) {
        m->more = 0;
        smmuv3_cmdqv_go_on(&m->c);
    }
}

static Machine *machine_new(void)
{
    Machine *m = g_new0(Machine, 1);

    g_assert_null(the_machine);
    the_machine = m;
    m->g = guest_new(false);
    m->g->host.cmdqv = 1;
    m->g->host.log2vsids = 4;
    m->g->host.memory = GUEST_MEM_BASE;
    m->g->host.memory_end = GUEST_MEM_BASE + GUEST_MEM_SIZE;
    m->g->host.issued = issued;
    m->g->s.want_cmdqv = (SMMUv3WantCmdqv) {
        .wanted = true,
        .page_len = FAKE_CMDQV_PAGE,
    };
    smmuv3_cmdqv_init(&m->c, &owner_ops, m, QUEUES, 4, LOG2SIZE);
    return m;
}

static bool plug(Machine *m, unsigned i)
{
    bool first = !m->g->s.viommu;

    if (!guest_plug(m->g, i)) {
        return false;
    }
    if (first) {
        smmuv3_cmdqv_set_viommu(&m->c, m->g->s.viommu);
    }
    return true;
}

static void unplug(Machine *m, unsigned i)
{
    if (QTAILQ_FIRST(&m->g->s.list) == QTAILQ_LAST(&m->g->s.list)) {
        smmuv3_cmdqv_set_viommu(&m->c, NULL);
    }
    guest_unplug(m->g, i);
}

static void machine_free(Machine *m)
{
    for (unsigned i = 0; i < FAKE_DEVICES; i++) {
        if (m->g->stream[i]) {
            unplug(m, i);
        }
    }
    smmuv3_cmdqv_cleanup(&m->c);
    g_assert_null(m->page);
    guest_free(m->g);
    g_free(m);
    the_machine = NULL;
}

/* --- What Linux's driver does --- */

static void linux_queue_reset(Machine *m, unsigned l)
{
    wr(m, PAGE0(l) + EN, 0);
    wr(m, PAGE0(l) + PROD, 0);
    wr(m, PAGE0(l) + CONS, 0);
    wr64(m, PAGE1(l), 0);
    wr64(m, PAGE1(l) + 8, 0);
    if (rd(m, PAGE0(l) + GERROR) != rd(m, PAGE0(l) + GERRORN)) {
        wr(m, PAGE0(l) + GERRORN, rd(m, PAGE0(l) + GERROR));
    }
    m->prod[l] = 0;
    /* What was in the queue is forgotten, if it was not done */
    m->done[l] = m->next[l];
}

static void linux_queue_init(Machine *m, unsigned l)
{
    wr(m, ALLOC(l), PLACE(l));
    linux_queue_reset(m, l);
    wr64(m, PAGE1(l), QUEUE_AT(l) | LOG2SIZE);
    wr(m, PAGE0(l) + EN, 1);
    let_run(m);
    g_assert_cmphex(rd(m, PAGE0(l) + QSTATUS), ==, 1);
}

static void linux_queue_exit(Machine *m, unsigned l)
{
    linux_queue_reset(m, l);
    wr(m, ALLOC(l), 0);
}

/* tegra241_cmdqv_hw_reset() */
static void linux_init(Machine *m)
{
    uint32_t config = rd(m, CONFIG);

    let_run(m);
    wr(m, CONFIG, config & ~1u);
    g_assert_cmphex(rd(m, STATUS) & 1, ==, 0);
    wr(m, CONFIG, config | 1);
    g_assert_cmphex(rd(m, STATUS) & 1, ==, 1);
    for (unsigned l = 0; l < QUEUES; l++) {
        wr(m, ALLOC(l), l << 1);
    }
    for (unsigned l = QUEUES; l-- > 0;) {
        linux_queue_exit(m, l);
    }
    wr(m, VINTF_CONFIG, 0);
    g_assert_cmphex(rd(m, VINTF_STATUS) & 1, ==, 0);
    for (unsigned i = 0; i < 16; i++) {
        wr(m, SID_MATCH + 4 * i, 0);
    }
    wr(m, VINTF_CONFIG, HYP_OWN);
    wr(m, VINTF_CONFIG, HYP_OWN | 1);
    g_assert_cmphex(rd(m, VINTF_STATUS) & 1, ==, 1);
    g_assert_cmphex(rd(m, VINTF_CONFIG), ==, 1);
    for (unsigned l = 0; l < QUEUES; l++) {
        linux_queue_init(m, l);
    }
}

static void put(Machine *m, unsigned l, uint64_t word0, uint64_t word1)
{
    uint64_t at = QUEUE_AT(l) + m->prod[l] % ENTRIES * 16;

    guest_write64(m->g, at, word0);
    guest_write64(m->g, at + 8, word1);
    m->prod[l] = (m->prod[l] + 1) % (2 * ENTRIES);
}

/* @n commands, of which the tests knows the order, and a CMD_SYNC */
static void put_some(Machine *m, unsigned l, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        put(m, l, TLBI_NH_ASID | (uint64_t)(m->next[l]++ & 0x7fff) << 48 |
            (uint64_t)l << 63, 0);
    }
    put(m, l, SMMUV3_CMD_SYNC, 0);
}

static void ring(Machine *m, unsigned l)
{
    wr(m, PAGE0(l) + PROD, m->prod[l]);
}

static void assert_done(Machine *m)
{
    for (unsigned l = 0; l < QUEUES; l++) {
        if (!m->g->s.viommu) {
            /* Nothing is cached, because there is no device */
            m->done[l] = m->next[l];
        }
        g_assert_cmphex(m->done[l], ==, m->next[l]);
        g_assert_cmphex(rd(m, PAGE0(l) + CONS), ==, m->prod[l]);
        g_assert_cmphex(rd(m, PAGE0(l) + GERROR), ==,
                        rd(m, PAGE0(l) + GERRORN));
    }
}

static void work(Machine *m)
{
    for (unsigned l = 0; l < QUEUES; l++) {
        put_some(m, l, 5);
        ring(m, l);
    }
    let_run(m);
    assert_done(m);
}

/* --- Tests --- */

static void test_registers(void)
{
    Machine *m = machine_new();

    g_assert_cmphex(rd(m, PARAM), ==, 0x4011);
    wr(m, PARAM, 0);
    g_assert_cmphex(rd(m, PARAM), ==, 0x4011);
    wr(m, SID_MATCH + 4 * 15, 0xffffffff);
    g_assert_cmphex(rd(m, SID_MATCH + 4 * 15), ==, 0x1fffff);
    wr(m, SID_MATCH + 4 * 16, 0xffffffff);
    g_assert_cmphex(rd(m, SID_MATCH + 4 * 16), ==, 0xfffff);
    wr(m, VINTF_CONFIG, 0xffffffff);
    g_assert_cmphex(rd(m, VINTF_CONFIG), ==, 0x1ffff);
    g_assert_cmphex(rd(m, VINTF_STATUS), ==, QUEUES << 16);
    wr(m, CONFIG, 1);
    g_assert_cmphex(rd(m, VINTF_STATUS), ==, QUEUES << 16 | 1);

    /* An LVCMDQ that no VCMDQ is, reads 0 and ignores writes */
    wr(m, PAGE0(0) + PROD, 3);
    wr64(m, PAGE1(0), QUEUE_AT(0) | LOG2SIZE);
    g_assert_cmphex(rd(m, PAGE0(0) + PROD), ==, 0);
    g_assert_cmphex(rd(m, PAGE1(0)), ==, 0);
    /* There are two queues, each has one place, and no other VINTF is there */
    wr(m, ALLOC(0), PLACE(1));
    wr(m, ALLOC(1), PLACE(1));
    g_assert_cmphex(rd(m, ALLOC(1)), ==, 0);
    wr(m, ALLOC(1), PLACE(2));
    wr(m, ALLOC(1), PLACE(0) | 1 << 15);
    wr(m, ALLOC(2), PLACE(0));
    g_assert_cmphex(rd(m, ALLOC(1)), ==, 0);
    g_assert_cmphex(rd(m, ALLOC(2)), ==, 0);
    /* VCMDQ 0 is number 1 of the VINTF: the same registers, at two places */
    wr(m, PAGE0(1) + PROD, 0x12345678);
    g_assert_cmphex(rd(m, VCMDQ(0) + PROD), ==, 0x45678);
    g_assert_cmphex(smmuv3_cmdqv_read(&m->c, PAGE0(1), 8), ==,
                    0x45678ULL << 32);
    wr(m, VCMDQ1(0) + 4, 0xffffffff);
    wr(m, VCMDQ1(0), 0xffffffff);
    g_assert_cmphex(smmuv3_cmdqv_read(&m->c, PAGE1(1), 8), ==,
                    0xffffffffffff);
    g_assert_cmphex(rd(m, PAGE1(1) + 4), ==, 0xffff);
    wr64(m, PAGE1(1), 0x123456789abc);
    g_assert_cmphex(smmuv3_cmdqv_read(&m->c, VCMDQ1(0), 8), ==, 0x123456789abc);
    wr(m, PAGE1(1) + 0x10, 1);
    g_assert_cmphex(rd(m, PAGE1(1) + 0x10), ==, 0);
    smmuv3_cmdqv_write(&m->c, VINTF_CONFIG - 8, 0, 8);
    /* A disabled CMDQV has no queues assigned */
    wr(m, CONFIG, 0);
    g_assert_cmphex(rd(m, ALLOC(0)) & 1, ==, 0);
    /* No word is one that QEMU may not be asked for */
    for (uint64_t i = 0; i < SMMUV3_CMDQV_SIZE; i += 4) {
        rd(m, i);
        wr(m, i, 0xffffffff);
    }
    smmuv3_cmdqv_reset(&m->c);
    for (uint64_t i = 0; i < SMMUV3_CMDQV_SIZE; i += 4) {
        g_assert_cmphex(rd(m, i), ==, i == PARAM ? 0x4011 : i == VINTF_STATUS ?
                        QUEUES << 16 : 0);
    }
    machine_free(m);
}

static void test_linux(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    fake_host_assert_calls(&m->g->host, "cmdqv; map; cmdqv-veventq; "
                           "hwpt bypass; hwpt abort; veventq; "
                           "vdevice d0 0xfffff; free vdevice d0; "
                           "attach d0 bypass; ");
    linux_init(m);
    fake_host_assert_calls(&m->g->host, "queue 0 at 0x40008000 of 256; "
                           "queue 1 at 0x40009000 of 256; ");
    g_assert_nonnull(m->page);
    for (int i = 0; i < 1000; i++) {
        work(m);
    }
    /* The hardware has done it all, and nobody was asked */
    fake_host_assert_calls(&m->g->host, "");
    g_assert_cmpuint(m->c.count.commands, ==, 0);
    g_assert_cmpuint(m->interrupts, ==, 0);
    g_assert_cmpstr(guest_messages->str, ==, "");

    /* The driver goes, in descending order */
    linux_queue_exit(m, 1);
    fake_host_assert_calls(&m->g->host, "free queue 1; ");
    linux_queue_exit(m, 0);
    fake_host_assert_calls(&m->g->host, "free queue 0; ");
    g_assert_null(m->page);
    machine_free(m);
}

/* Another kernel finds the queues as the first one has left them */
static void test_kexec(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    linux_init(m);
    work(m);
    fake_host_take_calls(&m->g->host);
    linux_init(m);
    fake_host_assert_calls(&m->g->host, "free queue 1; free queue 0; "
                           "queue 0 at 0x40008000 of 256; "
                           "queue 1 at 0x40009000 of 256; ");
    work(m);
    machine_free(m);
}

/* CMDQV, VINTF, ALLOCATED and BASE, each last of all once */
static void test_any_order(void)
{
    for (unsigned last = 0; last < 4; last++) {
        Machine *m = machine_new();

        g_assert_true(plug(m, 0));
        fake_host_take_calls(&m->g->host);
        for (unsigned i = 0; i < 4; i++) {
            fake_host_assert_calls(&m->g->host, "");
            switch ((last + 1 + i) % 4) {
            case 0:
                wr(m, CONFIG, 1);
                break;
            case 1:
                wr(m, VINTF_CONFIG, 1);
                break;
            case 2:
                wr(m, ALLOC(0), PLACE(0));
                break;
            case 3:
                wr64(m, VCMDQ1(0), QUEUE_AT(0) | 1);
                break;
            }
        }
        fake_host_assert_calls(&m->g->host, "queue 0 at 0x40008000 of 2; ");
        machine_free(m);
    }
}

/* A base by halves; a queue that is on does not let itself be moved */
static void test_base(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    linux_init(m);
    fake_host_take_calls(&m->g->host);
    wr64(m, PAGE1(1), QUEUE_AT(2) | LOG2SIZE);
    fake_host_assert_calls(&m->g->host, "");
    wr(m, PAGE0(1) + EN, 0);
    let_run(m);
    wr64(m, PAGE1(1), QUEUE_AT(2) | LOG2SIZE);
    /* Queue 0 is busy meanwhile, so both are made anew */
    fake_host_assert_calls(&m->g->host, "free queue 1; free queue 0; "
                           "queue 0 at 0x40008000 of 256; "
                           "queue 1 at 0x4000a000 of 256; ");
    wr(m, PAGE1(1) + 4, 0);
    fake_host_assert_calls(&m->g->host, "");
    wr(m, PAGE1(1), QUEUE_AT(1) | 1);
    fake_host_assert_calls(&m->g->host, "free queue 1; free queue 0; "
                           "queue 0 at 0x40008000 of 256; "
                           "queue 1 at 0x40009000 of 2; ");
    machine_free(m);
}

static void test_hole(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    fake_host_take_calls(&m->g->host);
    wr(m, CONFIG, 1);
    wr(m, VINTF_CONFIG, 1);
    wr(m, ALLOC(0), PLACE(0));
    /* The hardware wants number 0 first, so number 1 is kept until then */
    linux_queue_init(m, 1);
    put_some(m, 1, 3);
    ring(m, 1);
    assert_done(m);
    g_assert_cmpuint(m->c.count.commands, ==, 4);
    fake_host_assert_calls(&m->g->host, "invalidate 3; ");
    wr64(m, PAGE1(0), QUEUE_AT(0) | LOG2SIZE);
    fake_host_assert_calls(&m->g->host, "queue 0 at 0x40008000 of 256; "
                           "queue 1 at 0x40009000 of 256; ");
    wr(m, PAGE0(0) + EN, 1);
    work(m);
    fake_host_assert_calls(&m->g->host, "");
    machine_free(m);
}

static void test_hole_above(void)
{
    Machine *m = machine_new();

    smmuv3_cmdqv_init(&m->c, &owner_ops, m, FAKE_CMDQV_QUEUES, 4, LOG2SIZE);
    g_assert_true(plug(m, 0));
    fake_host_take_calls(&m->g->host);
    wr(m, CONFIG, 1);
    wr(m, VINTF_CONFIG, 1);
    for (unsigned l = 0; l < 4; l++) {
        wr(m, ALLOC(l), PLACE(l));
    }
    wr64(m, PAGE1(0), QUEUE_AT(0) | 1);
    fake_host_assert_calls(&m->g->host, "queue 0 at 0x40008000 of 2; ");
    /* Who has the page has all queues; so all are kept, because one must be */
    wr64(m, PAGE1(2), QUEUE_AT(2) | 1);
    fake_host_assert_calls(&m->g->host, "free queue 0; ");
    g_assert_null(m->page);
    wr64(m, PAGE1(1), QUEUE_AT(1) | 1);
    fake_host_assert_calls(&m->g->host, "queue 0 at 0x40008000 of 2; "
                           "queue 1 at 0x40009000 of 2; "
                           "queue 2 at 0x4000a000 of 2; ");
    machine_free(m);
}

/* --- Queues change hands while commands are in them --- */

static void test_unplug_last(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    g_assert_true(plug(m, 1));
    linux_init(m);
    work(m);
    unplug(m, 0);
    g_assert_nonnull(m->page);
    work(m);
    /* The guest does not know that its last device is going */
    put_some(m, 0, 7);
    ring(m, 0);
    put_some(m, 1, 9);
    fake_host_take_calls(&m->g->host);
    unplug(m, 1);
    fake_host_assert_calls(&m->g->host, "free queue 1; free queue 0; "
                           "invalidate 7; detach d1; "
                           "free veventq; free abort; free bypass; "
                           "free cmdqv-veventq; unmap; free viommu; ");
    g_assert_null(m->page);
    ring(m, 1);
    assert_done(m);
    put_some(m, 0, 300 - ENTRIES);
    ring(m, 0);
    assert_done(m);

    /* Another device comes, and the hardware goes on where QEMU was */
    g_assert_true(plug(m, 2));
    g_assert_nonnull(m->page);
    work(m);
    g_assert_cmpuint(m->interrupts, ==, 0);
    machine_free(m);
}

static void test_no_cmdqv_later(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    linux_init(m);
    unplug(m, 0);
    /* Another VM has taken the VINTF */
    fake_host_fail(&m->g->host, BIT(FAKE_ALLOC_CMDQV), 0, 1, ENOSPC);
    g_assert_true(plug(m, 0));
    g_assert_nonnull(strstr(guest_messages->str, "because other VMs have all "
                            "of its virtual interfaces"));
    work(m);
    g_assert_null(m->page);
    g_assert_cmpuint(m->c.count.commands, >, 0);
    machine_free(m);
}

static void test_required(void)
{
    Machine *m = machine_new();

    m->g->s.want_cmdqv.required = true;
    m->g->host.cmdqv = 0;
    g_assert_false(plug(m, 0));
    fake_host_assert_calls(&m->g->host, "cmdqv !EOPNOTSUPP; ");
    m->g->host.cmdqv = 1;
    m->g->s.want_cmdqv.page_len = FAKE_CMDQV_PAGE / 2;
    g_assert_false(plug(m, 0));
    fake_host_assert_calls(&m->g->host, "cmdqv; free viommu; ");
    m->g->s.want_cmdqv.page_len = FAKE_CMDQV_PAGE;
    fake_host_fail(&m->g->host, FAKE_ANY_CMDQV_CALL, 1, 1, ENOMEM);
    g_assert_false(plug(m, 0));
    fake_host_assert_calls(&m->g->host, "cmdqv; map !ENOMEM; free viommu; ");
    fake_host_fail(&m->g->host, FAKE_ANY_CMDQV_CALL, 2, 1, ENOMEM);
    g_assert_false(plug(m, 0));
    fake_host_assert_calls(&m->g->host, "cmdqv; map; cmdqv-veventq !ENOMEM; "
                           "unmap; free viommu; ");
    m->g->s.want_cmdqv.wanted = false;
    g_assert_true(plug(m, 0));
    linux_init(m);
    work(m);
    g_assert_null(m->page);
    machine_free(m);
}

static void test_reset(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    linux_init(m);
    put_some(m, 0, 2);
    ring(m, 0);
    fake_host_take_calls(&m->g->host);
    smmuv3_cmdqv_reset(&m->c);
    fake_host_assert_calls(&m->g->host, "free queue 1; free queue 0; ");
    guest_reset(m->g);
    g_assert_null(m->page);
    linux_init(m);
    work(m);
    machine_free(m);
}

/* --- The host refuses a queue --- */

static void test_refused(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    linux_init(m);
    work(m);
    fake_host_take_calls(&m->g->host);
    fake_host_fail(&m->g->host, BIT(FAKE_ALLOC_HW_QUEUE), 1, 1, ENOMEM);
    linux_init(m);
    fake_host_assert_calls(&m->g->host, "free queue 1; free queue 0; "
                           "queue 0 at 0x40008000 of 256; "
                           "queue 1 at 0x40009000 of 256 !ENOMEM; "
                           "free queue 0; ");
    g_assert_null(m->page);
    g_assert_cmpstr(m->c.why_kept, !=, NULL);
    g_assert_nonnull(strstr(guest_messages->str, "does not get the guest's "
                            "command queue 1"));
    work(m);
    g_assert_cmpuint(m->c.count.commands, ==, 12);
    /* The user hears of it once, however often the guest makes it happen */
    g_string_truncate(guest_messages, 0);
    fake_host_fail(&m->g->host, BIT(FAKE_ALLOC_HW_QUEUE), 0, UINT_MAX, ENOMEM);
    for (int i = 0; i < 10; i++) {
        smmuv3_cmdqv_reset(&m->c);
        guest_reset(m->g);
        linux_init(m);
        work(m);
    }
    g_assert_cmpstr(guest_messages->str, ==, "");
    fake_host_heal(&m->g->host);
    linux_init(m);
    work(m);
    g_assert_nonnull(m->page);
    g_assert_null(m->c.why_kept);
    machine_free(m);
}

/*
 * Linux 6.12 makes its queues as long as it can, whatever IDR1.CMDQS
 * says: more pages than are sure to be one run. None of it is lost.
 */
static void test_too_long(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    wr(m, CONFIG, 1);
    wr(m, VINTF_CONFIG, 1);
    wr(m, ALLOC(0), PLACE(0));
    fake_host_take_calls(&m->g->host);
    wr64(m, PAGE1(0), QUEUE_AT(0) | (LOG2SIZE + 1));
    fake_host_assert_calls(&m->g->host,
                           "queue 0 at 0x40008000 of 512 !EFAULT; ");
    g_assert_null(m->page);
    wr(m, PAGE0(0) + EN, 1);
    for (unsigned i = 0; i < 2 * ENTRIES - 1; i++) {
        guest_write64(m->g, QUEUE_AT(0) + 16 * i, TLBI_NH_ASID |
                      (uint64_t)m->next[0]++ << 48);
    }
    guest_write64(m->g, QUEUE_AT(0) + 16 * (2 * ENTRIES - 1), SMMUV3_CMD_SYNC);
    wr(m, PAGE0(0) + PROD, 2 * ENTRIES);
    let_run(m);
    g_assert_cmphex(m->done[0], ==, 2 * ENTRIES - 1);
    g_assert_cmphex(rd(m, PAGE0(0) + CONS), ==, 2 * ENTRIES);
    /* No hardware has more */
    wr64(m, PAGE1(0), 0);
    wr(m, PAGE0(0) + EN, 0);
    fake_host_take_calls(&m->g->host);
    wr64(m, PAGE1(0), QUEUE_AT(0) | 31);
    fake_host_assert_calls(&m->g->host,
                           "queue 0 at 0x40008000 of 524288 !EINVAL; ");
    machine_free(m);
}

/* The host would keep memory that a queue is in, even if it is unplugged */
static void test_plugged_memory(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    m->pluggable = QUEUE_AT(1);
    fake_host_take_calls(&m->g->host);
    linux_init(m);
    fake_host_assert_calls(&m->g->host, "queue 0 at 0x40008000 of 256; "
                           "free queue 0; ");
    g_assert_null(m->page);
    g_assert_nonnull(strstr(m->c.why_kept, "can be unplugged"));
    work(m);
    m->pluggable = 0;
    linux_init(m);
    g_assert_nonnull(m->page);
    work(m);
    machine_free(m);
}

/* --- Errors --- */

static void illegal(Machine *m, unsigned l, uint64_t word0, unsigned error)
{
    unsigned before = m->interrupts;

    put(m, l, word0, 0);
    put_some(m, l, 2);
    ring(m, l);
    let_run(m);
    g_assert_cmphex(rd(m, PAGE0(l) + CONS) >> 24, ==, error);
    g_assert_cmphex(rd(m, PAGE0(l) + GERROR), !=, rd(m, PAGE0(l) + GERRORN));
    g_assert_cmpuint(m->interrupts, ==, before + 1);
    g_assert_cmphex(rd(m, VINTF_ERR_MAP), ==, 1);
    g_assert_cmphex(rd(m, CMDQ_ERR_MAP), ==, BIT(l));
    g_assert_cmphex(smmuv3_cmdqv_read(&m->c, ERR_MAP, 8), ==, BIT(l));
    g_assert_cmphex(smmuv3_cmdqv_read(&m->c, ERR_MAP + 8, 8), ==, 0);
    g_assert_cmphex(rd(m, VINTF_STATUS) & 0xe, ==, 2);
}

/* tegra241_vcmdq_handle_error(): a CMD_SYNC in its place */
static void recover(Machine *m, unsigned l)
{
    uint32_t cons = rd(m, PAGE0(l) + CONS) & 0xfffff;

    guest_write64(m->g, QUEUE_AT(l) + cons % ENTRIES * 16, SMMUV3_CMD_SYNC);
    wr(m, PAGE0(l) + GERRORN, rd(m, PAGE0(l) + GERROR));
    let_run(m);
    g_assert_cmphex(rd(m, VINTF_ERR_MAP), ==, 0);
    g_assert_cmphex(rd(m, CMDQ_ERR_MAP), ==, 0);
    g_assert_cmphex(rd(m, ERR_MAP), ==, 0);
    g_assert_cmphex(rd(m, VINTF_STATUS) & 0xe, ==, 0);
    g_assert_cmphex(rd(m, PAGE0(l) + CONS) & 0xfffff, ==, m->prod[l]);
    g_assert_cmphex(m->done[l], ==, m->next[l]);
}

static void test_errors(const void *opaque)
{
    static const uint64_t wrong[] = {
        TLBI_NH_ALL, SMMUV3_CMD_CFGI_CD_ALL, SMMUV3_CMD_TLBI_NSNH_ALL, 0xff,
        /* CS is not NONE */
        SMMUV3_CMD_SYNC | 1 << 12, SMMUV3_CMD_SYNC | 2 << 12,
    };
    bool given = !opaque;
    Machine *m = machine_new();

    if (given) {
        g_assert_true(plug(m, 0));
    }
    linux_init(m);
    g_assert_true(!m->page == !given);
    if (!given) {
        /* There is nobody to issue them */
        m->g->host.issued = NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        for (unsigned l = 0; l < QUEUES; l++) {
            illegal(m, l, wrong[i], ILLEGAL);
            if (!given) {
                m->done[l] = m->next[l];
            }
            recover(m, l);
        }
    }
    wr(m, INT_MASK, 1);
    put(m, 0, TLBI_NH_ALL, 0);
    ring(m, 0);
    m->interrupts = 0;
    let_run(m);
    g_assert_cmpuint(m->interrupts, ==, 0);
    g_assert_cmphex(rd(m, VINTF_ERR_MAP), ==, 1);
    machine_free(m);
}

/* The host had no time to tell, and tells nothing of what it has no more */
static void test_error_is_told(void)
{
    for (int moved = 0; moved < 2; moved++) {
        Machine *m = machine_new();

        g_assert_true(plug(m, 0));
        linux_init(m);
        wr(m, PAGE0(1) + EN, 0);
        let_run(m);
        put(m, 0, TLBI_NH_ALL, 0);
        put_some(m, 0, 2);
        ring(m, 0);
        fake_host_run_queues(&m->g->host, read_as_hardware);
        g_assert_cmpuint(m->interrupts, ==, 0);
        fake_host_take_calls(&m->g->host);
        if (moved) {
            wr64(m, PAGE1(1), QUEUE_AT(2) | LOG2SIZE);
            fake_host_assert_calls(&m->g->host,
                                   "free queue 1; free queue 0; ");
        } else {
            unplug(m, 0);
        }
        g_assert_null(m->page);
        g_assert_cmpuint(m->interrupts, ==, 1);
        g_assert_cmphex(rd(m, PAGE0(0) + CONS) >> 24, ==, ILLEGAL);
        if (!moved) {
            g_assert_true(plug(m, 0));
        }
        recover(m, 0);
        g_assert_nonnull(m->page);
        machine_free(m);
    }
}

/* The hardware begins without an error: so it waits until there is none */
static void test_error_is_kept(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    linux_init(m);
    illegal(m, 1, TLBI_NH_ALL, ILLEGAL);
    unplug(m, 0);
    g_assert_null(m->page);
    g_assert_cmphex(rd(m, PAGE0(1) + CONS) >> 24, ==, ILLEGAL);
    g_assert_cmphex(rd(m, ERR_MAP), ==, 2);
    g_assert_true(plug(m, 0));
    g_assert_null(m->page);
    g_assert_cmphex(rd(m, ERR_MAP), ==, 2);
    recover(m, 1);
    g_assert_nonnull(m->page);
    work(m);

    /* What a kernel leaves without acknowledging is none of the next one */
    illegal(m, 1, TLBI_NH_ALL, ILLEGAL);
    wr(m, CONFIG, 0);
    linux_init(m);
    g_assert_nonnull(m->page);
    work(m);
    machine_free(m);
}

static void test_no_memory(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    wr(m, CONFIG, 1);
    wr(m, VINTF_CONFIG, 1);
    wr(m, ALLOC(0), PLACE(0));
    wr64(m, PAGE1(0), NOT_MEMORY | LOG2SIZE);
    g_assert_null(m->page);
    wr(m, PAGE0(0) + EN, 1);
    g_assert_cmphex(rd(m, PAGE0(0) + QSTATUS), ==, 1);
    wr(m, PAGE0(0) + PROD, 1);
    g_assert_cmphex(rd(m, PAGE0(0) + CONS), ==, ABORT << 24);
    g_assert_cmpuint(m->interrupts, ==, 1);
    /* An acknowledgement tries again, and changes nothing */
    wr(m, PAGE0(0) + GERRORN, 1);
    g_assert_cmpuint(m->interrupts, ==, 2);
    wr(m, PAGE0(0) + GERRORN, 1);
    g_assert_cmpuint(m->interrupts, ==, 2);
    machine_free(m);
}

static void test_atc_timeout(void)
{
    Machine *m = machine_new();

    m->g->s.want_cmdqv.wanted = false;
    m->g->s.regs.ats = true;
    g_assert_true(plug(m, 0));
    linux_init(m);
    guest_ste(m->g, 0, STE_S1(0x100000), 1ULL << 28);
    guest_smmuen(m->g, true);
    m->g->host.dev[0].atc_dead = true;
    put(m, 0, SMMUV3_CMD_ATC_INV, 52);
    put_some(m, 0, 0);
    ring(m, 0);
    g_assert_cmphex(rd(m, PAGE0(0) + CONS), ==, 3 << 24 | 1);
    g_assert_cmpuint(m->interrupts, ==, 1);
    machine_free(m);
}

/* --- Another QEMU takes over --- */

/* Another process with the same command line, until @m->c is what it has */
static bool hand_over(Machine *m, void (*damage)(SMMUv3HandoverCmdqv *h),
                      Error **errp)
{
    Guest *g = m->g;
    g_autofree SMMUv3Streams *streams = g_new0(SMMUv3Streams, 1);
    SMMUv3VIOMMU *v = g->s.viommu;
    int events = v ? v->veventq_fd : -1;
    int errors = v && v->cmdqv_page ? v->cmdqv_veventq_fd : -1;
    SMMUv3HandoverCmdqv hc;
    SMMUv3Handover hs;
    SMMUv3Cmdqv new;
    bool ok;

    smmuv3_cmdqv_hand_over(&m->c, &hc);
    g_assert_null(m->page);
    smmuv3_streams_hand_over(&g->s, &hs);
    smmuv3_cmdqv_init(&new, &owner_ops, m, QUEUES, 4, LOG2SIZE);
    guest_new_process(g, streams);
    if (damage) {
        damage(&hc);
    }
    ok = smmuv3_cmdqv_check_handover(&new, &hc, errp) &&
         smmuv3_cmdqv_take_over_page(streams->viommu, &hc, &g->s.want_cmdqv,
                                     errors, errp) &&
         smmuv3_streams_take_over(streams, &hs, events, errp);
    if (ok) {
        SMMUv3WantCmdqv want = g->s.want_cmdqv;

        smmuv3_cmdqv_take_over(&new, &hc, streams->viommu);
        guest_taken_over(g, streams);
        g->s.want_cmdqv = want;
        m->c = new;
    } else {
        while (!QTAILQ_EMPTY(&streams->list)) {
            smmuv3_streams_unplug(streams, QTAILQ_FIRST(&streams->list));
        }
    }
    smmuv3_handover_clear(&hs);
    return ok;
}

/* Those of queues, too. Their STATUS changes when the hardware has its turn. */
static GArray *all_registers(Machine *m)
{
    GArray *all = g_array_new(false, false, sizeof(uint32_t));

    for (uint64_t i = 0; i < SMMUV3_CMDQV_SIZE; i += 4) {
        bool status = i >= VCMDQ(0) && i % 0x80 == QSTATUS;
        uint32_t val = status ? 0 : rd(m, i);

        g_array_append_val(all, val);
    }
    return all;
}

static void assert_registers(Machine *m, GArray *before)
{
    GArray *now = all_registers(m);

    g_assert_cmpmem(now->data, now->len * 4, before->data, before->len * 4);
    g_array_unref(now);
    g_array_unref(before);
}

static void test_hand_over(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    linux_init(m);
    wr(m, SID_MATCH, 0x12345);
    wr(m, SID_MATCH + 4 * 31, 0x54321);
    wr(m, INT_MASK + 4, 0x55);
    wr64(m, VCMDQ1(1) + 8, 0);
    for (int i = 0; i < 300; i++) {
        GArray *before;

        work(m);
        /* Of one queue the hardware knows, of the other it does not yet */
        put_some(m, 0, i % 100);
        ring(m, 0);
        put_some(m, 1, 9);
        before = all_registers(m);
        fake_host_take_calls(&m->g->host);
        g_assert_true(hand_over(m, NULL, &error_abort));
        fake_host_assert_calls(&m->g->host, "free queue 1; free queue 0; "
                               "map; unmap; ");
        smmuv3_cmdqv_start(&m->c);
        fake_host_assert_calls(&m->g->host, "queue 0 at 0x40008000 of 256; "
                               "queue 1 at 0x40009000 of 256; ");
        g_assert_nonnull(m->page);
        assert_registers(m, before);
        /* Each further start finds nothing to do */
        smmuv3_cmdqv_start(&m->c);
        ring(m, 1);
        let_run(m);
        assert_done(m);
        fake_host_assert_calls(&m->g->host, "");
    }
    g_assert_cmpuint(m->c.count.commands, ==, 0);
    g_assert_cmpuint(m->interrupts, ==, 0);
    machine_free(m);
}

/* Queues that QEMU has, with commands in them that it has not done */
static void test_hand_over_kept(void)
{
    for (int with_device = 0; with_device < 2; with_device++) {
        Machine *m = machine_new();

        m->g->s.want_cmdqv.wanted = false;
        if (with_device) {
            g_assert_true(plug(m, 0));
        }
        linux_init(m);
        work(m);
        put_some(m, 0, 7);
        /* As one that the main loop would do next */
        m->c.regs.queue[0].prod = m->prod[0];
        fake_host_take_calls(&m->g->host);
        g_assert_true(hand_over(m, NULL, &error_abort));
        fake_host_assert_calls(&m->g->host, "");
        smmuv3_cmdqv_start(&m->c);
        assert_done(m);
        g_assert_cmpuint(m->c.count.commands, ==, 8);
        work(m);
        machine_free(m);
    }
}

/* An error of which the host had no time to tell, and one that was told */
static void test_hand_over_error(void)
{
    for (int told = 0; told < 2; told++) {
        Machine *m = machine_new();

        g_assert_true(plug(m, 0));
        linux_init(m);
        put(m, 1, TLBI_NH_ALL, 0);
        put_some(m, 1, 2);
        ring(m, 1);
        if (told) {
            let_run(m);
        } else {
            fake_host_run_queues(&m->g->host, read_as_hardware);
        }
        g_assert_cmpuint(m->interrupts, ==, told);
        g_assert_true(hand_over(m, NULL, &error_abort));
        g_assert_cmpuint(m->interrupts, ==, told);
        smmuv3_cmdqv_start(&m->c);
        g_assert_cmpuint(m->interrupts, ==, told + 1);
        g_assert_null(m->page);
        g_assert_cmphex(rd(m, PAGE0(1) + CONS) >> 24, ==, ILLEGAL);
        g_assert_cmphex(rd(m, ERR_MAP), ==, 2);
        recover(m, 1);
        g_assert_nonnull(m->page);
        work(m);
        machine_free(m);
    }
}

/* The old one goes on, whatever has failed, and with all that was queued */
static void goes_on(Machine *m)
{
    fake_host_heal(&m->g->host);
    fake_host_take_calls(&m->g->host);
    smmuv3_cmdqv_start(&m->c);
    fake_host_assert_calls(&m->g->host, "queue 0 at 0x40008000 of 256; "
                           "queue 1 at 0x40009000 of 256; ");
    let_run(m);
    assert_done(m);
    work(m);
}

static void test_hand_over_fails(void)
{
    Machine *m = machine_new();
    Error *err = NULL;

    g_assert_true(plug(m, 0));
    linux_init(m);
    put_some(m, 0, 7);
    ring(m, 0);
    fake_host_take_calls(&m->g->host);
    fake_host_fail(&m->g->host, BIT(FAKE_MAP_PAGE), 0, 1, ENOMEM);
    g_assert_false(hand_over(m, NULL, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "page of the CMDQV's"));
    error_free(err);
    fake_host_assert_calls(&m->g->host, "free queue 1; free queue 0; "
                           "map !ENOMEM; ");
    goes_on(m);

    /* The new one cannot give a queue: it does the commands */
    put_some(m, 0, 7);
    ring(m, 0);
    g_assert_true(hand_over(m, NULL, &error_abort));
    fake_host_fail(&m->g->host, BIT(FAKE_ALLOC_HW_QUEUE), 1, 1, ENOMEM);
    smmuv3_cmdqv_start(&m->c);
    g_assert_null(m->page);
    assert_done(m);
    g_assert_cmpuint(m->c.count.commands, ==, 8);
    /* The next one can */
    g_assert_true(hand_over(m, NULL, &error_abort));
    goes_on(m);
    machine_free(m);
}

static void no_cmdqv(SMMUv3HandoverCmdqv *h)
{
    h->n = 0;
}

static void more_queues(SMMUv3HandoverCmdqv *h)
{
    h->n = 4;
}

static void fewer_sids(SMMUv3HandoverCmdqv *h)
{
    h->log2sids--;
}

static void longer_queues(SMMUv3HandoverCmdqv *h)
{
    h->log2max++;
}

static void bad_place(SMMUv3HandoverCmdqv *h)
{
    h->regs.queue[0].alloc = PLACE(QUEUES);
}

static void bad_queue(SMMUv3HandoverCmdqv *h)
{
    h->regs.queue[QUEUES].alloc = PLACE(0);
}

static void bad_length(SMMUv3HandoverCmdqv *h)
{
    h->page_len /= 2;
}

static void bad_offset(SMMUv3HandoverCmdqv *h)
{
    h->page_offset += FAKE_CMDQV_PAGE;
}

static void test_hand_over_refused(void)
{
    static const struct {
        void (*damage)(SMMUv3HandoverCmdqv *h);
        const char *says;
    } refused[] = {
        { no_cmdqv, "has no CMDQV, and would have one here: use cmdqv=off" },
        { more_queues, "CMDQV has 4 queues" },
        { fewer_sids, "up to 2^3 devices, and here" },
        { longer_queues, "up to 2^9 commands" },
        { bad_place, "the state of its CMDQV is damaged" },
        { bad_queue, "the state of its CMDQV is damaged" },
        { bad_length, "the state of its CMDQV's vIOMMU is damaged" },
        { bad_offset, "the page of the CMDQV's registers" },
    };
    Machine *m = machine_new();
    SMMUv3HandoverCmdqv h = { .n = QUEUES };
    Error *err = NULL;

    g_assert_true(plug(m, 0));
    linux_init(m);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        put_some(m, 0, 7);
        ring(m, 0);
        g_assert_false(hand_over(m, refused[i].damage, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), refused[i].says));
        error_free(g_steal_pointer(&err));
        goes_on(m);
    }

    /* A QEMU that has none, as without a device on its command line */
    g_assert_false(smmuv3_cmdqv_check_handover(NULL, &h, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "would have none here"));
    error_free(g_steal_pointer(&err));
    h.n = 0;
    g_assert_true(smmuv3_cmdqv_check_handover(NULL, &h, &error_abort));
    /* No descriptor has come, or there is no vIOMMU that has the page */
    h.has_page = true;
    h.page_len = FAKE_CMDQV_PAGE;
    g_assert_false(smmuv3_cmdqv_take_over_page(NULL, &h, &m->g->s.want_cmdqv, 3,
                                               &err));
    error_free(g_steal_pointer(&err));
    fake_host_take_calls(&m->g->host);
    g_assert_false(smmuv3_cmdqv_take_over_page(m->g->s.viommu, &h,
                                               &m->g->s.want_cmdqv, -1, &err));
    error_free(err);
    fake_host_assert_calls(&m->g->host, "");
    machine_free(m);
}

/* --- A guest that means no good --- */

static void test_indices(void)
{
    Machine *m = machine_new();

    m->g->s.want_cmdqv.wanted = false;
    g_assert_true(plug(m, 0));
    linux_init(m);
    fake_host_take_calls(&m->g->host);
    /* Further apart than the queue is long */
    wr(m, PAGE0(0) + PROD, ENTRIES + 1);
    let_run(m);
    g_assert_cmphex(rd(m, PAGE0(0) + CONS), ==, 0);
    /* CONS of a queue that is on */
    wr(m, PAGE0(0) + CONS, 5);
    g_assert_cmphex(rd(m, PAGE0(0) + CONS), ==, 0);
    fake_host_assert_calls(&m->g->host, "");
    machine_free(m);
}

/* A long queue, each command of which takes time, is done in parts */
static void test_slices(void)
{
    Machine *m = machine_new();
    unsigned slices = 1;

    m->g->s.want_cmdqv.wanted = false;
    g_assert_true(plug(m, 0));
    linux_init(m);
    wr(m, PAGE0(0) + EN, 0);
    wr64(m, PAGE1(0), QUEUE_AT(0) | (LOG2SIZE + 1));
    wr(m, PAGE0(0) + EN, 1);
    for (unsigned i = 0; i < 2 * ENTRIES; i++) {
        guest_write64(m->g, QUEUE_AT(0) + 16 * i, SMMUV3_CMD_SYNC);
    }
    m->more = 0;
    wr(m, PAGE0(0) + PROD, 2 * ENTRIES);
    g_assert_cmpuint(m->more, ==, 1);
    g_assert_cmphex(rd(m, PAGE0(0) + CONS), >, 0);
    g_assert_cmphex(rd(m, PAGE0(0) + CONS), <, 2 * ENTRIES);
    while (m->more) {
        m->more = 0;
        smmuv3_cmdqv_go_on(&m->c);
        slices++;
    }
    g_assert_cmpuint(slices, >=, 2);
    g_assert_cmphex(rd(m, PAGE0(0) + CONS), ==, 2 * ENTRIES);
    machine_free(m);
}

/* Whoever fills a queue again and again does not keep the others waiting */
static void test_turns(void)
{
    Machine *m = machine_new();

    m->g->s.want_cmdqv.wanted = false;
    g_assert_true(plug(m, 0));
    linux_init(m);
    put_some(m, 1, 5);
    for (unsigned i = 0; i < ENTRIES; i++) {
        put(m, 0, SMMUV3_CMD_SYNC, 0);
    }
    /* As if both had been written while the VM stood */
    m->paused = true;
    ring(m, 1);
    ring(m, 0);
    g_assert_cmpuint(m->c.count.commands, ==, 0);
    m->paused = false;
    for (int i = 0; i < 3; i++) {
        smmuv3_cmdqv_go_on(&m->c);
        m->c.regs.queue[0].prod = (m->c.regs.queue[0].cons + ENTRIES) %
                                  (2 * ENTRIES);
    }
    g_assert_cmphex(rd(m, PAGE0(1) + CONS), ==, 6);
    machine_free(m);
}

/* Nothing of a stopped VM's is done, whoever comes or goes */
static void test_stopped(void)
{
    Machine *m = machine_new();

    g_assert_true(plug(m, 0));
    linux_init(m);
    put_some(m, 0, 7);
    ring(m, 0);
    m->paused = true;
    unplug(m, 0);
    g_assert_cmpuint(m->c.count.commands, ==, 0);
    g_assert_true(plug(m, 1));
    g_assert_cmpuint(m->c.count.commands, ==, 0);
    m->paused = false;
    smmuv3_cmdqv_start(&m->c);
    let_run(m);
    assert_done(m);
    machine_free(m);
}

/* --- Every host call fails, at every event --- */

static void event_plug(Machine *m)
{
    if (!m->g->stream[0]) {
        plug(m, 0);
    }
}

static void event_replug(Machine *m)
{
    unplug(m, 0);
    event_plug(m);
}

static void event_second(Machine *m)
{
    if (plug(m, 1)) {
        unplug(m, 1);
    }
}

static void event_reset(Machine *m)
{
    smmuv3_cmdqv_reset(&m->c);
    guest_reset(m->g);
    linux_init(m);
}

static void event_move(Machine *m)
{
    wr(m, PAGE0(1) + EN, 0);
    let_run(m);
    wr64(m, PAGE1(1), QUEUE_AT(2) | LOG2SIZE);
    wr64(m, PAGE1(1), QUEUE_AT(1) | LOG2SIZE);
    wr(m, PAGE0(1) + EN, 1);
    let_run(m);
}

static void event_vintf(Machine *m)
{
    wr(m, VINTF_CONFIG, 0);
    wr(m, VINTF_CONFIG, 1);
    wr(m, PAGE0(0) + EN, 1);
    wr(m, PAGE0(1) + EN, 1);
    let_run(m);
}

static void event_hand_over(Machine *m)
{
    Error *err = NULL;

    if (!hand_over(m, NULL, &err)) {
        error_free(err);
    }
    smmuv3_cmdqv_start(&m->c);
}

static const struct {
    const char *name;
    void (*event)(Machine *m);
    bool unplugged;
} events[] = {
    { "plug", event_plug, true },
    { "the driver starts", linux_init },
    { "the last device goes, and another comes", event_replug },
    { "a second device comes and goes", event_second },
    { "reset", event_reset },
    { "a queue moves", event_move },
    { "the VINTF is turned off and on", event_vintf },
    { "another QEMU takes over", event_hand_over },
};

static bool run(unsigned e, uint32_t kinds, unsigned after, unsigned times)
{
    Machine *m = machine_new();
    unsigned failed;

    if (!events[e].unplugged) {
        g_assert_true(plug(m, 0));
    }
    linux_init(m);
    work(m);
    fake_host_fail(&m->g->host, kinds, after, times, EIO);
    events[e].event(m);
    failed = m->g->host.failed;
    guest_assert_safe(m->g, false);
    fake_host_heal(&m->g->host);
    if (!m->g->stream[0]) {
        g_assert_true(plug(m, 0));
    }
    work(m);
    /* The hardware gets the queues when the guest sets them up next */
    linux_init(m);
    work(m);
    if (m->g->s.viommu->cmdqv_page) {
        g_assert_nonnull(m->page);
    }
    machine_free(m);
    return failed;
}

static void test_faults(const void *opaque)
{
    unsigned e = GPOINTER_TO_UINT(opaque), runs = 0;
    const uint32_t all = FAKE_ANY_CMDQV_CALL | BIT(FAKE_ALLOC_VIOMMU) |
                         BIT(FAKE_ALLOC_HWPT) | BIT(FAKE_ALLOC_VDEVICE) |
                         BIT(FAKE_ALLOC_VEVENTQ) | BIT(FAKE_ATTACH) |
                         BIT(FAKE_DETACH) | BIT(FAKE_INVALIDATE);

    for (unsigned n = 0; run(e, all, n, 1); n++) {
        runs++;
    }
    for (unsigned n = 0; run(e, all, n, UINT_MAX); n++) {
        runs++;
    }
    for (uint32_t kind = FAKE_ALLOC_CMDQV; kind < FAKE_UNMAP_PAGE; kind++) {
        run(e, BIT(kind), 0, UINT_MAX);
    }
    g_test_message("%u runs with a failure", runs);
    g_assert_cmpuint(runs, >, 0);
}

/* --- Anything at all --- */

static void any_access(Machine *m, GRand *r)
{
    static const uint64_t where[] = {
        CONFIG, VINTF_CONFIG, ALLOC(0), ALLOC(1), PAGE1(0), PAGE1(1),
        VCMDQ1(0), VCMDQ1(1), PAGE0(0) + PROD, PAGE0(1) + PROD, PAGE0(0) + CONS,
        PAGE0(0) + EN, PAGE0(1) + EN, PAGE0(0) + GERRORN, PAGE0(1) + GERRORN,
        VCMDQ(0) + PROD, VCMDQ(1) + EN, INT_MASK,
    };
    static const uint64_t what[] = {
        0, 1, 2, 3, 4, 5, 0x20001, QUEUE_AT(0) | 8, QUEUE_AT(1) | 8,
        QUEUE_AT(0) | 1, QUEUE_AT(1) | 31, NOT_MEMORY | 4, 0xffffffffffff,
        0x1ff, 0x101,
    };
    uint64_t at = where[g_rand_int_range(r, 0, ARRAY_SIZE(where))];
    uint64_t val = what[g_rand_int_range(r, 0, ARRAY_SIZE(what))];
    bool page1 = at >= PAGE1(0) || (at >= VCMDQ1(0) && at < PAGE0(0));

    if (page1 && g_rand_boolean(r)) {
        wr64(m, at, val);
    } else {
        wr(m, at, val);
    }
}

/* Commands of any kind in all entries of a queue */
static void any_commands(Machine *m, GRand *r)
{
    static const uint64_t word0[] = {
        TLBI_NH_ASID, SMMUV3_CMD_SYNC, SMMUV3_CMD_TLBI_NH_VA, TLBI_NH_ALL,
        SMMUV3_CMD_ATC_INV, SMMUV3_CMD_ATC_INV | 1ULL << 32,
        SMMUV3_CMD_CFGI_CD_ALL, SMMUV3_CMD_SYNC | 1 << 12, 0xff,
    };
    uint64_t at = QUEUE_AT(g_rand_int_range(r, 0, QUEUES));

    for (unsigned i = 0; i < ENTRIES; i++) {
        guest_write64(m->g, at + 16 * i,
                      word0[g_rand_int_range(r, 0, ARRAY_SIZE(word0))]);
        guest_write64(m->g, at + 16 * i + 8, 52);
    }
}

/* What the SMMU itself can be told of device @i */
static void any_of_smmu(Machine *m, GRand *r, unsigned i)
{
    static const uint64_t word0[] = { 0, STE_ABORT, STE_BYPASS,
                                      STE_S1(0x100000) };

    switch (g_rand_int_range(r, 0, 4)) {
    case 0:
        guest_smmuen(m->g, g_rand_boolean(r));
        break;
    case 1:
        guest_gbpa(m->g, g_rand_boolean(r));
        break;
    default:
        guest_ste(m->g, m->g->sid[i],
                  word0[g_rand_int_range(r, 0, ARRAY_SIZE(word0))], 0);
        guest_cfgi_ste(m->g, m->g->sid[i]);
        break;
    }
}

static void any_step(Machine *m, GRand *r)
{
    unsigned i = g_rand_int_range(r, 0, 2);

    switch (g_rand_int_range(r, 0, 20)) {
    case 0:
        if (m->g->stream[i]) {
            unplug(m, i);
        } else {
            plug(m, i);
        }
        break;
    case 1:
        smmuv3_cmdqv_reset(&m->c);
        guest_reset(m->g);
        break;
    case 2:
        fake_host_fail(&m->g->host, FAKE_ANY_CALL | FAKE_ANY_CMDQV_CALL,
                       g_rand_int_range(r, 0, 4), 1, ENOMEM);
        break;
    case 3:
        let_run(m);
        break;
    case 4:
        any_commands(m, r);
        break;
    case 5:
    case 6:
        any_of_smmu(m, r, i);
        break;
    case 7:
        event_hand_over(m);
        break;
    default:
        any_access(m, r);
        break;
    }
}

static void test_random(void)
{
    for (uint32_t seed = 0; seed < 300; seed++) {
        g_autoptr(GRand) r = g_rand_new_with_seed(seed);
        Machine *m = machine_new();

        m->g->host.issued = NULL;
        for (int i = 0; i < 300; i++) {
            any_step(m, r);
            g_assert_true(!m->page == !m->c.n_given);
            g_assert_cmpuint(fake_host_count(&m->g->host, FAKE_HW_QUEUE), ==,
                             m->c.n_given);
            /* Its queues invalidate, and open nothing */
            guest_assert_safe(m->g, false);
        }
        /* Whatever it was, a driver finds it usable */
        fake_host_heal(&m->g->host);
        smmuv3_cmdqv_reset(&m->c);
        m->g->host.issued = issued;
        linux_init(m);
        work(m);
        machine_free(m);
    }
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/cmdqv/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("registers", test_registers);
    ADD("Linux's driver, given queues, costs no call", test_linux);
    ADD("another kernel takes over", test_kexec);
    ADD("queues are given whatever comes last", test_any_order);
    ADD("a queue that is on has a fixed base", test_base);
    ADD("numbers without a gap", test_hole);
    ADD("a gap between numbers", test_hole_above);
    ADD("the last device goes, and another comes", test_unplug_last);
    ADD("a device comes when the host has no VINTF left", test_no_cmdqv_later);
    ADD("cmdqv=on is refused where there is none", test_required);
    ADD("reset", test_reset);
    ADD("a refused queue is done by QEMU", test_refused);
    ADD("a queue that is too long is done by QEMU", test_too_long);
    ADD("a queue in memory that was plugged is done by QEMU",
        test_plugged_memory);
    g_test_add_data_func("/smmuv3/cmdqv/errors of given queues", NULL,
                         test_errors);
    g_test_add_data_func("/smmuv3/cmdqv/errors of kept queues", "kept",
                         test_errors);
    ADD("an error of which nobody was told", test_error_is_told);
    ADD("an error stays until it is acknowledged", test_error_is_kept);
    ADD("a queue outside of memory aborts", test_no_memory);
    ADD("a device that does not answer an ATC_INV", test_atc_timeout);
    ADD("another QEMU takes over given queues", test_hand_over);
    ADD("another QEMU takes over kept queues", test_hand_over_kept);
    ADD("another QEMU takes over a queue in error", test_hand_over_error);
    ADD("another QEMU fails to take over", test_hand_over_fails);
    ADD("another QEMU with another CMDQV is refused", test_hand_over_refused);
    ADD("indices that mean nothing", test_indices);
    ADD("a long queue is done in parts", test_slices);
    ADD("each queue has its turn", test_turns);
    ADD("a stopped VM's commands wait", test_stopped);
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        g_autofree char *path = g_strdup_printf("/smmuv3/cmdqv/calls fail/%s",
                                                events[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_faults);
    }
    ADD("random accesses", test_random);
    return g_test_run();
}
