/*
 * A guest with an accelerated SMMUv3, for tests without a machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "monitor/monitor.h"
#include "hw/arm/smmuv3-accel/core/idr.h"
#include "smmuv3-guest.h"

#define GBPA_RESET 0x1000
#define GBPA_ABORT 0x100000

GString *guest_messages;

/* In place of QEMU's, which print to the monitor or to stderr */
int error_vprintf(const char *fmt, va_list ap)
{
    size_t len = guest_messages->len;

    g_string_append_vprintf(guest_messages, fmt, ap);
    return guest_messages->len - len;
}

int error_vprintf_unless_qmp(const char *fmt, va_list ap)
{
    return error_vprintf(fmt, ap);
}

static bool read_table(void *opaque, uint64_t addr, void *buf, size_t len)
{
    Guest *g = opaque;

    if (!g->s.regs.smmuen) {
        g_error("the Stream table is read while SMMUEN = 0");
    }
    g->reads++;
    if (g->unreadable || addr < GUEST_MEM_BASE ||
        addr - GUEST_MEM_BASE > GUEST_MEM_SIZE - len) {
        return false;
    }
    memcpy(buf, g->mem + (addr - GUEST_MEM_BASE), len);
    return true;
}

static uint32_t get_sid(void *opaque, const SMMUv3Stream *st)
{
    Guest *g = opaque;

    return g->sid[(FakeDevice *)st->dev.opaque - g->host.dev];
}

static int64_t now(void *opaque)
{
    Guest *g = opaque;

    return g->now;
}

static void set_timer(void *opaque, int64_t at)
{
    Guest *g = opaque;

    g->timer_at = at;
}

static const SMMUv3Clock fake_clock = { now, set_timer };

FakeDMAKind guest_dma(const Guest *g, unsigned i)
{
    return fake_host_dma(&g->host, &g->host.dev[i]).kind;
}

static bool same_dma(const FakeDMA *a, const FakeDMA *b)
{
    return a->kind == b->kind &&
           (a->kind != FAKE_TRANSLATED ||
            (a->vste[0] == b->vste[0] && a->vste[1] == b->vste[1] &&
             a->vsid == b->vsid));
}

static FakeDMA wanted_dma(Guest *g, unsigned i)
{
    SMMUv3VSTE v = smmuv3_vste_resolve(&g->s.regs, g->sid[i], read_table, g);
    const SMMUv3HostDevice *host = &g->host.dev[i].host;
    bool s1 = v.kind == SMMUV3_VSTE_TRANSLATE;
    /* S1STALLD and EATS: 5.2 */
    uint64_t no_stall = s1 && host->stalls ? BIT_ULL(27) : 0;
    uint64_t no_ats = s1 && !host->ats ? 3ULL << 28 : 0;

    return (FakeDMA) {
        .kind = v.kind == SMMUV3_VSTE_ABORT ? FAKE_BLOCKED :
                v.kind == SMMUV3_VSTE_BYPASS ? FAKE_OPEN : FAKE_TRANSLATED,
        .vste = { v.word[0], (v.word[1] | no_stall) & ~no_ats },
        .vsid = g->sid[i],
    };
}

static void describe(const FakeDMA *d, char *buf, size_t len)
{
    snprintf(buf, len, d->kind == FAKE_TRANSLATED ?
             "translated by 0x%" PRIx64 " 0x%" PRIx64 " as StreamID 0x%x" :
             d->kind == FAKE_OPEN ? "open" : "blocked",
             d->vste[0], d->vste[1], d->vsid);
}

static void assert_not_more_open(Guest *g, unsigned i, const FakeDMA *now,
                                 const FakeDMA *want, bool exact)
{
    char is[96], should[96];

    if (same_dma(now, want) || (!exact && now->kind == FAKE_BLOCKED)) {
        return;
    }
    describe(now, is, sizeof(is));
    describe(want, should, sizeof(should));
    g_error("d%u is %s, and should be %s", i, is, should);
}

/* 3.21.3: nobody may see anything but the old, the new, or nothing */
static void attachment_changed(void *opaque, FakeDevice *dev)
{
    Guest *g = opaque;
    unsigned i = dev - g->host.dev;
    FakeDMA now = fake_host_dma(&g->host, dev);
    FakeDMA want;

    if (!g->check_steps || now.kind == FAKE_BLOCKED ||
        same_dma(&now, &g->before[i])) {
        return;
    }
    want = wanted_dma(g, i);
    assert_not_more_open(g, i, &now, &want, false);
}

static void begin_step(Guest *g)
{
    for (unsigned i = 0; i < FAKE_DEVICES; i++) {
        if (g->stream[i]) {
            g->before[i] = fake_host_dma(&g->host, &g->host.dev[i]);
        }
    }
}

