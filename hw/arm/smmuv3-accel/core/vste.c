/*
 * What the guest programmed into an SMMUv3 -> the vSTE of one stream
 *
 * Section numbers are those of the Arm SMMUv3 architecture, IHI 0070.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "vste.h"

#define GBPA_ABORT              BIT(20)

#define STRTAB_ADDR_MASK        MAKE_64BIT_MASK(6, 46)
#define STRTAB_CFG_LOG2SIZE(c)  extract32(c, 0, 6)
#define STRTAB_CFG_SPLIT(c)     extract32(c, 6, 5)
#define STRTAB_CFG_FMT(c)       extract32(c, 16, 2)
#define STRTAB_FMT_2LVL         1

#define L1STD_SPAN(d)           extract64(d, 0, 5)
#define L1STD_SPAN_MAX          11
#define L1STD_L2PTR_MASK        MAKE_64BIT_MASK(6, 46)

#define STE_SIZE                64
#define STE_CONFIG_BYPASS       4
#define STE_CONFIG_S1           5

SMMUv3VSTE smmuv3_vste_fixed(SMMUv3VSTEKind kind, SMMUv3VSTEReason reason)
{
    uint64_t config = kind == SMMUV3_VSTE_BYPASS ? STE_CONFIG_BYPASS : 0;

    return (SMMUv3VSTE) {
        .kind = kind,
        .reason = reason,
        .word[0] = SMMUV3_STE0_V | config << SMMUV3_STE0_CONFIG_SHIFT,
    };
}

bool smmuv3_vste_same(const SMMUv3VSTE *a, const SMMUv3VSTE *b)
{
    return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

const char *smmuv3_vste_kind_name(SMMUv3VSTEKind kind)
{
    static const char *const name[] = {
        [SMMUV3_VSTE_ABORT] = "abort",
        [SMMUV3_VSTE_BYPASS] = "bypass",
        [SMMUV3_VSTE_TRANSLATE] = "translate",
    };

    return name[kind];
}

const char *smmuv3_vste_reason_name(SMMUv3VSTEReason reason)
{
    static const char *const name[] = {
        [SMMUV3_VSTE_GBPA] = "gbpa",
        [SMMUV3_VSTE_STE] = "ste",
        [SMMUV3_VSTE_BAD_STREAMID] = "bad-streamid",
        [SMMUV3_VSTE_FETCH] = "ste-fetch",
        [SMMUV3_VSTE_BAD_STE] = "bad-ste",
    };

    return name[reason];
}

/* 6.3.25: SPLIT is 6, 8 or 10; a reserved value behaves as 6 */
static unsigned strtab_split(uint32_t cfg)
{
    unsigned split = STRTAB_CFG_SPLIT(cfg);

    return split == 8 || split == 10 ? split : 6;
}

/* STRTAB_BASE.ADDR with bits [@n:0] taken as zero (6.3.24) */
static uint64_t strtab_base(const SMMUv3VSTERegs *regs, unsigned n)
{
    return regs->strtab_base & STRTAB_ADDR_MASK & ~MAKE_64BIT_MASK(0, n + 1);
}

/*
 * Find the address of the STE of @sid in a 2-level table (3.3.2, 5.1).
 * Returns false, with @reason set, if the stream has none.
 */
static bool find_ste_2lvl(const SMMUv3VSTERegs *regs, unsigned log2size,
                          uint32_t sid, SMMUv3TableReader *read, void *opaque,
                          uint64_t *addr, SMMUv3VSTEReason *reason)
{
    unsigned split = strtab_split(regs->strtab_base_cfg);
    unsigned l1_log2 = log2size > split ? log2size - split : 0;
    uint32_t index = extract32(sid, 0, split);
    uint64_t l1std;
    unsigned span;

    if (!read(opaque,
              strtab_base(regs, MAX(5, l1_log2 + 2)) +
              (uint64_t)(sid >> split) * sizeof(l1std),
              &l1std, sizeof(l1std))) {
        *reason = SMMUV3_VSTE_FETCH;
        return false;
    }
    l1std = le64_to_cpu(l1std);
    span = L1STD_SPAN(l1std);
    /* 5.1: 0 is "no table", 12 to 31 are reserved and behave as 0 */
    if (!span || span > L1STD_SPAN_MAX || index >= BIT(span - 1)) {
        *reason = SMMUV3_VSTE_BAD_STREAMID;
        return false;
    }
    *addr = (l1std & L1STD_L2PTR_MASK & ~MAKE_64BIT_MASK(0, span + 5)) +
            (uint64_t)index * STE_SIZE;
    return true;
}

static bool find_ste(const SMMUv3VSTERegs *regs, uint32_t sid,
                     SMMUv3TableReader *read, void *opaque,
                     uint64_t *addr, SMMUv3VSTEReason *reason)
{
    /* 6.3.25: the table is never larger than SIDSIZE allows */
    unsigned log2size = MIN(STRTAB_CFG_LOG2SIZE(regs->strtab_base_cfg),
                            regs->sidsize);

    if ((uint64_t)sid >> log2size) {
        *reason = SMMUV3_VSTE_BAD_STREAMID;
        return false;
    }
    if (STRTAB_CFG_FMT(regs->strtab_base_cfg) == STRTAB_FMT_2LVL) {
        return find_ste_2lvl(regs, log2size, sid, read, opaque, addr, reason);
    }
    *addr = strtab_base(regs, log2size + 5) + (uint64_t)sid * STE_SIZE;
    return true;
}

