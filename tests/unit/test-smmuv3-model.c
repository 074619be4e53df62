/*
 * Random guest programs on a host that fails at random, judged by an oracle
 *
 * After each step: no stream is more open than the architecture says; those
 * that the step had to bring somewhere are there, or are closed because the
 * host failed; the host's objects are those in use; nothing was done without
 * need; nothing translates that an invalidation before a CMD_SYNC should have
 * stopped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-guest.h"
#include "smmuv3-oracle.h"
#include "smmuv3-program.h"

#define DEVICES 4
#define TLBIS   10
#define EATS    (3ULL << 28)
#define L1_TABLE (GUEST_MEM_BASE + 0x4000)
#define L2_TABLE (GUEST_MEM_BASE + 0x8000)

/* What a step does with its operands a and b */
typedef enum StepOp {
    STEP_FEATURES,    /* a: what host and vSMMU can do; comes first */
    STEP_SMMUEN,      /* a: on */
    STEP_GBPA,        /* a: ABORT */
    STEP_RESET,
    STEP_PLUG,        /* a: device, plugged or unplugged */
    STEP_RENUMBER,    /* a: device, b: StreamID */
    STEP_SWAP,        /* a, b: devices whose StreamIDs are swapped */
    STEP_STE,         /* a: StreamID, b: class */
    STEP_L1STD,       /* a: descriptor, b: class */
    STEP_TABLE,       /* a: which table the registers point at */
    STEP_UNREADABLE,  /* a: no access to memory succeeds */
    STEP_CFGI_STE,    /* a: StreamID */
    STEP_CFGI_RANGE,  /* a: StreamID, b: Range */
    STEP_CFGI_ALL,
    STEP_CFGI_CD,     /* a: StreamID, b: all of its CDs */
    STEP_TLBI,        /* a: which */
    STEP_TLBI_MANY,   /* a: how many hundreds */
    STEP_TLBI_RUN,    /* a: first page, b: size and number of pages */
    STEP_ATC_INV,     /* a: StreamID */
    STEP_SYNC,
    STEP_WAIT,        /* a: how many ms */
    STEP_ILLEGAL,     /* a: which */
    STEP_FAIL,        /* a: kinds of calls, b: when, how often, errno */
    STEP_HEAL,
    STEP_DEVICE,      /* a: device, b: what of it fails, or works again */
    STEP_DEVICE_RESET, /* a: device, reset by the guest */
    STEP_OPS,
} StepOp;

static const ProgramOp ops[STEP_OPS] = {
    [STEP_FEATURES] = { "STEP_FEATURES", 0 },
    [STEP_SMMUEN] = { "STEP_SMMUEN", 12 },
    [STEP_GBPA] = { "STEP_GBPA", 8 },
    [STEP_RESET] = { "STEP_RESET", 2 },
    [STEP_PLUG] = { "STEP_PLUG", 6 },
    [STEP_RENUMBER] = { "STEP_RENUMBER", 6 },
    [STEP_SWAP] = { "STEP_SWAP", 4 },
    [STEP_STE] = { "STEP_STE", 40 },
    [STEP_L1STD] = { "STEP_L1STD", 3 },
    [STEP_TABLE] = { "STEP_TABLE", 2 },
    [STEP_UNREADABLE] = { "STEP_UNREADABLE", 1 },
    [STEP_CFGI_STE] = { "STEP_CFGI_STE", 30 },
    [STEP_CFGI_RANGE] = { "STEP_CFGI_RANGE", 8 },
    [STEP_CFGI_ALL] = { "STEP_CFGI_ALL", 8 },
    [STEP_CFGI_CD] = { "STEP_CFGI_CD", 8 },
    [STEP_TLBI] = { "STEP_TLBI", 15 },
    [STEP_TLBI_MANY] = { "STEP_TLBI_MANY", 2 },
    [STEP_TLBI_RUN] = { "STEP_TLBI_RUN", 8 },
    [STEP_ATC_INV] = { "STEP_ATC_INV", 5 },
    [STEP_SYNC] = { "STEP_SYNC", 15 },
    [STEP_WAIT] = { "STEP_WAIT", 5 },
    [STEP_ILLEGAL] = { "STEP_ILLEGAL", 2 },
    [STEP_FAIL] = { "STEP_FAIL", 8, true },
    [STEP_DEVICE] = { "STEP_DEVICE", 3, true },
    [STEP_DEVICE_RESET] = { "STEP_DEVICE_RESET", 2 },
    [STEP_HEAL] = { "STEP_HEAL", 5, true },
};

/* What a device's caches could still hold */
enum {
    CACHED_CD = 1,
    CACHED_ATC = 2,
};

typedef struct Device {
    FakeDMA before;
    uint32_t resolved_sid;
    bool due;            /* this step must bring it to what it should be */
    bool may;            /* this step may */
    bool was_closed;
    unsigned stale;      /* CACHED_*: an invalidation is under way */
    unsigned overdue;    /* and a CMD_SYNC has come since */
} Device;

