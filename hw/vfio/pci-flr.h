/*
 * A reset that the guest asks an assigned device for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_PCI_FLR_H
#define HW_VFIO_PCI_FLR_H

#include "hw/pci/pci.h"

/*
 * To be called after Linux was given a write of @len bytes to the configuration
 * space of @dev. If it started a function level reset, which Linux ends before
 * it returns, the vIOMMU is told, and other devices reach its BARs again.
 */
void vfio_pci_flr_written(PCIDevice *dev, uint32_t addr, uint32_t val, int len);

#endif /* HW_VFIO_PCI_FLR_H */