/* 5.2: what makes a stage-1 STE ILLEGAL, as far as its effect depends on it */
static bool s1_ste_legal(const SMMUv3VSTERegs *regs, const uint64_t ste[2])
{
    if (ste[1] & SMMUV3_STE1_S1STALLD) {
        return false;                   /* IDR0.STALL_MODEL is 0b01 here */
    }
    if (regs->ats && extract64(ste[1], 28, 2) > 1) {
        return false;                   /* EATS: stage 1 and 2, or DPT */
    }
    if (regs->ssidsize) {
        unsigned cdmax = extract64(ste[0], 59, 5);
        unsigned fmt = extract64(ste[0], 4, 2);

        if (cdmax > regs->ssidsize) {
            return false;
        }
        if (cdmax && (fmt == 3 || (fmt && !regs->cd2l))) {
            return false;
        }
    }
    return true;
}

/*
 * Keep what both the host takes (linux/iommufd.h, iommu_hwpt_arm_smmuv3) and
 * the vSMMU offers. A field of a feature that is not offered is IGNORED (5.2),
 * so masking it changes nothing that the guest may rely on.
 */
static void mask_s1_ste(const SMMUv3VSTERegs *regs, uint64_t ste[2])
{
    uint64_t mask0 = SMMUV3_STE0_V | SMMUV3_STE0_S1CTXPTR |
                     MAKE_64BIT_MASK(SMMUV3_STE0_CONFIG_SHIFT,
                                     SMMUV3_STE0_CONFIG_LEN);
    uint64_t mask1 = SMMUV3_STE1_S1CIR | SMMUV3_STE1_S1COR |
                     SMMUV3_STE1_S1CSH;

    if (regs->ssidsize && extract64(ste[0], 59, 5)) {
        mask0 |= SMMUV3_STE0_S1CDMAX | SMMUV3_STE0_S1FMT;
        mask1 |= SMMUV3_STE1_S1DSS;
    }
    if (regs->ats) {
        mask1 |= SMMUV3_STE1_EATS;
    }
    ste[0] &= mask0;
    ste[1] &= mask1;
}

static SMMUv3VSTE decode_ste(const SMMUv3VSTERegs *regs, uint64_t ste[2])
{
    unsigned config = extract64(ste[0], SMMUV3_STE0_CONFIG_SHIFT,
                                SMMUV3_STE0_CONFIG_LEN);

    if (!(ste[0] & SMMUV3_STE0_V)) {
        return smmuv3_vste_fixed(SMMUV3_VSTE_ABORT, SMMUV3_VSTE_BAD_STE);
    }
    if (config < STE_CONFIG_BYPASS) {
        return smmuv3_vste_fixed(SMMUV3_VSTE_ABORT, SMMUV3_VSTE_STE);
    }
    if (config == STE_CONFIG_BYPASS) {
        return smmuv3_vste_fixed(SMMUV3_VSTE_BYPASS, SMMUV3_VSTE_STE);
    }
    /* 0b11x asks for stage 2, which an accelerated vSMMU does not have */
    if (config != STE_CONFIG_S1 || !s1_ste_legal(regs, ste)) {
        return smmuv3_vste_fixed(SMMUV3_VSTE_ABORT, SMMUV3_VSTE_BAD_STE);
    }
    mask_s1_ste(regs, ste);
    return (SMMUv3VSTE) {
        .kind = SMMUV3_VSTE_TRANSLATE,
        .reason = SMMUV3_VSTE_STE,
        .word = { ste[0], ste[1] },
    };
}

SMMUv3VSTE smmuv3_vste_resolve(const SMMUv3VSTERegs *regs, uint32_t sid,
                               SMMUv3TableReader *read, void *opaque)
{
    SMMUv3VSTEReason reason;
    uint64_t ste[2];
    uint64_t addr;

    if (!regs->smmuen) {
        /*
         * 6.3.14: with IDR1.ATTR_TYPES_OVR = ATTR_PERMS_OVR = 0, every field
         * but ABORT means "use incoming", so this is GBPA and not a likeness.
         */
        return smmuv3_vste_fixed(regs->gbpa & GBPA_ABORT ? SMMUV3_VSTE_ABORT
                                                         : SMMUV3_VSTE_BYPASS,
                                 SMMUV3_VSTE_GBPA);
    }
    if (!find_ste(regs, sid, read, opaque, &addr, &reason)) {
        return smmuv3_vste_fixed(SMMUV3_VSTE_ABORT, reason);
    }
    if (!read(opaque, addr, ste, sizeof(ste))) {
        return smmuv3_vste_fixed(SMMUV3_VSTE_ABORT, SMMUV3_VSTE_FETCH);
    }
    ste[0] = le64_to_cpu(ste[0]);
    ste[1] = le64_to_cpu(ste[1]);
    return decode_ste(regs, ste);
}
