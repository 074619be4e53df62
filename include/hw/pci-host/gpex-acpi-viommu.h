/*
 * The _DSM of a root complex whose vIOMMU needs the firmware's bus numbers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_PCI_HOST_GPEX_ACPI_VIOMMU_H
#define HW_PCI_HOST_GPEX_ACPI_VIOMMU_H

#include "hw/acpi/aml-build.h"
#include "hw/pci/pci.h"

/*
 * gpex_viommu_dsm - a _DSM for the root complex of @bus, or NULL if it needs
 *                   no other than the usual one
 */
Aml *gpex_viommu_dsm(PCIBus *bus);

#endif /* HW_PCI_HOST_GPEX_ACPI_VIOMMU_H */
