/*
 * Random register accesses of any width, judged by an oracle
 *
 * QEMU's own registers and queues in a machine within this process, with
 * devices on the fake host. After each access: all registers read, by 32 bits
 * and by 64, as the architecture has it; events, errors and wires are as many
 * as they should be; no stream is more open than the registers say, what an
 * event had to bring somewhere is there, and without an event the host was
 * asked for nothing.
 *
 * scripts/check/registers builds it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "smmuv3-machine.h"
#include "smmuv3-device-rules.h"
#include "smmuv3-handover-rules.h"
#include "smmuv3-queue-rules.h"
#include "smmuv3-register-model.h"
#include "smmuv3-register-rules.h"
#include "smmuv3-update-rules.h"
#include "system/address-spaces.h"
#include "tests/unit/smmuv3-fake-host.h"
#include "tests/unit/smmuv3-oracle.h"
#include "tests/unit/smmuv3-program.h"

#define DEVICES 3

/* What is in guest memory, and written by nobody but this test: has bit 24 */
#define TABLE     0x41000000ULL
#define L1_TABLE  0x41010000ULL
#define L2_TABLE  0x41020000ULL
#define CMDQ      0x41030000ULL
#define CMDQ_LOG2 8
#define WRITTEN_BY_SMMU (~(1ULL << 24))

enum {
    OP_HOST,      /* a: what it can do; comes first */
    OP_WRITE,     /* a: where and how wide, b: what */
    OP_READ,      /* a: where and how wide */
    OP_SMMUEN,    /* a: on */
    OP_STE,       /* a: device, b: class */
    OP_COMMAND,   /* a: which, b: where in the queue */
    OP_CFGI_ALL,  /* with queue and Stream table set up anew; a: which table */
    OP_RESET,
    OP_PLUG,      /* a: device, plugged or unplugged */
    OP_FAULT,     /* a: how many the host reports, b: of which device */
    OP_MAIN_LOOP, /* the vEVENTQ is readable */
    OP_FAIL,      /* a: kinds of calls, b: when, how often */
    OP_HEAL,
    OPS,
};

static const ProgramOp ops[OPS] = {
    [OP_HOST] = { "OP_HOST", 0 },
    [OP_WRITE] = { "OP_WRITE", 60 },
    [OP_READ] = { "OP_READ", 5 },
    [OP_SMMUEN] = { "OP_SMMUEN", 6 },
    [OP_STE] = { "OP_STE", 15 },
    [OP_COMMAND] = { "OP_COMMAND", 10 },
    [OP_CFGI_ALL] = { "OP_CFGI_ALL", 6 },
    [OP_RESET] = { "OP_RESET", 1 },
    [OP_PLUG] = { "OP_PLUG", 4 },
    [OP_FAULT] = { "OP_FAULT", 8 },
    [OP_MAIN_LOOP] = { "OP_MAIN_LOOP", 6 },
    [OP_FAIL] = { "OP_FAIL", 4, true },
    [OP_HEAL] = { "OP_HEAL", 4, true },
};

static const uint32_t sids[DEVICES] = { 0, 0x41, 0x82 };

typedef struct Device {
    SMMUv3Stream *stream;
    FakeDMA before;
    bool was_closed;
    bool plugged;        /* in this step */
} Device;

typedef struct Model {
    FakeHost host;
    Device dev[DEVICES];
    RegisterModel reg;   /* what is to be read */
    OracleRegs regs;     /* of it, what decides about streams */
    unsigned oas;
    bool acked;          /* CR0ACK.SMMUEN before this step */
    bool queue_empty;    /* so that nothing comes after CR0ACK, either */
    bool event;          /* after this step all streams are where they should */
    bool may;            /* it may, as commands ran */
    bool synced;         /* one of them was a CMD_SYNC */
    bool plugging;       /* a device came or went */
    unsigned failed_before;
} Model;

static bool verbose;

static void G_GNUC_PRINTF(2, 3) check(bool ok, const char *fmt, ...)
{
    va_list ap;

    if (ok) {
        return;
    }
    fprintf(stderr, "# registers: ");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    abort();
}

