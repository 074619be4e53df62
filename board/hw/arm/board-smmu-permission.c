/*
 * What the stages of the board's SMMUv3 permit: by privilege, and for execution
 *
 * Section numbers are those of IHI 0070 G.b. Its SMMU_IDR1.ATTR_PERMS_OVR is 0,
 * so that STE.PRIVCFG and STE.INSTCFG are ignored (5.2).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "board-smmuv3-hooks.h"

/* Descriptors of VMSAv8-64 */
#define PTE_USER(x)         extract64(x, 6, 1)      /* AP[1] */
#define PTE_READ_ONLY(x)    extract64(x, 7, 1)      /* AP[2] */
#define PTE_PXN(x)          extract64(x, 53, 1)
#define PTE_UXN(x)          extract64(x, 54, 1)
#define PTE_S2_XN(x)        extract64(x, 53, 2)
#define TABLE_PXN(x)        extract64(x, 59, 1)
#define TABLE_UXN(x)        extract64(x, 60, 1)
#define TABLE_NO_USER(x)    extract64(x, 61, 1)     /* APTable[0] */
#define TABLE_READ_ONLY(x)  extract64(x, 62, 1)     /* APTable[1] */

#define CD_WXN(x)           extract32((x)->word[1], 4, 1)
#define CD_PAN(x)           extract32((x)->word[1], 8, 1)

#define PRIV_SHIFT 4

void board_smmuv3_decode_cd(SMMUTransCfg *cfg, const CD *cd)
{
    cfg->x_wxn = CD_WXN(cd);
    cfg->x_pan = CD_PAN(cd);
}

uint8_t board_smmu_denied(const SMMUTransCfg *cfg, uint64_t pte,
                          uint64_t tables)
{
    bool user = PTE_USER(pte) && !TABLE_NO_USER(tables);
    bool writable = !PTE_READ_ONLY(pte) && !TABLE_READ_ONLY(tables);
    bool user_writable = user && writable;
    unsigned denied = 0, priv = 0;

    if (!user) {
        denied |= IOMMU_RW;
    }
    if (!writable) {
        denied |= IOMMU_WO;
        priv |= IOMMU_WO;
    }
    if (PTE_UXN(pte) || TABLE_UXN(tables) || (cfg->x_wxn && user_writable)) {
        denied |= IOMMU_EXEC;
    }
    /* What a user may write is never executed with privilege (5.4, UWXN). */
    if (PTE_PXN(pte) || TABLE_PXN(tables) || (cfg->x_wxn && writable) ||
        user_writable) {
        priv |= IOMMU_EXEC;
    }
    if (cfg->x_pan && user) {
        priv |= IOMMU_RW;
    }
    return denied | priv << PRIV_SHIFT;
}

uint8_t board_smmu_denied_s2(uint64_t pte)
{
    static const uint8_t denied[] = {
        [0] = 0,
        [1] = IOMMU_EXEC << PRIV_SHIFT,
        [2] = IOMMU_EXEC << PRIV_SHIFT | IOMMU_EXEC,
        [3] = IOMMU_EXEC,
    };

    return denied[PTE_S2_XN(pte)];
}

IOMMUAccessFlags board_smmu_denied_to(uint8_t denied, uint32_t txn)
{
    return extract32(denied >> (FIELD_EX32(txn, BOARD_TXN, PRIV) * PRIV_SHIFT),
                     0, PRIV_SHIFT);
}

bool board_smmu_permits(const SMMUTransCfg *cfg, uint8_t denied,
                        IOMMUAccessFlags access)
{
    /* A write is always one of data (13.7). */
    if (access == IOMMU_RO && FIELD_EX32(cfg->x_txn, BOARD_TXN, EXEC)) {
        access = IOMMU_EXEC;
    }
    return !(board_smmu_denied_to(denied, cfg->x_txn) & access);
}

bool board_smmu_permits_s2(const SMMUTransCfg *cfg, uint8_t denied,
                           IOMMUAccessFlags access)
{
    /*
     * Stage 2 alone is walked for data only: for CDs, for descriptors of stage
     * 1, and for transactions without a SubstreamID (13.7).
     */
    return cfg->stage != SMMU_NESTED ||
           board_smmu_permits(cfg, denied, access);
}
