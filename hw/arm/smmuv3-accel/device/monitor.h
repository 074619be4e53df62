/*
 * What the monitor shows of accelerated SMMUv3s
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_DEVICE_MONITOR_H
#define HW_ARM_SMMUV3_ACCEL_DEVICE_MONITOR_H

#include "hw/arm/smmuv3-accel/core/stream.h"

/* Emit SMMUV3_ACCEL_STREAM_CLOSED for @st; the monitor limits the rate */
void smmuv3_accel_monitor_closed(const SMMUv3Stream *st, const Error *why);

#endif /* HW_ARM_SMMUV3_ACCEL_DEVICE_MONITOR_H */