/* A page that was unmapped: entries of which sizes could still be cached */
typedef struct Page {
    uint64_t addr;
    uint32_t sizes;
    bool overdue;
} Page;

typedef struct Model {
    Guest *g;
    Device dev[DEVICES];
    uint32_t tlb_stale;  /* a bit for each kind of TLBI under way */
    uint32_t tlb_overdue;
    Page page[256];
    unsigned pages;
    unsigned pages_overdue;
    uint32_t sizes;      /* of pages that the guest may use */
    unsigned failed_before;
    bool old_mode;       /* the kernel is known to be an old one */
    bool was_stale;      /* all of the TLB has to go first */
    bool quiet;          /* the host does what it is asked in this step */
    bool plugging;
    bool reset;
    const Step *step;
} Model;

/* Print what each step asks of the host */
static bool verbose;

static const uint32_t sids[] = { 0, 1, 2, 3, 0x41, 0x82, 0xff, 0x1000 };

static const uint64_t tlbis[TLBIS][2] = {
    { 0x30, 0 }, { 0x10, 0 }, { 0x0001000000000011, 0 },
    { 0x0002000000000011, 0 }, { 0x0001000000000012, 0x1001 },
    { 0x0001000000000012, 0x2001 }, { 0x13, 0x1001 }, { 0x13, 0x2000 },
    /* Of EL2; and a range that is wider than the host's, or that it has not */
    { 0x20, 0 }, { 0x0001000002001012, 0x40000401 },
};

/* --- The oracle's view --- */

static bool oracle_read(void *opaque, uint64_t addr, uint8_t *buf, size_t len)
{
    Guest *g = opaque;

    if (g->unreadable || addr < GUEST_MEM_BASE ||
        addr + len > GUEST_MEM_BASE + GUEST_MEM_SIZE) {
        return false;
    }
    memcpy(buf, g->mem + (addr - GUEST_MEM_BASE), len);
    return true;
}

static OracleStream judge(Guest *g, unsigned i)
{
    OracleRegs r = {
        .cr0_smmuen = g->s.regs.smmuen,
        .gbpa = g->s.regs.gbpa,
        .strtab_base = g->s.regs.strtab_base,
        .strtab_base_cfg = g->s.regs.strtab_base_cfg,
        .idr1_sidsize = g->s.regs.sidsize,
        .idr1_ssidsize = g->s.regs.ssidsize,
        .idr0_ats = g->s.regs.ats,
        .idr0_cd2l = g->s.regs.cd2l,
        .idr5_oas_bits = g->s.regs.oas,
    };

    return oracle_stream(&r, g->sid[i], oracle_read, g);
}

static FakeDMA should_be(Guest *g, unsigned i)
{
    OracleStream s = judge(g, i);

    return (FakeDMA) {
        .kind = s.says == ORACLE_ABORT ? FAKE_BLOCKED :
                s.says == ORACLE_BYPASS ? FAKE_OPEN : FAKE_TRANSLATED,
        .vste = { s.ste[0],
                  s.ste[1] & (g->host.dev[i].host.ats ? UINT64_MAX : ~EATS) },
        .vsid = g->sid[i],
    };
}

/* The reason that is shown to the user, by the event of a transaction (7.3) */
static SMMUv3VSTEReason reason(Guest *g, unsigned i)
{
    switch (judge(g, i).why) {
    case ORACLE_C_BAD_STREAMID:
        return SMMUV3_VSTE_BAD_STREAMID;
    case ORACLE_F_STE_FETCH:
        return SMMUV3_VSTE_FETCH;
    case ORACLE_C_BAD_STE:
        return SMMUV3_VSTE_BAD_STE;
    case ORACLE_NONE:
        break;
    }
    return g->s.regs.smmuen ? SMMUV3_VSTE_STE : SMMUV3_VSTE_GBPA;
}

static bool same(const FakeDMA *a, const FakeDMA *b)
{
    return a->kind == b->kind &&
           (a->kind != FAKE_TRANSLATED ||
            (a->vste[0] == b->vste[0] && a->vste[1] == b->vste[1] &&
             a->vsid == b->vsid));
}

static void G_GNUC_PRINTF(2, 3) check(bool ok, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    if (ok) {
        return;
    }
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    fprintf(stderr, "# model: %s\n", text);
    abort();
}

static const char *shown(const FakeDMA *d)
{
    static char buf[4][80];
    static unsigned at;
    char *s = buf[at++ % 4];

    snprintf(s, sizeof(buf[0]), d->kind == FAKE_TRANSLATED ?
             "S1 0x%" PRIx64 " 0x%" PRIx64 " StreamID 0x%x" :
             d->kind == FAKE_OPEN ? "open" : "blocked",
             d->vste[0], d->vste[1], d->vsid);
    return s;
}

