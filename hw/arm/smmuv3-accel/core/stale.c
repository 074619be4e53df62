/*
 * What the host has failed to invalidate, and the streams that could use it
 *
 * All invalidations of a guest pass through this file on their way to inval.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "closed.h"
#include "opcodes.h"
#include "stale.h"

#define CD_STALE_TEXT "the host does not invalidate the device's configuration"

bool smmuv3_streams_has_atc(SMMUv3Streams *s, uint32_t sid)
{
    const SMMUv3Stream *st = smmuv3_streams_find(s, sid);

    return st && st->attached == SMMUV3_ATTACHED_TRANSLATE &&
           smmuv3_vste_uses_ats(&st->s1);
}

static void close_for(SMMUv3Streams *s, SMMUv3Stream *st, SMMUv3Closed why,
                      const char *text)
{
    Error *err = NULL;

    error_setg(&err, "%s", text);
    smmuv3_stream_close(st, why, error_copy(err));
    smmuv3_closed_attempt_failed(s, st, err);
}

void smmuv3_stale_failed(void *opaque, uint32_t sid, bool atc)
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
        if (st->atc_stale) {
            close_for(s, st, SMMUV3_CLOSED_ATC_STALE, SMMUV3_ATC_STALE_TEXT);
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
    /*
     * What came after a full batch. The whole TLB is emptied later, and CDs
     * when a stream is attached; an ATC has no such other time.
     */
    if (s->inval.n) {
        smmuv3_inval_flush(&s->inval, s->viommu);
    }
    QTAILQ_FOREACH(st, &s->list, next) {
        if (st->attached == SMMUV3_ATTACHED_TRANSLATE) {
            close_for(s, st, SMMUV3_CLOSED_TLB_STALE, SMMUV3_TLB_STALE_TEXT);
        }
    }
}

static void after_failure(SMMUv3Streams *s, bool done)
{
    if (!done) {
        close_translating(s);
    }
    close_stale(s);
    smmuv3_closed_update_timer(s);
}

/* @done: the result of the invalidations' call */
static inline void after_invalidation(SMMUv3Streams *s, bool done)
{
    if (!done || s->stale) {
        after_failure(s, done);
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

void smmuv3_stale_clean_tlb(SMMUv3Streams *s)
{
    if (s->tlb_stale) {
        smmuv3_inval_add(&s->inval, s->viommu, SMMUV3_CMD_TLBI_NSNH_ALL, 0);
        s->tlb_stale = !smmuv3_inval_flush(&s->inval, s->viommu);
        close_stale(s);
    }
}

int smmuv3_stale_clean_atc(SMMUv3Streams *s, SMMUv3Stream *st, uint32_t sid,
                     Error **errp)
{
    int ret = smmuv3_stream_bind(st, sid, errp);

    if (ret < 0) {
        return ret;
    }
    ret = smmuv3_inval_atc(&s->inval, s->viommu, sid);
    if (ret < 0) {
        error_setg(errp, SMMUV3_ATC_STALE_TEXT);
        return ret;
    }
    st->atc_stale = false;
    return 0;
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

bool smmuv3_streams_try(SMMUv3Streams *s, uint32_t n)
{
    if (!n && (s->waiting || s->atc_failed)) {
        return false;
    }
    return (n && s->inval.n + n <= SMMUV3_INVAL_MAX) ||
           smmuv3_inval_try(&s->inval, s->viommu);
}