/* --- Accesses --- */

static void load_oracle_regs(Model *m)
{
    m->regs.cr0_smmuen = m->reg.cr0 % 2;
    m->regs.gbpa = m->reg.gbpa;
    m->regs.strtab_base = m->reg.strtab_base;
    m->regs.strtab_base_cfg = m->reg.strtab_base_cfg;
}

static bool has_veventq(void)
{
    SMMUv3VIOMMU *viommu = smmu->accel->streams.viommu;

    return viommu && viommu->has_veventq;
}

/* Is a CMD_SYNC among the commands from @from on that were consumed? */
static bool consumed_sync(Model *m, const ModelQueue *from, uint32_t done)
{
    for (uint32_t i = 0; i < done; i++) {
        if (machine_load(from->base + (from->rd + i) % from->entries * 16) % 256
            == 0x46) {
            return true;
        }
    }
    return false;
}

static bool in_ram(uint64_t addr, uint64_t size)
{
    return addr >= RAM && addr + size <= RAM + RAM_SIZE;
}

/* 7.2.1, 7.4: what becomes of @n records; returns how often it interrupts */
static unsigned expect_events(RegisterModel *r, unsigned oas, unsigned n)
{
    unsigned interrupts = 0;

    while (n--) {
        ModelQueue q = register_model_eventq(r, oas);
        uint32_t index = q.entries * 2 - 1;

        if (!(r->cr0 & 4) || (register_model_errors(r) & 4)) {
            continue;
        }
        if (q.used >= q.entries) {
            /* OVFLG != OVACKFLG: said, and not acknowledged */
            if (!((r->eventq_prod ^ r->eventq_cons) >> 31)) {
                r->eventq_prod ^= 1u << 31;
            }
        } else if (in_ram(q.base + q.wr * 32, 32)) {
            r->eventq_prod = (r->eventq_prod & ~index) |
                             ((r->eventq_prod + 1) & index);
            interrupts += !q.used && (r->irq_ctrl & 4);
        } else {
            r->gerror ^= 4;
        }
    }
    return interrupts;
}

/* Which commands the SMMU consumed, of those that were there in @m->reg */
static void check_consumed(Model *m)
{
    RegisterModel now = m->reg;
    ModelQueue was = register_model_cmdq(&now, m->oas);
    uint32_t done;

    now.cmdq_cons = machine_read(CMDQ_CONS, 4);
    now.gerror = machine_read(GERROR, 4);
    done = was.used - register_model_cmdq(&now, m->oas).used;
    if (!register_model_has_commands(&m->reg)) {
        check(!done, "there was no command, and CONS moves to 0x%x",
              now.cmdq_cons);
        return;
    }
    check(done <= was.used, "CONS is 0x%x", now.cmdq_cons);
    check(done == was.used || (register_model_errors(&now) & 1),
          "%u of %u commands are done, and no error", done, was.used);
    check(!(register_model_errors(&now) & 1) || now.cmdq_cons >> 24 == 1 ||
          now.cmdq_cons >> 24 == 2, "CONS says 0x%x", now.cmdq_cons);
    m->may = true;
    m->synced |= consumed_sync(m, &was, done);
}

static unsigned events_left(void)
{
    return has_veventq() ? machine_events_left() : 0;
}

/*
 * Events and errors since the registers were as in @m->reg, in which there were
 * @left records and @gerror; @interrupts: of the event queue, before that
 */