/* --- What the host tells --- */

static void attachment_changed(void *opaque, FakeDevice *dev)
{
    Model *m = opaque;
    unsigned i = dev - m->g->host.dev;
    FakeDMA now = fake_host_dma(&m->g->host, dev);
    FakeDMA want = should_be(m->g, i);
    /* A device that does not answer keeps its ATC while it has ATS */
    unsigned kept = dev->atc_dead && (now.kind != FAKE_TRANSLATED ||
                                      (now.vste[1] & EATS)) ? CACHED_ATC : 0;

    /* CDs and the ATC of a stream that is attached anew are gone */
    m->dev[i].stale &= kept;
    m->dev[i].overdue &= kept;
    if (m->step->op == STEP_DEVICE || m->step->op == STEP_HEAL) {
        /* After a reset what was attached is attached again */
        return;
    }
    check(now.kind == FAKE_BLOCKED || same(&now, &want) ||
          same(&now, &m->dev[i].before),
          "on the way d%u is %s, was %s, should be %s", i, shown(&now),
          shown(&m->dev[i].before), shown(&want));
}

/*
 * 4.4.1.1: with TG = 0 an entry of any size that holds the address; else those
 * of one granule in (NUM + 1) * 2^SCALE pages
 */
static bool covers(const uint64_t cmd[2], uint64_t addr, uint32_t size)
{
    unsigned tg = cmd[1] >> 10 & 3;
    uint64_t granule = tg ? 1024ULL << 2 * tg : size;
    uint64_t first = (cmd[1] >> 12 << 12) & ~(granule - 1);
    uint64_t length = granule;

    if (tg) {
        length *= ((cmd[0] >> 12 & 31) + 1) << (cmd[0] >> 20 & 31);
    }
    return granule == size && addr >= first && addr - first < length;
}

static void pages_issued(Model *m, const uint64_t cmd[2])
{
    uint8_t opcode = cmd[0] & 0xff;
    unsigned kept = 0;

    m->pages_overdue = 0;
    for (unsigned i = 0; i < m->pages; i++) {
        Page p = m->page[i];

        for (uint32_t size = 4096; size <= 65536; size *= 4) {
            if (opcode == 0x30 || opcode == 0x10 ||
                (opcode == 0x12 && cmd[0] >> 48 == 3 &&
                 covers(cmd, p.addr, size))) {
                p.sizes &= ~size;
            }
        }
        if (p.sizes) {
            m->page[kept++] = p;
            m->pages_overdue += p.overdue;
        }
    }
    m->pages = kept;
}

static void issued(void *opaque, const uint64_t cmd[2])
{
    Model *m = opaque;
    uint8_t opcode = cmd[0] & 0xff;
    FakeDevice *d = opcode < 0x10 || opcode == 0x40 ?
                    fake_host_find_vsid(&m->g->host, cmd[0] >> 32) : NULL;

    if (d) {
        unsigned what = opcode == 0x40 ? CACHED_ATC : CACHED_CD;

        m->dev[d - m->g->host.dev].stale &= ~what;
        m->dev[d - m->g->host.dev].overdue &= ~what;
    }
    pages_issued(m, cmd);
    for (unsigned i = 0; i < TLBIS; i++) {
        if (opcode == 0x30 || (opcode == 0x10 && i) ||
            (cmd[0] == tlbis[i][0] && cmd[1] == tlbis[i][1])) {
            m->tlb_stale &= ~BIT(i);
            m->tlb_overdue &= ~BIT(i);
        }
    }
}

/* --- Steps --- */

static void write_ste(Guest *g, uint32_t sid, uint64_t word0, uint64_t word1)
{
    if (sid < GUEST_SIDS) {
        uint64_t second = L2_TABLE + sid / 64 * 0x1000 + sid % 64 * 64;

        guest_ste(g, sid, word0, word1);
        guest_write64(g, second, word0);
        guest_write64(g, second + 8, word1);
    }
}

static void do_ste(Guest *g, uint32_t sid, uint32_t class)
{
    static const uint64_t words[][2] = {
        { 0, 0 }, { 0x1, 0 }, { 0x9, 0 }, { 0xd, 0 }, { 0x7, 0 },
        { 0x10000b, 0 }, { 0x10100b, 0 }, { 0x10000b, 0x100000000054 },
        { 0x10000b, 0x10000054 }, { 0x10000b, 0x20000000 },
        { 0x10000b, 0x08000000 }, { 0x080000000010000b, 0x2 },
        { 0x280000000010001b, 0x1 }, { 0xf80000000010000b, 0 },
        { 0xffffffffffffffcb, 0xffffffffc7ffffff }, { 0x9, UINT64_MAX },
        { 0x10000a, 0 }, { 0x080000000010003b, 0x3 },
        /* What is reserved, and the OAS */
        { 0x280000000010003b, 0x1 }, { 0x280000000010000b, 0x3 },
        { 0x280000000010000b, 0x300000d4 }, { 0x280000000010002b, 0x57 },
        { 0x000010000010000b, 0 }, { 0x001000000010000b, 0 },
        { 0x00000fffffffffcb, 0xd4 }, { 0x0080000000100009, 0 },
    };

    class %= ARRAY_SIZE(words);
    write_ste(g, sid, words[class][0], words[class][1]);
}