Guest *guest_new(bool old_kernel)
{
    Guest *g = g_new0(Guest, 1);

    if (!guest_messages) {
        guest_messages = g_string_new(NULL);
    }
    g_string_truncate(guest_messages, 0);
    fake_host_init(&g->host);
    g->host.kernel = old_kernel ? FAKE_LINUX_6_15 : FAKE_LINUX_7_3;
    g->host.changed = attachment_changed;
    g->host.opaque = g;
    g->check_steps = true;
    g->timer_at = SMMUV3_NO_TIMER;
    smmuv3_streams_init(&g->s, read_table, get_sid, &fake_clock, g);
    g->s.regs = (SMMUv3VSTERegs) {
        .gbpa = GBPA_RESET,
        .strtab_base = GUEST_MEM_BASE,
        .strtab_base_cfg = ctz32(GUEST_SIDS),
        .sidsize = 16,
        .oas = 44,
        .asid16 = true,
    };
    for (unsigned i = 0; i < FAKE_DEVICES; i++) {
        g->sid[i] = i;
    }
    return g;
}

void guest_free(Guest *g)
{
    for (unsigned i = 0; i < FAKE_DEVICES; i++) {
        if (g->stream[i]) {
            guest_unplug(g, i);
        }
    }
    g_assert_null(g->s.viommu);
    fake_host_end(&g->host);
    g_free(g);
}

bool guest_plug(Guest *g, unsigned i)
{
    FakeDevice *dev = &g->host.dev[i];
    SMMUv3HostInfo info;
    FakeHwInfo hw;
    Error *err = NULL;

    g_assert_null(g->stream[i]);
    fake_host_open_device(&g->host, dev);
    hw = fake_host_hw_info(&g->host, dev);
    info = smmuv3_host_info(hw.flags, hw.idr, hw.caps, hw.last_iova);
    dev->host.stalls = smmuv3_idr_stalls(info.idr);
    dev->host.ats = info.ats;
    dev->host.repeats = info.repeats;
    begin_step(g);
    /* As VFIO leaves it, it reaches guest memory, if it is told to */
    g->before[i].kind = FAKE_OPEN;
    g->stream[i] = smmuv3_streams_plug(&g->s, &fake_host_ops, &g->host,
                                       &dev->host, FAKE_PARENT, &err);
    g_assert_true(!g->stream[i] == !!err);
    if (err) {
        error_free(err);
        fake_host_close_device(&g->host, dev);
        return false;
    }
    return true;
}

void guest_unplug(Guest *g, unsigned i)
{
    begin_step(g);
    smmuv3_streams_unplug(&g->s, g->stream[i]);
    g->stream[i] = NULL;
    fake_host_close_device(&g->host, &g->host.dev[i]);
}

void guest_smmuen(Guest *g, bool on)
{
    if (g->s.regs.smmuen != on) {
        begin_step(g);
        g->s.regs.smmuen = on;
        smmuv3_streams_update(&g->s);
    }
}

void guest_gbpa(Guest *g, bool abort)
{
    begin_step(g);
    g->s.regs.gbpa = abort ? GBPA_ABORT : 0;
    if (!g->s.regs.smmuen) {
        smmuv3_streams_update(&g->s);
    }
}

void guest_renumber(Guest *g, unsigned i, uint32_t sid)
{
    g->sid[i] = sid;
    if (g->s.regs.smmuen) {
        begin_step(g);
        smmuv3_streams_update(&g->s);
    }
}

void guest_reset(Guest *g)
{
    begin_step(g);
    g->s.regs.smmuen = false;
    g->s.regs.gbpa = GBPA_RESET;
    smmuv3_streams_reset(&g->s);
}

void guest_load(Guest *g, bool smmuen, bool abort)
{
    begin_step(g);
    g->s.regs.smmuen = smmuen;
    g->s.regs.gbpa = abort ? GBPA_ABORT : 0;
    smmuv3_streams_update(&g->s);
}

void guest_write64(Guest *g, uint64_t addr, uint64_t val)
{
    g_assert_cmphex(addr, >=, GUEST_MEM_BASE);
    g_assert_cmphex(addr - GUEST_MEM_BASE, <=, GUEST_MEM_SIZE - 8);
    stq_le_p(g->mem + (addr - GUEST_MEM_BASE), val);
}

void guest_ste(Guest *g, uint32_t sid, uint64_t word0, uint64_t word1)
{
    guest_write64(g, GUEST_MEM_BASE + sid * 64, word0);
    guest_write64(g, GUEST_MEM_BASE + sid * 64 + 8, word1);
}

