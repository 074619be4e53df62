/*
 * Invalidations on their way to the host, several to a call
 *
 * Knows commands, and which of them the host did not do. It must not know what
 * is attached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_INVAL_H
#define HW_ARM_SMMUV3_ACCEL_CORE_INVAL_H

#include "viommu.h"

/*
 * Linux issues one unmap as runs of up to 64 commands; the kernel takes 2^19
 * entries a call, but copies them into one allocation. 1024 entries are 16 KiB
 * and hold a 4 MiB unmap of 4 KiB pages.
 */
#define SMMUV3_INVAL_MAX 1024

typedef struct SMMUv3InvalCounters {
    uint64_t calls;
    uint64_t entries;
    uint64_t failures;
    uint64_t widened;   /* failed entries done by invalidating more */
} SMMUv3InvalCounters;

/**
 * SMMUv3InvalFailed - the host failed an invalidation for one stream
 * @sid: the stream's StreamID in the command
 * @atc: the device's ATC still has invalid entries; if false, its CDs
 *
 * This is called within smmuv3_inval_flush(). It must not free anything,
 * because entries that are still to be issued may refer to it.
 */
typedef void SMMUv3InvalFailed(void *opaque, uint32_t sid, bool atc);

/**
 * SMMUv3Inval - commands taken from the guest and not yet issued on the host
 * @failed: called for each stream whose entries failed, once a flush
 * @opaque: passed to @failed; in smmuv3_streams_init() the SMMUv3Streams
 *
 * An invalidation may wait here until the next CMD_SYNC, because it need not be
 * complete before that (IHI 0070, 4.7.3).
 */
typedef struct SMMUv3Inval {
    /*
     * Sizes of pages that the guest may use, if the host has range
     * invalidations (IDR3.RIL), else 0
     */
    uint32_t granules;
    SMMUv3InvalFailed *failed;
    void *opaque;
    uint32_t n;
    uint64_t cmd[SMMUV3_INVAL_MAX][2];
    SMMUv3InvalCounters count;
} SMMUv3Inval;

/**
 * smmuv3_inval_add - add one command, in host byte order, to the batch
 *
 * The command must be one that the host accepts as it is: opcode, reserved bits
 * and StreamID checked. If the batch is full it is issued first.
 *
 * Returns: as smmuv3_inval_flush()
 */
bool smmuv3_inval_add(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu,
                      uint64_t word0, uint64_t word1);

/**
 * smmuv3_inval_repeat - the command added last is the first of several
 * @n: how many follow
 * @step: the distance of their addresses: a page size
 *
 * The command is a TLBI_NH_VA or TLBI_NH_VAA without a range. If the host has
 * ranges, the commands become one range for each page size. This is needed
 * because a range affects translations of one page size only (IHI 0070,
 * 4.4.1.1), but a command without a range affects all.
 *
 * Returns: as smmuv3_inval_flush()
 */
bool smmuv3_inval_repeat(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu, uint32_t n,
                         uint64_t step);

/**
 * smmuv3_inval_flush - issue the batch, which is not empty; when it returns the
 *                      host has done it
 *
 * If the call fails, it is unknown which entries were done: the kernel's count
 * leaves out entries that it collected and did not issue. Then every entry is
 * issued again by itself. An entry that still fails is replaced by the widest
 * invalidation that covers it. If even that fails for a stream's CDs or ATC,
 * @inval->failed is called; after an ATC_INV, the stream's other entries are
 * left out. After a TLBI, all are but ATC_INVs.
 *
 * Returns: false if the host did not invalidate its TLB. The caller must then
 * keep all streams from using the stale entries.
 */
bool smmuv3_inval_flush(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu);

/**
 * smmuv3_inval_try - issue the batch, by one call
 *
 * Returns: false if the call failed. The batch is then as it was, and is left
 * to smmuv3_inval_flush(), called by somebody who may attach streams.
 */
bool smmuv3_inval_try(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu);

/**
 * smmuv3_inval_atc - empty the ATC of the device with the vDEVICE @sid, now
 *
 * Returns: 0, or -errno if the device or the host did not do it
 */
int smmuv3_inval_atc(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu, uint32_t sid);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_INVAL_H */