static void do_l1std(Guest *g, uint32_t n, uint32_t class)
{
    static const uint64_t span[] = { 7, 7, 7, 0, 1, 3, 12, 31,
                                     7, 6, 8, 9, 10, 11, 7, 7 };
    uint64_t l2 = L2_TABLE + n % 4 * 0x1000;

    guest_write64(g, L1_TABLE + n % 4 * 8,
                  (class & 16 ? 0x100000000ULL : l2) | span[class % 16]);
}

static void do_table(Guest *g, uint32_t which)
{
    static const struct {
        uint64_t base;
        uint32_t cfg;
    } tables[] = {
        { GUEST_MEM_BASE, 8 }, { GUEST_MEM_BASE | 0x4000000000000fc0, 8 },
        { GUEST_MEM_BASE, 2 }, { L1_TABLE, 0x10188 }, { L1_TABLE, 0x10188 },
        { L1_TABLE | 0x20, 0x10008 }, { 0, 8 }, { GUEST_MEM_BASE, 0x30008 },
        { GUEST_MEM_BASE, 0x3f }, { GUEST_MEM_BASE | 0xfffc0, 0x18 },
        { L1_TABLE | 0x40, 0x10190 }, { L1_TABLE, 0x10218 },
        { L1_TABLE, 0x101bf }, { L1_TABLE, 0x10209 }, { L1_TABLE, 0x10289 },
    };

    which %= ARRAY_SIZE(tables);
    g->s.regs.strtab_base = tables[which].base;
    g->s.regs.strtab_base_cfg = tables[which].cfg;
}

static void do_features(Guest *g, uint32_t f)
{
    static const uint32_t granules[] = { 0, 0x1000, 0x11000, 0x15000 };

    g->s.inval.granules = granules[f >> 8 & 3];
    g->s.regs.ats = f & 1;
    g->s.regs.ssidsize = f & 2 ? 5 : 0;
    g->s.regs.cd2l = (f & 6) == 6;
    g->s.regs.asid16 = !(f & 0x400);
    g->s.regs.oas = f & 0x800 ? 48 : 44;
    g->ril = f & 8;
    g->host.kernel = f & 16 ? FAKE_LINUX_6_15 : FAKE_LINUX_7_3;
    g->host.no_veventq = (f & 0xe0) == 0xe0;
    g->host.erratum = (f & 0x6000) == 0x6000 &&
                      g->host.kernel == FAKE_LINUX_7_3;
    for (unsigned i = 0; i < DEVICES; i++) {
        g->host.dev[i].no_ats = (f & 0x1000) && i;
    }
}

static void do_fail(Guest *g, uint32_t a, uint32_t b)
{
    static const int errors[] = { EIO, ENOMEM, ENOENT, EBUSY, EINVAL, EEXIST };
    uint32_t kinds = a & 0x100 ? FAKE_ANY_CALL : a & FAKE_ANY_CALL;

    fake_host_fail(&g->host, kinds, b & 3, b & 0x10 ? UINT_MAX : 1,
                   errors[(b >> 5) % ARRAY_SIZE(errors)]);
}

static bool host_fails(const FakeHost *h)
{
    return h->fail_calls && h->fail_times;
}

/* Resets by the host, and failures of what concerns one device */
static void do_device(Model *m, unsigned i, uint32_t what)
{
    FakeDevice *d = &m->g->host.dev[i];

    switch (what % 4) {
    case 0:
        d->atc_dead = !d->atc_dead;
        break;
    case 1:
        d->cd_dead = !d->cd_dead;
        break;
    default:
        if (d->in_reset) {
            fake_host_end_reset(&m->g->host, d);
        } else {
            fake_host_begin_reset(&m->g->host, d);
        }
        break;
    }
}

static bool is_faulty(const FakeDevice *d)
{
    return d->atc_dead || d->cd_dead || d->in_reset || d->lost;
}

static void each_device(Model *m, void (*mark)(Model *m, Device *d, unsigned i))
{
    for (unsigned i = 0; i < DEVICES; i++) {
        mark(m, &m->dev[i], i);
    }
}

static void mark_due(Model *m, Device *d, unsigned i)
{
    d->due = true;
}

