/*
 * A build without iommufd: arm-smmuv3 has no accel property
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/arm/smmuv3-backend.h"

void smmuv3_accel_instance_init(SMMUv3State *s)
{
}

void smmuv3_accel_instance_finalize(Object *obj)
{
}

void smmuv3_accel_class_init(ObjectClass *klass)
{
}

void smmuv3_accel_realize(SMMUv3State *s, Error **errp)
{
}
