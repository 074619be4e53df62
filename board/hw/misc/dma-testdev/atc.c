/*
 * x-dma-testdev: its Address Translation Cache
 *
 * Entries stay until they are invalidated or replaced, also while ATS is off:
 * a driver that forgets to invalidate shall be seen to have forgotten it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pcie.h"
#include "state.h"

static TestDevATCEntry *lookup(DMATestDev *s, uint32_t txn, hwaddr addr)
{
    for (unsigned i = 0; i < TESTDEV_ATC_ENTRIES; i++) {
        TestDevATCEntry *e = &s->atc[i];

        if (e->valid && e->txn == txn && e->addr == (addr & ~e->mask)) {
            return e;
        }
    }
    return NULL;
}

/* Only one that grants something may be kept (PCI Express, 10.2.3.5) */
static void insert(DMATestDev *s, uint32_t txn, hwaddr addr,
                   const IOMMUTLBEntry *entry)
{
    TestDevATCEntry *e = lookup(s, txn, addr);

    if (!e) {
        e = &s->atc[s->atc_next];
        s->atc_next = (s->atc_next + 1) % TESTDEV_ATC_ENTRIES;
    }
    *e = (TestDevATCEntry) {
        .valid = true,
        .txn = txn,
        .addr = addr & ~entry->addr_mask,
        .mask = entry->addr_mask,
        .translated = entry->translated_addr & ~entry->addr_mask,
        .perm = entry->perm,
    };
}

static TestDevResult missing(uint32_t txn, IOMMUAccessFlags perm, bool write)
{
    if (perm == IOMMU_NONE) {
        return RESULT_NO_ACCESS;
    }
    if (write) {
        return perm & IOMMU_WO ? RESULT_OK : RESULT_NO_WRITE;
    }
    if (!(perm & IOMMU_RO)) {
        return RESULT_NO_READ;
    }
    return FIELD_EX32(txn, BOARD_TXN, EXEC) && !(perm & IOMMU_EXEC)
           ? RESULT_NO_EXEC : RESULT_OK;
}

static TestDevResult ask(DMATestDev *s, uint32_t txn, hwaddr addr, bool write,
                         IOMMUTLBEntry *entry)
{
    s->asked++;
    switch (board_translation_request(PCI_DEVICE(s), txn, addr, !write,
                                      entry)) {
    case BOARD_SUCCESS:
        return missing(txn, entry->perm, write);
    case BOARD_UR:
        return RESULT_ATS_UR;
    default:
        return RESULT_ATS_CA;
    }
}

TestDevResult dma_testdev_translate(DMATestDev *s, uint32_t txn, hwaddr addr,
                                    bool write, IOMMUTLBEntry *entry)
{
    uint32_t key = FIELD_DP32(txn, BOARD_TXN, EXEC, 0);
    const TestDevATCEntry *e = lookup(s, key, addr);
    TestDevResult result;

    if (e && missing(txn, e->perm, write) == RESULT_OK) {
        s->hits++;
        *entry = (IOMMUTLBEntry) {
            .target_as = &address_space_memory,
            .iova = e->addr,
            .translated_addr = e->translated,
            .addr_mask = e->mask,
            .perm = e->perm,
        };
        return RESULT_OK;
    }
    result = ask(s, txn, addr, write, entry);
    if (result == RESULT_OK) {
        insert(s, key, addr, entry);
    }
    return result;
}

static bool concerns(const BoardInvalidation *request,
                     const TestDevATCEntry *e)
{
    if (FIELD_EX32(e->txn, BOARD_TXN, SSV) != request->ssv) {
        return false;
    }
    if (request->ssv && !request->global &&
        FIELD_EX32(e->txn, BOARD_TXN, SSID) != request->ssid) {
        return false;
    }
    /* Of two aligned spans one is in the other, or they do not touch. */
    return ((e->addr ^ request->addr) & ~(e->mask | request->mask)) == 0;
}

void dma_testdev_invalidate(PCIDevice *dev, const BoardInvalidation *request)
{
    DMATestDev *s = X_DMA_TESTDEV(dev);

    s->invalidated++;
    for (unsigned i = 0; i < TESTDEV_ATC_ENTRIES; i++) {
        if (concerns(request, &s->atc[i])) {
            s->atc[i].valid = false;
        }
    }
}

unsigned dma_testdev_atc_valid(const DMATestDev *s)
{
    unsigned count = 0;

    for (unsigned i = 0; i < TESTDEV_ATC_ENTRIES; i++) {
        count += s->atc[i].valid;
    }
    return count;
}
