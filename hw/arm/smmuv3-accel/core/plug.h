/*
 * Devices come under a vSMMU and go
 *
 * Knows which device may be plugged, and the vIOMMU's life. It must not know
 * PCI, nor any trigger but these two.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_PLUG_H
#define HW_ARM_SMMUV3_ACCEL_CORE_PLUG_H

#include "set.h"

void smmuv3_streams_init(SMMUv3Streams *s, SMMUv3TableReader *read,
                         uint32_t (*get_sid)(void *, const SMMUv3Stream *),
                         const SMMUv3Clock *clock, void *owner);

/**
 * smmuv3_streams_plug - bring a device under the vSMMU
 * @opaque: passed to @ops; see SMMUv3HostOps
 * @parent: the nesting parent HWPT that VFIO attached it to
 *
 * The device obeys the guest's registers at once. The first device makes the
 * vIOMMU.
 *
 * Returns: the stream; or NULL with @errp set and nothing else changed. A
 * refused device is blocked until the caller gives it back; if it was refused
 * before the host was asked to attach it, it is as VFIO left it. A device
 * whose StreamID another device still has is not refused: its stream is
 * closed.
 *
 * While @s is held, the device is only noted, and nothing is refused.
 *
 * A device that the host knows by several StreamIDs is refused here, because it
 * would be blocked whenever the guest lets it translate.
 */
SMMUv3Stream *smmuv3_streams_plug(SMMUv3Streams *s, const SMMUv3HostOps *ops,
                                  void *opaque, const SMMUv3HostDevice *dev,
                                  uint32_t parent, Error **errp);

/*
 * Block the device and free its objects. The last unplugged device frees the
 * vIOMMU. A stream that waited for the StreamID gets it.
 */
void smmuv3_streams_unplug(SMMUv3Streams *s, SMMUv3Stream *st);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_PLUG_H */