static void due_in_range(Model *m, uint32_t first, uint32_t last)
{
    for (unsigned i = 0; i < DEVICES && m->g->s.regs.smmuen; i++) {
        Device *d = &m->dev[i];
        uint32_t sid = m->g->sid[i];

        d->due = (sid >= first && sid <= last) || sid != d->resolved_sid;
        /* 4.3.1: the CDs, too */
        if (d->due && d->before.kind == FAKE_TRANSLATED) {
            d->stale |= CACHED_CD;
        }
    }
}

static void stale_stream(Model *m, uint32_t sid, unsigned what)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        Device *d = &m->dev[i];

        /* Without EATS the device holds nothing */
        if (d->before.kind == FAKE_TRANSLATED && d->before.vsid == sid &&
            (what == CACHED_CD || (d->before.vste[1] & EATS))) {
            d->stale |= what;
        }
    }
}

static void do_plug(Model *m, unsigned i)
{
    Guest *g = m->g;

    m->plugging = true;
    if (g->stream[i]) {
        guest_unplug(g, i);
    } else {
        m->dev[i].due = true;
        m->dev[i].before.kind = FAKE_OPEN;
        if (!guest_plug(g, i)) {
            check(!m->quiet, "d%u is refused", i);
        }
    }
    if (!g->s.viommu) {
        m->pages = m->pages_overdue = 0;
        m->tlb_stale = m->tlb_overdue = 0;
    }
    m->dev[i].stale = m->dev[i].overdue = 0;
}

static void do_tlbi(Model *m, unsigned i)
{
    i %= TLBIS;
    if (m->g->s.viommu) {
        m->tlb_stale |= BIT(i);
    }
    guest_command(m->g, tlbis[i][0], tlbis[i][1]);
}

/* Linux unmaps page by page; the queue's owner says how many are adjacent */
static void do_tlbi_run(Model *m, uint32_t a, uint32_t b)
{
    uint64_t first = 0x10000000 + a % 64 * 0x1000;
    uint64_t step = 4096ULL << b % 3 * 2;
    unsigned n = 1 + (b >> 8) % 64;

    if (m->pages + n > ARRAY_SIZE(m->page)) {
        return;
    }
    for (unsigned i = 0; i < n && m->g->s.viommu; i++) {
        m->page[m->pages++] = (Page) {
            .addr = first + i * step,
            .sizes = m->sizes,
        };
    }
    guest_command(m->g, 0x0003000000000012, first);
    if (n > 1) {
        smmuv3_streams_repeat(&m->g->s, n - 1, step);
    }
}

static void do_sync(Model *m)
{
    m->pages_overdue = m->pages;
    for (unsigned i = 0; i < m->pages; i++) {
        m->page[i].overdue = true;
    }
    m->tlb_overdue |= m->tlb_stale;
    for (unsigned i = 0; i < DEVICES; i++) {
        m->dev[i].overdue |= m->dev[i].stale;
        m->dev[i].may |= m->dev[i].was_closed;
    }
    guest_sync(m->g);
}

/* A host that does again what it is asked: by a second later it was asked */
static void do_wait(Model *m, uint32_t ms)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        const SMMUv3Stream *st = m->g->stream[i];

        m->dev[i].may = m->dev[i].was_closed;
        if (m->dev[i].was_closed && !host_fails(&m->g->host) &&
            !is_faulty(&m->g->host.dev[i]) && ms >= 1000 &&
            smmuv3_retry_by_timer(st->closed) && !st->retry.given_up) {
            m->dev[i].due = true;
        }
    }
    guest_wait(m->g, ms);
}

static void do_illegal(Model *m, uint32_t a)
{
    static const uint64_t illegal[][2] = {
        { 0x00, 0 }, { 0x07, 0 }, { 0x28, 0 }, { 0x2a, 0 }, { 0x41, 0 },
        { 0x44, 0 }, { 0xff, UINT64_MAX }, { 0x403, 0 }, { 0x404, 31 },
        { 0x405, 0 }, { 0x406, 0 }, { 0x3046, 0 }, { 0x18, 0 },
    };
    const uint64_t *cmd = illegal[a % ARRAY_SIZE(illegal)];

    check(!guest_command(m->g, cmd[0], cmd[1]), "an illegal command is done");
}

static void do_renumber(Model *m, unsigned i, uint32_t sid)
{
    if (m->g->s.regs.smmuen) {
        each_device(m, mark_due);
    }
    guest_renumber(m->g, i, sid);
}

