/*
 * All streams of one accelerated SMMUv3
 *
 * An event says which streams may have changed; resolve says what they must be;
 * reconcile makes it so. Nothing else attaches a stream.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/error-report.h"
#include "streams.h"
#include "opcodes.h"
#include "hw/arm/smmuv3-accel/trace.h"

#define REPORT_INTERVAL_US G_USEC_PER_SEC

/* A stream is closed until another, or the host's caches, make way */
#define MUST_WAIT 1

/* For as many streams an event allocates nothing */
#define FEW 8

#ifdef SMMUV3_ACCEL_FAULTS
SMMUv3Fault smmuv3_fault;
#endif

/* What an event asks of one stream */
typedef struct Wanted {
    SMMUv3Stream *st;
    SMMUv3VSTE vste;
    uint32_t sid;
} Wanted;

void smmuv3_streams_init(SMMUv3Streams *s, SMMUv3TableReader *read,
                         uint32_t (*get_sid)(void *, const SMMUv3Stream *),
                         void *owner)
{
    s->read = read;
    s->get_sid = get_sid;
    s->owner = owner;
    s->last_report = -REPORT_INTERVAL_US;
    QTAILQ_INIT(&s->list);
}

/* A guest can provoke failures at will: no more than one message a second */
static void report(SMMUv3Streams *s, SMMUv3Stream *st, Error *err)
{
    int64_t now = g_get_monotonic_time();

    if (s->on_close) {
        s->on_close(st, err);
    }
    if (now - s->last_report < REPORT_INTERVAL_US) {
        s->unreported++;
        error_free(err);
        return;
    }
    error_reportf_err(err, "arm-smmuv3: %s: StreamID 0x%x cannot be set to %s, "
                      "its DMA is blocked (%" PRIu64 " earlier failures not "
                      "shown): ", st->dev.name, st->sid,
                      smmuv3_vste_kind_name(st->wanted.kind), s->unreported);
    s->last_report = now;
    s->unreported = 0;
}

SMMUv3Stream *smmuv3_streams_find(SMMUv3Streams *s, uint32_t sid)
{
    return s->viommu ? g_hash_table_lookup(s->viommu->by_vsid,
                                           GUINT_TO_POINTER(sid)) : NULL;
}

static Wanted resolve(SMMUv3Streams *s, SMMUv3Stream *st)
{
    /* 6.3.9.6: with SMMUEN = 0 the StreamID means nothing */
    uint32_t sid = s->regs.smmuen ? s->get_sid(s->owner, st) : 0;
    Wanted w = {
        .st = st,
        .vste = smmuv3_vste_resolve(&s->regs, sid, s->read, s->owner),
        .sid = sid,
    };

    /*
     * The guest is told that there are no stalls, but its CDs are the host's to
     * read. What stalled would wait for ever: nobody resumes it.
     */
    if (w.vste.kind == SMMUV3_VSTE_TRANSLATE && st->dev.stalls) {
        w.vste.word[1] |= SMMUV3_STE1_S1STALLD;
    }
    return w;
}

static bool wants_vdevice(const Wanted *w)
{
    return w->vste.kind == SMMUV3_VSTE_TRANSLATE;
}

/*
 * The host refuses to invalidate: a stream that goes on translating could use
 * what the guest was told is gone. None does until the whole TLB is known to be
 * clean again.
 */
static void close_translating(SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    s->tlb_stale = true;
    /* All of the TLB goes later, CDs when a stream is attached */
    s->inval.n = 0;
    QTAILQ_FOREACH(st, &s->list, next) {
        Error *err = NULL;

        if (st->attached != SMMUV3_ATTACHED_TRANSLATE) {
            continue;
        }
        error_setg(&err, "the host does not invalidate its caches");
        smmuv3_stream_close(st, error_copy(err));
        report(s, st, err);
    }
}

static bool invalidate_tlb(SMMUv3Streams *s)
{
    smmuv3_inval_add(&s->inval, s->viommu, SMMUV3_CMD_TLBI_NSNH_ALL, 0);
    s->tlb_stale = !smmuv3_inval_flush(&s->inval, s->viommu);
    return !s->tlb_stale;
}

