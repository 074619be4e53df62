/*
 * The board's test device, as a driver leaves it before it uses it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "tests/qtest/libqtest.h"
#include "virt.h"

/* The configuration space of slot 2 */
#define CONFIG      (0x4010000000ULL + (2 << 15))
/* Its extended capabilities: dma-testdev/device.c */
#define ATS         0x100
#define PASID       0x110

/*
 * The fuzzer calls this before each input. It maps the BARs of a PC's devices,
 * which it would find by I/O ports.
 */
QPCIBus *__wrap_qpci_new_pc(QTestState *s, QGuestAllocator *alloc)
{
    static const struct {
        unsigned reg;
        uint32_t value;
    } config[] = {
        { PCI_BASE_ADDRESS_0, 0x10000000 },
        { PCI_BASE_ADDRESS_1, 0x10010000 },
        { PCI_BASE_ADDRESS_2, 0 },
        { PCI_BASE_ADDRESS_3, 0x80 },
        { PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER },
        { ATS + PCI_ATS_CAP, PCI_ATS_CTRL_ENABLE << 16 },
        { PASID + PCI_PASID_CAP, (PCI_PASID_CTRL_ENABLE | PCI_PASID_CTRL_EXEC |
                                  PCI_PASID_CTRL_PRIV) << 16 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(config); i++) {
        qtest_writel(s, CONFIG + config[i].reg, config[i].value);
    }
    return __real_qpci_new_pc(s, alloc);
}