bool guest_command(Guest *g, uint64_t word0, uint64_t word1)
{
    uint64_t cmd[2] = { word0, word1 };
    SMMUv3CommandEffect effect;

    begin_step(g);
    return smmuv3_command(&g->s, cmd, g->ril, &effect);
}

void guest_cfgi_ste(Guest *g, uint32_t sid)
{
    g_assert_true(guest_command(g, 0x03 | (uint64_t)sid << 32, 1));
}

void guest_cfgi_all(Guest *g)
{
    g_assert_true(guest_command(g, 0x04, 31));
}

void guest_sync(Guest *g)
{
    g_assert_true(guest_command(g, 0x46, 0));
}

bool guest_sync_fails(Guest *g)
{
    uint64_t cmd[2] = { SMMUV3_CMD_SYNC };
    SMMUv3CommandEffect effect;

    begin_step(g);
    g_assert_true(smmuv3_command(&g->s, cmd, g->ril, &effect));
    g_assert_true(effect.sync != effect.atc_failed);
    return effect.atc_failed;
}

void guest_wait(Guest *g, int64_t ms)
{
    int64_t until = g->now + ms;

    while (g->timer_at <= until) {
        g->now = MAX(g->now, g->timer_at);
        g->timer_at = SMMUV3_NO_TIMER;
        begin_step(g);
        smmuv3_streams_timer(&g->s);
    }
    g->now = until;
}

void guest_new_process(Guest *g, SMMUv3Streams *s)
{
    SMMUv3VSTERegs regs = g->s.regs;
    SMMUv3Stream *st;

    *s = (SMMUv3Streams) {};
    smmuv3_streams_init(s, read_table, get_sid, &fake_clock, g);
    s->held = true;
    s->inval.granules = g->s.inval.granules;
    QTAILQ_FOREACH(st, &g->s.list, next) {
        smmuv3_streams_plug(s, &fake_host_ops, &g->host, &st->dev,
                            FAKE_PARENT, &error_abort);
    }
    /* What QEMU does between its start and the end of the hand-over */
    s->regs = regs;
    s->regs.smmuen = false;
    s->regs.gbpa = GBPA_RESET;
    smmuv3_streams_reset(s);
    QTAILQ_FOREACH(st, &s->list, next) {
        smmuv3_streams_device_reset(s, st);
    }
    smmuv3_streams_update(s);
    s->regs = regs;
}

void guest_drop(SMMUv3Streams *s)
{
    SMMUv3Stream *st, *next;

    QTAILQ_FOREACH_SAFE(st, &s->list, next, next) {
        QTAILQ_REMOVE(&s->list, st, next);
        g_free(st->last_error);
        g_free(st);
    }
    if (s->viommu) {
        smmuv3_viommu_let_go(g_steal_pointer(&s->viommu));
    }
}

/* The list's head points to itself */
static void move_streams(SMMUv3Streams *to, SMMUv3Streams *from)
{
    SMMUv3Stream *st;

    *to = *from;
    to->inval.opaque = to;
    QTAILQ_INIT(&to->list);
    while ((st = QTAILQ_FIRST(&from->list))) {
        QTAILQ_REMOVE(&from->list, st, next);
        QTAILQ_INSERT_TAIL(&to->list, st, next);
    }
}

void guest_taken_over(Guest *g, SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    guest_drop(&g->s);
    move_streams(&g->s, s);
    QTAILQ_FOREACH(st, &g->s.list, next) {
        FakeDevice *dev = st->dev.opaque;

        g->stream[dev - g->host.dev] = st;
    }
}

void guest_hand_over(Guest *g)
{
    g_autofree SMMUv3Streams *new = g_new0(SMMUv3Streams, 1);
    int fd = g->s.viommu ? g->s.viommu->veventq_fd : -1;
    SMMUv3Handover h;

    smmuv3_streams_hand_over(&g->s, &h);
    fake_host_take_calls(&g->host);
    guest_new_process(g, new);
    smmuv3_streams_take_over(new, &h, fd, &error_abort);
    smmuv3_handover_clear(&h);
    guest_taken_over(g, new);
    fake_host_assert_calls(&g->host, "");
}

void guest_continue(Guest *g)
{
    begin_step(g);
    smmuv3_streams_update(&g->s);
}

void guest_device_reset(Guest *g, unsigned i)
{
    begin_step(g);
    smmuv3_streams_device_reset(&g->s, g->stream[i]);
}

void guest_assert_safe(Guest *g, bool exact)
{
    for (unsigned i = 0; i < FAKE_DEVICES; i++) {
        if (g->stream[i]) {
            FakeDMA now = fake_host_dma(&g->host, &g->host.dev[i]);
            FakeDMA want = wanted_dma(g, i);

            assert_not_more_open(g, i, &now, &want, exact);
            g_assert_false(exact && g->stream[i]->closed);
        }
    }
}
