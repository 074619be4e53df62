/*
 * Random register accesses of any width, judged by an oracle
 *
 * QEMU's own registers and queues in a machine within this process, with
 * devices on the fake host. After each access: the registers that matter read
 * as the architecture has it, no stream is more open than they say, what an
 * event had to bring somewhere is there, and without an event the host was
 * asked for nothing.
 *
 * scripts/check/registers builds it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "qapi/error.h"
#include "hw/arm/smmuv3-accel/device/state.h"
#include "hw/resettable.h"
#include "hw/sysbus.h"
#include "system/address-spaces.h"
#include "system/system.h"
#include "tests/unit/smmuv3-fake-host.h"
#include "tests/unit/smmuv3-oracle.h"
#include "tests/unit/smmuv3-program.h"

#define DEVICES 3

/* Guest memory, and what is in it: nothing else of it is ever written */
#define RAM       0x40000000ULL
#define RAM_SIZE  0x04000000ULL
#define TABLE     0x41000000ULL
#define L1_TABLE  0x41010000ULL
#define L2_TABLE  0x41020000ULL
#define CMDQ      0x41030000ULL
#define CMDQ_LOG2 8

/* IHI 0070, 6.2 */
enum {
    IDR0 = 0x0, IDR1 = 0x4, IDR5 = 0x14,
    CR0 = 0x20, CR0ACK = 0x24, CR1 = 0x28, CR2 = 0x2c,
    GBPA = 0x44, IRQ_CTRL = 0x50, GERROR = 0x60, GERRORN = 0x64,
    GERROR_IRQ_CFG0 = 0x68, STRTAB_BASE = 0x80, STRTAB_BASE_CFG = 0x88,
    CMDQ_BASE = 0x90, CMDQ_PROD = 0x98, CMDQ_CONS = 0x9c, EVENTQ_BASE = 0xa0,
    EVENTQ_PROD = 0xa8, EVENTQ_CONS = 0xac, EVENTQ_IRQ_CFG0 = 0xb0,
    PAGE1 = 0x10000, SIZE = 0x20000,
};

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
    [OP_FAIL] = { "OP_FAIL", 4, true },
    [OP_HEAL] = { "OP_HEAL", 4, true },
};

/* The machine: made once; a program begins with its reset */
static SMMUv3State *smmu;
static MemoryRegion *mmio;

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
    OracleRegs regs;     /* what the guest wrote, and so should be */
    bool acked;          /* CR0ACK.SMMUEN before this step */
    bool queue_empty;    /* so that nothing comes after CR0ACK, either */
    bool event;          /* after this step all streams are where they should */
    bool may;            /* it may, as commands ran */
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

static uint64_t read_reg(uint64_t offset, unsigned width)
{
    uint64_t val = 0;

    memory_region_dispatch_read(mmio, offset, &val, size_memop(width) | MO_LE,
                                MEMTXATTRS_UNSPECIFIED);
    return val;
}

static void store(uint64_t addr, uint64_t val)
{
    uint64_t le = cpu_to_le64(val);

    address_space_write(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED,
                        &le, sizeof(le));
}

/*
 * 6.2: a register of 64 bits is accessed as a whole or by its halves, one of 32
 * as such. Anything else is ignored, which is one of the permitted ways.
 */
static void expect_write(Model *m, uint64_t offset, unsigned width,
                         uint64_t val)
{
    OracleRegs *r = &m->regs;
    uint64_t low = r->strtab_base % 0x100000000, high = r->strtab_base - low;

    offset %= PAGE1;
    if (width == 8 && offset == STRTAB_BASE) {
        r->strtab_base = val;
    }
    if (width != 4) {
        return;
    }
    val %= 0x100000000;
    switch (offset) {
    case CR0:
        m->event |= r->cr0_smmuen != val % 2;
        r->cr0_smmuen = val % 2;
        break;
    case GBPA:
        if (val >= 0x80000000) {
            m->event |= !r->cr0_smmuen;
            r->gbpa = val - 0x80000000;
        }
        break;
    case STRTAB_BASE:
        r->strtab_base = high + val;
        break;
    case STRTAB_BASE + 4:
        r->strtab_base = val * 0x100000000 + low;
        break;
    case STRTAB_BASE_CFG:
        r->strtab_base_cfg = val;
        break;
    }
}

static void write_reg(Model *m, uint64_t offset, unsigned width, uint64_t val)
{
    if (verbose) {
        fprintf(stderr, "# registers: 0x%" PRIx64 " (%u) = 0x%" PRIx64 "\n",
                offset, width, val);
    }
    expect_write(m, offset, width, val);
    memory_region_dispatch_write(mmio, offset, val, size_memop(width) | MO_LE,
                                 MEMTXATTRS_UNSPECIFIED);
}

