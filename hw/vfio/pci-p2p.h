/*
 * DMA between devices: which BARs of a device others reach
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_PCI_P2P_H
#define HW_VFIO_PCI_P2P_H

#include "hw/pci/pci.h"

typedef struct VFIOPCIDevice VFIOPCIDevice;

/*
 * Export @vdev's BARs, which have been mapped into this process, as its
 * property x-p2p says. False, with @errp set, if that is on and cannot be had.
 * With auto, which is for devices behind an accelerated SMMU, the user is told
 * in one line why not.
 */
bool vfio_pci_p2p_setup(VFIOPCIDevice *vdev, Error **errp);

/* Close what vfio_pci_p2p_setup() exported */
void vfio_pci_p2p_exit(VFIOPCIDevice *vdev);

/*
 * Linux has done a function level reset of @dev, a vfio-pci device, that the
 * guest started. If that left memory decoding on, the BARs are revoked, and no
 * memory region changes that would map them anew: so that is done here.
 */
void vfio_pci_p2p_after_flr(PCIDevice *dev);

#endif /* HW_VFIO_PCI_P2P_H */
