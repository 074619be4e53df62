/*
 * All streams of one accelerated SMMUv3
 *
 * A trigger (a register, a command, a plug) says which streams may have
 * changed; resolve says what they must be; reconcile makes it so. Nothing else
 * attaches a stream.
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

/*
 * A StreamID that no guest uses (they have 16 bits), and that every kind of
 * vIOMMU takes (one with a CMDQV: 20 bits)
 */
#define PROBE_SID 0xfffff

/*
 * Not an errno: the stream was closed before the host was asked to attach it,
 * because another device holds its StreamID, or because the host's TLB or the
 * device's ATC may hold what the guest has invalidated.
 */
#define CLOSED_BEFORE_ATTACH 1

/* Up to this many streams are handled without an allocation on the heap */
#define WANTED_ON_STACK 8

#ifdef SMMUV3_ACCEL_FAULTS
SMMUv3Fault smmuv3_fault;
#endif

/* What one stream must be after a trigger */
typedef struct Wanted {
    SMMUv3Stream *st;
    SMMUv3VSTE vste;
    uint32_t sid;
} Wanted;

/*
 * A guest can provoke failures at will: no more than one message a second.
 * Frees @err.
 */
static void report(SMMUv3Streams *s, SMMUv3Stream *st, Error *err)
{
    int64_t now = g_get_monotonic_time();

    st->news = false;
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

/* An attempt has closed @st because of @err, which is freed */
static void attempt_failed(SMMUv3Streams *s, SMMUv3Stream *st, Error *err)
{
    bool given_up = smmuv3_retry_failed(&st->retry, s->clock->now(s->owner),
                                        st->news);

    if (st->news) {
        report(s, st, err);
        return;
    }
    if (given_up) {
        error_report("arm-smmuv3: %s: after %d s its DMA is still blocked (%s);"
                     " it is tried again at a CMD_SYNC, when the guest programs"
                     " it, or when the device is reset", st->dev.name,
                     SMMUV3_RETRY_GIVE_UP_MS / 1000, error_get_pretty(err));
    }
    error_free(err);
}

/* Must be called after anything that can close or open a stream */
static void update_timer(SMMUv3Streams *s)
{
    int64_t at = SMMUV3_NO_TIMER;
    SMMUv3Stream *st;

    s->waiting = false;
    QTAILQ_FOREACH(st, &s->list, next) {
        if (!smmuv3_retry_by_timer(st->closed)) {
            continue;
        }
        s->waiting = true;
        if (!st->retry.given_up) {
            at = MIN(at, st->retry.due);
        }
    }
    if (at != s->timer_at) {
        s->timer_at = at;
        s->clock->set_timer(s->owner, at);
    }
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

    if (w.vste.kind != SMMUV3_VSTE_TRANSLATE) {
        return w;
    }
    /*
     * The guest is told that nothing stalls, but the host's SMMU reads the
     * guest's CDs, which may ask for stalls. A stalled transaction would wait
     * for ever, because nobody resumes it.
     */
    if (st->dev.stalls) {
        w.vste.word[1] |= SMMUV3_STE1_S1STALLD;
    }
    /*
     * The guest may see ATS because another device has it. If this device or
     * its root complex does not support ATS, the host would wait for answers
     * to its ATC_INVs.
     */
    if (!st->dev.ats) {
        w.vste.word[1] &= ~SMMUV3_STE1_EATS;
    }
    return w;
}

static bool wants_vdevice(const Wanted *w)
{
    return w->vste.kind == SMMUV3_VSTE_TRANSLATE;
}

static bool uses_ats(const SMMUv3VSTE *vste)
{
    return vste->kind == SMMUV3_VSTE_TRANSLATE &&
           (vste->word[1] & SMMUV3_STE1_EATS);
}

bool smmuv3_streams_has_atc(SMMUv3Streams *s, uint32_t sid)
{
    const SMMUv3Stream *st = smmuv3_streams_find(s, sid);

    return st && st->attached == SMMUV3_ATTACHED_TRANSLATE && uses_ats(&st->s1);
}

static void close_for(SMMUv3Streams *s, SMMUv3Stream *st, SMMUv3Closed why,
                      const char *text)
{
    Error *err = NULL;

    error_setg(&err, "%s", text);
    smmuv3_stream_close(st, why, error_copy(err));
    attempt_failed(s, st, err);
}

#define TLB_STALE_TEXT "the host does not invalidate its caches"
#define CD_STALE_TEXT "the host does not invalidate the device's configuration"
#define ATC_STALE_TEXT "the device does not answer an ATC invalidation"

/* An SMMUv3InvalFailed. The stream is closed after the flush. */
static void invalidation_failed(void *opaque, uint32_t sid, bool atc)
{
    SMMUv3Streams *s = opaque;
    SMMUv3Stream *st = smmuv3_streams_find(s, sid);

    s->atc_failed |= atc;
    if (st) {
        st->atc_stale |= atc;
        st->cd_stale |= !atc;
        s->stale = true;
    }
}

void smmuv3_streams_init(SMMUv3Streams *s, SMMUv3TableReader *read,
                         uint32_t (*get_sid)(void *, const SMMUv3Stream *),
                         const SMMUv3Clock *clock, void *owner)
{
    s->read = read;
    s->get_sid = get_sid;
    s->clock = clock;
    s->owner = owner;
    s->timer_at = SMMUV3_NO_TIMER;
    s->inval.failed = invalidation_failed;
    s->inval.opaque = s;
    s->last_report = -REPORT_INTERVAL_US;
    QTAILQ_INIT(&s->list);
}

/* A failure of one device closes that device only */
static void close_stale(SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    s->stale = false;
    QTAILQ_FOREACH(st, &s->list, next) {
        bool cd_stale = st->cd_stale;

        /* The next attach reads the CDs anew */
        st->cd_stale = false;
        if (st->attached != SMMUV3_ATTACHED_TRANSLATE) {
            continue;
        }
        if (st->atc_stale && uses_ats(&st->s1)) {
            close_for(s, st, SMMUV3_CLOSED_ATC_STALE, ATC_STALE_TEXT);
        } else if (cd_stale) {
            close_for(s, st, SMMUV3_CLOSED_BUSY, CD_STALE_TEXT);
        }
    }
}

/*
 * The host did not invalidate its TLB. A stream that translates could use
 * memory that the guest has freed, so none may translate until the whole TLB
 * is known to be clean.
 */
static void close_translating(SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    s->tlb_stale = true;
    /* The whole TLB is emptied later, and CDs when a stream is attached */
    s->inval.n = 0;
    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->attached == SMMUV3_ATTACHED_TRANSLATE) {
            close_for(s, st, SMMUV3_CLOSED_TLB_STALE, TLB_STALE_TEXT);
        }
    }
}

