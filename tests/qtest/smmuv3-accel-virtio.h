/*
 * One queue of a modern virtio-pci device, driven by hand
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_SMMUV3_ACCEL_VIRTIO_H
#define QTEST_SMMUV3_ACCEL_VIRTIO_H

#include "smmuv3-accel-lib.h"

typedef struct Virtio {
    Guest *g;
    uint64_t bell;      /* where a write says that the queue has grown */
    uint16_t sent;
} Virtio;

/*
 * Start the device at @slot of pcie.0 with queue 0, and accept @features of
 * those below bit 32
 */
void virtio_start(Virtio *v, Guest *g, uint8_t slot, uint32_t features);

/*
 * Send @size bytes, and wait until the device has used them. It may write up to
 * @room bytes to @answer.
 */
void virtio_send(Virtio *v, const void *data, size_t size, void *answer,
                 size_t room);

#endif /* QTEST_SMMUV3_ACCEL_VIRTIO_H */
