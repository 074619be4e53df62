/*
 * Streams that are closed: what the user is told, and when they are tried again
 *
 * Knows messages and the timer. It must not know how a stream is opened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_CLOSED_H
#define HW_ARM_SMMUV3_ACCEL_CORE_CLOSED_H

#include "set.h"

/* A guest can provoke failures at will: this much time between two messages */
#define SMMUV3_REPORT_INTERVAL_US G_USEC_PER_SEC

/* An attempt has closed @st because of @err, which is freed */
void smmuv3_closed_attempt_failed(SMMUv3Streams *s, SMMUv3Stream *st,
                                  Error *err);

/* Must be called after anything that can close or open a stream */
void smmuv3_closed_update_timer(SMMUv3Streams *s);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_CLOSED_H */
