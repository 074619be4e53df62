/*
 * The devicetree of a machine with an accelerated SMMUv3
 *
 * Linux maps reserved memory 1:1 for a device whose own node names it
 * (memory-region, iommu-addresses). A PCI function has a node only if each
 * bridge above it has one, so all of these are described. Functions that can
 * be hot-plugged behind a downstream port have their nodes from the start:
 * nodes of functions that are not there do nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie_port.h"
#include "system/device_tree.h"
#include "hw/arm/smmuv3-accel/device/state.h"
#include "internal.h"

/* IEEE 1275 PCI bus binding: phys.hi of 32-bit memory space */
#define PHYS_HI_MEM32 0x02000000
/* Which line an INTx goes to repeats after four slots */
#define SWIZZLE_SLOTS 4
#define MAP_CELLS     9

typedef struct DTContext {
    void *fdt;
    const char *parent;      /* the node of the bus above */
    uint32_t parent_phandle;
    uint32_t window_phandle;
    GArray *addresses;       /* cells of the window's iommu-addresses */
} DTContext;

static void append_cell(GArray *cells, uint32_t cell)
{
    cell = cpu_to_be32(cell);
    g_array_append_val(cells, cell);
}

static char *add_node(DTContext *ctx, const char *name, int devfn)
{
    char *node = g_strdup_printf("%s/%s@%x,%x", ctx->parent, name,
                                 PCI_SLOT(devfn), PCI_FUNC(devfn));

    qemu_fdt_add_subnode(ctx->fdt, node);
    qemu_fdt_setprop_cells(ctx->fdt, node, "reg", devfn << 8, 0, 0, 0, 0);
    return node;
}

static void add_function(DTContext *ctx, int devfn)
{
    g_autofree char *node = add_node(ctx, "function", devfn);
    uint32_t phandle = qemu_fdt_alloc_phandle(ctx->fdt);

    qemu_fdt_setprop_cell(ctx->fdt, node, "phandle", phandle);
    qemu_fdt_setprop_cell(ctx->fdt, node, "memory-region",
                          ctx->window_phandle);
    append_cell(ctx->addresses, phandle);
    append_cell(ctx->addresses, PHYS_HI_MEM32);
    append_cell(ctx->addresses, 0);
    append_cell(ctx->addresses, SMMUV3_ACCEL_MSI_WINDOW_BASE);
    append_cell(ctx->addresses, 0);
    append_cell(ctx->addresses, SMMUV3_ACCEL_MSI_WINDOW_SIZE);
}

/*
 * If a bridge has a node, interrupts are no longer swizzled through it by
 * default
 */
static void add_interrupt_map(DTContext *ctx, const char *node, int devfn)
{
    g_autoptr(GArray) map = g_array_new(false, false, sizeof(uint32_t));

    for (int slot = 0; slot < SWIZZLE_SLOTS; slot++) {
        for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
            const uint32_t entry[MAP_CELLS] = {
                PCI_DEVFN(slot, 0) << 8, 0, 0, pin + 1, ctx->parent_phandle,
                devfn << 8, 0, 0, (pin + slot) % PCI_NUM_PINS + 1,
            };

            for (int i = 0; i < MAP_CELLS; i++) {
                append_cell(map, entry[i]);
            }
        }
    }
    qemu_fdt_setprop_cell(ctx->fdt, node, "#interrupt-cells", 1);
    qemu_fdt_setprop_cells(ctx->fdt, node, "interrupt-map-mask",
                           PCI_DEVFN(SWIZZLE_SLOTS - 1, 0) << 8, 0, 0, 7);
    qemu_fdt_setprop(ctx->fdt, node, "interrupt-map", map->data,
                     map->len * sizeof(uint32_t));
}

static void add_bus(DTContext *ctx, PCIBus *bus);

