/*
 * What a PCI function of the board sends to its SMMU, and gets back
 *
 * QEMU's memory API carries neither a PASID nor the kinds of transaction that
 * ATS adds, so a function that has them asks the SMMU by these functions. All
 * are called under the big lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BOARD_HW_ARM_TRANSACTION_H
#define BOARD_HW_ARM_TRANSACTION_H

#include "hw/pci/pci_device.h"
#include "hw/registerfields.h"

/*
 * Attributes of a transaction, in one word; 0 is one without a PASID. It is
 * also what the SMMU gets as the index of an IOMMU memory region.
 */
FIELD(BOARD_TXN, SSID, 0, 20)
FIELD(BOARD_TXN, SSV, 20, 1)
/* Only the SMMU sets it: what an STE says before CDs are looked at */
FIELD(BOARD_TXN, STE_ONLY, 21, 1)
FIELD(BOARD_TXN, PRIV, 22, 1)
FIELD(BOARD_TXN, EXEC, 23, 1)

/* A Translation Completion's status (PCI Express, 10.2.3) */
typedef enum BoardCompletion {
    BOARD_SUCCESS,
    BOARD_UR,       /* Unsupported Request */
    BOARD_CA,       /* Completer Abort */
} BoardCompletion;

/**
 * board_untranslated - where does an ordinary transaction go?
 * @dev: the function that sends it
 * @txn: attributes, see BOARD_TXN
 * @addr: its address
 * @write: false for a read
 * @entry: where it goes: translated_addr, addr_mask and target_as
 *
 * Returns false if the SMMU aborts it; an event is recorded then if one has to
 * be. A function without an SMMU reaches memory, but not with a PASID.
 */
bool board_untranslated(PCIDevice *dev, uint32_t txn, hwaddr addr, bool write,
                        IOMMUTLBEntry *entry);

/**
 * board_translation_request - ATS: translate one page
 * @dev: the function that asks
 * @txn: attributes, see BOARD_TXN
 * @addr: the address to be translated
 * @no_write: the request's NW flag: to write is not wanted
 * @entry: with BOARD_SUCCESS, the translation. Its perm is what is granted,
 *         IOMMU_NONE if nothing is
 */
BoardCompletion board_translation_request(PCIDevice *dev, uint32_t txn,
                                          hwaddr addr, bool no_write,
                                          IOMMUTLBEntry *entry);

/**
 * board_translated - may a Translated transaction pass?
 * @dev: the function that sends it
 * @addr: the physical address it has
 * @write: false for a read
 *
 * Returns false if the SMMU aborts it; an event is recorded then if one has to
 * be. The SMMU has IDR3.PASIDTT = 0, so it sees no PASID here.
 */
bool board_translated(PCIDevice *dev, hwaddr addr, bool write);

/* A function with an Address Translation Cache */
#define TYPE_BOARD_ATC "x-board-atc"
typedef struct BoardATCClass BoardATCClass;
DECLARE_CLASS_CHECKERS(BoardATCClass, BOARD_ATC, TYPE_BOARD_ATC)

typedef struct BoardInvalidation {
    bool ssv;           /* the request has a PASID */
    uint32_t ssid;
    bool global;        /* for each PASID; without one it means nothing */
    hwaddr addr;        /* aligned to the span */
    hwaddr mask;        /* the span in bytes - 1 */
} BoardInvalidation;

struct BoardATCClass {
    InterfaceClass parent;

    /* An ATS Invalidate Request; answered at once */
    void (*invalidate)(PCIDevice *dev, const BoardInvalidation *request);
};

#endif /* BOARD_HW_ARM_TRANSACTION_H */
