/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board's x-dma-testdev by VFIO: DMA with and without PASIDs and ATS.
 * board/hw/misc/dma-testdev/state.h has its registers.
 */
#ifndef LAB_TESTDEV_H
#define LAB_TESTDEV_H

#include <stdint.h>

/* Flags of a request */
#define TESTDEV_SOURCE_OWN  (1u << 0)   /* an offset in the function's memory */
#define TESTDEV_TARGET_OWN  (1u << 1)
#define TESTDEV_PASID       (1u << 2)
#define TESTDEV_EXEC        (1u << 3)
#define TESTDEV_PRIV        (1u << 4)
#define TESTDEV_ATS         (1u << 5)

/* Results */
enum {
    TESTDEV_NONE, TESTDEV_OK, TESTDEV_NOT_MASTER, TESTDEV_BAD_RANGE,
    TESTDEV_PASID_OFF, TESTDEV_PASID_RANGE, TESTDEV_EXEC_OFF,
    TESTDEV_PRIV_OFF, TESTDEV_ATS_OFF, TESTDEV_ATS_UR, TESTDEV_ATS_CA,
    TESTDEV_NO_ACCESS, TESTDEV_NO_READ, TESTDEV_NO_WRITE, TESTDEV_FORBIDDEN,
    TESTDEV_ABORTED, TESTDEV_BUS_ERROR, TESTDEV_NO_EXEC,
};

struct testdev {
    volatile uint8_t *registers;
    volatile uint8_t *memory;
};

/* The cdev must be bound to an iommufd. Returns 0 or a negative errno. */
int testdev_open(struct testdev *dev, int device);

/* One of its requests, 0 to 7: a user each, who need not know the others */
struct testdev_request {
    unsigned number;
    uint64_t source, target;
    uint32_t flags, pasid;
};

/* Move 8 bytes by DMA. Returns the result. */
int testdev_run(struct testdev *dev, const struct testdev_request *request);

/*
 * Read 8 bytes at an address by DMA. Returns the result of the request, and
 * sets the value if it is TESTDEV_OK.
 */
int testdev_fetch(struct testdev *dev, uint64_t address, uint32_t flags,
                  uint32_t pasid, uint64_t *value);

/*
 * A point: that read has to bring this data or, if want is negative, fail with
 * -want.
 */
void testdev_check(struct testdev *dev, uint64_t address, uint32_t flags,
                   uint32_t pasid, int want, uint64_t data, const char *what);

/* How many Invalidate Requests have come since the last reset */
uint32_t testdev_invalidated(struct testdev *dev);

#endif
