/*
 * The ATS capability of an assigned device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci-viommu.h"
#include "hw/pci/pcie.h"
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

/* The capability's offset, with that of the one before in @prev; 0: it has none */
static uint16_t find_ext_cap(PCIDevice *dev, uint16_t id, uint16_t *prev)
{
    uint16_t at = PCI_CONFIG_SPACE_SIZE;

    *prev = 0;
    /* A device's own list may be a circle: no more than fit */
    for (int n = 0; at && n < PCIE_CONFIG_SPACE_SIZE / 8; n++) {
        uint32_t header = pci_get_long(dev->config + at);

        if (PCI_EXT_CAP_ID(header) == id) {
            return at;
        }
        *prev = at;
        at = PCI_EXT_CAP_NEXT(header);
    }
    return 0;
}

void vfio_pci_hide_ats_cap(PCIDevice *dev)
{
    VFIOPCIDevice *vdev = VFIO_PCI_DEVICE(dev);
    uint16_t at, prev;

    if (!pci_is_express(dev) ||
        (vdev->ats != ON_OFF_AUTO_OFF && pci_viommu_allows_ats(dev))) {
        return;
    }
    at = find_ext_cap(dev, PCI_EXT_CAP_ID_ATS, &prev);
    if (prev && at) {
        /* Next pointers are emulated (vfio_add_ext_cap()) */
        pci_long_test_and_clear_mask(dev->config + prev, PCI_EXT_CAP_NEXT_MASK);
        pci_long_test_and_set_mask(dev->config + prev,
                                   pci_get_long(dev->config + at) &
                                   PCI_EXT_CAP_NEXT_MASK);
    } else if (at) {
        /* The first one's header is emulated: one of no kind, with its next */
        pci_long_test_and_clear_mask(dev->config + at, ~PCI_EXT_CAP_NEXT_MASK);
    }
}
