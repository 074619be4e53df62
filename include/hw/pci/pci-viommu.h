/*
 * What a PCI device and the vIOMMU of its root bus ask of one another when the
 * device's DMA is translated by the host's IOMMU
 *
 * All of them are safe to call for any device; without such a vIOMMU the answer
 * is that of plain QEMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_PCI_PCI_VIOMMU_H
#define HW_PCI_PCI_VIOMMU_H

#include "hw/pci/pci.h"

/**
 * PCIViommuOps - what a vIOMMU that has admit_device registers
 * @pci: registered with pci_setup_iommu_per_bus()
 * @bus_renumbered: the guest gave a bus behind it another number
 * @pasid_bits: how many bits of PASID the guest is offered; optional
 * @allows_ats: may the guest use the device's ATS? optional
 * @device_reset: the device has been reset; optional
 */
typedef struct PCIViommuOps {
    PCIIOMMUOps pci;
    void (*bus_renumbered)(void *opaque);
    uint8_t (*pasid_bits)(void *opaque);
    bool (*allows_ats)(void *opaque, PCIDevice *dev);
    void (*device_reset)(void *opaque, PCIDevice *dev);
} PCIViommuOps;

/* May @dev, which is about to be realized, sit behind its vIOMMU? */
bool pci_viommu_admit(PCIDevice *dev, Error **errp);

/*
 * The flags for the HWPT that VFIO allocates for @dev, given that it would use
 * @flags (enum iommufd_hwpt_alloc_flags)
 */
uint32_t pci_viommu_hwpt_flags(DeviceState *dev, uint32_t flags);

/*
 * The root bus whose vIOMMU needs a nesting parent for @dev, or NULL. Devices
 * share an HWPT only if it is the same: Linux gives a vIOMMU the VMID of its
 * nesting parent, and with one parent for two vIOMMUs an ASID of the one would
 * find TLB entries of the other's.
 */
PCIBus *pci_viommu_nesting_bus(DeviceState *dev);

/*
 * The guest physical address of the MSI doorbell, if the vIOMMU knows it
 * without a walk of the guest's page tables
 */
bool pci_viommu_msi_doorbell(PCIDevice *dev, uint64_t *gpa);

/*
 * Do firmware tables name devices on @bus, a root bus, by their StreamIDs? Then
 * the guest must keep the bus numbers that the firmware gave.
 */
bool pci_viommu_names_stream_ids(PCIBus *bus);

/* @len bytes at @address of @bridge's configuration space have been written */
void pci_viommu_bridge_written(PCIDevice *bridge, uint32_t address, int len);

/* How many bits of PASID can @dev use with its vIOMMU? */
uint8_t pci_viommu_pasid_bits(PCIDevice *dev);

/* May the guest use @dev's ATS? True of a device without such a vIOMMU. */
bool pci_viommu_allows_ats(PCIDevice *dev);

/* @dev has been reset, by the guest or by QEMU */
void pci_viommu_device_reset(PCIDevice *dev);

/* How @dev sends an MSI, or NULL for QEMU's own way */
MSITriggerFunc *pci_viommu_msi_trigger(PCIDevice *dev);

#endif /* HW_PCI_PCI_VIOMMU_H */
