/*
 * The DSDT of a machine whose accelerated SMMUv3s have a CMDQV
 *
 * Linux finds it as it does on NVIDIA's Grace: a device whose _UID is the
 * identifier of the SMMU's node in the IORT.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/acpi/aml-build.h"
#include "hw/pci/pci_bus.h"
#include "hw/platform-bus.h"
#include "hw/arm/smmuv3-accel/device/state.h"
#include "internal.h"

#define ARM_SPI_FIRST   32
/* Of the SMMU's regions and interrupts: those of its CMDQV */
#define CMDQV_REGION    1
#define CMDQV_INTERRUPT 4

typedef struct Below {
    int bus;
    unsigned count;
} Below;

static int count_below(Object *obj, void *opaque)
{
    Below *below = opaque;
    SMMUState *s = (SMMUState *)object_dynamic_cast(obj, TYPE_ARM_SMMUV3);

    if (s && s->primary_bus) {
        below->count += pci_bus_num(s->primary_bus) < below->bus;
    }
    return 0;
}

/*
 * build_iort() counts its nodes: the ITS, if there is one, then the SMMUs by
 * their bus numbers
 */
static unsigned iort_identifier(VirtMachineState *vms, SMMUv3State *s)
{
    Below below = { .bus = pci_bus_num(ARM_SMMU(s)->primary_bus) };

    object_child_foreach_recursive(object_get_root(), count_below, &below);
    return !!vms->its + below.count;
}

static void describe(VirtMachineState *vms, SMMUv3State *s, Aml *scope)
{
    PlatformBusDevice *pbus = PLATFORM_BUS_DEVICE(vms->platform_bus_dev);
    SysBusDevice *sbdev = SYS_BUS_DEVICE(s);
    uint32_t base = vms->memmap[VIRT_PLATFORM_BUS].base +
                    platform_bus_get_mmio_addr(pbus, sbdev, CMDQV_REGION);
    uint32_t size = memory_region_size(sysbus_mmio_get_region(sbdev,
                                                              CMDQV_REGION));
    uint32_t irq = vms->irqmap[VIRT_PLATFORM_BUS] + ARM_SPI_FIRST +
                   platform_bus_get_irqn(pbus, sbdev, CMDQV_INTERRUPT);
    unsigned id = iort_identifier(vms, s);
    g_autofree char *uid = g_strdup_printf("%u", id);
    Aml *dev = aml_device("CV%02X", id);
    Aml *crs = aml_resource_template();

    aml_append(dev, aml_name_decl("_HID", aml_string("NVDA200C")));
    aml_append(dev, aml_name_decl("_UID", aml_string("%s", uid)));
    aml_append(dev, aml_name_decl("_CCA", aml_int(1)));
    aml_append(crs, aml_memory32_fixed(base, size, AML_READ_WRITE));
    aml_append(crs, aml_interrupt(AML_CONSUMER, AML_EDGE, AML_ACTIVE_HIGH,
                                  AML_EXCLUSIVE, &irq, 1));
    aml_append(dev, aml_name_decl("_CRS", crs));
    aml_append(scope, dev);
}

void smmuv3_accel_amend_dsdt(VirtMachineState *vms, Aml *scope)
{
    g_autoptr(GPtrArray) all = smmuv3_accel_virt_all();

    for (int i = 0; i < all->len; i++) {
        SMMUv3State *s = g_ptr_array_index(all, i);

        if (smmuv3_accel_has_cmdqv(s->accel)) {
            describe(vms, s, scope);
        }
    }
}