static void check_events(Model *m, unsigned left, uint32_t gerror,
                         unsigned interrupts)
{
    unsigned now = events_left(), n = machine_take_pulses(WIRE_EVENTQ);
    uint32_t acked = gerror ^ m->reg.gerrorn, cons;

    check(now <= left, "%u events of before are left", now);
    /* 4.7.3 */
    check(!m->synced || !(m->reg.cr0 & 4) || !now,
          "%u events are left behind a CMD_SYNC", now);
    interrupts += expect_events(&m->reg, m->oas, left - now);
    check(n == interrupts, "the event queue interrupts %u times, not %u", n,
          interrupts);

    /* The other errors, and CONS, are taken as they are */
    n = machine_read(GERROR, 4);
    check((n & 4) == (m->reg.gerror & 4),
          "EVENTQ_ABT_ERR: GERROR reads 0x%x, not 0x%x", n, m->reg.gerror);
    check(!((gerror ^ n) & acked), "an error that is active is toggled: 0x%x",
          n);
    m->reg.gerror = n;
    /* 7.5.1: there is no interrupt for MSI_GERROR_ABT_ERR */
    acked = m->reg.irq_ctrl & 1 ? ctpop32((gerror ^ m->reg.gerror) & ~0x80) : 0;
    n = machine_take_pulses(WIRE_GERROR);
    check(n == acked, "GERROR interrupts %u times, not %u", n, acked);
    cons = 2 * register_model_cmdq(&m->reg, m->oas).entries - 1;
    m->reg.cmdq_cons = (m->reg.cmdq_cons & 0xfffff & ~cons) |
                       machine_read(CMDQ_CONS, 4);
}

static void write_reg(Model *m, uint64_t offset, unsigned width, uint64_t val)
{
    /* 6.2: aligned, 32 or 64 bits; anything else is ignored */
    bool accepted = width >= 4 && !(offset % width);
    uint32_t page0 = offset % PAGE1;
    unsigned left = events_left(), interrupts = 0;
    RegisterModel before = m->reg;

    if (verbose) {
        fprintf(stderr, "# registers: 0x%" PRIx64 " (%u) = 0x%" PRIx64 "\n",
                offset, width, val);
    }
    if (accepted) {
        bool gbpa = page0 == (width == 8 ? GBPA - 4 : GBPA);

        register_model_write(&m->reg, page0, width, val);
        m->event |= (before.cr0 ^ m->reg.cr0) & 1;
        m->event |= gbpa && (val >> (width == 8 ? 63 : 31) & 1) &&
                    !(before.cr0 & 1);
    }
    load_oracle_regs(m);
    m->synced = false;
    machine_write(offset, width, val);
    if ((before.cr0 ^ m->reg.cr0) & 4) {
        /* 6.3.9.4: what was there met the old EVENTQEN */
        RegisterModel met = before;

        interrupts = expect_events(&met, m->oas, left);
        m->reg.eventq_prod = met.eventq_prod;
        m->reg.gerror = met.gerror;
        left = 0;
    }
    if (accepted && register_model_rings(page0, width)) {
        check_consumed(m);
    }
    check_events(m, left, before.gerror, interrupts);
}

/* Each by 32 bits, and each pair by 64, in both pages */
static void check_registers(Model *m)
{
    for (uint32_t reg = 0; reg < 0x100; reg += 8) {
        uint64_t pair = machine_read(reg + PAGE1, 8);

        for (unsigned i = 0; i < 2; i++) {
            uint32_t is = machine_read(reg + i * 4, 4), want;

            check(is == (uint32_t)(pair >> i * 32),
                  "register 0x%x reads 0x%x, and within 64 bits 0x%" PRIx64,
                  reg + i * 4, is, pair);
            if (register_model_read(&m->reg, reg + i * 4, &want)) {
                check(is == want, "register 0x%x reads 0x%x, not 0x%x",
                      reg + i * 4, is, want);
            }
        }
    }
}

/* --- What DMA should meet --- */

static bool oracle_read(void *opaque, uint64_t addr, uint8_t *buf, size_t len)
{
    return addr >= RAM && addr <= RAM + RAM_SIZE - len &&
           address_space_read(&address_space_memory, addr,
                              MEMTXATTRS_UNSPECIFIED, buf, len) == MEMTX_OK;
}

static FakeDMA should_be(Model *m, unsigned i)
{
    OracleStream s = oracle_stream(&m->regs, sids[i], oracle_read, NULL);

    return (FakeDMA) {
        .kind = s.says == ORACLE_ABORT ? FAKE_BLOCKED :
                s.says == ORACLE_BYPASS ? FAKE_OPEN : FAKE_TRANSLATED,
        .vste = { s.ste[0], s.ste[1] },
        .vsid = sids[i],
    };
}

