/*
 * Tegra241 CMDQV: how the operating system finds it
 *
 * Linux knows two machines that have it. Grace has ACPI: a device in the DSDT
 * names the SMMU by the identifier of its IORT node. Tegra264 has a devicetree,
 * in which the SMMU's node refers to the CMDQV's. The board is the former under
 * firmware with ACPI, and the latter without.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/arm/fdt.h"
#include "hw/arm/virt.h"
#include "hw/boards.h"
#include "hw/pci/pci_bus.h"
#include "machine.h"
#include "qapi/error.h"
#include "system/device_tree.h"
#include "system/system.h"

#define ARM_SPI_FIRST   32

static void describe(Notifier *notifier, void *data)
{
    static const char smmu_is[] = "nvidia,tegra264-smmu\0arm,smmu-v3";
    CMDQVState *s = container_of(notifier, CMDQVState, machine_done);
    void *fdt = MACHINE(qdev_get_machine())->fdt;
    g_auto(GStrv) smmus = fdt ? qemu_fdt_node_path(fdt, NULL, "arm,smmu-v3",
                                                   NULL) : NULL;
    g_autofree char *node = NULL;
    uint32_t phandle;

    if (!smmus || !smmus[0] || smmus[1]) {
        return;
    }
    node = g_strdup_printf("/cmdqv@%" PRIx64, s->addr);
    phandle = qemu_fdt_alloc_phandle(fdt);
    qemu_fdt_add_subnode(fdt, node);
    qemu_fdt_setprop_string(fdt, node, "compatible", "nvidia,tegra264-cmdqv");
    qemu_fdt_setprop_sized_cells(fdt, node, "reg", 2, s->addr,
                                 2, cmdqv_size(s));
    qemu_fdt_setprop_cells(fdt, node, "interrupts", GIC_FDT_IRQ_TYPE_SPI,
                           s->spi, GIC_FDT_IRQ_FLAGS_EDGE_LO_HI);
    qemu_fdt_setprop_cell(fdt, node, "phandle", phandle);
    qemu_fdt_setprop(fdt, smmus[0], "compatible", smmu_is, sizeof(smmu_is));
    qemu_fdt_setprop_cell(fdt, smmus[0], "nvidia,cmdqv", phandle);
}

/* Such a notifier runs before the machine's own, which loads the devicetree */
void cmdqv_describe_in_fdt(CMDQVState *s)
{
    s->machine_done.notify = describe;
    qemu_add_machine_init_done_notifier(&s->machine_done);
}

static PCIBus *bus_of(Object *smmu)
{
    return PCI_BUS(object_property_get_link(smmu, "primary-bus",
                                            &error_abort));
}

typedef struct Below {
    int bus;
    unsigned count;
} Below;

static int count_below(Object *obj, void *opaque)
{
    Below *below = opaque;

    if (object_dynamic_cast(obj, TYPE_ARM_SMMUV3)) {
        below->count += pci_bus_num(bus_of(obj)) < below->bus;
    }
    return 0;
}

/* build_iort() counts: the ITS, then the SMMUs by their bus numbers */
static unsigned iort_identifier(CMDQVState *s)
{
    VirtMachineState *vms = VIRT_MACHINE(qdev_get_machine());
    Below below = { .bus = pci_bus_num(bus_of(OBJECT(s->smmu))) };

    object_child_foreach_recursive(object_get_root(), count_below, &below);
    return !!vms->its + below.count;
}

static int describe_in_dsdt(Object *obj, void *opaque)
{
    CMDQVState *s = (CMDQVState *)
        object_dynamic_cast(obj, TYPE_X_TEGRA241_CMDQV);
    g_autofree char *uid = NULL;
    unsigned id;
    uint32_t irq;
    Aml *dev, *crs;

    if (!s) {
        return 0;
    }
    id = iort_identifier(s);
    uid = g_strdup_printf("%u", id);
    irq = s->spi + ARM_SPI_FIRST;
    dev = aml_device("CQ%02X", id);
    aml_append(dev, aml_name_decl("_HID", aml_string("NVDA200C")));
    aml_append(dev, aml_name_decl("_UID", aml_string("%s", uid)));
    aml_append(dev, aml_name_decl("_CCA", aml_int(1)));
    crs = aml_resource_template();
    aml_append(crs, aml_memory32_fixed(s->addr, cmdqv_size(s),
                                       AML_READ_WRITE));
    aml_append(crs, aml_interrupt(AML_CONSUMER, AML_EDGE, AML_ACTIVE_HIGH,
                                  AML_EXCLUSIVE, &irq, 1));
    aml_append(dev, aml_name_decl("_CRS", crs));
    aml_append((Aml *)opaque, dev);
    return 0;
}

void tegra241_cmdqv_acpi(Aml *scope)
{
    object_child_foreach_recursive(object_get_root(), describe_in_dsdt, scope);
}
