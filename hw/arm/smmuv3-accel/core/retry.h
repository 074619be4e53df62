/*
 * Why a stream is closed, and when it is tried again
 *
 * Knows errors and times. It must not know how a stream is attached, nor
 * registers, nor commands.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_RETRY_H
#define HW_ARM_SMMUV3_ACCEL_CORE_RETRY_H

/* A closed stream is tried again after this time, then after twice that, ... */
#define SMMUV3_RETRY_FIRST_MS   50
#define SMMUV3_RETRY_LONGEST_MS 1000
/* Linux waits up to 60 s for a device to come back from a reset */
#define SMMUV3_RETRY_GIVE_UP_MS 65000

/* Why a stream is not in the state that the guest wants */
typedef enum SMMUv3Closed {
    SMMUV3_NOT_CLOSED,
    SMMUV3_CLOSED_BUSY,       /* a host error that can pass */
    SMMUV3_CLOSED_REFUSED,    /* a host error that waits for the guest */
    SMMUV3_CLOSED_SID_TAKEN,  /* another device holds its StreamID */
    SMMUV3_CLOSED_TLB_STALE,  /* the host did not invalidate its TLB */
    SMMUV3_CLOSED_ATC_STALE,  /* the device did not invalidate its ATC */
} SMMUv3Closed;

/**
 * SMMUv3Retry - when one closed stream is tried again
 * @since: when it was closed for the present reason, in ms
 * @due: when the timer tries next, in ms
 * @delay: from the last try to @due, in ms; 0 before the first
 * @given_up: the timer no longer tries
 * @at_sync: a CMD_SYNC has tried since @due was set. A guest that sends one
 *           CMD_SYNC after the other must not make the host try each time.
 */
typedef struct SMMUv3Retry {
    int64_t since;
    int64_t due;
    uint32_t delay;
    bool given_up;
    bool at_sync;
} SMMUv3Retry;

/* Can the error @err (-errno) pass? EBUSY, EINTR, ENOMEM, EAGAIN can. */
bool smmuv3_retry_may_pass(int err);

/* The reason for which a failed attempt closes its stream; @err: -errno */
SMMUv3Closed smmuv3_retry_reason(int err);

/* Can time alone open the stream, without the guest or the user? */
bool smmuv3_retry_by_timer(SMMUv3Closed why);

/**
 * smmuv3_retry_failed - an attempt at time @now, in ms, has failed
 * @anew: it is the first for this reason
 *
 * Returns: true if the timer gives up now; true only once
 */
bool smmuv3_retry_failed(SMMUv3Retry *r, int64_t now, bool anew);

/* Is it time for the timer's next attempt? */
bool smmuv3_retry_is_due(const SMMUv3Retry *r, SMMUv3Closed why, int64_t now);

/*
 * May a CMD_SYNC try? It may once between two attempts of the timer, and once
 * in SMMUV3_RETRY_LONGEST_MS after the timer has given up. It may not for a
 * stale ATC, because a device that does not answer holds up the host's queue
 * for everybody.
 */
bool smmuv3_retry_at_sync(SMMUv3Retry *r, SMMUv3Closed why, int64_t now);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_RETRY_H */
