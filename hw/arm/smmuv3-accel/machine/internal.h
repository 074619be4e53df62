/*
 * What the files that describe an accelerated SMMUv3 to the guest share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_MACHINE_INTERNAL_H
#define HW_ARM_SMMUV3_ACCEL_MACHINE_INTERNAL_H

#include "hw/arm/smmuv3-accel-virt.h"

/* The SMMUv3State of every arm-smmuv3 with accel=on; owned by the caller */
GPtrArray *smmuv3_accel_virt_all(void);

/* Does the guest learn of its devices by ACPI, not by devicetree? */
bool smmuv3_accel_virt_has_acpi(VirtMachineState *vms);

#endif /* HW_ARM_SMMUV3_ACCEL_MACHINE_INTERNAL_H */