static void do_step(Model *m, const Step *s)
{
    Guest *g = m->g;
    unsigned i = s->a % DEVICES, j = s->b % DEVICES;
    uint64_t sid = sids[s->a % ARRAY_SIZE(sids)];
    uint64_t mask;
    uint32_t swap;

    switch (s->op) {
    case STEP_FEATURES:
        do_features(g, s->a);
        m->sizes = g->s.inval.granules ? g->s.inval.granules : 0x15000;
        break;
    case STEP_SMMUEN:
        if (g->s.regs.smmuen != (s->a & 1)) {
            each_device(m, mark_due);
        }
        guest_smmuen(g, s->a & 1);
        break;
    case STEP_GBPA:
        if (!g->s.regs.smmuen) {
            each_device(m, mark_due);
        }
        guest_gbpa(g, s->a & 1);
        break;
    case STEP_RESET:
        m->reset = true;
        each_device(m, mark_due);
        guest_reset(g);
        break;
    case STEP_PLUG:
        do_plug(m, i);
        break;
    case STEP_RENUMBER:
        do_renumber(m, i, sids[s->b % ARRAY_SIZE(sids)]);
        break;
    case STEP_SWAP:
        swap = g->sid[i];
        g->sid[i] = g->sid[j];
        do_renumber(m, j, swap);
        break;
    case STEP_STE:
        do_ste(g, sid, s->b);
        break;
    case STEP_L1STD:
        do_l1std(g, s->a, s->b);
        break;
    case STEP_TABLE:
        do_table(g, s->a);
        break;
    case STEP_UNREADABLE:
        g->unreadable = (s->a & 3) == 3;
        break;
    case STEP_CFGI_STE:
        due_in_range(m, sid, sid);
        guest_cfgi_ste(g, sid);
        break;
    case STEP_CFGI_RANGE:
        mask = (2ULL << s->b % 32) - 1;
        due_in_range(m, sid & ~mask, sid | mask);
        guest_command(g, 0x04 | sid << 32, s->b % 32);
        break;
    case STEP_CFGI_ALL:
        due_in_range(m, 0, UINT32_MAX);
        guest_cfgi_all(g);
        break;
    case STEP_CFGI_CD:
        stale_stream(m, sid, CACHED_CD);
        guest_command(g, (s->b & 1 ? 0x06 : 0x05) | sid << 32, 0);
        break;
    case STEP_TLBI:
        do_tlbi(m, s->a);
        break;
    case STEP_TLBI_MANY:
        /* Each kind once, and then one that does not stand for the others */
        for (unsigned n = 0; n < s->a % 16 * 100; n++) {
            do_tlbi(m, n < 4 ? 4 + n : 5);
        }
        break;
    case STEP_TLBI_RUN:
        do_tlbi_run(m, s->a, s->b);
        break;
    case STEP_ATC_INV:
        if (g->s.regs.ats) {
            stale_stream(m, sid, CACHED_ATC);
        }
        check(guest_command(g, 0x40 | sid << 32, 52) == g->s.regs.ats,
              "ATC_INV is legal if ATS is offered");
        break;
    case STEP_SYNC:
        do_sync(m);
        break;
    case STEP_WAIT:
        do_wait(m, s->a % 2000);
        break;
    case STEP_ILLEGAL:
        do_illegal(m, s->a);
        break;
    case STEP_FAIL:
        do_fail(g, s->a, s->b);
        break;
    case STEP_DEVICE:
        do_device(m, i, s->b);
        break;
    case STEP_DEVICE_RESET:
        if (g->stream[i]) {
            m->dev[i].may |= m->dev[i].was_closed;
            m->dev[i].stale &= ~CACHED_ATC;
            m->dev[i].overdue &= ~CACHED_ATC;
            guest_device_reset(g, i);
        }
        break;
    case STEP_HEAL:
        fake_host_heal(&g->host);
        for (i = 0; i < DEVICES; i++) {
            FakeDevice *d = &g->host.dev[i];

            d->atc_dead = d->cd_dead = false;
            if (d->in_reset) {
                fake_host_end_reset(&g->host, d);
            }
        }
        break;
    default:
        g_assert_not_reached();
    }
}

/* --- Checks after each step --- */

/* Another device has its StreamID, or a vDEVICE with it */
static bool contended(Model *m, unsigned i)
{
    FakeDevice *holder = fake_host_find_vsid(&m->g->host, m->g->sid[i]);

    for (unsigned j = 0; j < DEVICES; j++) {
        if (j != i && m->g->stream[j] && m->g->sid[j] == m->g->sid[i]) {
            return true;
        }
    }
    return holder && holder != &m->g->host.dev[i];
}

/* May the host's failures in this step be the reason that @i is closed? */
static bool host_failed(Model *m, unsigned i)
{
    FakeHost *h = &m->g->host;
    unsigned failed = h->failed - m->failed_before;

    /* One failed call is a reason for the device that it was for */
    return is_faulty(&h->dev[i]) || failed > 1 ||
           (failed == 1 && h->failed_dev == &h->dev[i]);
}

