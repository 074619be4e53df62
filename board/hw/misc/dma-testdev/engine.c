/*
 * x-dma-testdev: what becomes of a request
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "exec/target_page.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "state.h"
#include "system/address-spaces.h"

static uint32_t attributes(const TestDevRequest *r)
{
    uint32_t txn = 0;

    if (!FIELD_EX32(r->flags, FLAGS, PASID_VALID)) {
        return txn;
    }
    txn = FIELD_DP32(txn, BOARD_TXN, SSV, 1);
    txn = FIELD_DP32(txn, BOARD_TXN, SSID, r->pasid);
    txn = FIELD_DP32(txn, BOARD_TXN, PRIV, FIELD_EX32(r->flags, FLAGS, PRIV));
    return FIELD_DP32(txn, BOARD_TXN, EXEC, FIELD_EX32(r->flags, FLAGS, EXEC));
}

/* What the configuration space does not allow, the function does not send */
static TestDevResult check_pasid(const TestDevRequest *r)
{
    PCIDevice *dev = PCI_DEVICE(r->dev);
    bool has_pasid = FIELD_EX32(r->flags, FLAGS, PASID_VALID);
    uint16_t control = 0;

    if (has_pasid) {
        if (!pcie_pasid_enabled(dev)) {
            return RESULT_PASID_OFF;
        }
        if (r->pasid >> r->dev->pasid_width) {
            return RESULT_PASID_RANGE;
        }
        control = pci_get_word(dev->config + dev->exp.pasid_cap +
                               PCI_PASID_CTRL);
    }
    if (FIELD_EX32(r->flags, FLAGS, EXEC) && !(control & PCI_PASID_CTRL_EXEC)) {
        return RESULT_EXEC_OFF;
    }
    if (FIELD_EX32(r->flags, FLAGS, PRIV) && !(control & PCI_PASID_CTRL_PRIV)) {
        return RESULT_PRIV_OFF;
    }
    return RESULT_OK;
}

static bool beyond_ram(uint64_t offset, uint32_t length)
{
    return offset > TESTDEV_RAM_SIZE || length > TESTDEV_RAM_SIZE - offset;
}

static TestDevResult check(const TestDevRequest *r)
{
    PCIDevice *dev = PCI_DEVICE(r->dev);

    if (!dev->is_master) {
        return RESULT_NOT_MASTER;
    }
    if (!r->length || r->length > TESTDEV_RAM_SIZE ||
        (FIELD_EX32(r->flags, FLAGS, SOURCE_OWN) &&
         beyond_ram(r->source, r->length)) ||
        (FIELD_EX32(r->flags, FLAGS, TARGET_OWN) &&
         beyond_ram(r->target, r->length))) {
        return RESULT_BAD_RANGE;
    }
    if (FIELD_EX32(r->flags, FLAGS, USE_ATS) && !pcie_ats_enabled(dev)) {
        return RESULT_ATS_OFF;
    }
    return check_pasid(r);
}

/* Where one page of the request is */
static TestDevResult find(TestDevRequest *r, hwaddr addr, bool write,
                          IOMMUTLBEntry *entry)
{
    PCIDevice *dev = PCI_DEVICE(r->dev);
    uint32_t txn = attributes(r);
    TestDevResult result;

    if (!FIELD_EX32(r->flags, FLAGS, USE_ATS)) {
        return board_untranslated(dev, txn, addr, write, entry)
               ? RESULT_OK : RESULT_ABORTED;
    }
    result = dma_testdev_translate(r->dev, txn, addr, write, entry);
    if (result != RESULT_OK) {
        return result;
    }
    addr = entry->translated_addr | (addr & entry->addr_mask);
    return board_translated(dev, addr, write) ? RESULT_OK : RESULT_FORBIDDEN;
}

static TestDevResult copy(TestDevRequest *r, hwaddr addr, bool own,
                          uint8_t *buffer, bool write)
{
    uint8_t *ram = memory_region_get_ram_ptr(&r->dev->ram);
    uint32_t left = r->length;

    if (own) {
        memcpy(write ? ram + addr : buffer, write ? buffer : ram + addr, left);
        if (write) {
            memory_region_set_dirty(&r->dev->ram, addr, left);
            r->done = left;
        }
        return RESULT_OK;
    }
    while (left) {
        /* The smallest page that there is, so that none is missed */
        uint32_t size = MIN(left, 4 * KiB - addr % (4 * KiB));
        IOMMUTLBEntry entry;
        TestDevResult result = find(r, addr, write, &entry);

        if (result == RESULT_OK &&
            address_space_rw(entry.target_as,
                             (entry.translated_addr & ~entry.addr_mask) |
                             (addr & entry.addr_mask),
                             MEMTXATTRS_UNSPECIFIED, buffer, size, write)) {
            result = RESULT_BUS_ERROR;
        }
        if (result != RESULT_OK) {
            r->fault = addr;
            return result;
        }
        addr += size;
        buffer += size;
        left -= size;
        r->done += write ? size : 0;
    }
    return RESULT_OK;
}

static TestDevResult perform(TestDevRequest *r)
{
    g_autofree uint8_t *buffer = NULL;
    TestDevResult result = check(r);

    if (result != RESULT_OK) {
        return result;
    }
    buffer = g_malloc(r->length);
    result = copy(r, r->source, FIELD_EX32(r->flags, FLAGS, SOURCE_OWN),
                  buffer, false);
    if (result != RESULT_OK) {
        return result;
    }
    return copy(r, r->target, FIELD_EX32(r->flags, FLAGS, TARGET_OWN), buffer,
                true);
}

void dma_testdev_finish_cb(void *opaque)
{
    TestDevRequest *r = opaque;

    r->result = perform(r);
    r->busy = false;
    if (FIELD_EX32(r->flags, FLAGS, INTERRUPT)) {
        msix_notify(PCI_DEVICE(r->dev), r->number);
    }
}

void dma_testdev_start(TestDevRequest *r)
{
    if (r->busy) {
        return;
    }
    r->busy = true;
    r->result = RESULT_NONE;
    r->done = 0;
    r->fault = 0;
    if (r->delay) {
        timer_mod(r->timer, qemu_clock_get_us(QEMU_CLOCK_VIRTUAL) + r->delay);
    } else {
        qemu_bh_schedule(r->bh);
    }
}

void dma_testdev_cancel(TestDevRequest *r)
{
    timer_del(r->timer);
    qemu_bh_cancel(r->bh);
    r->busy = false;
}
