/*
 * Resets of an assigned device, and those that the guest asks for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_PCI_FLR_H
#define HW_VFIO_PCI_FLR_H

#include "hw/pci/pci.h"

/* Linux has reset @dev: its PASIDs are off, and the vIOMMU is told */
void vfio_pci_was_reset(PCIDevice *dev);

/*
 * To be called after Linux was given a write of @len bytes to the configuration
 * space of @dev. If it started a function level reset, which Linux ends before
 * it returns, @dev was reset, and other devices reach its BARs again.
 */
void vfio_pci_flr_written(PCIDevice *dev, uint32_t addr, uint32_t val, int len);

#endif /* HW_VFIO_PCI_FLR_H */
