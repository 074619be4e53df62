/*
 * What QEMU's SMMUv3 calls for SubstreamIDs, ATS and permissions, and what it
 * offers for that. All run with the SMMU's mutex held, if not said otherwise.
 *
 * Section numbers are those of IHI 0070 G.b.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BOARD_HW_ARM_SMMUV3_HOOKS_H
#define BOARD_HW_ARM_SMMUV3_HOOKS_H

#include "hw/arm/board-transaction.h"
#include "hw/arm/smmuv3.h"
#include "smmuv3-internal.h"

/* What a configuration is looked up by, of a transaction's attributes */
#define BOARD_TXN_CONFIG (R_BOARD_TXN_SSID_MASK | R_BOARD_TXN_SSV_MASK | \
                          R_BOARD_TXN_STE_ONLY_MASK)

/* A configuration that is not the one of transactions without a SubstreamID */
typedef struct BoardConfig {
    SMMUTransCfg cfg;
    SMMUDevice *sdev;
    uint32_t txn;           /* BOARD_TXN_CONFIG */
    uint8_t eats;           /* STE.EATS, of one with STE_ONLY */
} BoardConfig;

/* Called by smmuv3.c */

/**
 * board_smmuv3_reset - ID registers, and an empty cache of configurations
 * @s: the SMMU, whose other ID registers are set
 */
void board_smmuv3_reset(SMMUv3State *s);

/**
 * board_smmuv3_ste_legal - fields of EATS and of CD tables (5.2.2)
 * @s: the SMMU
 * @ste: has V = 1
 */
bool board_smmuv3_ste_legal(const SMMUv3State *s, const STE *ste);

/**
 * board_smmuv3_needs_cd - choose stages by the SubstreamID
 * @s: the SMMU
 * @cfg: what the STE says; changed where S1DSS bypasses stage 1
 * @ste: is legal
 * @event: its x_txn has the attributes; its type is set if the transaction is
 *         to be aborted
 *
 * Returns false if the configuration is complete, or the event's type is set.
 */
bool board_smmuv3_needs_cd(const SMMUv3State *s, SMMUTransCfg *cfg,
                           const STE *ste, SMMUEventInfo *event);

/**
 * board_smmuv3_cd_address - go through the CD table (5.2, S1Fmt; 5.3)
 * @s: the SMMU
 * @cfg: the configuration, whose stage 2 a level 1 descriptor is read through
 * @ste: is legal, and needs a CD
 * @event: its x_txn has the SubstreamID; its type is set upon failure
 * @addr: the CD's address: an IPA with stage 2
 *
 * Returns 0, or a negative value upon failure.
 */
int board_smmuv3_cd_address(SMMUv3State *s, SMMUTransCfg *cfg, const STE *ste,
                            SMMUEventInfo *event, dma_addr_t *addr);

/**
 * board_smmuv3_config - the configuration of other transactions than those
 * without a SubstreamID
 * @sdev: the device
 * @event: its x_txn has the attributes; its type is set upon failure
 *
 * Returns one that the cache owns, or NULL.
 */
SMMUTransCfg *board_smmuv3_config(SMMUDevice *sdev, SMMUEventInfo *event);

/**
 * board_smmuv3_describe - fields of an event record that QEMU does not set
 * @info: the event
 * @evt: the record
 *
 * Needs no mutex.
 */
void board_smmuv3_describe(const SMMUEventInfo *info, Evt *evt);

/**
 * board_smmuv3_command - what a command does besides what QEMU does
 * @s: the SMMU
 * @cmd: any command
 */
SMMUCmdError board_smmuv3_command(SMMUv3State *s, const Cmd *cmd);

/**
 * board_smmuv3_decode_cd - WXN and PAN (5.4)
 * @cfg: gets them
 * @cd: is legal
 */
void board_smmuv3_decode_cd(SMMUTransCfg *cfg, const CD *cd);

/* Called by smmu-common.c */

/**
 * board_smmu_denied - what stage 1 does not permit
 * @cfg: the configuration
 * @pte: the page's or block's descriptor
 * @tables: the bits that any table's descriptor above it has; 0 with CD.HADx
 *
 * Returns IOMMU_RO, IOMMU_WO and IOMMU_EXEC of what unprivileged transactions
 * may not do, and of privileged ones four bits to the left.
 */
uint8_t board_smmu_denied(const SMMUTransCfg *cfg, uint64_t pte,
                          uint64_t tables);

/**
 * board_smmu_denied_s2 - what stage 2 does not permit by XN (6.3.4, XNX)
 * @pte: the page's or block's descriptor
 *
 * Returns the same as board_smmu_denied(); what S2AP says is not in it.
 */
uint8_t board_smmu_denied_s2(uint64_t pte);

/**
 * board_smmu_permits - may the transaction do it?
 * @cfg: the configuration; its x_txn has the attributes
 * @denied: of board_smmu_denied()
 * @access: IOMMU_RO or IOMMU_WO
 */
bool board_smmu_permits(const SMMUTransCfg *cfg, uint8_t denied,
                        IOMMUAccessFlags access);

/* The same of board_smmu_denied_s2() */
bool board_smmu_permits_s2(const SMMUTransCfg *cfg, uint8_t denied,
                           IOMMUAccessFlags access);

/* For ATS: of what is denied, the part of one privilege */
IOMMUAccessFlags board_smmu_denied_to(uint8_t denied, uint32_t txn);

/* For the above: the same functions, which smmuv3.c has for itself */

int board_smmuv3_decode(SMMUDevice *sdev, SMMUTransCfg *cfg,
                        SMMUEventInfo *event);
SMMUTransCfg *board_smmuv3_any_config(SMMUDevice *sdev, SMMUEventInfo *event);
SMMUTranslationStatus board_smmuv3_walk(SMMUv3State *s, hwaddr addr,
                                        SMMUTransCfg *cfg,
                                        SMMUEventInfo *event,
                                        IOMMUAccessFlags flag,
                                        SMMUTLBEntry **entry,
                                        SMMUTranslationClass class);

/* ATS, called by board_smmuv3_command() */
SMMUCmdError board_smmuv3_atc_inv(SMMUv3State *s, const Cmd *cmd);

#endif /* BOARD_HW_ARM_SMMUV3_HOOKS_H */
