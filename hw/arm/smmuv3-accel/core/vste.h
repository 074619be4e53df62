/*
 * What the guest programmed into an SMMUv3 -> the vSTE of one stream
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_VSTE_H
#define HW_ARM_SMMUV3_ACCEL_CORE_VSTE_H

/* Bits of STE words 0 and 1 (IHI 0070, 5.2) that a stage-1 vSTE can hold */
#define SMMUV3_STE0_V            BIT_ULL(0)
#define SMMUV3_STE0_CONFIG_SHIFT 1
#define SMMUV3_STE0_CONFIG_LEN   3
#define SMMUV3_STE0_S1FMT        MAKE_64BIT_MASK(4, 2)
#define SMMUV3_STE0_S1CTXPTR     MAKE_64BIT_MASK(6, 46)
#define SMMUV3_STE0_S1CDMAX      MAKE_64BIT_MASK(59, 5)
#define SMMUV3_STE1_S1DSS        MAKE_64BIT_MASK(0, 2)
#define SMMUV3_STE1_S1CIR        MAKE_64BIT_MASK(2, 2)
#define SMMUV3_STE1_S1COR        MAKE_64BIT_MASK(4, 2)
#define SMMUV3_STE1_S1CSH        MAKE_64BIT_MASK(6, 2)
#define SMMUV3_STE1_S1STALLD     BIT_ULL(27)
#define SMMUV3_STE1_EATS         MAKE_64BIT_MASK(28, 2)

/* What a stream must do */
typedef enum SMMUv3VSTEKind {
    SMMUV3_VSTE_ABORT,
    SMMUV3_VSTE_BYPASS,
    SMMUV3_VSTE_TRANSLATE,
} SMMUv3VSTEKind;

/* Which part of the guest's programming asked for it */
typedef enum SMMUv3VSTEReason {
    SMMUV3_VSTE_GBPA,          /* CR0.SMMUEN = 0 */
    SMMUV3_VSTE_STE,           /* a valid STE says so */
    SMMUV3_VSTE_BAD_STREAMID,  /* outside the Stream table (C_BAD_STREAMID) */
    SMMUV3_VSTE_FETCH,         /* the table cannot be read (F_STE_FETCH) */
    SMMUV3_VSTE_BAD_STE,       /* V = 0 or an ILLEGAL STE (C_BAD_STE) */
} SMMUv3VSTEReason;

/**
 * SMMUv3VSTE - what one stream must be
 * @word: the vSTE, in host byte order and masked to what the vSMMU offers;
 *        for abort and bypass the same two words whatever the reason, so that
 *        one HWPT serves every stream
 */
typedef struct SMMUv3VSTE {
    SMMUv3VSTEKind kind;
    SMMUv3VSTEReason reason;
    uint64_t word[2];
} SMMUv3VSTE;

/* The registers and capabilities that decide about a stream */
typedef struct SMMUv3VSTERegs {
    bool smmuen;               /* CR0.SMMUEN */
    uint32_t gbpa;             /* GBPA */
    uint64_t strtab_base;      /* STRTAB_BASE */
    uint32_t strtab_base_cfg;  /* STRTAB_BASE_CFG */
    uint8_t sidsize;           /* IDR1.SIDSIZE as the guest sees it */
    uint8_t ssidsize;          /* IDR1.SSIDSIZE; 0: no SubstreamIDs */
    bool ats;                  /* IDR0.ATS */
    bool cd2l;                 /* IDR0.CD2L */
} SMMUv3VSTERegs;

/**
 * SMMUv3TableReader - read @len bytes of guest memory at @addr into @buf
 *
 * Returns: false if any of it is not memory
 */
typedef bool SMMUv3TableReader(void *opaque, uint64_t addr, void *buf,
                               size_t len);

/**
 * smmuv3_vste_resolve - what the stream @sid must be under @regs
 * @read: called only with @regs->smmuen set (IHI 0070, 6.3.9.6: with SMMUEN = 0
 *        the Stream table is not accessed)
 *
 * Pure: reads nothing but its arguments and what @read returns. Whatever the
 * tables hold, the result is one of the three kinds; there is no error.
 */
SMMUv3VSTE smmuv3_vste_resolve(const SMMUv3VSTERegs *regs, uint32_t sid,
                               SMMUv3TableReader *read, void *opaque);

/* The vSTE for @kind, which is not SMMUV3_VSTE_TRANSLATE */
SMMUv3VSTE smmuv3_vste_fixed(SMMUv3VSTEKind kind, SMMUv3VSTEReason reason);

/* Same words: the host cannot tell one from the other */
bool smmuv3_vste_same(const SMMUv3VSTE *a, const SMMUv3VSTE *b);

const char *smmuv3_vste_kind_name(SMMUv3VSTEKind kind);
const char *smmuv3_vste_reason_name(SMMUv3VSTEReason reason);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_VSTE_H */
