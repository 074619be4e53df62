/*
 * x-dma-testdev: registers and state
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BOARD_DMA_TESTDEV_STATE_H
#define BOARD_DMA_TESTDEV_STATE_H

#include "hw/arm/board-transaction.h"
#include "hw/pci/pci_device.h"
#include "hw/registerfields.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qom/object.h"

#define TYPE_X_DMA_TESTDEV "x-dma-testdev"
OBJECT_DECLARE_SIMPLE_TYPE(DMATestDev, X_DMA_TESTDEV)

#define TESTDEV_REQUESTS    8
#define TESTDEV_ATC_ENTRIES 16
#define TESTDEV_RAM_SIZE    (1 * MiB)
#define TESTDEV_ID          0x54414d44      /* "DMAT" */

/* BAR 0: of the function */
REG32(ID, 0x00)
REG32(PARAM, 0x04)
    FIELD(PARAM, REQUESTS, 0, 8)
    FIELD(PARAM, ATC_ENTRIES, 8, 8)
    FIELD(PARAM, PASID_WIDTH, 16, 5)
REG32(BUSY, 0x08)               /* a bit for each request in flight */
REG32(ATC_VALID, 0x0c)          /* entries of the ATC that are valid */
REG32(ATC_HITS, 0x10)
REG32(ATC_ASKED, 0x14)          /* Translation Requests sent */
REG32(ATC_INVALIDATED, 0x18)    /* Invalidate Requests received */
#define A_MEMORY_SIZE 0x20      /* 64 bits: of the memory in BAR 4 */

/* BAR 0: of request n, at 0x100 + 0x40 n */
#define TESTDEV_REQUEST 0x100
#define TESTDEV_STRIDE  0x40
#define A_SOURCE 0x00           /* 64 bits */
#define A_TARGET 0x08           /* 64 bits */
REG32(LENGTH, 0x10)
REG32(PASID, 0x14)
REG32(FLAGS, 0x18)
    FIELD(FLAGS, SOURCE_OWN, 0, 1)      /* SOURCE is an offset in BAR 2 */
    FIELD(FLAGS, TARGET_OWN, 1, 1)
    FIELD(FLAGS, PASID_VALID, 2, 1)
    FIELD(FLAGS, EXEC, 3, 1)
    FIELD(FLAGS, PRIV, 4, 1)
    FIELD(FLAGS, USE_ATS, 5, 1)
    FIELD(FLAGS, INTERRUPT, 6, 1)       /* MSI-X vector n at the end */
REG32(DELAY, 0x1c)              /* microseconds before it is done */
REG32(CONTROL, 0x20)            /* write 1: start; bit 0: in flight */
REG32(RESULT, 0x24)
REG32(DONE, 0x28)               /* bytes that arrived */
#define A_FAULT 0x30            /* 64 bits: the address that failed */

/* RESULT */
typedef enum TestDevResult {
    RESULT_NONE,                /* not started since the last reset */
    RESULT_OK,
    RESULT_NOT_MASTER,          /* COMMAND.Bus Master is 0 */
    RESULT_BAD_RANGE,           /* LENGTH is 0, or beyond BAR 2's memory */
    RESULT_PASID_OFF,           /* the PASID capability is not enabled */
    RESULT_PASID_RANGE,         /* PASID has more bits than the capability */
    RESULT_EXEC_OFF,            /* without a PASID, or not enabled for it */
    RESULT_PRIV_OFF,
    RESULT_ATS_OFF,             /* the ATS capability is not enabled */
    RESULT_ATS_UR,              /* a Translation Request got that status */
    RESULT_ATS_CA,
    RESULT_NO_ACCESS,           /* it succeeded, with R = W = 0 */
    RESULT_NO_READ,             /* ... without R, or without W */
    RESULT_NO_WRITE,
    RESULT_FORBIDDEN,           /* the SMMU aborted a Translated transaction */
    RESULT_ABORTED,             /* ... an Untranslated one */
    RESULT_BUS_ERROR,           /* what is at the address did */
    RESULT_NO_EXEC,             /* a Translation Request got R without Exe */
} TestDevResult;

typedef struct TestDevRequest {
    DMATestDev *dev;
    unsigned number;
    uint64_t source, target;
    uint32_t length, pasid, flags, delay;
    bool busy;
    QEMUTimer *timer;
    QEMUBH *bh;
    uint32_t result, done;
    uint64_t fault;
} TestDevRequest;

/* One translation; addresses have their low bits clear as mask says */
typedef struct TestDevATCEntry {
    bool valid;
    uint32_t txn;               /* BOARD_TXN, without EXEC */
    hwaddr addr, mask, translated;
    IOMMUAccessFlags perm;
} TestDevATCEntry;

struct DMATestDev {
    PCIDevice parent_obj;

    MemoryRegion registers;     /* BAR 0 */
    MemoryRegion ram;           /* BAR 2 */
    MemoryRegion window;        /* BAR 4, and */
    MemoryRegion memory;        /* what is behind its beginning */
    uint64_t memory_size;
    uint8_t pasid_width;
    bool no_ats;

    TestDevRequest request[TESTDEV_REQUESTS];
    TestDevATCEntry atc[TESTDEV_ATC_ENTRIES];
    unsigned atc_next;
    uint32_t hits, asked, invalidated;
};

/* engine.c: the requests, from start to end */
void dma_testdev_start(TestDevRequest *r);
void dma_testdev_finish_cb(void *opaque);
void dma_testdev_cancel(TestDevRequest *r);

/* atc.c */

/**
 * dma_testdev_translate - by the ATC, or by a Translation Request
 * @s: the function
 * @txn: attributes, see BOARD_TXN
 * @addr: the address to be translated
 * @write: what the access is to be
 * @entry: the translation, with RESULT_OK
 */
TestDevResult dma_testdev_translate(DMATestDev *s, uint32_t txn, hwaddr addr,
                                    bool write, IOMMUTLBEntry *entry);
void dma_testdev_invalidate(PCIDevice *dev, const BoardInvalidation *request);
unsigned dma_testdev_atc_valid(const DMATestDev *s);

#endif /* BOARD_DMA_TESTDEV_STATE_H */
