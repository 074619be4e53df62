/*
 * The _DSM of a root complex whose vIOMMU needs the firmware's bus numbers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci-host/gpex-acpi-viommu.h"
#include "hw/pci/pci-viommu.h"

/* PCI Firmware Specification 3.3, 4.6 */
#define DSM_UUID             "E5C937D0-3553-4D7A-9117-EA4D19C3434D"
#define DSM_FUNCTIONS        0
#define DSM_BOOT_CONFIG      5
#define DSM_BOOT_CONFIG_KEEP 0

static Aml *answer(int function, Aml *value)
{
    Aml *on = aml_if(aml_equal(aml_arg(2), aml_int(function)));

    aml_append(on, aml_return(value));
    return on;
}

static Aml *bits(uint8_t byte)
{
    return aml_buffer(1, &byte);
}

/*
 * An RMR node of the IORT names StreamIDs, which are Requester IDs, and so bus
 * numbers. Linux ignores the node unless the firmware asks that what it set up
 * is kept (DEN 0049E.d, 3.1.1.5).
 */
Aml *gpex_viommu_dsm(PCIBus *bus)
{
    Aml *method, *ours;

    if (!pci_viommu_names_stream_ids(bus)) {
        return NULL;
    }
    method = aml_method("_DSM", 4, AML_NOTSERIALIZED);
    ours = aml_if(aml_equal(aml_arg(0), aml_touuid(DSM_UUID)));
    aml_append(ours, answer(DSM_FUNCTIONS, bits(1 | 1 << DSM_BOOT_CONFIG)));
    aml_append(ours, answer(DSM_BOOT_CONFIG, aml_int(DSM_BOOT_CONFIG_KEEP)));
    aml_append(method, ours);
    aml_append(method, aml_return(bits(0)));
    return method;
}
