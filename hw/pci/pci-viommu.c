/*
 * What a PCI device and the vIOMMU of its root bus ask of one another when the
 * device's DMA is translated by the host's IOMMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci-viommu.h"
#include "qemu/range.h"
#include "system/address-spaces.h"
#ifdef CONFIG_LINUX
#include <linux/iommufd.h>
#endif

static bool asks_for_nesting(PCIBus *bus)
{
    return bus->iommu_ops && bus->iommu_ops->admit_device;
}

/* The bus that has a vIOMMU for @dev, if that one asks for nesting; or NULL */
static PCIBus *nesting_bus(PCIDevice *dev)
{
    PCIBus *bus = pci_device_root_bus(dev);

    return asks_for_nesting(bus) ? bus : NULL;
}

bool pci_viommu_names_stream_ids(PCIBus *bus)
{
    return bus && asks_for_nesting(bus);
}

bool pci_viommu_admit(PCIDevice *dev, Error **errp)
{
    PCIBus *bus = nesting_bus(dev);

    return !bus || bus->iommu_ops->admit_device(bus->iommu_opaque, dev, errp);
}

PCIBus *pci_viommu_nesting_bus(DeviceState *dev)
{
    PCIDevice *pdev = (PCIDevice *)object_dynamic_cast(OBJECT(dev),
                                                       TYPE_PCI_DEVICE);

    return pdev ? nesting_bus(pdev) : NULL;
}

#ifdef CONFIG_LINUX
uint32_t pci_viommu_hwpt_flags(DeviceState *dev, uint32_t flags)
{
    /* Linux: a nesting parent has no dirty tracking (EOPNOTSUPP) */
    return pci_viommu_nesting_bus(dev) ? IOMMU_HWPT_ALLOC_NEST_PARENT : flags;
}
#endif

bool pci_viommu_msi_doorbell(PCIDevice *dev, uint64_t *gpa)
{
    PCIBus *bus = nesting_bus(dev);

    return bus && !IS_PCI_BRIDGE(dev) &&
           bus->iommu_ops->msi_doorbell(bus->iommu_opaque, gpa);
}

/*
 * The guest wrote an address that the host's SMMU would have translated, had
 * the device sent the MSI itself.
 */
static void trigger_at_doorbell(PCIDevice *dev, MSIMessage msg)
{
    MemTxAttrs attrs = { .requester_id = pci_requester_id(dev) };
    uint64_t gpa = msg.address;

    pci_viommu_msi_doorbell(dev, &gpa);
    address_space_stl_le(&address_space_memory, gpa, msg.data, attrs, NULL);
}

MSITriggerFunc *pci_viommu_msi_trigger(PCIDevice *dev)
{
    uint64_t gpa;

    return pci_viommu_msi_doorbell(dev, &gpa) ? trigger_at_doorbell : NULL;
}

static const PCIViommuOps *viommu_ops(PCIBus *nesting_bus)
{
    return container_of(nesting_bus->iommu_ops, PCIViommuOps, pci);
}

void pci_viommu_bridge_written(PCIDevice *bridge, uint32_t address, int len)
{
    PCIBus *bus = nesting_bus(bridge);

    if (bus && ranges_overlap(address, len, PCI_SECONDARY_BUS, 1)) {
        viommu_ops(bus)->bus_renumbered(bus->iommu_opaque);
    }
}

uint8_t pci_viommu_pasid_bits(PCIDevice *dev)
{
    PCIBus *bus = nesting_bus(dev);

    return bus && viommu_ops(bus)->pasid_bits ?
           viommu_ops(bus)->pasid_bits(bus->iommu_opaque) : 0;
}

bool pci_viommu_allows_ats(PCIDevice *dev)
{
    PCIBus *bus = nesting_bus(dev);

    return !bus || !viommu_ops(bus)->allows_ats ||
           viommu_ops(bus)->allows_ats(bus->iommu_opaque, dev);
}

void pci_viommu_device_reset(PCIDevice *dev)
{
    PCIBus *bus = nesting_bus(dev);

    if (bus && viommu_ops(bus)->device_reset) {
        viommu_ops(bus)->device_reset(bus->iommu_opaque, dev);
    }
}
