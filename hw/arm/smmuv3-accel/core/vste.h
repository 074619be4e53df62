/*
 * What the guest programmed into an SMMUv3 -> the vSTE of one stream
 *
 * Section numbers are those of IHI 0070 G.b.
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

/*
 * What the host takes (linux/iommufd.h, iommu_hwpt_arm_smmuv3), without
 * S1STALLD, which is the host's to set
 */
#define SMMUV3_VSTE0_MASK                                                   \
    (SMMUV3_STE0_V |                                                        \
     MAKE_64BIT_MASK(SMMUV3_STE0_CONFIG_SHIFT, SMMUV3_STE0_CONFIG_LEN) |    \
     SMMUV3_STE0_S1FMT | SMMUV3_STE0_S1CTXPTR | SMMUV3_STE0_S1CDMAX)
#define SMMUV3_VSTE1_MASK                                                   \
    (SMMUV3_STE1_S1DSS | SMMUV3_STE1_S1CIR | SMMUV3_STE1_S1COR |            \
     SMMUV3_STE1_S1CSH | SMMUV3_STE1_EATS)

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

/*
 * Which field it is, when the reason is BAD_STREAMID, FETCH or BAD_STE. The
 * value of the field comes with it, in SMMUv3VSTE.value.
 */
typedef enum SMMUv3VSTEDetail {
    SMMUV3_VSTE_NO_DETAIL,
    SMMUV3_VSTE_SID_RANGE,      /* the StreamID is not in the Stream table */
    SMMUV3_VSTE_SPAN_ZERO,      /* L1STD.Span: no second level */
    SMMUV3_VSTE_SPAN_RESERVED,  /* L1STD.Span: above SPLIT + 1 */
    SMMUV3_VSTE_SPAN_RANGE,     /* the StreamID is beyond L1STD.Span */
    SMMUV3_VSTE_L1STD_FETCH,    /* value: the address of the L1STD */
    SMMUV3_VSTE_STE_FETCH,      /* value: the address of the STE */
    SMMUV3_VSTE_V,
    SMMUV3_VSTE_CONFIG,
    SMMUV3_VSTE_EATS,
    SMMUV3_VSTE_S1STALLD,
    SMMUV3_VSTE_S1CDMAX,
    SMMUV3_VSTE_S1FMT,
    SMMUV3_VSTE_S1CONTEXTPTR,
} SMMUv3VSTEDetail;

/**
 * SMMUv3VSTE - what one stream must be
 * @detail, @value: the field that made the Stream table say nothing of use
 * @word: the vSTE, in host byte order and masked to what the vSMMU offers;
 *        for abort and bypass the same two words whatever the reason, so that
 *        one HWPT serves every stream
 */
typedef struct SMMUv3VSTE {
    SMMUv3VSTEKind kind;
    SMMUv3VSTEReason reason;
    SMMUv3VSTEDetail detail;
    uint64_t value;
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
    uint8_t oas;               /* IDR5.OAS in bits, 32 to 52 */
    bool asid16;               /* IDR0.ASID16: ASIDs have 16 bits, else 8 */
    bool ats;                  /* IDR0.ATS */
    bool cd2l;                 /* IDR0.CD2L */
} SMMUv3VSTERegs;

/**
 * SMMUv3TableReader - read @len bytes of guest memory at @addr into @buf
 * @opaque: as passed to smmuv3_vste_resolve(); in device/ an SMMUv3Accel *
 *
 * Returns: false if any of it is not memory
 */
typedef bool SMMUv3TableReader(void *opaque, uint64_t addr, void *buf,
                               size_t len);

/**
 * smmuv3_vste_resolve - what the stream @sid must be under @regs
 * @read: called only with @regs->smmuen set (6.3.9.6: with SMMUEN = 0 the
 *        Stream table is not accessed)
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

/* As QAPI's SMMUv3AccelReason has it, which follows this enum */
const char *smmuv3_vste_reason_name(SMMUv3VSTEReason reason);

/**
 * smmuv3_vste_explain - the field, its value, what is wrong, and the section
 *
 * For example "Config 0b110 needs stage 2, and IDR0.S2P is 0 (5.2)". The words
 * are for people: trace, log and monitor say the same.
 *
 * Returns: a string that the caller frees, or NULL without SMMUv3VSTE.detail
 */
char *smmuv3_vste_explain(const SMMUv3VSTE *vste);

/*
 * Whether the guest has programmed something that is never right. A StreamID
 * without an entry, or with one that is not valid yet, is no mistake.
 */
bool smmuv3_vste_is_guest_error(const SMMUv3VSTE *vste);

/* Does a device with this vSTE use ATS (translation, EATS = 1)? */
bool smmuv3_vste_uses_ats(const SMMUv3VSTE *vste);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_VSTE_H */
