/*
 * The guest's commands (IHI 0070, chapter 4), decoded for the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_COMMAND_H
#define HW_ARM_SMMUV3_ACCEL_CORE_COMMAND_H

#include "streams.h"

/* 4.7.3: CMD_SYNC.CS */
typedef enum SMMUv3SyncSignal {
    SMMUV3_SYNC_NONE,
    SMMUV3_SYNC_IRQ,
    SMMUV3_SYNC_SEV,
    SMMUV3_SYNC_RESERVED,
} SMMUv3SyncSignal;

/**
 * SMMUv3CommandEffect - what is left for the owner of the queue to do
 * @configs: cached STEs or CDs of @first to @last are invalid
 * @tlb: cached translations are invalid
 * @sync: a CMD_SYNC has completed; tell the guest by @signal
 */
typedef struct SMMUv3CommandEffect {
    bool configs;
    bool tlb;
    bool sync;
    uint32_t first;
    uint32_t last;
    SMMUv3SyncSignal signal;
    uint64_t msi_addr;
    uint32_t msi_data;
} SMMUv3CommandEffect;

/**
 * smmuv3_command - do one command
 * @cmd: its two words in host byte order
 * @ril: IDR3.RIL as the guest sees it
 *
 * An invalidation may still be queued when this returns; after a CMD_SYNC none
 * is. Bits that the architecture leaves reserved do not reach the host.
 *
 * Returns: false for a command that is illegal (CERROR_ILL); it had no effect
 */
bool smmuv3_command(SMMUv3Streams *s, const uint64_t cmd[2], bool ril,
                    SMMUv3CommandEffect *effect);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_COMMAND_H */