static bool same(const FakeDMA *a, const FakeDMA *b)
{
    return a->kind == b->kind &&
           (a->kind != FAKE_TRANSLATED ||
            (a->vste[0] == b->vste[0] && a->vste[1] == b->vste[1] &&
             a->vsid == b->vsid));
}

static void check_dma(Model *m, unsigned i, bool ok, const FakeDMA *now)
{
    FakeDMA want = should_be(m, i);

    check(ok, "d%u is %d (0x%" PRIx64 "), was %d, should be %d (0x%" PRIx64
          "), SMMUEN %d", i, now->kind, now->vste[0], m->dev[i].before.kind,
          want.kind, want.vste[0], m->regs.cr0_smmuen);
}

/* At no moment anything but the old, the new, or nothing; and no ACK before */
static void attachment_changed(void *opaque, FakeDevice *dev)
{
    Model *m = opaque;
    unsigned i = dev - m->host.dev;
    FakeDMA now = fake_host_dma(&m->host, dev);
    FakeDMA want = should_be(m, i);

    check_dma(m, i, now.kind == FAKE_BLOCKED || same(&now, &want) ||
              same(&now, &m->dev[i].before), &now);
    check(!m->queue_empty || (smmu->cr0ack & 1) == m->acked,
          "CR0ACK before d%u has arrived", i);
}

static void check_device(Model *m, unsigned i)
{
    Device *d = &m->dev[i];
    FakeDMA now = fake_host_dma(&m->host, &m->host.dev[i]);
    FakeDMA want = should_be(m, i);
    bool failed = now.kind == FAKE_BLOCKED &&
                  m->host.failed != m->failed_before;
    bool due = m->event || d->plugged;
    bool kept = !due && same(&now, &d->before);
    bool wanted = (due || m->may || d->was_closed) && same(&now, &want);

    check_dma(m, i, failed || kept || wanted, &now);
    /* While SMMUEN = 0 nothing is cached, so it needs no event to know */
    check_dma(m, i, m->regs.cr0_smmuen || now.kind == FAKE_BLOCKED ||
              same(&now, &want), &now);
}

/* One HWPT each for bypass and abort, and not more of others than devices */
static void check_objects(Model *m)
{
    unsigned plugged = 0, translating = 0, nested;

    for (unsigned i = 0; i < DEVICES; i++) {
        FakeDevice *fake = &m->host.dev[i];
        bool translates = fake_host_dma(&m->host, fake).kind == FAKE_TRANSLATED;

        plugged += m->dev[i].stream != NULL;
        translating += translates;
        check(!translates || fake->vdevice, "d%u has no vDEVICE", i);
        check(m->dev[i].stream || !fake->vdevice,
              "d%u is gone, not its vDEVICE", i);
    }
    check(fake_host_count(&m->host, FAKE_VIOMMU) == !!plugged, "vIOMMUs");
    nested = fake_host_count(&m->host, FAKE_NESTED) - 2 * !!plugged;
    check(nested >= translating && nested <= plugged,
          "%u S1 HWPTs, %u devices, of which %u translate", nested, plugged,
          translating);
}

/* --- Steps --- */

static uint64_t mix(uint64_t z)
{
    z = (z + 1) * 0x9e3779b97f4a7c15ULL;
    return (z ^ z >> 29) * 0xbf58476d1ce4e5b9ULL;
}

static uint32_t some_offset(uint32_t a)
{
    static const uint32_t regs[] = {
        CR0, CR0, CR1, CR2, GBPA, GBPA, IRQ_CTRL, GERRORN, GERROR_IRQ_CFG0,
        STRTAB_BASE, STRTAB_BASE, STRTAB_BASE + 4, STRTAB_BASE_CFG, CMDQ_BASE,
        CMDQ_BASE + 4, CMDQ_PROD, CMDQ_PROD, CMDQ_CONS, EVENTQ_BASE,
        EVENTQ_PROD, EVENTQ_CONS, EVENTQ_IRQ_CFG0,
    };
    uint32_t n = a >> 5;

    switch (a & 31) {
    case 0:
        return mix(n) % SIZE;
    case 1:
        return n % 0x100;
    case 2:
        return PAGE1 + regs[n % ARRAY_SIZE(regs)];
    case 3:
        return regs[n % ARRAY_SIZE(regs)] + n % 8;
    default:
        return regs[n % ARRAY_SIZE(regs)];
    }
}

