/*
 * The PASID capability of an assigned device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_PCI_PASID_H
#define HW_VFIO_PCI_PASID_H

#include "pci.h"
#include CONFIG_DEVICES

#ifdef CONFIG_IOMMUFD
/* Show the capability, if both the vIOMMU and the host's device have PASIDs */
void vfio_pci_add_pasid_cap(VFIOPCIDevice *vdev);

/* Does a write concern only this capability? It is done then. */
bool vfio_pci_write_pasid_cap(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                              int len);
#else
static inline void vfio_pci_add_pasid_cap(VFIOPCIDevice *vdev)
{
}

static inline bool vfio_pci_write_pasid_cap(VFIOPCIDevice *vdev, uint32_t addr,
                                            uint32_t val, int len)
{
    return false;
}
#endif

#endif /* HW_VFIO_PCI_PASID_H */
