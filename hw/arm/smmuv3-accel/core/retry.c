/*
 * Why a stream is closed, and when it is tried again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "retry.h"

bool smmuv3_retry_may_pass(int err)
{
    return err == -EBUSY || err == -EINTR || err == -ENOMEM || err == -EAGAIN;
}

SMMUv3Closed smmuv3_retry_reason(int err)
{
    return smmuv3_retry_may_pass(err) ? SMMUV3_CLOSED_BUSY
                                      : SMMUV3_CLOSED_REFUSED;
}

bool smmuv3_retry_by_timer(SMMUv3Closed why)
{
    return why == SMMUV3_CLOSED_BUSY || why == SMMUV3_CLOSED_TLB_STALE ||
           why == SMMUV3_CLOSED_ATC_STALE;
}

bool smmuv3_retry_failed(SMMUv3Retry *r, int64_t now, bool anew)
{
    bool was_given_up = !anew && r->given_up;

    if (anew) {
        *r = (SMMUv3Retry) { .since = now, .due = now };
    }
    if (now < r->due) {
        /* The timer did not make this attempt, so its schedule stays */
        return false;
    }
    r->delay = r->delay ? MIN(r->delay * 2, SMMUV3_RETRY_LONGEST_MS)
                        : SMMUV3_RETRY_FIRST_MS;
    r->due = now + r->delay;
    r->given_up = now - r->since >= SMMUV3_RETRY_GIVE_UP_MS;
    r->at_sync = r->given_up;
    return r->given_up && !was_given_up;
}

bool smmuv3_retry_is_due(const SMMUv3Retry *r, SMMUv3Closed why, int64_t now)
{
    return smmuv3_retry_by_timer(why) && !r->given_up && now >= r->due;
}

bool smmuv3_retry_at_sync(SMMUv3Retry *r, SMMUv3Closed why, int64_t now)
{
    if (!smmuv3_retry_by_timer(why) || why == SMMUV3_CLOSED_ATC_STALE ||
        (r->at_sync && now < r->due)) {
        return false;
    }
    r->at_sync = true;
    return true;
}
