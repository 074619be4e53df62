/*
 * The virt machine's part in an accelerated SMMUv3
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "qemu/error-report.h"
#include "hw/intc/arm_gicv3_its_common.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/platform-bus.h"
#include "internal.h"
#include "hw/arm/smmuv3-accel/device/state.h"
#include "system/device_tree.h"

/* GICv3, 12.19.1: GITS_TRANSLATER; GICv2m (SBSA): MSI_SETSPI_NS */
#define GITS_TRANSLATER_FRAME  0x10000
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

/* The first address of a devicetree node's "reg" becomes @base */
static void move_node(void *fdt, const char *path, uint64_t base)
{
    int len;
    const void *prop = qemu_fdt_getprop(fdt, path, "reg", &len, &error_abort);
    g_autofree void *reg = g_memdup2(prop, len);

    stq_be_p(reg, base);
    qemu_fdt_setprop(fdt, path, "reg", reg, len);
}

static void move_device(SysBusDevice *dev, MemMapEntry *entry, hwaddr base)
{
    entry->base = base;
    sysbus_mmio_map_overlap(dev, 0, base, 1);
}

/*
 * Put the ITS where its doorbell page is the first page of the MSI window.
 *
 *                          before                after
 *   0x07ff0000             flash, last 64 KB     ITS, control frame
 *   0x08000000 (window)    GIC distributor       ITS, doorbell
 *   0x08080000             ITS, control frame    GIC distributor
 *   0x08090000             ITS, doorbell         nothing
 *
 * VFIO in the guest maps the guest's doorbell for the device, and Linux always
 * maps it at the start of the window. The host has programmed the device to
 * write to this address, too, and has mapped its own doorbell there in stage 2.
 * Both writes arrive only if the guest's doorbell is at the start of the window
 * in guest memory.
 *
 * No firmware uses the last 64 KB of the flash. No vCPU runs yet, and neither
 * firmware nor tables have read the old addresses.
 */
static bool put_its_at_window(VirtMachineState *vms, Error **errp)
{
    MemMapEntry *its = &vms->memmap[VIRT_GIC_ITS];
    MemMapEntry *dist = &vms->memmap[VIRT_GIC_DIST];
    const hwaddr base = SMMUV3_ACCEL_MSI_WINDOW_BASE - GITS_TRANSLATER_FRAME;
    const hwaddr its_was = its->base, dist_was = dist->base;
    void *fdt = MACHINE(vms)->fdt;
    g_autofree char *its_node = NULL, *dist_node = NULL;
    Object *obj;

    if (!smmuv3_accel_virt_has_acpi(vms)) {
        error_setg(errp, "x-guest-vfio=on needs firmware and ACPI: no "
                   "devicetree can tell a guest that it may");
        return false;
    }
    obj = object_resolve_path_type("", TYPE_ARM_GICV3_ITS_COMMON, NULL);
    if (vms->msi_controller != VIRT_MSI_CTRL_ITS || !obj) {
        error_setg(errp, "x-guest-vfio=on needs an ITS (-M virt,"
                   "gic-version=3,its=on)");
        return false;
    }
    if (its->base == base) {
        return true;
    }
    its_node = g_strdup_printf("/intc/its@%" PRIx64, its_was);
    dist_node = g_strdup_printf("/intc@%" PRIx64, dist_was);
    move_device(SYS_BUS_DEVICE(vms->gic), dist, its_was);
    move_device(SYS_BUS_DEVICE(obj), its, base);
    move_node(fdt, dist_node, its_was);
    move_node(fdt, its_node, base);
    return true;
}

/* The ITS has moved: tell the SMMUs that were plugged before */
static void update_doorbells(uint64_t was, uint64_t now)
{
    g_autoptr(GPtrArray) all = smmuv3_accel_virt_all();

    for (int i = 0; i < all->len; i++) {
        SMMUv3State *s = g_ptr_array_index(all, i);

        if (s->accel->doorbell == was) {
            s->accel->doorbell = now;
        }
    }
}