static void check_device(Model *m, unsigned i)
{
    Device *d = &m->dev[i];
    FakeDMA now = fake_host_dma(&m->g->host, &m->g->host.dev[i]);
    FakeDMA want = should_be(m->g, i);
    bool blocked = now.kind == FAKE_BLOCKED;
    bool ok;

    if (d->due) {
        SMMUv3VSTEReason said = m->g->stream[i]->wanted.reason;

        ok = same(&now, &want) ||
             (blocked && (host_failed(m, i) || contended(m, i)));
        check(said == reason(m->g, i), "d%u: the reason is %s, not %s", i,
              smmuv3_vste_reason_name(said),
              smmuv3_vste_reason_name(reason(m->g, i)));
        d->resolved_sid = m->g->sid[i];
    } else {
        ok = same(&now, &d->before) || (blocked && host_failed(m, i)) ||
             (d->may && same(&now, &want));
    }
    check(ok, "d%u is %s, was %s, should be %s", i, shown(&now),
          shown(&d->before), shown(&want));
    check(now.kind != FAKE_TRANSLATED ||
          (!d->overdue && !m->tlb_overdue && !m->pages_overdue),
          "d%u translates by what was invalidated before SYNC", i);
    check(!m->g->stream[i]->closed || blocked, "d%u is closed and %s", i,
          shown(&now));
}

static void check_objects(Model *m)
{
    FakeHost *h = &m->g->host;
    bool enabled = m->g->s.regs.smmuen;
    unsigned plugged = 0, least = 0, most = 0;

    for (unsigned i = 0; i < DEVICES; i++) {
        FakeDevice *d = &h->dev[i];
        bool translates = fake_host_dma(h, d).kind == FAKE_TRANSLATED;

        if (m->g->stream[i] && (d->in_reset || d->lost)) {
            translates = m->g->stream[i]->attached == SMMUV3_ATTACHED_TRANSLATE;
        }
        if (!m->g->stream[i]) {
            check(!d->vdevice, "d%u is gone, not its vDEVICE", i);
            continue;
        }
        plugged++;
        least += translates;
        most += translates || d->quarantined || (!enabled && !m->reset);
        check(!translates || d->vdevice, "d%u has no vDEVICE", i);
        check(translates || !enabled || !d->vdevice,
              "d%u has a vDEVICE and no need of it", i);
        check(!m->reset || !d->vdevice, "d%u has a vDEVICE after reset", i);
    }
    check(fake_host_count(h, FAKE_VIOMMU) == !!plugged, "vIOMMUs");
    check(fake_host_count(h, FAKE_VEVENTQ) <= !!plugged, "vEVENTQs");
    if (plugged) {
        least += 2;
        most += 2;
    }
    check(fake_host_count(h, FAKE_NESTED) >= least &&
          fake_host_count(h, FAKE_NESTED) <= most, "%u nested HWPTs, %u to %u "
          "are in use", fake_host_count(h, FAKE_NESTED), least, most);
}

static bool known_old(Model *m)
{
    /* To learn it is one attach that fails, once */
    return m->g->s.viommu && m->g->s.viommu->kernel_mode ==
           SMMUV3_KERNEL_NO_NESTED;
}

/* Nothing changed, nothing done */
static void check_calls(Model *m)
{
    FakeHost *h = &m->g->host;
    unsigned changed = 0;

    if (m->plugging || m->reset || !m->quiet) {
        return;
    }
    for (unsigned i = 0; i < DEVICES; i++) {
        FakeDMA now = fake_host_dma(h, &h->dev[i]);

        if (m->dev[i].was_closed) {
            return;
        }
        changed += m->g->stream[i] && !same(&now, &m->dev[i].before);
    }
    check(h->calls[FAKE_ATTACH] + h->calls[FAKE_DETACH] ==
          changed + (known_old(m) != m->old_mode),
          "%u attaches and %u detaches for %u changes", h->calls[FAKE_ATTACH],
          h->calls[FAKE_DETACH], changed);
    check(h->calls[FAKE_ALLOC_HWPT] <= changed, "needless HWPTs");
    check(h->calls[FAKE_ALLOC_VDEVICE] <= changed, "needless vDEVICEs");
    check(h->erratum || h->calls[FAKE_INVALIDATE] <=
          1 + (m->step->op == STEP_TLBI_MANY ||
               m->step->op == STEP_TLBI_RUN) + m->was_stale,
          "%u invalidations", h->calls[FAKE_INVALIDATE]);
}

static void begin_step(Model *m, const Step *s)
{
    FakeHost *h = &m->g->host;

    m->old_mode = known_old(m);
    m->was_stale = m->g->s.tlb_stale;
    m->step = s;
    m->failed_before = h->failed;
    m->quiet = !host_fails(h);
    for (unsigned i = 0; i < DEVICES; i++) {
        m->quiet &= !is_faulty(&h->dev[i]);
    }
    m->plugging = m->reset = false;
    fake_host_take_calls(h);
    for (unsigned i = 0; i < DEVICES; i++) {
        Device *d = &m->dev[i];

        d->due = false;
        d->before = fake_host_dma(h, &h->dev[i]);
        d->was_closed = m->g->stream[i] && m->g->stream[i]->closed;
        /* The StreamID that it waits for may become free at any time */
        d->may = d->was_closed &&
                 m->g->stream[i]->closed == SMMUV3_CLOSED_SID_TAKEN;
    }
}

