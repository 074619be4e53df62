/*
 * What each stream must be, and in what order streams become it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "closed.h"
#include "reconcile.h"
#include "stale.h"

SMMUv3Wanted smmuv3_resolve(SMMUv3Streams *s, SMMUv3Stream *st)
{
    /* 6.3.9.6: with SMMUEN = 0 the StreamID means nothing */
    uint32_t sid = s->regs.smmuen ? s->get_sid(s->owner, st) : 0;
    SMMUv3Wanted w = {
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

/* Why a stream must not translate although its STE says so */
static SMMUv3Closed refuse_translation(SMMUv3Streams *s, const SMMUv3Wanted *w,
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
        error_setg(errp, SMMUV3_TLB_STALE_TEXT);
        return SMMUV3_CLOSED_TLB_STALE;
    }
    if (w->st->atc_stale && smmuv3_vste_uses_ats(&w->vste) &&
        smmuv3_stale_clean_atc(s, w->st, w->sid, errp) < 0) {
        return SMMUV3_CLOSED_ATC_STALE;
    }
    return SMMUV3_NOT_CLOSED;
}

int smmuv3_reconcile(SMMUv3Streams *s, const SMMUv3Wanted *w, Error **errp)
{
    SMMUv3Closed why = SMMUV3_NOT_CLOSED;
    Error *err = NULL;
    int ret;

    w->st->wanted = w->vste;
    w->st->sid = w->sid;
    if (smmuv3_wants_vdevice(w)) {
        why = refuse_translation(s, w, &err);
    }
    if (why) {
        smmuv3_stream_close(w->st, why, error_copy(err));
        error_propagate(errp, err);
        return SMMUV3_CLOSED_BEFORE_ATTACH;
    }
    ret = smmuv3_stream_reconcile(w->st, &w->vste, w->sid, errp);
    if (ret == 0 && smmuv3_wants_vdevice(w) &&
        !smmuv3_vste_uses_ats(&w->vste)) {
        /* Linux turned the device's ATS off for this, which emptied the ATC */
        w->st->atc_stale = false;
    }
    return ret;
}

static void reconcile_or_report(SMMUv3Streams *s, const SMMUv3Wanted *w)
{
    Error *err = NULL;

    if (smmuv3_reconcile(s, w, &err) != 0) {
        smmuv3_closed_attempt_failed(s, w->st, err);
    }
}

void smmuv3_hand_over_sids(SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->closed == SMMUV3_CLOSED_SID_TAKEN &&
            !smmuv3_streams_find(s, st->sid)) {
            SMMUv3Wanted w = smmuv3_resolve(s, st);

            reconcile_or_report(s, &w);
        }
    }
}

/* Those that translate after the others */
static void reconcile_each(SMMUv3Streams *s, const SMMUv3Wanted *w, size_t n,
                           bool (*enough)(void *owner))
{
    bool first = true;

    for (int translates = 0; translates < 2; translates++) {
        for (size_t i = 0; i < n; i++) {
            if (smmuv3_wants_vdevice(&w[i]) != translates) {
                continue;
            }
            if (!first && enough && enough(s->owner)) {
                return;
            }
            first = false;
            reconcile_or_report(s, &w[i]);
            w[i].st->due = false;
        }
    }
}

void smmuv3_reconcile_some(SMMUv3Streams *s, const SMMUv3Wanted *w, size_t n,
                           bool (*enough)(void *owner))
{
    bool settled = true, translates = false, flushed;

    for (size_t i = 0; i < n; i++) {
        settled &= smmuv3_stream_settled(w[i].st, &w[i].vste, w[i].sid);
    }
    for (size_t i = 0; settled && i < n; i++) {
        /*
         * If only the reason changed, no call is made, but the monitor shows
         * the new one
         */
        w[i].st->wanted = w[i].vste;
        w[i].st->sid = w[i].sid;
        w[i].st->due = false;
    }
    if (settled) {
        return;
    }
    flushed = smmuv3_streams_flush(s);
    for (size_t i = 0; i < n; i++) {
        if (smmuv3_wants_vdevice(&w[i]) && w[i].st->vsid != w[i].sid) {
            smmuv3_stream_drop_vdevice(w[i].st);
        }
        translates |= smmuv3_wants_vdevice(&w[i]);
    }
    if (translates && flushed) {
        smmuv3_stale_clean_tlb(s);
    }
    reconcile_each(s, w, n, enough);
    smmuv3_hand_over_sids(s);
    smmuv3_closed_update_timer(s);
}

void smmuv3_reconcile_all(SMMUv3Streams *s, const SMMUv3Wanted *w, size_t n)
{
    smmuv3_reconcile_some(s, w, n, NULL);
}