void smmuv3_accel_virt_pre_plug(VirtMachineState *vms, DeviceState *dev,
                                Error **errp)
{
    ERRP_GUARD();
    PCIBus *bus = ARM_SMMU(dev)->primary_bus;
    uint64_t doorbell = msi_doorbell(vms);

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
    if (bus != vms->bus && pci_bus_is_root(bus) &&
        pci_bus_num(bus) == pci_bus_num(vms->bus)) {
        error_setg(errp, "%s has the bus number of %s, %d; give its pxb-pcie "
                   "a bus_nr", BUS(bus)->name, BUS(vms->bus)->name,
                   pci_bus_num(bus));
        return;
    }
    ARM_SMMUV3(dev)->accel->has_acpi = smmuv3_accel_virt_has_acpi(vms);
    if (ARM_SMMUV3(dev)->accel->cmdqv == ON_OFF_AUTO_ON &&
        !smmuv3_accel_virt_has_acpi(vms)) {
        error_setg(errp, "cmdqv=on needs firmware and ACPI: no devicetree can "
                   "tell a guest of the CMDQV");
        error_append_hint(errp, "Add -bios QEMU_EFI.fd, or use cmdqv=auto.\n");
        return;
    }
    if (ARM_SMMUV3(dev)->accel->guest_vfio) {
        if (!put_its_at_window(vms, errp)) {
            return;
        }
        update_doorbells(doorbell, msi_doorbell(vms));
    }
    if (!object_property_get_uint(OBJECT(dev), "x-msi-doorbell",
                                  &error_abort)) {
        object_property_set_uint(OBJECT(dev), "x-msi-doorbell",
                                 msi_doorbell(vms), &error_abort);
    }
}

static void count_bridge(PCIBus *bus, PCIDevice *dev, void *opaque)
{
    int *count = opaque;

    if (IS_PCI_BRIDGE(dev)) {
        ++*count;
        pci_for_each_device_under_bus(pci_bridge_get_sec_bus(PCI_BRIDGE(dev)),
                                      count_bridge, count);
    }
}

/* The first bus number after @bus that is another root complex's, or 256 */
static int next_root_number(const VirtMachineState *vms, PCIBus *bus)
{
    int next = PCI_BUS_MAX;
    PCIBus *other;

    QLIST_FOREACH(other, &vms->bus->child, sibling) {
        if (pci_bus_is_root(other) && pci_bus_num(other) > pci_bus_num(bus)) {
            next = MIN(next, pci_bus_num(other));
        }
    }
    return next;
}

/*
 * No bridge can come any more. Where bus numbers are missing, Linux 7.3 as a
 * guest reads through a null pointer while it numbers the buses.
 */
static void check_buses(const VirtMachineState *vms, const GPtrArray *all)
{
    for (int i = 0; i < all->len; i++) {
        PCIBus *bus = ARM_SMMU(g_ptr_array_index(all, i))->primary_bus;
        int has = next_root_number(vms, bus) - pci_bus_num(bus);
        int bridges = 0;

        pci_for_each_device_under_bus(bus, count_bridge, &bridges);
        if (has <= bridges) {
            warn_report("root complex %s has %d of %d bus numbers that it "
                        "needs, one for itself and one for each port: the "
                        "guest will not find the devices behind the last "
                        "ports; give the next pxb-pcie a higher bus_nr",
                        BUS(bus)->name, has, bridges + 1);
        }
    }
}

bool smmuv3_accel_virt_has_acpi(VirtMachineState *vms)
{
    return vms->bootinfo.firmware_loaded && virt_is_acpi_enabled(vms);
}

static void link_cmdqv(PlatformBusDevice *pbus, SMMUv3State *s, Error **errp)
{
    ERRP_GUARD();

    if (find_first_zero_bit(pbus->used_irqs, pbus->num_irqs) >=
        pbus->num_irqs) {
        error_setg(errp, "the machine has no interrupt left for its CMDQV");
        error_append_hint(errp, "Use cmdqv=off, or fewer arm-smmuv3.\n");
        return;
    }
    platform_bus_link_device(pbus, SYS_BUS_DEVICE(s));
}

static void add_cmdqvs(VirtMachineState *vms, const GPtrArray *all)
{
    PlatformBusDevice *pbus = PLATFORM_BUS_DEVICE(vms->platform_bus_dev);

    for (int i = 0; i < all->len; i++) {
        SMMUv3State *s = g_ptr_array_index(all, i);
        Error *err = NULL;

        if (smmuv3_accel_cmdqv_realize(s->accel, &err)) {
            link_cmdqv(pbus, s, &err);
        }
        if (err) {
            error_reportf_err(err, "%s: ", object_get_canonical_path_component(
                              OBJECT(s)));
            exit(1);
        }
    }
}

void smmuv3_accel_virt_done(VirtMachineState *vms)
{
    g_autoptr(GPtrArray) all = smmuv3_accel_virt_all();

    check_buses(vms, all);
    add_cmdqvs(vms, all);
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
