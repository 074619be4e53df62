/*
 * Between a test and tests/lab/programs/fail-nth.c, which is preloaded into
 * QEMU: one page of a file that both map
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_SMMUV3_ACCEL_FAIL_NTH_H
#define QTEST_SMMUV3_ACCEL_FAIL_NTH_H

#include <stdint.h>

/* The file's path, in QEMU's environment */
#define FAIL_NTH_FILE "FAIL_NTH_FILE"

/* What the library does wrong on purpose once an allocation has failed */
enum {
    FAIL_NTH_LOSE_NOTHING,
    FAIL_NTH_LOSE_ATTACH,   /* attaches and detaches are not done */
    FAIL_NTH_LOSE_DESTROY,  /* objects are not destroyed */
    FAIL_NTH_REFUSE_ATTACH, /* all attaches and detaches fail, from the start */
    FAIL_NTH_LOSE_REPEAT,   /* each second invalidation is, from the start */
    FAIL_NTH_LOSE_INVALIDATE, /* all invalidations are, from the start */
};

typedef struct FailNth {
    uint32_t armed;     /* set and cleared by the test */
    uint32_t nth;       /* which allocation in QEMU's host calls is to fail */
    uint32_t lose;
    uint32_t points;    /* allocations that were counted since armed */
    uint32_t fired;     /* one has failed, */
    uint32_t request;   /* in this ioctl (0: an open), */
    int32_t error;      /* which returned this errno, or 0 */
    int32_t objects;    /* of iommufd, made and not destroyed */
    uint32_t invalidations; /* that QEMU asked for */
    uint32_t pid;       /* of the process that has the library */
} FailNth;

#endif /* QTEST_SMMUV3_ACCEL_FAIL_NTH_H */