/* Why a stream must not translate although its STE says so; or NULL */
static Error *translate_refused(SMMUv3Streams *s, const Wanted *w)
{
    SMMUv3Stream *holder = smmuv3_streams_find(s, w->sid);
    Error *err = NULL;

    if (holder && holder != w->st) {
        error_setg(&err, "the StreamID is also that of %s; the device stays "
                   "blocked until the guest gives its bus another number",
                   holder->dev.name);
    } else if (s->tlb_stale && !invalidate_tlb(s)) {
        error_setg(&err, "the host does not invalidate its caches");
    }
    return err;
}

/* 0, -errno of the host, or MUST_WAIT without having asked it */
static int reconcile(SMMUv3Streams *s, const Wanted *w, Error **errp)
{
    Error *err = wants_vdevice(w) ? translate_refused(s, w) : NULL;

    if (err) {
        w->st->wanted = w->vste;
        w->st->sid = w->sid;
        smmuv3_stream_close(w->st, error_copy(err));
        error_propagate(errp, err);
        return MUST_WAIT;
    }
    return smmuv3_stream_reconcile(w->st, &w->vste, w->sid, errp);
}

static void reconcile_or_report(SMMUv3Streams *s, const Wanted *w)
{
    Error *err = NULL;

    if (reconcile(s, w, &err) != 0) {
        report(s, w->st, err);
    }
}

/*
 * Old vDEVICEs go before new ones come, because one stream's new StreamID may
 * be another's old one; and nothing is freed while a queued invalidation refers
 * to it.
 */
static void reconcile_all(SMMUv3Streams *s, const Wanted *w, size_t n)
{
    bool settled = true;

    for (size_t i = 0; i < n; i++) {
        /* Another reason for the same state makes no call, but is shown */
        w[i].st->wanted = w[i].vste;
        w[i].st->sid = w[i].sid;
        settled &= smmuv3_stream_settled(w[i].st, &w[i].vste, w[i].sid);
    }
    if (settled) {
        return;
    }
    smmuv3_streams_sync(s);
    for (size_t i = 0; i < n; i++) {
        if (wants_vdevice(&w[i]) && w[i].st->vsid != w[i].sid) {
            smmuv3_stream_drop_vdevice(w[i].st);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!wants_vdevice(&w[i])) {
            reconcile_or_report(s, &w[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (wants_vdevice(&w[i])) {
            reconcile_or_report(s, &w[i]);
        }
    }
}

static size_t count_streams(const SMMUv3Streams *s)
{
    SMMUv3Stream *st;
    size_t n = 0;

    QTAILQ_FOREACH(st, &s->list, next) {
        n++;
    }
    return n;
}

/* For all streams: @few, or where that is too few, what the caller frees */
static Wanted *room_for_wanted(const SMMUv3Streams *s, Wanted few[FEW],
                               Wanted **many)
{
    size_t n = count_streams(s);

    return n <= FEW ? few : (*many = g_new(Wanted, n));
}

void smmuv3_streams_update(SMMUv3Streams *s)
{
    QEMU_UNINITIALIZED Wanted few[FEW];
    g_autofree Wanted *many = NULL;
    Wanted *w = room_for_wanted(s, few, &many);
    SMMUv3Stream *st;
    size_t n = 0;

    QTAILQ_FOREACH(st, &s->list, next) {
        w[n++] = resolve(s, st);
    }
    reconcile_all(s, w, n);
}

void smmuv3_streams_stopped(SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->attached == SMMUV3_ATTACHED_QUARANTINE) {
            st->viommu->ops->quarantine(st->viommu->opaque, &st->dev);
        }
    }
}

static bool in_range(uint32_t sid, uint32_t first, uint32_t last)
{
    return sid >= first && sid <= last;
}

void smmuv3_streams_cfgi(SMMUv3Streams *s, uint32_t first, uint32_t last)
{
    QEMU_UNINITIALIZED Wanted few[FEW];
    g_autofree Wanted *many = NULL;
    SMMUv3Stream *st;
    Wanted *w;
    size_t n = 0;

    /* 3.11, 6.3.9.6: with SMMUEN = 0 the Stream table is not read */
    if (!s->regs.smmuen || QTAILQ_EMPTY(&s->list)) {
        return;
    }
    w = room_for_wanted(s, few, &many);
    QTAILQ_FOREACH(st, &s->list, next) {
        uint32_t sid = s->get_sid(s->owner, st);

        if (sid == st->sid && !st->closed && !in_range(sid, first, last)) {
            continue;
        }
        w[n] = resolve(s, st);
        /* 4.3.1: the CDs that are reached through the STE are invalid, too */
        if (wants_vdevice(&w[n]) &&
            smmuv3_stream_settled(st, &w[n].vste, w[n].sid)) {
            smmuv3_streams_invalidate(s, SMMUV3_CMD_CFGI_CD_ALL |
                                         (uint64_t)sid << 32, 0);
        }
        n++;
    }
    reconcile_all(s, w, n);
}

void smmuv3_streams_reset(SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    smmuv3_streams_sync(s);
    smmuv3_streams_update(s);
    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->attached != SMMUV3_ATTACHED_TRANSLATE) {
            smmuv3_stream_drop_s1(st);
        }
    }
    /* As empty as an emulated one: what is loaded next knows of no entries */
    s->tlb_stale = s->viommu != NULL;
}