static unsigned some_width(uint32_t a)
{
    static const uint8_t width[] = { 4, 4, 4, 4, 4, 8, 8, 1, 2 };

    return width[mix(a) % ARRAY_SIZE(width)];
}

/* What a driver could write there */
static uint64_t likely_value(uint32_t offset, uint32_t b)
{
    static const uint64_t tables[] = { TABLE, L1_TABLE, RAM, RAM + RAM_SIZE };

    switch (offset % PAGE1) {
    case CR0:
        return b % 32;
    case GBPA:
        return (b & 3 ? 0x80000000 : 0) | (b & 4 ? 0x100000 : 0) | b >> 8;
    case STRTAB_BASE:
        return tables[b % ARRAY_SIZE(tables)] | (b & 0x3f00) >> 8;
    case STRTAB_BASE_CFG:
        return b & 1 ? 8 : 0x10188;
    case CMDQ_BASE:
        return CMDQ | (b & 7 ? CMDQ_LOG2 : b >> 8);
    case CMDQ_PROD:
        return b % (2 << CMDQ_LOG2);
    case EVENTQ_BASE:
        return (RAM + 0x100000) | (b & 7 ? 2 : b >> 8);
    case EVENTQ_PROD:
    case EVENTQ_CONS:
        return b & 1 ? machine_read(EVENTQ_PROD, 4) : b % 8;
    case IRQ_CTRL:
        return b % 8;
    case GERRORN:
        return machine_read(GERROR, 4);
    default:
        return 0;
    }
}

static uint64_t some_value(uint32_t offset, uint32_t b)
{
    static const uint64_t places[] = {
        TABLE, L1_TABLE, L2_TABLE, CMDQ, RAM + RAM_SIZE - 64, 0x09000000,
        0x0c000000, 0xfffffffffffff000, 0x000ffffffffff000,
    };
    uint32_t n = b >> 4;

    switch (b & 15) {
    case 0:
        return mix(b);
    case 1:
        return 1ULL << n % 64;
    case 2:
        return n % 64;
    case 3:
        return places[n % ARRAY_SIZE(places)] | (n >> 4 & 31);
    default:
        return likely_value(offset, n);
    }
}

static void do_write(Model *m, uint32_t a, uint32_t b)
{
    uint32_t offset = some_offset(a);
    uint64_t val = some_value(offset, b);

    /* The SMMU writes messages and events there: not into what it reads */
    if (offset % PAGE1 / 8 == GERROR_IRQ_CFG0 / 8 ||
        offset % PAGE1 / 8 == EVENTQ_IRQ_CFG0 / 8 ||
        offset % PAGE1 / 8 == EVENTQ_BASE / 8) {
        val &= WRITTEN_BY_SMMU;
    }
    write_reg(m, offset, some_width(a), val);
}

/* A read has no effect, which the next checks see */
static void do_read(uint32_t a)
{
    machine_read(some_offset(a), some_width(a));
}

static void do_ste(uint32_t a, uint32_t b)
{
    static const uint64_t words[][2] = {
        { 0, 0 }, { 0x1, 0 }, { 0x9, 0 }, { 0xd, 0 }, { 0x10000b, 0 },
        { 0x10100b, 0x54 }, { 0x10000b, 0x1000000000f4 },
        { 0x10000b, 0x20000000 }, { 0xf80000000010000b, 0 },
        { 0x9, UINT64_MAX }, { UINT64_MAX, UINT64_MAX },
    };
    const uint64_t *w = words[b % ARRAY_SIZE(words)];
    uint32_t sid = sids[a % DEVICES];
    uint64_t l2 = L2_TABLE + sid / 64 * 0x1000 + sid % 64 * 64;

    for (int i = 0; i < 2; i++) {
        machine_store(TABLE + sid * 64 + i * 8, w[i]);
        machine_store(l2 + i * 8, w[i]);
    }
}