/* @done: the result of the invalidations' call */
static void after_invalidation(SMMUv3Streams *s, bool done)
{
    if (!done || s->stale) {
        if (!done) {
            close_translating(s);
        }
        close_stale(s);
        update_timer(s);
    }
}

bool smmuv3_streams_flush(SMMUv3Streams *s)
{
    bool done = true;

    if (s->inval.n) {
        done = smmuv3_inval_flush(&s->inval, s->viommu);
        after_invalidation(s, done);
    }
    return done;
}

/*
 * Only once for each trigger, so that a failing host is not asked for each
 * stream
 */
static void clean_tlb(SMMUv3Streams *s)
{
    if (s->tlb_stale) {
        smmuv3_inval_add(&s->inval, s->viommu, SMMUV3_CMD_TLBI_NSNH_ALL, 0);
        s->tlb_stale = !smmuv3_inval_flush(&s->inval, s->viommu);
        close_stale(s);
    }
}

/* 0, or -errno with @errp set; the StreamID @sid is bound to a vDEVICE then */
static int clean_atc(SMMUv3Streams *s, SMMUv3Stream *st, uint32_t sid,
                     Error **errp)
{
    int ret = smmuv3_stream_bind(st, sid, errp);

    if (ret < 0) {
        return ret;
    }
    ret = smmuv3_inval_atc(&s->inval, s->viommu, sid);
    if (ret < 0) {
        error_setg(errp, ATC_STALE_TEXT);
        return ret;
    }
    st->atc_stale = false;
    return 0;
}

/* Why a stream must not translate although its STE says so */
static SMMUv3Closed refuse_translation(SMMUv3Streams *s, const Wanted *w,
                                       Error **errp)
{
    SMMUv3Stream *holder = smmuv3_streams_find(s, w->sid);

    if (holder && holder != w->st) {
        error_setg(errp, "the StreamID is also that of %s; the device stays "
                   "blocked until the guest gives its bus another number",
                   holder->dev.name);
        return SMMUV3_CLOSED_SID_TAKEN;
    }
    if (s->tlb_stale) {
        error_setg(errp, TLB_STALE_TEXT);
        return SMMUV3_CLOSED_TLB_STALE;
    }
    if (w->st->atc_stale && uses_ats(&w->vste) &&
        clean_atc(s, w->st, w->sid, errp) < 0) {
        return SMMUV3_CLOSED_ATC_STALE;
    }
    return SMMUV3_NOT_CLOSED;
}