static void add_bridge(DTContext *ctx, PCIDevice *dev)
{
    PCIBus *bus = pci_bridge_get_sec_bus(PCI_BRIDGE(dev));
    g_autofree char *node = add_node(ctx, "pci", dev->devfn);
    uint32_t phandle = qemu_fdt_alloc_phandle(ctx->fdt);
    uint8_t pin = pci_get_byte(dev->config + PCI_INTERRUPT_PIN);
    DTContext below = *ctx;

    qemu_fdt_setprop_cell(ctx->fdt, node, "phandle", phandle);
    qemu_fdt_setprop_string(ctx->fdt, node, "device_type", "pci");
    qemu_fdt_setprop_cell(ctx->fdt, node, "#address-cells", 3);
    qemu_fdt_setprop_cell(ctx->fdt, node, "#size-cells", 2);
    qemu_fdt_setprop(ctx->fdt, node, "ranges", NULL, 0);
    if (pin) {
        qemu_fdt_setprop_cell(ctx->fdt, node, "interrupts", pin);
    }
    add_interrupt_map(ctx, node, dev->devfn);

    below.parent = node;
    below.parent_phandle = phandle;
    add_bus(&below, bus);
}

static bool is_host_bridge(PCIDevice *dev)
{
    return PCI_DEVICE_GET_CLASS(dev)->class_id == PCI_CLASS_BRIDGE_HOST;
}

/* A downstream port has one slot below it, whose functions may come later */
static bool has_slot_for_hotplug(PCIBus *bus)
{
    return bus->parent_dev &&
           object_dynamic_cast(OBJECT(bus->parent_dev), TYPE_PCIE_SLOT);
}

/*
 * In descending order: each new node becomes the first, and the nodes should
 * be ordered by address.
 */
static void add_bus(DTContext *ctx, PCIBus *bus)
{
    bool slot = has_slot_for_hotplug(bus);

    for (int devfn = ARRAY_SIZE(bus->devices) - 1; devfn >= 0; devfn--) {
        PCIDevice *dev = bus->devices[devfn];

        if (dev && IS_PCI_BRIDGE(dev)) {
            add_bridge(ctx, dev);
        } else if (dev ? !is_host_bridge(dev) : slot && devfn < PCI_FUNC_MAX) {
            add_function(ctx, devfn);
        }
    }
}

static char *add_window(void *fdt, uint32_t phandle)
{
    char *node = g_strdup_printf("/reserved-memory/msi-window@%x",
                                 SMMUV3_ACCEL_MSI_WINDOW_BASE);

    qemu_fdt_add_subnode(fdt, "/reserved-memory");
    qemu_fdt_setprop_cell(fdt, "/reserved-memory", "#address-cells", 2);
    qemu_fdt_setprop_cell(fdt, "/reserved-memory", "#size-cells", 2);
    qemu_fdt_setprop(fdt, "/reserved-memory", "ranges", NULL, 0);
    qemu_fdt_add_subnode(fdt, node);
    qemu_fdt_setprop_sized_cells(fdt, node, "reg",
                                 2, SMMUV3_ACCEL_MSI_WINDOW_BASE,
                                 2, SMMUV3_ACCEL_MSI_WINDOW_SIZE);
    qemu_fdt_setprop(fdt, node, "no-map", NULL, 0);
    qemu_fdt_setprop_cell(fdt, node, "phandle", phandle);
    return node;
}

/* pre_plug has checked that there is at most one, and that it is on pcie.0 */
void smmuv3_accel_virt_fdt(VirtMachineState *vms)
{
    g_autoptr(GPtrArray) all = smmuv3_accel_virt_all();
    g_autoptr(GArray) addresses = g_array_new(false, false, sizeof(uint32_t));
    void *fdt = MACHINE(vms)->fdt;
    g_autofree char *window = NULL;
    DTContext ctx = { .fdt = fdt, .addresses = addresses };
    SMMUv3State *s;

    if (!all->len || smmuv3_accel_virt_has_acpi(vms)) {
        return;
    }
    s = g_ptr_array_index(all, 0);
    ctx.parent = vms->pciehb_nodename;
    ctx.parent_phandle = qemu_fdt_alloc_phandle(fdt);
    qemu_fdt_setprop_cell(fdt, ctx.parent, "phandle", ctx.parent_phandle);
    ctx.window_phandle = qemu_fdt_alloc_phandle(fdt);
    window = add_window(fdt, ctx.window_phandle);
    add_bus(&ctx, vms->bus);
    qemu_fdt_setprop(fdt, window, "iommu-addresses", addresses->data,
                     addresses->len * sizeof(uint32_t));
    if (smmuv3_idr_ats(s->accel->idr)) {
        qemu_fdt_setprop(fdt, ctx.parent, "ats-supported", NULL, 0);
    }
}