static void do_command(uint32_t a, uint32_t b)
{
    static const uint64_t cmds[][2] = {
        { 0x46, 0 }, { 0x46, 0 }, { 0x1046, 0x40000000 }, { 0x04, 31 },
        { 0x03, 1 }, { 0x4100000003, 1 }, { 0x8200000003, 1 }, { 0x04, 7 },
        { 0x4100000005, 0 }, { 0x30, 0 }, { 0x0001000000000012, 0x1001 },
        { 0x0001000000000012, 0x2001 }, { 0x0001000000000011, 0 },
        { 0x01, 0 }, { 0xff, 0 }, { 0x00, 0 },
    };
    const uint64_t *cmd = cmds[a % ARRAY_SIZE(cmds)];
    uint64_t at = CMDQ + b % (1 << CMDQ_LOG2) * 16;

    machine_store(at, cmd[0]);
    machine_store(at + 8, cmd[1]);
}

static void do_cfgi_all(Model *m, uint32_t a)
{
    uint32_t cr0 = m->regs.cr0_smmuen;

    write_reg(m, STRTAB_BASE, 8, a & 1 ? TABLE : L1_TABLE);
    write_reg(m, STRTAB_BASE_CFG, 4, a & 1 ? 8 : 0x10188);
    write_reg(m, CR0, 4, cr0);
    write_reg(m, CMDQ_BASE, 8, CMDQ | CMDQ_LOG2);
    write_reg(m, CMDQ_PROD, 4, 0);
    write_reg(m, CMDQ_CONS, 4, 0);
    write_reg(m, GERRORN, 4, machine_read(GERROR, 4));
    machine_store(CMDQ, 0x04);
    machine_store(CMDQ + 8, 31);
    machine_store(CMDQ + 16, 0x46);
    machine_store(CMDQ + 24, 0);
    write_reg(m, CR0, 4, cr0 | 0x8);
    m->event |= cr0;
    write_reg(m, CMDQ_PROD, 4, 2);
    check(machine_read(CMDQ_CONS, 4) == 2,
          "CFGI_ALL and SYNC are not consumed");
}

static void do_reset(Model *m)
{
    m->event = true;
    m->acked = false;
    m->regs.cr0_smmuen = false;
    m->regs.gbpa = 0x1000;
    machine_reset();
    /* UNKNOWN after a reset, but for what is not */
    m->reg = (RegisterModel) {
        .ats = m->regs.idr0_ats,
        .cr1 = machine_read(CR1, 4),
        .cr2 = machine_read(CR2, 4),
        .gbpa = 0x1000,
        .gerror_irq_cfg0 = machine_read(GERROR_IRQ_CFG0, 8),
        .gerror_irq_cfg1 = machine_read(GERROR_IRQ_CFG1, 4),
        .gerror_irq_cfg2 = machine_read(GERROR_IRQ_CFG2, 4),
        .strtab_base = machine_read(STRTAB_BASE, 8),
        .strtab_base_cfg = machine_read(STRTAB_BASE_CFG, 4),
        .cmdq_base = machine_read(CMDQ_BASE, 8),
        .cmdq_prod = machine_read(CMDQ_PROD, 4),
        .cmdq_cons = machine_read(CMDQ_CONS, 4),
        .eventq_base = machine_read(EVENTQ_BASE, 8),
        .eventq_prod = machine_read(EVENTQ_PROD, 4),
        .eventq_cons = machine_read(EVENTQ_CONS, 4),
        .eventq_irq_cfg0 = machine_read(EVENTQ_IRQ_CFG0, 8),
        .eventq_irq_cfg1 = machine_read(EVENTQ_IRQ_CFG1, 4),
        .eventq_irq_cfg2 = machine_read(EVENTQ_IRQ_CFG2, 4),
    };
    load_oracle_regs(m);
}

