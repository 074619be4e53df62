/*
 * What the virt machine does for an accelerated SMMUv3
 *
 * The host SMMU delivers an assigned device's MSIs through a window that Linux
 * reserves in the guest's physical address space. A guest that translates must
 * map the window 1:1, and has to be told: by ACPI or by devicetree.
 *
 * All of them do nothing in a machine that has no arm-smmuv3 with accel=on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_VIRT_H
#define HW_ARM_SMMUV3_ACCEL_VIRT_H

#include "hw/acpi/aml-build.h"
#include "hw/arm/virt.h"

/*
 * MSI_IOVA_BASE and MSI_IOVA_LENGTH of Linux's SMMUv3 driver on the host. To
 * change them here changes nothing on the host.
 */
#define SMMUV3_ACCEL_MSI_WINDOW_BASE 0x08000000
#define SMMUV3_ACCEL_MSI_WINDOW_SIZE 0x00100000

/* Before arm-smmuv3 @dev is realized: tell it the MSI doorbell */
void smmuv3_accel_virt_pre_plug(VirtMachineState *vms, DeviceState *dev,
                                Error **errp);

/*
 * When all devices of the command line are there, and before QEMU's devicetree
 * is final: describe the MSI window and the functions that it is for, unless
 * the guest gets ACPI tables instead.
 */
void smmuv3_accel_virt_fdt(VirtMachineState *vms);

/*
 * When all devices of the command line are there: warn of each root complex
 * that has fewer bus numbers than it needs, and find a place for each CMDQV.
 * Ends QEMU if one that the user wants has none.
 */
void smmuv3_accel_virt_done(VirtMachineState *vms);

/*
 * The IORT in @table, complete but for its length and checksum, begins at
 * @start: add a Reserved Memory Range node for each accelerated SMMUv3.
 */
void smmuv3_accel_amend_iort(VirtMachineState *vms, GArray *table,
                             size_t start);

/* Describe the CMDQV of each accelerated SMMUv3 that has one; @scope is \_SB */
void smmuv3_accel_amend_dsdt(VirtMachineState *vms, Aml *scope);

#endif /* HW_ARM_SMMUV3_ACCEL_VIRT_H */