void smmuv3_streams_invalidate(SMMUv3Streams *s, uint64_t word0,
                               uint64_t word1)
{
    if (s->viommu && !smmuv3_inval_add(&s->inval, s->viommu, word0, word1)) {
        close_translating(s);
    }
}

void smmuv3_streams_repeat(SMMUv3Streams *s, uint32_t n, uint64_t step)
{
    /* If the first was dropped because the host fails, so are these */
    if (s->inval.n &&
        !smmuv3_inval_repeat(&s->inval, s->viommu, n, step)) {
        close_translating(s);
    }
}

void smmuv3_streams_sync(SMMUv3Streams *s)
{
    if (!smmuv3_inval_flush(&s->inval, s->viommu)) {
        close_translating(s);
    }
}

static void free_viommu_if_unused(SMMUv3Streams *s)
{
    if (QTAILQ_EMPTY(&s->list)) {
        s->inval.n = 0;
        s->last_parent = s->viommu->parent;
        smmuv3_viommu_free(g_steal_pointer(&s->viommu));
    }
}

static SMMUv3Stream *plug_fail(SMMUv3Streams *s, SMMUv3Stream *st)
{
    QTAILQ_REMOVE(&s->list, st, next);
    smmuv3_stream_release(st);
    g_free(st);
    free_viommu_if_unused(s);
    return NULL;
}

SMMUv3Stream *smmuv3_streams_plug(SMMUv3Streams *s, const SMMUv3HostOps *ops,
                                  void *opaque, const SMMUv3HostDevice *dev,
                                  uint32_t parent, Error **errp)
{
    ERRP_GUARD();
    SMMUv3Stream *st;
    Wanted w;
    int ret;

    if (!s->viommu) {
        s->viommu = smmuv3_viommu_new(ops, opaque, dev, parent, errp);
        if (!s->viommu) {
            return NULL;
        }
        /* It may be in use still, by a device on its way out; so is its VMID */
        s->tlb_stale = parent == s->last_parent;
    } else if (parent != s->viommu->parent) {
        /* VFIO shares the parent unless the host says it cannot serve both */
        error_setg(errp, "it is behind another host SMMU than the devices "
                   "already on this arm-smmuv3");
        error_append_hint(errp, "Give it an arm-smmuv3 of its own, on a "
                          "pxb-pcie of its own.\n");
        return NULL;
    }

    st = g_new0(SMMUv3Stream, 1);
    st->viommu = s->viommu;
    st->dev = *dev;
    QTAILQ_INSERT_TAIL(&s->list, st, next);
    if (SMMUV3_FAULT_IS(FIRST_ONLY) && st != QTAILQ_FIRST(&s->list)) {
        return st;
    }

    w = resolve(s, st);
    ret = reconcile(s, &w, errp);
    if (ret < 0) {
        if (ret == -EINVAL) {
            error_append_hint(errp, "If it is behind another host SMMU than "
                              "the devices already on this arm-smmuv3, give it "
                              "an arm-smmuv3 of its own.\n");
        }
        return plug_fail(s, st);
    }
    if (ret == MUST_WAIT) {
        report(s, st, *errp);
        *errp = NULL;
    }
    return st;
}

void smmuv3_streams_unplug(SMMUv3Streams *s, SMMUv3Stream *st)
{
    smmuv3_streams_sync(s);
    QTAILQ_REMOVE(&s->list, st, next);
    smmuv3_stream_release(st);
    g_free(st);
    free_viommu_if_unused(s);
}
