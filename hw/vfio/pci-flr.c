/*
 * Resets of an assigned device, and those that the guest asks for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/range.h"
#include "hw/pci/pci-viommu.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pci_regs.h"
#include "pci-flr.h"
#include "pci-p2p.h"

/* The byte that was written to @at, 0 if there was none */
static uint8_t byte_at(uint32_t at, uint32_t addr, uint32_t val, int len)
{
    return ranges_overlap(addr, len, at, 1) ? val >> ((at - addr) * 8) : 0;
}

void vfio_pci_was_reset(PCIDevice *dev)
{
    /* PCIe 6.6.2: off; the capability is QEMU's, see pci-pasid.c */
    if (dev->exp.pasid_cap) {
        pci_set_word(dev->config + dev->exp.pasid_cap + PCI_PASID_CTRL, 0);
    }
    pci_viommu_device_reset(dev);
}

/* A device that has no FLR ignores the bit, and so does Linux */

static bool has_flr(PCIDevice *dev, uint8_t exp)
{
    return exp && pci_get_long(dev->config + exp + PCI_EXP_DEVCAP) &
                  PCI_EXP_DEVCAP_FLR;
}

static bool has_af_flr(PCIDevice *dev, uint8_t af)
{
    const uint8_t both = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;

    return af && (pci_get_byte(dev->config + af + PCI_AF_CAP) & both) == both;
}

void vfio_pci_flr_written(PCIDevice *dev, uint32_t addr, uint32_t val, int len)
{
    uint8_t af = pci_find_capability(dev, PCI_CAP_ID_AF);
    uint8_t exp = dev->exp.exp_cap;

    /* PCIe 7.5.3.4: bit 15 of Device Control; Advanced Features: bit 0 */
    if ((has_flr(dev, exp) &&
         byte_at(exp + PCI_EXP_DEVCTL + 1, addr, val, len) &
         (PCI_EXP_DEVCTL_BCR_FLR >> 8)) ||
        (has_af_flr(dev, af) &&
         byte_at(af + PCI_AF_CTRL, addr, val, len) & PCI_AF_CTRL_FLR)) {
        vfio_pci_was_reset(dev);
        vfio_pci_p2p_after_flr(dev);
    }
}
