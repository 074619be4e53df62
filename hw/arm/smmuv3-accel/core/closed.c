/*
 * Streams that are closed: what the user is told, and when they are tried again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "closed.h"

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
    if (now - s->last_report < SMMUV3_REPORT_INTERVAL_US) {
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

void smmuv3_closed_attempt_failed(SMMUv3Streams *s, SMMUv3Stream *st,
                                  Error *err)
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

void smmuv3_closed_update_timer(SMMUv3Streams *s)
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
