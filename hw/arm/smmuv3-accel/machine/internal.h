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

/*
 * To be called when no bridge can come any more: warn of each root complex of
 * @all that has fewer bus numbers than it needs. Linux 7.3 as a guest then
 * reads through a null pointer while it numbers the buses.
 */
void smmuv3_accel_virt_check_buses(const VirtMachineState *vms,
                                   const GPtrArray *all);

/*
 * When all devices of the command line are there: find a place for each
 * accelerated SMMUv3's CMDQV. Ends QEMU if one that the user wants has none.
 */
void smmuv3_accel_virt_add_cmdqvs(VirtMachineState *vms, const GPtrArray *all);

/* Does the guest learn of its devices by ACPI, not by devicetree? */
bool smmuv3_accel_virt_has_acpi(VirtMachineState *vms);

#endif /* HW_ARM_SMMUV3_ACCEL_MACHINE_INTERNAL_H */
