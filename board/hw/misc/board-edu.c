/*
 * An edu device of the lab's board that is a PCI Express one with ATS and FLR
 *
 * Linux takes a device's SMMU away during a reset only if the device has ATS,
 * and VFIO offers a guest a reset only if the device has one. This device never
 * asks for a translation, which a device with ATS is free to do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"

#define TYPE_BOARD_EDU  "x-edu-ats"
#define ATS_OFFSET      PCI_CONFIG_SPACE_SIZE

static DeviceRealize parent_dc_realize;
static PCIUnregisterFunc *parent_exit;
static void (*parent_realize)(PCIDevice *dev, Error **errp);

static void board_edu_realize(PCIDevice *dev, Error **errp)
{
    ERRP_GUARD();

    parent_realize(dev, errp);
    if (*errp) {
        return;
    }
    if (pcie_endpoint_cap_init(dev, 0) < 0) {
        error_setg(errp, "no room for the PCI Express capability");
        return;
    }
    pcie_cap_flr_init(dev);
    pcie_ats_init(dev, ATS_OFFSET, true);
}

/* Before the PCI core sizes the configuration space */
static void board_edu_dc_realize(DeviceState *dev, Error **errp)
{
    PCI_DEVICE(dev)->cap_present |= QEMU_PCI_CAP_EXPRESS;
    parent_dc_realize(dev, errp);
}

static void board_edu_exit(PCIDevice *dev)
{
    pcie_cap_exit(dev);
    parent_exit(dev);
}

static void board_edu_write_config(PCIDevice *dev, uint32_t addr, uint32_t val,
                                   int len)
{
    pci_default_write_config(dev, addr, val, len);
    pcie_cap_flr_write_config(dev, addr, val, len);
}

static void board_edu_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    device_class_set_parent_realize(DEVICE_CLASS(klass), board_edu_dc_realize,
                                    &parent_dc_realize);
    parent_realize = k->realize;
    parent_exit = k->exit;
    k->realize = board_edu_realize;
    k->exit = board_edu_exit;
    k->config_write = board_edu_write_config;
}

static const TypeInfo board_edu_info = {
    .name = TYPE_BOARD_EDU,
    .parent = "edu",
    .class_init = board_edu_class_init,
};

static void register_types(void)
{
    type_register_static(&board_edu_info);
}

type_init(register_types)
