/*
 * What IHI 0070 says a stream does: short, slow, and of its own
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-oracle.h"

/* Bits [hi:lo] of a structure in memory, numbered as the architecture does */
static uint64_t bits(const uint8_t *p, int hi, int lo)
{
    uint64_t v = 0;

    for (int i = hi; i >= lo; i--) {
        v = v * 2 + (p[i / 8] >> (i % 8) & 1);
    }
    return v;
}

static void put_bits(uint8_t *to, const uint8_t *from, int hi, int lo)
{
    for (int i = lo; i <= hi; i++) {
        to[i / 8] |= (from[i / 8] >> (i % 8) & 1) << (i % 8);
    }
}

static uint64_t power(unsigned n)
{
    uint64_t p = 1;

    while (n--) {
        p *= 2;
    }
    return p;
}

static uint64_t align_down(uint64_t addr, uint64_t size)
{
    return addr - addr % size;
}

/* 3.3, 6.3.24, 6.3.25, 5.1 */
static bool find(const OracleRegs *r, uint32_t sid, OracleRead *read,
                 void *opaque, uint64_t *ste_addr)
{
    uint32_t cfg = r->strtab_base_cfg;
    unsigned log2size = cfg % 64;
    unsigned split = cfg / 64 % 32;
    bool two_levels = cfg / 65536 % 4 == 1;
    /* ADDR is bits 51 to 6 */
    uint64_t base = align_down(r->strtab_base % power(52), 64);
    uint64_t entries, n, index;
    uint8_t l1std[8];
    unsigned span;

    if (log2size > r->idr1_sidsize) {
        log2size = r->idr1_sidsize;
    }
    entries = power(log2size);
    if (sid >= entries) {
        return false;
    }
    if (!two_levels) {
        *ste_addr = align_down(base, entries * 64) + sid * UINT64_C(64);
        return true;
    }
    if (split != 6 && split != 8 && split != 10) {
        split = 6;
    }
    n = entries <= power(split) ? 1 : entries / power(split);
    base = align_down(base, n * 8 < 64 ? 64 : n * 8);
    if (!read(opaque, base + sid / power(split) * 8, l1std, 8)) {
        return false;
    }
    span = bits(l1std, 4, 0);
    if (span == 0 || span > 11) {
        return false;
    }
    index = sid % power(split);
    if (index >= power(span - 1)) {
        return false;
    }
    *ste_addr = align_down(bits(l1std, 51, 6) * 64, power(span - 1) * 64) +
                index * 64;
    return true;
}

/* 5.2, for a stage-1-only SMMU without stalls (IDR0.STALL_MODEL = 0b01) */
static OracleStream decode(const OracleRegs *r, const uint8_t *ste)
{
    OracleStream aborts = { ORACLE_ABORT };
    OracleStream bypasses = { ORACLE_BYPASS };
    OracleStream s1 = { ORACLE_STAGE1 };
    bool substreams = r->idr1_ssidsize && bits(ste, 63, 59);
    uint8_t out[16] = {};

    if (bits(ste, 0, 0) == 0) {
        return aborts;
    }
    switch (bits(ste, 3, 1)) {
    case 4:
        return bypasses;
    case 5:
        break;
    default:
        return aborts;
    }
    if (bits(ste, 91, 91)) {
        return aborts;
    }
    if (r->idr0_ats && bits(ste, 93, 92) >= 2) {
        return aborts;
    }
    if (substreams &&
        (bits(ste, 63, 59) > r->idr1_ssidsize || bits(ste, 5, 4) == 3 ||
         (bits(ste, 5, 4) != 0 && !r->idr0_cd2l))) {
        return aborts;
    }
    put_bits(out, ste, 3, 0);         /* V, Config */
    put_bits(out, ste, 51, 6);        /* S1ContextPtr */
    put_bits(out, ste, 71, 66);       /* S1CIR, S1COR, S1CSH */
    if (substreams) {
        put_bits(out, ste, 63, 59);   /* S1CDMax */
        put_bits(out, ste, 5, 4);     /* S1Fmt */
        put_bits(out, ste, 65, 64);   /* S1DSS */
    }
    if (r->idr0_ats) {
        put_bits(out, ste, 93, 92);   /* EATS */
    }
    s1.ste[0] = bits(out, 63, 0);
    s1.ste[1] = bits(out, 127, 64);
    return s1;
}

OracleStream oracle_stream(const OracleRegs *r, uint32_t sid, OracleRead *read,
                           void *opaque)
{
    OracleStream s = { ORACLE_ABORT };
    uint8_t ste[64];
    uint64_t addr;

    if (!r->cr0_smmuen) {
        /* 6.3.14: ABORT is bit 20 */
        s.says = r->gbpa / 1048576 % 2 ? ORACLE_ABORT : ORACLE_BYPASS;
        return s;
    }
    if (!find(r, sid, read, opaque, &addr) ||
        !read(opaque, addr, ste, sizeof(ste))) {
        return s;
    }
    return decode(r, ste);
}
