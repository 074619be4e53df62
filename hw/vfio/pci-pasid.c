/*
 * The PASID capability of an assigned device
 *
 * Linux hides the device's own from the user of VFIO, and enables PASIDs itself
 * when the device comes behind an SMMU that has SubstreamIDs. So the guest gets
 * an emulated one, where the device has nothing, and what it writes there goes
 * nowhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include "hw/pci/pci-viommu.h"
#include "hw/pci/pcie.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "system/iommufd-viommu.h"
#include "pci-pasid.h"

/*
 * @wanted is from the property x-vpasid-cap-offset. Otherwise take the last
 * bytes of config space that the device reads as zeros, or 0.
 */
static uint16_t find_place(PCIDevice *pdev, uint16_t wanted)
{
    uint16_t offset = PCIE_CONFIG_SPACE_SIZE - PCI_EXT_CAP_PASID_SIZEOF;

    if (wanted) {
        return wanted >= PCI_CONFIG_SPACE_SIZE && wanted <= offset &&
               wanted % sizeof(uint32_t) == 0 &&
               buffer_is_zero(pdev->config + wanted, PCI_EXT_CAP_PASID_SIZEOF) ?
               wanted : 0;
    }
    while (offset > PCI_CONFIG_SPACE_SIZE) {
        if (buffer_is_zero(pdev->config + offset, PCI_EXT_CAP_PASID_SIZEOF)) {
            return offset;
        }
        offset -= sizeof(uint32_t);
    }
    return 0;
}

static bool has_ext_caps(PCIDevice *pdev)
{
    return pci_is_express(pdev) &&
           pci_get_long(pdev->config + PCI_CONFIG_SPACE_SIZE);
}

void vfio_pci_add_pasid_cap(VFIOPCIDevice *vdev)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    VFIODevice *vbasedev = &vdev->vbasedev;
    uint8_t bits = pci_viommu_pasid_bits(pdev);
    uint64_t caps = 0;
    uint16_t offset;

    if (!bits || !vbasedev->iommufd || !has_ext_caps(pdev)) {
        return;
    }
    bits = MIN(bits, iommufd_pasid_bits(vbasedev->iommufd, vbasedev->devid,
                                        &caps));
    offset = bits ? find_place(pdev, vdev->vpasid_cap_offset) : 0;
    if (!offset) {
        if (bits) {
            warn_report("%s: no room for a PASID capability: the guest will "
                        "not use its PASIDs", vbasedev->name);
        }
        return;
    }
    pcie_pasid_init(pdev, offset, bits, caps & IOMMU_HW_CAP_PCI_PASID_EXEC,
                    caps & IOMMU_HW_CAP_PCI_PASID_PRIV);
    memset(vdev->emulated_config_bits + offset, 0xff,
           PCI_EXT_CAP_PASID_SIZEOF);
}

bool vfio_pci_write_pasid_cap(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                              int len)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    uint16_t cap = pdev->exp.pasid_cap;

    if (!cap || !range_covers_byte(cap, PCI_EXT_CAP_PASID_SIZEOF, addr)) {
        return false;
    }
    pci_default_write_config(pdev, addr, val, len);
    return true;
}
