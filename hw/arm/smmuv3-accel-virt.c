/*
 * The virt machine's part in an accelerated SMMUv3
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "smmuv3-accel-virt-internal.h"
#include "smmuv3-accel.h"

/* GICv3, 12.19.1: GITS_TRANSLATER; GICv2m (SBSA): MSI_SETSPI_NS */
#define GITS_TRANSLATER_OFFSET 0x10040
#define V2M_SETSPI_OFFSET      0x40

static uint64_t msi_doorbell(const VirtMachineState *vms)
{
    switch (vms->msi_controller) {
    case VIRT_MSI_CTRL_ITS:
        return vms->memmap[VIRT_GIC_ITS].base + GITS_TRANSLATER_OFFSET;
    case VIRT_MSI_CTRL_GICV2M:
        return vms->memmap[VIRT_GIC_V2M].base + V2M_SETSPI_OFFSET;
    default:
        return 0;
    }
}

void smmuv3_accel_virt_pre_plug(VirtMachineState *vms, DeviceState *dev,
                                Error **errp)
{
    ERRP_GUARD();
    PCIBus *bus = ARM_SMMU(dev)->primary_bus;

    if (!ARM_SMMUV3(dev)->accel->on || !bus) {
        return;
    }
    if (bus != vms->bus && !smmuv3_accel_virt_has_acpi(vms)) {
        error_setg(errp, "arm-smmuv3 with accel=on cannot be on %s: a guest "
                   "without firmware, or with acpi=off, is told of no root "
                   "complex but %s", BUS(bus)->name, BUS(vms->bus)->name);
        error_append_hint(errp, "Add -bios QEMU_EFI.fd, or give it "
                          "primary-bus=%s.\n", BUS(vms->bus)->name);
        return;
    }
    if (!object_property_get_uint(OBJECT(dev), "x-msi-doorbell",
                                  &error_abort)) {
        object_property_set_uint(OBJECT(dev), "x-msi-doorbell",
                                 msi_doorbell(vms), &error_abort);
    }
}

bool smmuv3_accel_virt_has_acpi(VirtMachineState *vms)
{
    return vms->bootinfo.firmware_loaded && virt_is_acpi_enabled(vms);
}

static int append_if_accelerated(Object *obj, void *opaque)
{
    SMMUv3State *s = (SMMUv3State *)object_dynamic_cast(obj, TYPE_ARM_SMMUV3);

    if (s && s->accel->on && DEVICE(s)->realized) {
        g_ptr_array_add(opaque, s);
    }
    return 0;
}

GPtrArray *smmuv3_accel_virt_all(void)
{
    GPtrArray *all = g_ptr_array_new();

    object_child_foreach_recursive(object_get_root(), append_if_accelerated,
                                   all);
    return all;
}