static void run_program(const Program *p, bool speak)
{
    Model m = { .g = guest_new(false), .sizes = 0x15000 };

    verbose = speak;
    if (!verbose) {
        g_string_free(g_steal_pointer(&m.g->host.log), true);
    }
    m.g->check_steps = false;
    m.g->host.changed = attachment_changed;
    m.g->host.issued = issued;
    m.g->host.opaque = &m;
    for (unsigned n = 0; n < 4; n++) {
        do_l1std(m.g, n, 0);
    }
    for (unsigned i = 0; i < p->n; i++) {
        begin_step(&m, &p->step[i]);
        do_step(&m, &p->step[i]);
        if (verbose) {
            fprintf(stderr, "# model: step %u: %.1000s\n", i,
                    m.g->host.log->str);
        }
        if (p->step[i].op == STEP_FAIL || p->step[i].op == STEP_HEAL ||
            p->step[i].op == STEP_DEVICE) {
            continue;
        }
        for (unsigned j = 0; j < DEVICES; j++) {
            if (m.g->stream[j]) {
                check_device(&m, j);
            }
        }
        check_objects(&m);
        check_calls(&m);
    }
    fake_host_heal(&m.g->host);
    begin_step(&m, &p->step[0]);
    guest_free(m.g);
}

static const ProgramKind kind = { ops, STEP_OPS, run_program };

/* --- Permanent cases: what was found, or what a fault put back was --- */

typedef struct Case {
    const char *name;
    Program program;
} Case;

#define PROGRAM(...) {                                                  \
    .n = sizeof((Step[]) { __VA_ARGS__ }) / sizeof(Step),               \
    .step = { __VA_ARGS__ },                                            \
}

static const Case cases[] = {
    { "a stream without vDEVICE moves to another STE", PROGRAM(
        { STEP_STE, 0xaaf1, 0xd },
        { STEP_PLUG, 0x89ee, 0x30af },
        { STEP_SMMUEN, 0x8fcd, 0xd154 },
        { STEP_RENUMBER, 0x778a, 0x1909 },
        { STEP_CFGI_STE, 0x7e38, 0x12c8 }) },
    { "a second failure in quarantine", PROGRAM(
        { STEP_RENUMBER, 0xf9af, 0x1954 },
        { STEP_STE, 0xfbbc, 0xe },
        { STEP_SMMUEN, 0xf111, 0x30ae },
        { STEP_PLUG, 0x418b, 0x5388 },
        { STEP_FAIL, 0x2781, 0xbbf4 },
        { STEP_CFGI_RANGE, 0xda50, 0x3693 },
        { STEP_SYNC, 0xf2c6, 0xdad7 }) },
    { "out of quarantine with the same vSTE and another StreamID", PROGRAM(
        { STEP_RENUMBER, 0x800b, 0xaf88 },
        { STEP_PLUG, 0xf64f, 0xda11 },
        { STEP_STE, 0xcd70, 0xc },
        { STEP_STE, 0xee91, 0xb },
        { STEP_RENUMBER, 0xf164, 0xda49 },
        { STEP_SMMUEN, 0xb94f, 0x1a43 },
        { STEP_FAIL, 0xfd0d, 0xcdda },
        { STEP_PLUG, 0x7acd, 0xdb37 },
        { STEP_CFGI_ALL, 0x7e12, 0x5129 },
        { STEP_SYNC, 0x9e18, 0x7214 },
        { STEP_SWAP, 0xb647, 0xb784 },
        { STEP_FAIL, 0x469a, 0x5f72 },
        { STEP_CFGI_STE, 0x8fe8, 0xc58d }) },
    { "a full batch fails, the next does not", PROGRAM(
        { STEP_PLUG, 0x9546, 0x115f },
        { STEP_SMMUEN, 0xce93, 0xe64e },
        { STEP_RENUMBER, 0xc53a, 0x5474 },
        { STEP_STE, 0x5014, 0x8 },
        { STEP_FAIL, 0xebb7, 0xf7f4 },
        { STEP_TLBI_MANY, 0x99ad, 0xee6b },
        { STEP_HEAL, 0xa4b5, 0xd4b4 },
        { STEP_CFGI_ALL, 0x2605, 0x89fc },
        { STEP_SYNC, 0x4989, 0x6dd0 }) },
};

static void test_case(const void *opaque)
{
    g_assert_true(program_passes(&kind, opaque));
}

static void test_random(void)
{
    program_test_random(&kind, 1000000);
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/model/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("random programs on a host that fails at random", test_random);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *path = g_strdup_printf("/smmuv3/model/cases/%s",
                                                cases[i].name);

        g_test_add_data_func(path, &cases[i].program, test_case);
    }
    return g_test_run();
}
