/*
 * What IHI 0070 says a stream does: short, slow, and of its own
 *
 * Section numbers are those of issue G.b.  Bits [a:b] are numbered as the
 * section does.  Where the architecture permits a choice that the caller
 * could see, the one taken here is named.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-oracle.h"

/* Fields, always right-aligned; hi is below 64, and hi >= lo */
static uint64_t bits(uint64_t value, unsigned hi, unsigned lo)
{
    uint64_t field = 0;

    for (unsigned i = lo; i <= hi; i++) {
        if ((value >> i) & 1) {
            field |= UINT64_C(1) << (i - lo);
        }
    }
    return field;
}

/* bits [top:0] taken as zero; top may be beyond the 64 that there are */
static uint64_t zero_up_to(uint64_t value, unsigned top)
{
    for (unsigned i = 0; i <= top && i < 64; i++) {
        value &= ~(UINT64_C(1) << i);
    }
    return value;
}

/* Chapter 5: all structures are little-endian */
static uint64_t doubleword(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static OracleStream aborts(OracleWhy why)
{
    return (OracleStream) { .says = ORACLE_ABORT, .why = why };
}

static OracleStream bypasses(void)
{
    return (OracleStream) { .says = ORACLE_BYPASS, .why = ORACLE_NONE };
}

/*
 * The tables' addresses: STRTAB_BASE.ADDR and L1STD.L2Ptr are [55:6] (6.3.24,
 * 5.1).  No OAS of an SMMUv3.1 reaches [55:52] (6.3.6): they are RES0, and
 * cut off; below, nothing is.  An address beyond the OAS is truncated to it,
 * or the fetch fails (3.4.3, CONSTRAINED UNPREDICTABLE): the reader says.
 */
static uint64_t table_address(uint64_t value)
{
    return bits(value, 51, 6) << 6;
}

/* 5.2, 5.2.2: what a fetched STE says.  ste[n] is bits [64n+63:64n]. */
static OracleStream ste_says(const OracleRegs *r, const uint64_t ste[2])
{
    OracleStream s = { .says = ORACLE_STAGE1, .why = ORACLE_NONE };
    uint64_t v = bits(ste[0], 0, 0);
    uint64_t config = bits(ste[0], 3, 1);
    uint64_t s1fmt = bits(ste[0], 5, 4);
    uint64_t s1contextptr = bits(ste[0], 55, 6);
    uint64_t s1cdmax = bits(ste[0], 63, 59);
    uint64_t s1dss = bits(ste[1], 65 - 64, 64 - 64);
    uint64_t s1cir = bits(ste[1], 67 - 64, 66 - 64);
    uint64_t s1cor = bits(ste[1], 69 - 64, 68 - 64);
    uint64_t s1csh = bits(ste[1], 71 - 64, 70 - 64);
    uint64_t s1stalld = bits(ste[1], 91 - 64, 91 - 64);
    uint64_t eats = bits(ste[1], 93 - 64, 92 - 64);

    /* 5.2 V: the rest is IGNORED */
    if (v == 0) {
        return aborts(ORACLE_C_BAD_STE);
    }

    switch (config) {
    case 0: /* 0b000 */
    case 1: /* 0b0xx: reserved, behaves as 0b000 */
    case 2:
    case 3:
        /* 5.2 Config, 5.2.1: no event; the rest is IGNORED */
        return aborts(ORACLE_NONE);
    case 4: /* 0b100 */
        /* 5.2, 5.2.1: S1*, S2* and EATS are IGNORED */
        return bypasses();
    case 5: /* 0b101: stage 1 translates, stage 2 is bypassed */
        break;
    case 6: /* 0b11x: ILLEGAL with IDR0.S2P = 0 */
    case 7:
    default:
        return aborts(ORACLE_C_BAD_STE);
    }

    /*
     * From here on, Config is 0b101.  Not looked at: all S2* fields and
     * S2VMID (5.2, 5.2.2 IgnoreSTES2VMID), NSCFG; STRW with Hyp = 0 (5.2.2
     * IgnoreSTESTRW); CONT, DRE, DCP, MEV, SW_RESERVED; and what is RES0
     * here, which chapter 5 permits to ignore or to find ILLEGAL (ignored is
     * the choice): unspecified bits, MTCFG, MemAttr, ALLOCCFG, SHCFG,
     * INSTCFG, PRIVCFG, PPAR, S1PIE, S1MPAM.
     */

    /*
     * 5.2 EATS: IGNORED with IDR0.ATS = 0.  0b10 is ILLEGAL unless Config is
     * 0b111; 0b11 is reserved, and behaves as 0b00, with IDR3.DPT = 0.
     * STE.S2S matters to 0b01 for Config 0b11x only (from SMMUv3.1 on).
     */
    if (!r->idr0_ats) {
        eats = 0;
    }
    if (eats == 2) {
        return aborts(ORACLE_C_BAD_STE);
    }
    if (eats == 3) {
        eats = 0;
    }

    /* 5.2 S1STALLD: 1 is ILLEGAL with STALL_MODEL other than 0b00 */
    if (s1stalld == 1) {
        return aborts(ORACLE_C_BAD_STE);
    }

    /* 5.2 S1CDMax: IGNORED without substreams; above SSIDSIZE ILLEGAL */
    if (r->idr1_ssidsize == 0) {
        s1cdmax = 0;
    } else if (s1cdmax > r->idr1_ssidsize) {
        return aborts(ORACLE_C_BAD_STE);
    }

    /*
     * 5.2 S1Fmt, S1DSS: IGNORED without substreams, and with S1CDMax = 0
     * (s1cdmax is 0 in both cases).  S1Fmt 0b11 and S1DSS 0b11 are reserved,
     * and behave as 0b00; that of S1Fmt is not ILLEGAL with IDR0.CD2L = 0
     * either (5.2.2).
     */
    if (s1cdmax == 0) {
        s1fmt = 0;
        s1dss = 0;
    }
    if (s1fmt == 3) {
        s1fmt = 0;
    }
    if (s1dss == 3) {
        s1dss = 0;
    }
    if ((s1fmt == 1 || s1fmt == 2) && !r->idr0_cd2l) {
        return aborts(ORACLE_C_BAD_STE);
    }

    /*
     * 3.4.3 (1), 5.2.2: an S1ContextPtr beyond the OAS is ILLEGAL from
     * SMMUv3.1 on.  Bits below the alignment of the CD table (5.2 S1Fmt,
     * CONSTRAINED UNPREDICTABLE) are left as they are.
     */
    if (r->idr5_oas_bits != 0) {
        for (unsigned i = r->idr5_oas_bits; i <= 55; i++) {
            if (bits(s1contextptr << 6, i, i) != 0) {
                return aborts(ORACLE_C_BAD_STE);
            }
        }
    }

    /* 5.2 S1CSH: 0b01 is reserved, and behaves as 0b00 */
    if (s1csh == 1) {
        s1csh = 0;
    }

    s.ste[0] = v | config << 1 | s1fmt << 4 | s1contextptr << 6 |
               s1cdmax << 59;
    s.ste[1] = s1dss << (64 - 64) | s1cir << (66 - 64) | s1cor << (68 - 64) |
               s1csh << (70 - 64) | eats << (92 - 64);
    return s;
}

OracleStream oracle_stream(const OracleRegs *r, uint32_t sid, OracleRead *read,
                           void *opaque)
{
    /* 6.3.25 */
    unsigned log2size = bits(r->strtab_base_cfg, 5, 0);
    unsigned split = bits(r->strtab_base_cfg, 10, 6);
    unsigned fmt = bits(r->strtab_base_cfg, 17, 16);
    unsigned sid_bits = log2size;
    /* 6.3.24: ADDR; RA[62] is a hint, the rest RES0 */
    uint64_t base = table_address(r->strtab_base);
    uint64_t ste_addr;
    uint8_t bytes[64];
    uint64_t ste[2];

    /*
     * 6.3.9.6, 6.3.14: with SMMUEN = 0, GBPA says all, and no table is read.
     * ABORT is bit [20]; the attributes do not matter here.  No event.
     */
    if (!r->cr0_smmuen) {
        if (bits(r->gbpa, 20, 20) == 1) {
            return aborts(ORACLE_NONE);
        }
        return bypasses();
    }

    /*
     * 6.3.25, 3.3.1, 7.3.3 (1): the range of StreamIDs, and what is indexed
     * by, is 2^MIN(LOG2SIZE, IDR1.SIDSIZE)
     */
    if (sid_bits > r->idr1_sidsize) {
        sid_bits = r->idr1_sidsize;
    }
    if (sid_bits < 32 && sid >= UINT64_C(1) << sid_bits) {
        return aborts(ORACLE_C_BAD_STREAMID);
    }

    if (fmt != 1) {
        /*
         * 3.3.1.1; 6.3.25: FMT 0b00, and 0b1x, which behave as 0b00; SPLIT
         * is IGNORED.  6.3.24: the base is aligned to the table's size, by
         * the literal LOG2SIZE, even if SIDSIZE is less.
         */
        base = zero_up_to(base, log2size + 5);
        ste_addr = base + (uint64_t)sid * 64;
    } else {
        uint64_t l1std;
        uint64_t span;
        uint64_t l2ptr;
        uint32_t l1_index;
        uint32_t l2_index;
        int top;

        /* 6.3.25: SPLIT other than 6, 8, 10 behaves as 6 */
        if (split != 6 && split != 8 && split != 10) {
            split = 6;
        }

        /*
         * 6.3.24: the base is aligned to the larger of 64 bytes and the
         * level 1 table's size, again by the literal LOG2SIZE:
         * ADDR[MAX(5, LOG2SIZE - SPLIT - 1 + 3):0] = 0
         */
        top = (int)log2size - (int)split - 1 + 3;
        if (top < 5) {
            top = 5;
        }
        base = zero_up_to(base, top);

        /*
         * 3.3.1.2, 6.3.25: level 1 is indexed by the StreamID's bits from
         * SPLIT up, level 2 by those below.  With SPLIT >= LOG2SIZE there is
         * one descriptor, 0: no StreamID in range has a bit from SPLIT up.
         */
        l1_index = sid >> split;
        l2_index = bits(sid, split - 1, 0);

        /* 3.4.3 (5), 5.2.1, 7.3.4: of the L1STD's fetch, too */
        if (!read(opaque, base + (uint64_t)l1_index * 8, bytes, 8)) {
            return aborts(ORACLE_F_STE_FETCH);
        }
        l1std = doubleword(bytes);

        /*
         * 5.1, 5.1.1, 7.3.3 (2): no STE with Span 0, with the reserved 12 to
         * 31, with one above SPLIT + 1, and beyond the 2^(Span-1) STEs that
         * there are.  Bit [5] and [63:56] are RES0, and ignored (chapter 5).
         */
        span = bits(l1std, 4, 0);
        if (span == 0) {
            return aborts(ORACLE_C_BAD_STREAMID);
        }
        if (span >= 12) {
            return aborts(ORACLE_C_BAD_STREAMID);
        }
        if (span > split + 1) {
            return aborts(ORACLE_C_BAD_STREAMID);
        }
        if (l2_index >= UINT64_C(1) << (span - 1)) {
            return aborts(ORACLE_C_BAD_STREAMID);
        }

        /* 5.1 L2Ptr: aligned to the level 2 array, [5+(Span-1):0] = 0 */
        l2ptr = zero_up_to(table_address(l1std), 5 + (span - 1));
        ste_addr = l2ptr + (uint64_t)l2_index * 64;
    }

    /* 5.2: an STE has 64 bytes.  3.4.3 (5), 7.3.4: if they cannot be had */
    if (!read(opaque, ste_addr, bytes, 64)) {
        return aborts(ORACLE_F_STE_FETCH);
    }
    ste[0] = doubleword(bytes);
    ste[1] = doubleword(bytes + 8);
    return ste_says(r, ste);
}
