/*
 * What the guest programmed into an SMMUv3 -> the vSTE of one stream
 *
 * Section numbers are those of the Arm SMMUv3 architecture, IHI 0070 G.b.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "vste.h"

#define GBPA_ABORT              BIT(20)

/* STRTAB_BASE.ADDR and L1STD.L2Ptr, for an OAS of up to 52 bits */
#define TABLE_ADDR_MASK         MAKE_64BIT_MASK(6, 46)
#define STRTAB_CFG_LOG2SIZE(c)  extract32(c, 0, 6)
#define STRTAB_CFG_SPLIT(c)     extract32(c, 6, 5)
#define STRTAB_CFG_FMT(c)       extract32(c, 16, 2)
#define STRTAB_FMT_2LVL         1

#define L1STD_SPAN(d)           extract64(d, 0, 5)

/* S1ContextPtr, including the bits that are beyond any OAS of SMMUv3.1 */
#define STE0_S1CTXPTR_ALL       MAKE_64BIT_MASK(6, 50)

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

bool smmuv3_vste_uses_ats(const SMMUv3VSTE *vste)
{
    return vste->word[1] & SMMUV3_STE1_EATS;
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

static const struct {
    const char *field;
    const char *wrong;
    enum { HEX, DECIMAL, BINARY } base;
    bool never_right;
} details[] = {
    [SMMUV3_VSTE_SID_RANGE] = {
        "StreamID ", "is beyond the Stream table (6.3.25, 7.3.3)" },
    [SMMUV3_VSTE_SPAN_ZERO] = {
        "L1STD.Span ", "means that there is no second level (5.1)",
        .base = DECIMAL },
    [SMMUV3_VSTE_SPAN_RESERVED] = {
        "L1STD.Span ", "is above SPLIT + 1 (5.1.1, 7.3.3)",
        .base = DECIMAL, .never_right = true },
    [SMMUV3_VSTE_SPAN_RANGE] = {
        "StreamID ", "is beyond its L1STD.Span (5.1, 7.3.3)" },
    [SMMUV3_VSTE_L1STD_FETCH] = {
        "the L1STD at ", "cannot be read (7.3.4)", .never_right = true },
    [SMMUV3_VSTE_STE_FETCH] = {
        "the STE at ", "cannot be read (7.3.4)", .never_right = true },
    [SMMUV3_VSTE_V] = {
        "V ", "means that the STE is not valid (5.2)",
        .base = DECIMAL },
    [SMMUV3_VSTE_CONFIG] = {
        "Config ", "needs stage 2, and IDR0.S2P is 0 (5.2)",
        .base = BINARY, .never_right = true },
    [SMMUV3_VSTE_EATS] = {
        "EATS ", "needs Config 0b111 (5.2)",
        .base = BINARY, .never_right = true },
    [SMMUV3_VSTE_S1STALLD] = {
        "S1STALLD ", "is ILLEGAL, as IDR0.STALL_MODEL is 0b01 (5.2)",
        .base = DECIMAL, .never_right = true },
    [SMMUV3_VSTE_S1CDMAX] = {
        "S1CDMax ", "is above IDR1.SSIDSIZE (5.2)",
        .base = DECIMAL, .never_right = true },
    [SMMUV3_VSTE_S1FMT] = {
        "S1Fmt ", "needs IDR0.CD2L, which is 0 (5.2)",
        .base = BINARY, .never_right = true },
    [SMMUV3_VSTE_S1CONTEXTPTR] = {
        "S1ContextPtr ", "is beyond the output address size, IDR5.OAS (5.2.2)",
        .never_right = true },
};

/* The encoding of a field of two or three bits, as the architecture has it */
static void print_binary(char *buf, size_t len, unsigned value)
{
    snprintf(buf, len, value & 4 ? "0b1%u%u" : "0b%u%u", extract32(value, 1, 1),
             extract32(value, 0, 1));
}

char *smmuv3_vste_explain(const SMMUv3VSTE *vste)
{
    char value[24];

    if (vste->detail == SMMUV3_VSTE_NO_DETAIL) {
        return NULL;
    }
    if (details[vste->detail].base == BINARY) {
        print_binary(value, sizeof(value), vste->value);
    } else {
        snprintf(value, sizeof(value), details[vste->detail].base == HEX ?
                 "0x%" PRIx64 : "%" PRIu64, vste->value);
    }
    return g_strdup_printf("%s%s %s", details[vste->detail].field, value,
                           details[vste->detail].wrong);
}

bool smmuv3_vste_is_guest_error(const SMMUv3VSTE *vste)
{
    return details[vste->detail].never_right;
}

static SMMUv3VSTE bad(SMMUv3VSTEReason reason, SMMUv3VSTEDetail detail,
                      uint64_t value)
{
    SMMUv3VSTE vste = smmuv3_vste_fixed(SMMUV3_VSTE_ABORT, reason);

    vste.detail = detail;
    vste.value = value;
    return vste;
}

/* 6.3.25: SPLIT is 6, 8 or 10; a reserved value behaves as 6 */
static unsigned strtab_split(uint32_t cfg)
{
    unsigned split = STRTAB_CFG_SPLIT(cfg);

    return split == 8 || split == 10 ? split : 6;
}

/* The address of a table: bits [@n:0] are taken as zero */
static uint64_t table_addr(uint64_t field, unsigned n)
{
    return n < 63 ? field & TABLE_ADDR_MASK & UINT64_MAX << (n + 1) : 0;
}

/*
 * Find the STE of @sid in a 2-level table (3.3.1.2, 5.1).
 * Returns false, with @vste set, if the stream has none.
 */
static bool find_ste_2lvl(const SMMUv3VSTERegs *regs, uint32_t sid,
                          SMMUv3TableReader *read, void *opaque,
                          uint64_t *addr, SMMUv3VSTE *vste)
{
    unsigned log2size = STRTAB_CFG_LOG2SIZE(regs->strtab_base_cfg);
    unsigned split = strtab_split(regs->strtab_base_cfg);
    uint32_t index = extract32(sid, 0, split);
    uint64_t l1std_addr, l1std;
    unsigned span;

    /*
     * 6.3.24: the address is aligned to the first level's size, given by
     * LOG2SIZE
     */
    l1std_addr = table_addr(regs->strtab_base,
                            log2size > split + 3 ? log2size - split + 2 : 5) +
                 (uint64_t)(sid >> split) * sizeof(l1std);
    if (!read(opaque, l1std_addr, &l1std, sizeof(l1std))) {
        *vste = bad(SMMUV3_VSTE_FETCH, SMMUV3_VSTE_L1STD_FETCH, l1std_addr);
        return false;
    }
    l1std = le64_to_cpu(l1std);
    span = L1STD_SPAN(l1std);
    if (!span) {
        *vste = bad(SMMUV3_VSTE_BAD_STREAMID, SMMUV3_VSTE_SPAN_ZERO, span);
        return false;
    }
    /*
     * 5.1.1: no second level is longer than SPLIT. The reserved values 12 to
     * 31 are longer, too.
     */
    if (span > split + 1) {
        *vste = bad(SMMUV3_VSTE_BAD_STREAMID, SMMUV3_VSTE_SPAN_RESERVED, span);
        return false;
    }
    if (index >= BIT(span - 1)) {
        *vste = bad(SMMUV3_VSTE_BAD_STREAMID, SMMUV3_VSTE_SPAN_RANGE, sid);
        return false;
    }
    *addr = table_addr(l1std, span + 4) + (uint64_t)index * STE_SIZE;
    return true;
}

static bool find_ste(const SMMUv3VSTERegs *regs, uint32_t sid,
                     SMMUv3TableReader *read, void *opaque,
                     uint64_t *addr, SMMUv3VSTE *vste)
{
    unsigned log2size = STRTAB_CFG_LOG2SIZE(regs->strtab_base_cfg);

    /* 6.3.25: LOG2SIZE is capped at SIDSIZE */
    if ((uint64_t)sid >> MIN(log2size, regs->sidsize)) {
        *vste = bad(SMMUV3_VSTE_BAD_STREAMID, SMMUV3_VSTE_SID_RANGE, sid);
        return false;
    }
    if (STRTAB_CFG_FMT(regs->strtab_base_cfg) == STRTAB_FMT_2LVL) {
        return find_ste_2lvl(regs, sid, read, opaque, addr, vste);
    }
    /* 6.3.24: the address is aligned to the table's size, given by LOG2SIZE */
    *addr = table_addr(regs->strtab_base, log2size + 5) +
            (uint64_t)sid * STE_SIZE;
    return true;
}

static uint64_t field(uint64_t word, uint64_t mask)
{
    return (word & mask) >> ctz64(mask);
}

/*
 * Clear the fields that mean nothing to this vSMMU, and replace reserved
 * encodings by those that they behave as (5.2): the host takes neither.
 */
static void normalize_s1_ste(const SMMUv3VSTERegs *regs, uint64_t ste[2])
{
    if (!regs->ats || field(ste[1], SMMUV3_STE1_EATS) == 3) {
        ste[1] &= ~SMMUV3_STE1_EATS;            /* 0b11 needs IDR3.DPT */
    }
    if (!regs->ssidsize || !(ste[0] & SMMUV3_STE0_S1CDMAX)) {
        ste[0] &= ~(SMMUV3_STE0_S1CDMAX | SMMUV3_STE0_S1FMT);
        ste[1] &= ~SMMUV3_STE1_S1DSS;
    }
    if (field(ste[0], SMMUV3_STE0_S1FMT) == 3) {
        ste[0] &= ~SMMUV3_STE0_S1FMT;
    }
    if (field(ste[1], SMMUV3_STE1_S1DSS) == 3) {
        ste[1] &= ~SMMUV3_STE1_S1DSS;
    }
    if (field(ste[1], SMMUV3_STE1_S1CSH) == 1) {
        ste[1] &= ~SMMUV3_STE1_S1CSH;
    }
}

/*
 * 5.2, 5.2.2: the field that makes a normalized stage-1 STE ILLEGAL, or
 * NO_DETAIL
 */
static SMMUv3VSTEDetail s1_ste_fault(const SMMUv3VSTERegs *regs,
                                     const uint64_t ste[2], uint64_t *value)
{
    uint64_t ctxptr = ste[0] & STE0_S1CTXPTR_ALL;

    *value = field(ste[1], SMMUV3_STE1_EATS);
    if (*value > 1) {
        return SMMUV3_VSTE_EATS;
    }
    *value = field(ste[1], SMMUV3_STE1_S1STALLD);
    if (*value) {
        return SMMUV3_VSTE_S1STALLD;
    }
    *value = field(ste[0], SMMUV3_STE0_S1CDMAX);
    if (*value > regs->ssidsize) {
        return SMMUV3_VSTE_S1CDMAX;
    }
    *value = field(ste[0], SMMUV3_STE0_S1FMT);
    if (*value && !regs->cd2l) {
        return SMMUV3_VSTE_S1FMT;
    }
    *value = ctxptr;
    if (ctxptr >> regs->oas) {
        return SMMUV3_VSTE_S1CONTEXTPTR;
    }
    *value = 0;
    return SMMUV3_VSTE_NO_DETAIL;
}

static SMMUv3VSTE decode_s1_ste(const SMMUv3VSTERegs *regs, uint64_t ste[2])
{
    SMMUv3VSTEDetail detail;
    uint64_t value;

    normalize_s1_ste(regs, ste);
    detail = s1_ste_fault(regs, ste, &value);
    if (detail != SMMUV3_VSTE_NO_DETAIL) {
        return bad(SMMUV3_VSTE_BAD_STE, detail, value);
    }
    return (SMMUv3VSTE) {
        .kind = SMMUV3_VSTE_TRANSLATE,
        .reason = SMMUV3_VSTE_STE,
        .word = { ste[0] & SMMUV3_VSTE0_MASK, ste[1] & SMMUV3_VSTE1_MASK },
    };
}

static SMMUv3VSTE decode_ste(const SMMUv3VSTERegs *regs, uint64_t ste[2])
{
    unsigned config = extract64(ste[0], SMMUV3_STE0_CONFIG_SHIFT,
                                SMMUV3_STE0_CONFIG_LEN);

    if (!(ste[0] & SMMUV3_STE0_V)) {
        return bad(SMMUV3_VSTE_BAD_STE, SMMUV3_VSTE_V, 0);
    }
    if (config < STE_CONFIG_BYPASS) {
        return smmuv3_vste_fixed(SMMUV3_VSTE_ABORT, SMMUV3_VSTE_STE);
    }
    if (config == STE_CONFIG_BYPASS) {
        return smmuv3_vste_fixed(SMMUV3_VSTE_BYPASS, SMMUV3_VSTE_STE);
    }
    if (config == STE_CONFIG_S1) {
        return decode_s1_ste(regs, ste);
    }
    /* 0b11x asks for stage 2, which an accelerated vSMMU does not have */
    return bad(SMMUV3_VSTE_BAD_STE, SMMUV3_VSTE_CONFIG, config);
}

SMMUv3VSTE smmuv3_vste_resolve(const SMMUv3VSTERegs *regs, uint32_t sid,
                               SMMUv3TableReader *read, void *opaque)
{
    SMMUv3VSTE vste;
    uint64_t ste[2];
    uint64_t addr;

    if (!regs->smmuen) {
        /*
         * 6.3.14: with IDR1.ATTR_TYPES_OVR = ATTR_PERMS_OVR = 0, every field
         * but ABORT means "use incoming", so this vSTE is exactly GBPA.
         */
        return smmuv3_vste_fixed(regs->gbpa & GBPA_ABORT ? SMMUV3_VSTE_ABORT
                                                         : SMMUV3_VSTE_BYPASS,
                                 SMMUV3_VSTE_GBPA);
    }
    if (!find_ste(regs, sid, read, opaque, &addr, &vste)) {
        return vste;
    }
    if (!read(opaque, addr, ste, sizeof(ste))) {
        return bad(SMMUV3_VSTE_FETCH, SMMUV3_VSTE_STE_FETCH, addr);
    }
    ste[0] = le64_to_cpu(ste[0]);
    ste[1] = le64_to_cpu(ste[1]);
    return decode_ste(regs, ste);
}