/* Returns: 0, -errno of the host, or CLOSED_BEFORE_ATTACH */
static int reconcile(SMMUv3Streams *s, const Wanted *w, Error **errp)
{
    SMMUv3Closed why = SMMUV3_NOT_CLOSED;
    Error *err = NULL;
    int ret;

    w->st->wanted = w->vste;
    w->st->sid = w->sid;
    if (wants_vdevice(w)) {
        why = refuse_translation(s, w, &err);
    }
    if (why) {
        smmuv3_stream_close(w->st, why, error_copy(err));
        error_propagate(errp, err);
        return CLOSED_BEFORE_ATTACH;
    }
    ret = smmuv3_stream_reconcile(w->st, &w->vste, w->sid, errp);
    if (ret == 0 && wants_vdevice(w) && !uses_ats(&w->vste)) {
        /* Linux turned the device's ATS off for this, which emptied the ATC */
        w->st->atc_stale = false;
    }
    return ret;
}

static void reconcile_or_report(SMMUv3Streams *s, const Wanted *w)
{
    Error *err = NULL;

    if (reconcile(s, w, &err) != 0) {
        attempt_failed(s, w->st, err);
    }
}

/* A stream that waited for a StreamID gets it as soon as it is free */
static void hand_over_sids(SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->closed == SMMUV3_CLOSED_SID_TAKEN &&
            !smmuv3_streams_find(s, st->sid)) {
            Wanted w = resolve(s, st);

            reconcile_or_report(s, &w);
        }
    }
}

/*
 * Free old vDEVICEs before new ones are made, because one stream's new
 * StreamID may be another's old one. Free nothing while a queued invalidation
 * refers to it.
 */
