/*
 * Triggers: which registers, commands, resets and times concern which streams
 *
 * A trigger says which streams may have changed; resolve says what they must
 * be; reconcile makes it so.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "closed.h"
#include "opcodes.h"
#include "reconcile.h"
#include "stale.h"
#include "triggers.h"

/* Up to this many streams are handled without an allocation on the heap */
#define WANTED_ON_STACK 8

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
static SMMUv3Wanted *room_for_wanted(const SMMUv3Streams *s,
                                     SMMUv3Wanted few[WANTED_ON_STACK],
                                     SMMUv3Wanted **many)
{
    size_t n = count_streams(s);

    return n <= WANTED_ON_STACK ? few : (*many = g_new(SMMUv3Wanted, n));
}

void smmuv3_streams_update_begin(SMMUv3Streams *s)
{
    SMMUv3Stream *st;

    QTAILQ_FOREACH(st, &s->list, next) {
        st->due = !s->held;
    }
}

bool smmuv3_streams_update_some(SMMUv3Streams *s, bool (*enough)(void *owner))
{
    QEMU_UNINITIALIZED SMMUv3Wanted few[WANTED_ON_STACK];
    g_autofree SMMUv3Wanted *many = NULL;
    SMMUv3Wanted *w = room_for_wanted(s, few, &many);
    SMMUv3Stream *st;
    size_t n = 0;

    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->due) {
            w[n++] = smmuv3_resolve(s, st);
        }
    }
    smmuv3_reconcile_some(s, w, n, enough);
    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->due) {
            return false;
        }
    }
    return true;
}

void smmuv3_streams_update(SMMUv3Streams *s)
{
    smmuv3_streams_update_begin(s);
    smmuv3_streams_update_some(s, NULL);
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
    /*
     * Whether Linux could reset it is not known, so that a device with a stale
     * ATC has to answer before it translates again
     */
    if (st->closed && !SMMUV3_FAULT_IS(NO_RESET)) {
        SMMUv3Wanted w = smmuv3_resolve(s, st);

        smmuv3_reconcile_all(s, &w, 1);
    }
}

#ifdef SMMUV3_ACCEL_FAULTS
/* Returns: how many of @n are to be tried */
static size_t put_fault_into_retry(SMMUv3Wanted *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w[i].st->retry.given_up |= SMMUV3_FAULT_IS(NO_RETRY);
        if (SMMUV3_FAULT_IS(OLD_TABLE) &&
            w[i].vste.kind == SMMUV3_VSTE_TRANSLATE) {
            w[i].vste = w[i].st->s1;
        }
    }
    return SMMUV3_FAULT_IS(NO_RETRY) ? 0 : n;
}
#else
#define put_fault_into_retry(w, n) (n)
#endif

/*
 * Try the closed streams again whose time has come, or that a CMD_SYNC may try
 */
static void retry(SMMUv3Streams *s, bool at_sync)
{
    QEMU_UNINITIALIZED SMMUv3Wanted few[WANTED_ON_STACK];
    g_autofree SMMUv3Wanted *many = NULL;
    SMMUv3Wanted *w = room_for_wanted(s, few, &many);
    int64_t now = s->clock->now(s->owner);
    SMMUv3Stream *st;
    size_t n = 0;

    QTAILQ_FOREACH(st, &s->list, next) {
        if (at_sync ? smmuv3_retry_at_sync(&st->retry, st->closed, now)
                    : smmuv3_retry_is_due(&st->retry, st->closed, now)) {
            w[n++] = smmuv3_resolve(s, st);
        }
    }
    n = put_fault_into_retry(w, n);
    if (n) {
        smmuv3_reconcile_all(s, w, n);
    }
}

void smmuv3_streams_timer(SMMUv3Streams *s)
{
    s->timer_at = SMMUV3_NO_TIMER;
    retry(s, false);
    smmuv3_closed_update_timer(s);
}

static bool in_range(uint32_t sid, uint32_t first, uint32_t last)
{
    return sid >= first && sid <= last;
}

void smmuv3_streams_cfgi(SMMUv3Streams *s, uint32_t first, uint32_t last)
{
    QEMU_UNINITIALIZED SMMUv3Wanted few[WANTED_ON_STACK];
    g_autofree SMMUv3Wanted *many = NULL;
    SMMUv3Stream *st;
    SMMUv3Wanted *w;
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
        w[n] = smmuv3_resolve(s, st);
        /* 4.3.1: a CFGI_STE also invalidates the CDs of the STE */
        if (smmuv3_wants_vdevice(&w[n]) &&
            smmuv3_stream_settled(st, &w[n].vste, w[n].sid)) {
            smmuv3_streams_invalidate(s, SMMUV3_CMD_CFGI_CD_ALL |
                                         (uint64_t)sid << 32, 0);
        }
        n++;
    }
    smmuv3_reconcile_all(s, w, n);
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
