/*
 * The IORT of a machine with an accelerated SMMUv3
 *
 * Tables are those of "IO Remapping Table", DEN 0049E.d.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/acpi/aml-build.h"
#include "hw/pci/pci_bus.h"
#include "hw/platform-bus.h"
#include "hw/arm/smmuv3-accel/device/state.h"
#include "internal.h"

/* The revision of DEN 0049E.d, the first whose RMR nodes Linux reads */
#define IORT_REVISION           5

#define TABLE_REVISION          8
#define IORT_NODE_COUNT         36
#define IORT_FIRST_NODE         48

#define NODE_LENGTH             1
#define NODE_ROOT_COMPLEX       2
#define NODE_SMMUV3             4
#define NODE_RMR                6
#define NODE_RMR_REVISION       3
#define ROOT_COMPLEX_ATS        24
#define SMMUV3_BASE_ADDRESS     16

/* Table "RMR node", with one memory range descriptor and one ID mapping */
#define RMR_DESCRIPTORS         28
#define RMR_ID_MAPPINGS         48
#define RMR_LENGTH              68

/*
 * Unprivileged, Device-nGnRnE, and as a rule not remappable: the window has
 * doorbells behind it, and a remapped write would ring none. With x-guest-vfio
 * the guest's own doorbell is there, and the guest may remap.
 */
#define RMR_REMAP_PERMITTED     1

/* The first node after @node, or after the header, that is of @type; or 0 */
static size_t find_node(GArray *table, size_t start, size_t node, uint8_t type)
{
    const uint8_t *data = (const uint8_t *)table->data;

    node = node ? node + lduw_le_p(data + node + NODE_LENGTH)
                : start + IORT_FIRST_NODE;
    while (node < table->len && data[node] != type) {
        node += lduw_le_p(data + node + NODE_LENGTH);
    }
    return node < table->len ? node : 0;
}

static size_t find_smmu_node(VirtMachineState *vms, GArray *table,
                             size_t start, SMMUv3State *s)
{
    PlatformBusDevice *pbus = PLATFORM_BUS_DEVICE(vms->platform_bus_dev);
    uint64_t base = vms->memmap[VIRT_PLATFORM_BUS].base +
                    platform_bus_get_mmio_addr(pbus, SYS_BUS_DEVICE(s), 0);
    size_t node = 0;

    do {
        node = find_node(table, start, node, NODE_SMMUV3);
        assert(node);
    } while (ldq_le_p(table->data + node + SMMUV3_BASE_ADDRESS) != base);
    return node;
}

static void append_rmr(GArray *table, uint32_t id, uint32_t smmu_ref,
                       PCIBus *bus, uint32_t flags)
{
    int min_bus, max_bus;

    pci_bus_range(bus, &min_bus, &max_bus);

    build_append_int_noprefix(table, NODE_RMR, 1);
    build_append_int_noprefix(table, RMR_LENGTH, 2);
    build_append_int_noprefix(table, NODE_RMR_REVISION, 1);
    build_append_int_noprefix(table, id, 4);
    build_append_int_noprefix(table, 1, 4);               /* ID mappings */
    build_append_int_noprefix(table, RMR_ID_MAPPINGS, 4); /* where */
    build_append_int_noprefix(table, flags, 4);
    build_append_int_noprefix(table, 1, 4);               /* descriptors */
    build_append_int_noprefix(table, RMR_DESCRIPTORS, 4); /* where */

    /* Memory range descriptor */
    build_append_int_noprefix(table, SMMUV3_ACCEL_MSI_WINDOW_BASE, 8);
    build_append_int_noprefix(table, SMMUV3_ACCEL_MSI_WINDOW_SIZE, 8);
    build_append_int_noprefix(table, 0, 4);

    /*
     * An ID mapping of all functions that are plugged, or can be, on these
     * buses
     */
    build_append_int_noprefix(table, min_bus << 8, 4);    /* input base */
    build_append_int_noprefix(table, ((max_bus - min_bus + 1) << 8) - 1, 4);
    build_append_int_noprefix(table, min_bus << 8, 4);    /* output base */
    build_append_int_noprefix(table, smmu_ref, 4);
    build_append_int_noprefix(table, 0, 4);               /* flags */
}

/* Without this attribute Linux leaves the ATS of all functions off */
static void allow_ats(GArray *table, size_t start)
{
    size_t rc = find_node(table, start, 0, NODE_ROOT_COMPLEX);

    table->data[rc + ROOT_COMPLEX_ATS] |= 1;
}

void smmuv3_accel_amend_iort(VirtMachineState *vms, GArray *table, size_t start)
{
    g_autoptr(GPtrArray) all = smmuv3_accel_virt_all();
    uint32_t nodes = ldl_le_p(table->data + start + IORT_NODE_COUNT);

    if (!all->len) {
        return;
    }
    for (int i = 0; i < all->len; i++) {
        SMMUv3State *s = g_ptr_array_index(all, i);
        size_t smmu = find_smmu_node(vms, table, start, s);

        append_rmr(table, nodes + i, smmu - start, ARM_SMMU(s)->primary_bus,
                   s->accel->guest_vfio ? RMR_REMAP_PERMITTED : 0);
        if (smmuv3_idr_ats(s->accel->idr)) {
            allow_ats(table, start);
        }
    }
    table->data[start + TABLE_REVISION] = IORT_REVISION;
    stl_le_p(table->data + start + IORT_NODE_COUNT, nodes + all->len);
}