/* What a reset leaves as it was is what this program's writes left */
static void forget_registers(void)
{
    static const uint32_t kept[] = {
        CR1, CR2, STRTAB_BASE, STRTAB_BASE + 4, STRTAB_BASE_CFG,
        GERROR_IRQ_CFG0, GERROR_IRQ_CFG0 + 4, GERROR_IRQ_CFG1, GERROR_IRQ_CFG2,
        CMDQ_BASE, CMDQ_BASE + 4, CMDQ_PROD, CMDQ_CONS,
        EVENTQ_BASE, EVENTQ_BASE + 4, EVENTQ_PROD, EVENTQ_CONS,
        EVENTQ_IRQ_CFG0, EVENTQ_IRQ_CFG0 + 4, EVENTQ_IRQ_CFG1, EVENTQ_IRQ_CFG2,
    };

    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        machine_write(kept[i], 4, 0);
    }
    machine_write(EVENTQ_PROD + PAGE1, 4, 0);
    machine_write(EVENTQ_CONS + PAGE1, 4, 0);
}

static void do_plug(Model *m, unsigned i)
{
    Device *d = &m->dev[i];
    FakeDevice *fake = &m->host.dev[i];
    SMMUv3Streams *s = &smmu->accel->streams;
    bool first = !s->viommu;
    Error *err = NULL;

    m->plugging = true;
    if (d->stream) {
        smmuv3_streams_unplug(s, d->stream);
        d->stream = NULL;
    } else {
        fake_host_open_device(&m->host, fake);
        d->before.kind = FAKE_OPEN;
        d->stream = smmuv3_streams_plug(s, &fake_host_ops, &m->host,
                                        &fake->host, FAKE_PARENT, &err);
        d->plugged = true;
        if (d->stream && first && has_veventq()) {
            machine_new_veventq();
        }
    }
    if (!d->stream) {
        check(!err || m->host.failed != m->failed_before, "d%u is refused", i);
        error_free(err);
        fake_host_close_device(&m->host, fake);
    }
}

static void do_fault(uint32_t a, uint32_t b)
{
    for (unsigned i = 0; has_veventq() && i <= a % 8; i++) {
        machine_put_event(sids[b % DEVICES], 0x1000 * i);
    }
}

static void do_main_loop(Model *m)
{
    unsigned left = events_left();

    if (has_veventq()) {
        m->synced = false;
        smmuv3_accel_read_events(smmu->accel);
        check_events(m, left, m->reg.gerror, 0);
        check(!machine_events_left(), "events are left");
    }
}

static void do_step(Model *m, const Step *s)
{
    uint32_t kinds = s->a & 0x100 ? FAKE_ANY_CALL : s->a & FAKE_ANY_CALL;

    switch (s->op) {
    case OP_HOST:
        m->host.kernel = s->a & 1 ? FAKE_LINUX_6_15 : FAKE_LINUX_7_3;
        m->host.no_veventq = s->a & 2;
        break;
    case OP_WRITE:
        do_write(m, s->a, s->b);
        break;
    case OP_READ:
        do_read(s->a);
        break;
    case OP_SMMUEN:
        write_reg(m, CR0, 4, (s->a & 1) | 0xc);
        break;
    case OP_STE:
        do_ste(s->a, s->b);
        break;
    case OP_COMMAND:
        do_command(s->a, s->b);
        break;
    case OP_CFGI_ALL:
        do_cfgi_all(m, s->a);
        break;
    case OP_RESET:
        do_reset(m);
        break;
    case OP_PLUG:
        do_plug(m, s->a % DEVICES);
        break;
    case OP_FAULT:
        do_fault(s->a, s->b);
        break;
    case OP_MAIN_LOOP:
        do_main_loop(m);
        break;
    case OP_FAIL:
        fake_host_fail(&m->host, kinds, s->b & 3, s->b & 0x10 ? UINT_MAX : 1,
                       s->b & 0x20 ? ENOMEM : EIO);
        break;
    case OP_HEAL:
        fake_host_heal(&m->host);
        break;
    default:
        g_assert_not_reached();
    }
}