static void check_registers(Model *m)
{
    static const struct {
        const char *name;
        uint32_t offset;
        uint32_t mask;
    } regs[] = {
        { "CR0", CR0, 1 }, { "CR0ACK", CR0ACK, 1 },
        { "GBPA", GBPA, UINT32_MAX },
        { "STRTAB_BASE", STRTAB_BASE, UINT32_MAX },
        { "STRTAB_BASE[63:32]", STRTAB_BASE + 4, UINT32_MAX },
        { "STRTAB_BASE_CFG", STRTAB_BASE_CFG, UINT32_MAX },
    };
    const uint32_t want[] = {
        m->regs.cr0_smmuen, m->regs.cr0_smmuen, m->regs.gbpa,
        m->regs.strtab_base, m->regs.strtab_base >> 32,
        m->regs.strtab_base_cfg,
    };

    for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
        uint32_t is = read_reg(regs[i].offset, 4) & regs[i].mask;

        check(is == want[i], "%s reads 0x%x, not 0x%x", regs[i].name, is,
              want[i]);
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
    case GERRORN:
        return read_reg(GERROR, 4);
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

    /* The SMMU writes MSIs there: not into what it reads, which has bit 24 */
    if (offset % PAGE1 / 8 == GERROR_IRQ_CFG0 / 8 ||
        offset % PAGE1 / 8 == EVENTQ_IRQ_CFG0 / 8) {
        val &= ~(1ULL << 24);
    }
    write_reg(m, offset, some_width(a), val);
}

static void do_read(uint32_t a)
{
    read_reg(some_offset(a), some_width(a));
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
        store(TABLE + sid * 64 + i * 8, w[i]);
        store(l2 + i * 8, w[i]);
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

    store(at, cmd[0]);
    store(at + 8, cmd[1]);
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
    write_reg(m, GERRORN, 4, read_reg(GERROR, 4));
    store(CMDQ, 0x04);
    store(CMDQ + 8, 31);
    store(CMDQ + 16, 0x46);
    store(CMDQ + 24, 0);
    write_reg(m, CR0, 4, cr0 | 0x8);
    m->event |= cr0;
    write_reg(m, CMDQ_PROD, 4, 2);
    check(read_reg(CMDQ_CONS, 4) == 2, "CFGI_ALL and SYNC are not consumed");
}

static void do_reset(Model *m)
{
    m->event = true;
    m->acked = false;
    m->regs.cr0_smmuen = false;
    m->regs.gbpa = 0x1000;
    resettable_reset(OBJECT(smmu), RESET_TYPE_COLD);
    /* UNKNOWN after a reset */
    m->regs.strtab_base = read_reg(STRTAB_BASE, 8);
    m->regs.strtab_base_cfg = read_reg(STRTAB_BASE_CFG, 4);
}

static void do_plug(Model *m, unsigned i)
{
    Device *d = &m->dev[i];
    FakeDevice *fake = &m->host.dev[i];
    SMMUv3Streams *s = &smmu->accel->streams;
    Error *err = NULL;

    /* A Stream table that was set while SMMUEN = 1 counts from here on */
    write_reg(m, CR0, 4, read_reg(CR0, 4));
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
    }
    if (!d->stream) {
        check(!err || m->host.failed != m->failed_before, "d%u is refused", i);
        error_free(err);
        fake_host_close_device(&m->host, fake);
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
    m->acked = read_reg(CR0ACK, 4) & 1;
    m->queue_empty = read_reg(CMDQ_PROD, 4) == read_reg(CMDQ_CONS, 4);
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
    uint32_t cons = read_reg(CMDQ_CONS, 4);
    unsigned calls;

    begin_step(m);
    do_step(m, s);
    check_registers(m);
    m->may = cons != read_reg(CMDQ_CONS, 4);
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
    uint32_t idr0 = read_reg(IDR0, 4), idr1 = read_reg(IDR1, 4);
    uint32_t idr5 = read_reg(IDR5, 4);

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
        .idr5_oas_bits = oas[idr5 % 8],
    };
    /* Devices come and go by the fake host's calls, and nobody is told */
    s->get_sid = get_sid;
    s->on_close = NULL;
    s->last_report = INT64_MAX;
    address_space_set(&address_space_memory, TABLE, 0,
                      CMDQ + (16 << CMDQ_LOG2) - TABLE, MEMTXATTRS_UNSPECIFIED);
    for (size_t i = 0; i < ARRAY_SIZE(l1std); i++) {
        store(L1_TABLE + i * 8, l1std[i]);
    }
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

static void make_machine(char *self)
{
    static const char args[] =
        "-machine virt,gic-version=3 -accel qtest -m 64M -display none "
        "-nodefaults -device arm-smmuv3,id=smmu0,primary-bus=pcie.0,accel=on";
    g_auto(GStrv) more = g_strsplit(args, " ", 0);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    g_ptr_array_add(argv, self);
    for (char **arg = more; *arg; arg++) {
        g_ptr_array_add(argv, *arg);
    }
    g_ptr_array_add(argv, NULL);
    qemu_init(argv->len - 1, (char **)argv->pdata);
    /* Programs run in children */
    rcu_enable_atfork();
    smmu = ARM_SMMUV3(object_resolve_path("/machine/peripheral/smmu0", NULL));
    mmio = sysbus_mmio_get_region(SYS_BUS_DEVICE(smmu), 0);
    g_assert_true(smmu->accel->on);
}

/* Linked as main(), with the emulator's own left aside */
int registers_main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    make_machine(argv[0]);
    g_test_add_func("/smmuv3/registers/any access of any width",
                    any_access_of_any_width);
    return g_test_run();
}
