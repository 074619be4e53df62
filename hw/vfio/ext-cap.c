/*
 * Extended capabilities in configuration space
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/pci/pcie_regs.h"
#include "ext-cap.h"

void vfio_hide_ext_cap(uint8_t *config, uint16_t id)
{
    uint16_t at = PCI_CONFIG_SPACE_SIZE, prev = 0;
    uint32_t header = pci_get_long(config + at);

    /* A device's list may be a circle, so stop after as many as fit */
    for (int n = 0; PCI_EXT_CAP_ID(header) != id; n++) {
        prev = at;
        at = PCI_EXT_CAP_NEXT(header);
        if (at < PCI_CONFIG_SPACE_SIZE || n == PCIE_CONFIG_SPACE_SIZE / 8) {
            return;
        }
        header = pci_get_long(config + at);
    }
    if (prev) {
        pci_set_long(config + prev,
                     (pci_get_long(config + prev) & ~PCI_EXT_CAP_NEXT_MASK) |
                     (header & PCI_EXT_CAP_NEXT_MASK));
    } else {
        pci_set_long(config + at, header & PCI_EXT_CAP_NEXT_MASK);
    }
}