static void reconcile_all(SMMUv3Streams *s, const Wanted *w, size_t n)
{
    bool settled = true, translates = false, flushed;

    for (size_t i = 0; i < n; i++) {
        /*
         * If only the reason changed, no call is made, but the monitor shows
         * the new one
         */
        w[i].st->wanted = w[i].vste;
        w[i].st->sid = w[i].sid;
        settled &= smmuv3_stream_settled(w[i].st, &w[i].vste, w[i].sid);
    }
    if (settled) {
        return;
    }
    flushed = smmuv3_streams_flush(s);
    for (size_t i = 0; i < n; i++) {
        if (wants_vdevice(&w[i]) && w[i].st->vsid != w[i].sid) {
            smmuv3_stream_drop_vdevice(w[i].st);
        }
        translates |= wants_vdevice(&w[i]);
    }
    if (translates && flushed) {
        clean_tlb(s);
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
    hand_over_sids(s);
    update_timer(s);
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

/*
 * An array with room for all streams: @few if they fit, else one on the heap,
 * which the caller frees through @many
 */
static Wanted *room_for_wanted(const SMMUv3Streams *s,
                               Wanted few[WANTED_ON_STACK], Wanted **many)
{
    size_t n = count_streams(s);

    return n <= WANTED_ON_STACK ? few : (*many = g_new(Wanted, n));
}

void smmuv3_streams_update(SMMUv3Streams *s)
{
    QEMU_UNINITIALIZED Wanted few[WANTED_ON_STACK];
    g_autofree Wanted *many = NULL;
    Wanted *w = room_for_wanted(s, few, &many);
    SMMUv3Stream *st;
    size_t n = 0;

    if (s->held) {
        return;
    }
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

void smmuv3_streams_device_reset(SMMUv3Streams *s, SMMUv3Stream *st)
{
    st->atc_stale = false;
    if (st->closed && !SMMUV3_FAULT_IS(NO_RESET)) {
        Wanted w = resolve(s, st);

        reconcile_all(s, &w, 1);
    }
}

#ifdef SMMUV3_ACCEL_FAULTS
/* Returns: how many of @n are to be tried */
static size_t put_fault_into_retry(Wanted *w, size_t n)
{
    if (!SMMUV3_FAULT_IS(NO_RETRY)) {
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        w[i].st->retry.given_up = true;
    }
    return 0;
}
#else
#define put_fault_into_retry(w, n) (n)
#endif

/*
 * Try the closed streams again whose time has come, or that a CMD_SYNC may try
 */
static void retry(SMMUv3Streams *s, bool at_sync)
{
    QEMU_UNINITIALIZED Wanted few[WANTED_ON_STACK];
    g_autofree Wanted *many = NULL;
    Wanted *w = room_for_wanted(s, few, &many);
    int64_t now = s->clock->now(s->owner);
    SMMUv3Stream *st;
    size_t n = 0;

    QTAILQ_FOREACH(st, &s->list, next) {
        if (at_sync ? smmuv3_retry_at_sync(&st->retry, st->closed, now)
                    : smmuv3_retry_is_due(&st->retry, st->closed, now)) {
            w[n++] = resolve(s, st);
        }
    }
    n = put_fault_into_retry(w, n);
    if (n) {
        reconcile_all(s, w, n);
    }
}

void smmuv3_streams_timer(SMMUv3Streams *s)
{
    s->timer_at = SMMUV3_NO_TIMER;
    retry(s, false);
    update_timer(s);
}

static bool in_range(uint32_t sid, uint32_t first, uint32_t last)
{
    return sid >= first && sid <= last;
}

void smmuv3_streams_cfgi(SMMUv3Streams *s, uint32_t first, uint32_t last)
{
    QEMU_UNINITIALIZED Wanted few[WANTED_ON_STACK];
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

        if (sid == st->sid && !in_range(sid, first, last)) {
            continue;
        }
        w[n] = resolve(s, st);
        /* 4.3.1: a CFGI_STE also invalidates the CDs of the STE */
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

    smmuv3_streams_flush(s);
    s->atc_failed = false;
    smmuv3_streams_update(s);
    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->attached != SMMUV3_ATTACHED_TRANSLATE) {
            smmuv3_stream_drop_s1(st);
        }
    }
    /*
     * A reset empties the TLB of an emulated SMMU. A guest that is loaded after
     * this reset (loadvm) takes that for granted and sends no TLBI, so the
     * host's TLB must be emptied before a stream translates again.
     */
    s->tlb_stale = s->viommu != NULL;
}

void smmuv3_streams_invalidate(SMMUv3Streams *s, uint64_t word0,
                               uint64_t word1)
{
    if (s->viommu) {
        after_invalidation(s, smmuv3_inval_add(&s->inval, s->viommu, word0,
                                               word1));
    }
}

void smmuv3_streams_repeat(SMMUv3Streams *s, uint32_t n, uint64_t step)
{
    /*
     * If the first command was dropped because the host fails, drop these, too
     */
    if (s->inval.n) {
        after_invalidation(s, smmuv3_inval_repeat(&s->inval, s->viommu, n,
                                                  step));
    }
}

bool smmuv3_streams_sync(SMMUv3Streams *s)
{
    bool atc_failed;

    if (s->waiting) {
        retry(s, true);
    }
    smmuv3_streams_flush(s);
    atc_failed = s->atc_failed;
    s->atc_failed = false;
    return !atc_failed;
}

bool smmuv3_streams_try(SMMUv3Streams *s, uint32_t n)
{
    if (!n && (s->waiting || s->atc_failed)) {
        return false;
    }
    return (n && s->inval.n + n <= SMMUV3_INVAL_MAX) ||
           smmuv3_inval_try(&s->inval, s->viommu);
}

static void free_viommu_if_unused(SMMUv3Streams *s)
{
    if (QTAILQ_EMPTY(&s->list)) {
        s->inval.n = 0;
        s->atc_failed = false;
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

/*
 * VFIO shares the nesting parent unless the host refuses to attach the device
 * to it. VFIO does not pass the reason on, so ask the host again.
 */
static void explain_other_parent(SMMUv3Streams *s, const SMMUv3HostDevice *dev,
                                 Error **errp)
{
    Error *err = NULL;
    int ret = smmuv3_viommu_attach(s->viommu, dev, s->viommu->parent, &err);

    if (ret == -EINVAL) {
        error_free(err);
        error_setg(errp, "it is behind another host SMMU than the devices "
                   "already on this arm-smmuv3");
        error_append_hint(errp, "Give it an arm-smmuv3 of its own, on a "
                          "pxb-pcie of its own.\n");
    } else if (ret < 0) {
        error_propagate_prepend(errp, err, "the host does not attach it to the "
                                "page table of the devices already on this "
                                "arm-smmuv3: ");
    } else {
        error_setg(errp, "the host did not attach it to the page table of the "
                   "devices already on this arm-smmuv3, and does now: plug it "
                   "again");
    }
}

/*
 * Only an attempt to make a vDEVICE shows whether the host will refuse it
 * later
 */
static bool has_one_sid(SMMUv3VIOMMU *v, const SMMUv3HostDevice *dev,
                        Error **errp)
{
    ERRP_GUARD();
    uint32_t vdevice;
    int ret = v->ops->alloc_vdevice(v->opaque, dev, v->id, PROBE_SID, &vdevice,
                                    errp);

    if (ret == 0) {
        v->ops->destroy(v->opaque, vdevice);
    } else if (ret == -EOPNOTSUPP) {
        error_prepend(errp, "the host's SMMU knows it by several StreamIDs, "
                      "as of a device behind a PCIe-to-PCI bridge, and Linux "
                      "gives a guest devices with one only: ");
    }
    return ret == 0;
}

/* The process that has the streams has checked the device */
static SMMUv3Stream *hold(SMMUv3Streams *s, const SMMUv3HostOps *ops,
                          void *opaque, const SMMUv3HostDevice *dev,
                          uint32_t parent)
{
    SMMUv3Stream *st = g_new0(SMMUv3Stream, 1);

    if (!s->viommu) {
        s->viommu = smmuv3_viommu_hold(ops, opaque, dev, parent);
    }
    st->viommu = s->viommu;
    st->dev = *dev;
    QTAILQ_INSERT_TAIL(&s->list, st, next);
    return st;
}

static void let_go(SMMUv3Streams *s, SMMUv3Stream *st)
{
    QTAILQ_REMOVE(&s->list, st, next);
    g_free(st);
    if (QTAILQ_EMPTY(&s->list)) {
        smmuv3_viommu_let_go(g_steal_pointer(&s->viommu));
    }
}

SMMUv3Stream *smmuv3_streams_plug(SMMUv3Streams *s, const SMMUv3HostOps *ops,
                                  void *opaque, const SMMUv3HostDevice *dev,
                                  uint32_t parent, Error **errp)
{
    ERRP_GUARD();
    SMMUv3Stream *st;
    Wanted w;
    int ret;

    if (s->held) {
        return hold(s, ops, opaque, dev, parent);
    }
    if (!s->viommu) {
        s->viommu = smmuv3_viommu_new(ops, opaque, dev, parent,
                                      &s->want_cmdqv, errp);
        if (!s->viommu) {
            return NULL;
        }
        /*
         * The same nesting parent as that of the last vIOMMU means the same
         * VMID: a device that is being unplugged has kept both. The host's TLB
         * may then have entries of the last vIOMMU's guest page tables.
         */
        s->tlb_stale = parent == s->last_parent;
    } else if (parent != s->viommu->parent) {
        explain_other_parent(s, dev, errp);
        return NULL;
    }

    st = g_new0(SMMUv3Stream, 1);
    st->viommu = s->viommu;
    st->dev = *dev;
    QTAILQ_INSERT_TAIL(&s->list, st, next);
    if (SMMUV3_FAULT_IS(FIRST_ONLY) && st != QTAILQ_FIRST(&s->list)) {
        return st;
    }

    if (!has_one_sid(s->viommu, dev, errp)) {
        return plug_fail(s, st);
    }
    w = resolve(s, st);
    if (wants_vdevice(&w)) {
        clean_tlb(s);
    }
    ret = reconcile(s, &w, errp);
    if (ret < 0) {
        if (ret == -EINVAL) {
            error_append_hint(errp, "If it is behind another host SMMU than "
                              "the devices already on this arm-smmuv3, give it "
                              "an arm-smmuv3 of its own.\n");
        }
        return plug_fail(s, st);
    }
    if (ret == CLOSED_BEFORE_ATTACH) {
        attempt_failed(s, st, *errp);
        *errp = NULL;
    }
    update_timer(s);
    return st;
}

void smmuv3_streams_unplug(SMMUv3Streams *s, SMMUv3Stream *st)
{
    if (s->held) {
        let_go(s, st);
        return;
    }
    smmuv3_streams_flush(s);
    QTAILQ_REMOVE(&s->list, st, next);
    smmuv3_stream_release(st);
    g_free(st);
    hand_over_sids(s);
    update_timer(s);
    free_viommu_if_unused(s);
}
