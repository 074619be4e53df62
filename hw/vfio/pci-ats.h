/*
 * The ATS capability of an assigned device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_PCI_ATS_H
#define HW_VFIO_PCI_ATS_H

#include "hw/pci/pci.h"
#include "qapi/qapi-types-common.h"

/* The property ats of @dev; auto if it is no vfio-pci device */
OnOffAuto vfio_pci_ats_property(DeviceState *dev);

/*
 * Does Linux let @dev work only with ATS (drivers/pci/ats.c)? By its numbers:
 * devices with CXL.cache are not known by them.
 */
bool vfio_pci_needs_ats(PCIDevice *dev);

/*
 * Hide the capability from the guest if the guest must not use ATS, by the
 * property or because the host does not use it. Linux shows it as it is.
 */
void vfio_pci_hide_ats_cap(PCIDevice *dev);

#endif /* HW_VFIO_PCI_ATS_H */
