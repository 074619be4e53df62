/*
 * A build without iommufd: there is nothing to tell a guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/arm/smmuv3-accel-virt.h"

void smmuv3_accel_virt_pre_plug(VirtMachineState *vms, DeviceState *dev,
                                Error **errp)
{
}

void smmuv3_accel_virt_done(VirtMachineState *vms)
{
}

void smmuv3_accel_virt_fdt(VirtMachineState *vms)
{
}

void smmuv3_accel_amend_dsdt(VirtMachineState *vms, Aml *scope)
{
}

void smmuv3_accel_amend_iort(VirtMachineState *vms, GArray *table, size_t start)
{
}
