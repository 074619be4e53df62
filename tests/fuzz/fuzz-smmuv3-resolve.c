/*
 * Fuzz target: registers and memory of any content, against the oracle
 *
 * Input: STRTAB_BASE (8 bytes), STRTAB_BASE_CFG (4), StreamID (4), GBPA (4),
 * SIDSIZE, SSIDSIZE, flags, OAS (1 each); then memory, which repeats from
 * address 0 on, but for addresses with bit 12 set where flags bit 4 is. With
 * bit 5 it changes after each read, as a guest's other processors and devices
 * can do it: what was read once has to do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/arm/smmuv3-accel/core/vste.h"
#include "tests/unit/smmuv3-oracle.h"
#include "fuzz-target.h"

#define HEADER 24

typedef struct Memory {
    const uint8_t *data;
    size_t size;
    bool holes;
    bool changes;
    unsigned reads;
} Memory;

/* An L1STD and an STE */
#define MAX_READS 2

static bool read_memory(void *opaque, uint64_t addr, void *buf, size_t len)
{
    Memory *m = opaque;
    uint8_t change = m->changes ? m->reads * 0x5b : 0;

    m->reads++;
    if (!m->size || (m->holes && (addr & 0x1000))) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = m->data[(addr + i) % m->size] ^ change;
    }
    return true;
}

static bool read_bytes(void *opaque, uint64_t addr, uint8_t *buf, size_t len)
{
    return read_memory(opaque, addr, buf, len);
}

/* 7.3: the event of a transaction of such a stream */
static OracleWhy event(SMMUv3VSTEReason reason)
{
    switch (reason) {
    case SMMUV3_VSTE_BAD_STREAMID:
        return ORACLE_C_BAD_STREAMID;
    case SMMUV3_VSTE_FETCH:
        return ORACLE_F_STE_FETCH;
    case SMMUV3_VSTE_BAD_STE:
        return ORACLE_C_BAD_STE;
    default:
        return ORACLE_NONE;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t oas[] = { 44, 48, 32, 36, 40, 42, 52 };
    SMMUv3VSTERegs regs = {};
    OracleRegs oracle_regs;
    OracleStream o;
    SMMUv3VSTE v;
    uint32_t sid;
    Memory m;

    if (size < HEADER) {
        return 0;
    }
    m = (Memory) {
        .data = data + HEADER,
        .size = size - HEADER,
        .holes = data[22] & 16,
        .changes = data[22] & 32,
    };
    sid = ldl_le_p(data + 12);
    regs = (SMMUv3VSTERegs) {
        .smmuen = data[22] & 1,
        .ats = data[22] & 2,
        .cd2l = data[22] & 4,
        .strtab_base = ldq_le_p(data),
        .strtab_base_cfg = ldl_le_p(data + 8),
        .gbpa = ldl_le_p(data + 16),
        .sidsize = data[20] % 33,
        .ssidsize = data[21] % 21,
        .oas = oas[data[23] % ARRAY_SIZE(oas)],
    };
    oracle_regs = (OracleRegs) {
        .cr0_smmuen = regs.smmuen,
        .gbpa = regs.gbpa,
        .strtab_base = regs.strtab_base,
        .strtab_base_cfg = regs.strtab_base_cfg,
        .idr1_sidsize = regs.sidsize,
        .idr1_ssidsize = regs.ssidsize,
        .idr0_ats = regs.ats,
        .idr0_cd2l = regs.cd2l,
        .idr5_oas_bits = regs.oas,
    };
    v = smmuv3_vste_resolve(&regs, sid, read_memory, &m);
    if (m.reads > MAX_READS) {
        abort();
    }
    m.reads = 0;
    o = oracle_stream(&oracle_regs, sid, read_bytes, &m);
    if ((int)v.kind != (int)o.says || event(v.reason) != o.why ||
        (v.kind == SMMUV3_VSTE_TRANSLATE &&
         (v.word[0] != o.ste[0] || v.word[1] != o.ste[1]))) {
        abort();
    }
    return 0;
}
