/*
 * Triggers: which registers, commands, resets and times concern which streams
 *
 * Knows which trigger concerns which stream, and which are tried again. It must
 * not know how a stream attaches.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_TRIGGERS_H
#define HW_ARM_SMMUV3_ACCEL_CORE_TRIGGERS_H

#include "set.h"

/*
 * The device has been reset, by the guest or by QEMU. Its ATC is empty, and
 * calls that the host refused because of the device's state may work now.
 */
void smmuv3_streams_device_reset(SMMUv3Streams *s, SMMUv3Stream *st);

/* The time given to @clock->set_timer() has come */
void smmuv3_streams_timer(SMMUv3Streams *s);

/**
 * smmuv3_streams_update - after CR0.SMMUEN or GBPA changed in @s->regs
 *
 * When it returns every stream does what the registers say, or is closed.
 */
void smmuv3_streams_update(SMMUv3Streams *s);

/* The same in parts: after this call smmuv3_streams_update_some() until done */
void smmuv3_streams_update_begin(SMMUv3Streams *s);

/**
 * smmuv3_streams_update_some - bring some streams to what the registers say
 * @enough: asked between two streams whether that was enough for now; called
 *          with @s->owner; NULL: all streams
 *
 * The other streams do what the registers said before. Streams can be plugged,
 * unplugged, reset and tried again in between.
 *
 * Returns: true if every stream does what the registers say, or is closed
 */
bool smmuv3_streams_update_some(SMMUv3Streams *s, bool (*enough)(void *owner));

/*
 * The VM has stopped: put devices into quarantine once more, because a vCPU may
 * have turned bus mastering on again before it stopped.
 */
void smmuv3_streams_stopped(SMMUv3Streams *s);

/**
 * smmuv3_streams_cfgi - after CFGI_STE, CFGI_STE_RANGE or CFGI_ALL
 * @first, @last: StreamIDs, both inclusive
 *
 * Re-reads the STEs in the range, and those of streams whose StreamID moved.
 * For an unchanged STE only the CDs are invalidated.
 */
void smmuv3_streams_cfgi(SMMUv3Streams *s, uint32_t first, uint32_t last);

/* System reset: @s->regs hold reset values; vDEVICEs and S1 HWPTs go */
void smmuv3_streams_reset(SMMUv3Streams *s);

/**
 * smmuv3_streams_sync - CMD_SYNC
 *
 * Tries closed streams again where an error of the host's may have passed,
 * completes all queued invalidations, and closes the streams that could use
 * entries which a failed invalidation left.
 *
 * Returns: false if an ATC_INV since the last CMD_SYNC has failed. The CMD_SYNC
 * then is not complete, and must end in CERROR_ATC_INV_SYNC (4.7.3). The next
 * CMD_SYNC does not report this failure again.
 */
bool smmuv3_streams_sync(SMMUv3Streams *s);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_TRIGGERS_H */