static void begin_step(Model *m)
{
    m->acked = machine_read(CR0ACK, 4) & 1;
    m->queue_empty = machine_read(CMDQ_PROD, 4) == machine_read(CMDQ_CONS, 4);
    m->event = m->may = m->plugging = false;
    m->failed_before = m->host.failed;
    fake_host_take_calls(&m->host);
    for (unsigned i = 0; i < DEVICES; i++) {
        Device *d = &m->dev[i];

        d->before = fake_host_dma(&m->host, &m->host.dev[i]);
        d->was_closed = d->stream && d->stream->closed;
        d->plugged = false;
    }
}

static void run_step(Model *m, const Step *s)
{
    unsigned calls;

    begin_step(m);
    do_step(m, s);
    check_registers(m);
    calls = fake_host_take_calls(&m->host);
    check(!calls || m->event || m->may || m->plugging,
          "%u host calls, and nothing happened", calls);
    for (unsigned i = 0; i < DEVICES; i++) {
        if (m->dev[i].stream) {
            check_device(m, i);
        }
    }
    check_objects(m);
}

static uint32_t get_sid(void *opaque, const SMMUv3Stream *st)
{
    return sids[((FakeDevice *)st->dev.opaque)->host.dev_id - 1000];
}

static void run_program(const Program *p, bool speak)
{
    static const uint64_t l1std[] = {
        L2_TABLE | 7, (L2_TABLE + 0x1000) | 7, (L2_TABLE + 0x2000) | 7, 0,
    };
    SMMUv3Streams *s = &smmu->accel->streams;
    g_autofree Model *m = g_new0(Model, 1);
    static const uint8_t oas[] = { 32, 36, 40, 42, 44, 48, 52, 52 };
    uint32_t idr0 = machine_read(IDR0, 4), idr1 = machine_read(IDR1, 4);

    verbose = speak;
    fake_host_init(&m->host);
    g_string_free(g_steal_pointer(&m->host.log), true);
    m->host.changed = attachment_changed;
    m->host.opaque = m;
    m->regs = (OracleRegs) {
        .idr1_sidsize = idr1 % 64,
        .idr1_ssidsize = idr1 / 64 % 32,
        .idr0_ats = idr0 >> 10 & 1,
        .idr0_cd2l = idr0 >> 19 & 1,
        .idr5_oas_bits = oas[machine_read(IDR5, 4) % 8],
    };
    m->oas = m->regs.idr5_oas_bits;
    /* Devices come and go by the fake host's calls, and nobody is told */
    s->get_sid = get_sid;
    s->on_close = NULL;
    s->last_report = INT64_MAX;
    address_space_set(&address_space_memory, TABLE, 0,
                      CMDQ + (16 << CMDQ_LOG2) - TABLE, MEMTXATTRS_UNSPECIFIED);
    for (size_t i = 0; i < ARRAY_SIZE(l1std); i++) {
        machine_store(L1_TABLE + i * 8, l1std[i]);
    }
    machine_reset();
    forget_registers();
    do_reset(m);
    for (unsigned i = 0; i < p->n; i++) {
        run_step(m, &p->step[i]);
    }
    begin_step(m);
    fake_host_heal(&m->host);
    for (unsigned i = 0; i < DEVICES; i++) {
        if (m->dev[i].stream) {
            do_plug(m, i);
        }
    }
    fake_host_end(&m->host);
}

static const ProgramKind kind = { ops, OPS, run_program };

static void any_access_of_any_width(void)
{
    program_test_random(&kind, 1000000);
}

/* Linked as main(), with the emulator's own left aside */
int registers_main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    machine_make(argv[0]);
    register_rules_add();
    queue_rules_add();
    handover_rules_add();
    update_rules_add();
    device_rules_add();
    g_test_add_func("/smmuv3/registers/any access of any width",
                    any_access_of_any_width);
    return g_test_run();
}
