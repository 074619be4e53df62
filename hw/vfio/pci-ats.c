/*
 * The ATS capability of an assigned device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci-viommu.h"
#include "ext-cap.h"
#include "pci-ats.h"
#include "pci.h"

OnOffAuto vfio_pci_ats_property(DeviceState *dev)
{
    Object *obj = object_dynamic_cast(OBJECT(dev), TYPE_VFIO_PCI_DEVICE);

    return obj ? VFIO_PCI_DEVICE(obj)->ats : ON_OFF_AUTO_AUTO;
}

bool vfio_pci_needs_ats(PCIDevice *dev)
{
    uint16_t vendor = pci_get_word(dev->config + PCI_VENDOR_ID);
    uint16_t device = pci_get_word(dev->config + PCI_DEVICE_ID);

    return (vendor == 0x10de && device >= 0x2e00 && device <= 0x2e3f) ||
           (vendor == 0x15b3 && device == 0x2101);
}

void vfio_pci_hide_ats_cap(PCIDevice *dev)
{
    VFIOPCIDevice *vdev = VFIO_PCI_DEVICE(dev);

    /* Writes stay emulated, as vfio_add_ext_cap() leaves them */
    if (pci_is_express(dev) && vdev->config_size > PCI_CONFIG_SPACE_SIZE &&
        (vdev->ats == ON_OFF_AUTO_OFF || !pci_viommu_allows_ats(dev))) {
        vfio_hide_ext_cap(dev->config, PCI_EXT_CAP_ID_ATS);
    }
}
