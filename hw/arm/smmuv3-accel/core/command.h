/*
 * The guest's commands (IHI 0070, chapter 4), decoded for the host
 *
 * Section numbers are those of IHI 0070 G.b.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_COMMAND_H
#define HW_ARM_SMMUV3_ACCEL_CORE_COMMAND_H

#include "set.h"

/* CMD_SYNC.CS (4.7.3) */
typedef enum SMMUv3SyncSignal {
    SMMUV3_SYNC_NONE,
    SMMUV3_SYNC_IRQ,
    SMMUV3_SYNC_SEV,
    SMMUV3_SYNC_RESERVED,
} SMMUv3SyncSignal;

/* Why a command is CERROR_ILL */
typedef enum SMMUv3CommandIllegal {
    SMMUV3_COMMAND_LEGAL,
    SMMUV3_COMMAND_RESERVED,    /* the opcode */
    SMMUV3_COMMAND_SSEC,
    SMMUV3_COMMAND_MPAM,        /* a feature that is not offered: to DPT */
    SMMUV3_COMMAND_STAGE2,
    SMMUV3_COMMAND_SECURE,
    SMMUV3_COMMAND_ATS,
    SMMUV3_COMMAND_PRI,
    SMMUV3_COMMAND_STALL,
    SMMUV3_COMMAND_DPT,
    SMMUV3_COMMAND_RANGE,       /* a value that is reserved: to SYNC_CS */
    SMMUV3_COMMAND_ATC_SIZE,
    SMMUV3_COMMAND_SYNC_CS,
} SMMUv3CommandIllegal;

/**
 * SMMUv3CommandEffect - the work that is left to the owner of the queue
 * @illegal: why the queue must stop with CERROR_ILL; nothing else is set then
 * @configs: cached STEs or CDs of @first to @last are invalid
 * @sync: a CMD_SYNC has completed; tell the guest by @signal
 * @atc_failed: a CMD_SYNC has failed: the queue must stop at this command with
 *              CERROR_ATC_INV_SYNC (4.7.3)
 */
typedef struct SMMUv3CommandEffect {
    SMMUv3CommandIllegal illegal;
    bool configs;
    bool sync;
    bool atc_failed;
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

/*
 * Does @cmd, if it is legal, attach and detach nothing? True of all but
 * CFGI_STE, CFGI_STE_RANGE, CFGI_ALL, and CMD_SYNC, for which see
 * smmuv3_streams_try()
 */
bool smmuv3_command_only_invalidates(const uint64_t cmd[2]);

/* Is @cmd a CMD_SYNC? @signal, @msi_addr: of the effect that it will have */
bool smmuv3_command_is_sync(const uint64_t cmd[2], SMMUv3SyncSignal *signal,
                            uint64_t *msi_addr);

/* @illegal in words, for people, with the section; NULL for a legal command */
const char *smmuv3_command_explain(SMMUv3CommandIllegal illegal);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_COMMAND_H */
