/*
 * What IHI 0070 says a stream does: short, slow, and of its own
 *
 * Written from the architecture's text with its own numbering of bits; it
 * shares nothing with the code that it is to judge.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_SMMUV3_ORACLE_H
#define TESTS_UNIT_SMMUV3_ORACLE_H

/*
 * The Non-secure registers that decide, as the guest sees them.  What is not
 * here is fixed: AIDR = SMMUv3.1; IDR0.S1P = 1, S2P = 0, STALL_MODEL = 0b01,
 * ST_LEVEL = 0b01, Hyp = 0; IDR1.ATTR_TYPES_OVR = ATTR_PERMS_OVR = 0;
 * IDR3.DPT = 0.
 *
 * @cr0_smmuen: SMMU_CR0.SMMUEN, its Update completed
 * @gbpa: SMMU_GBPA, its Update completed; read only with SMMUEN = 0
 * @idr1_sidsize: StreamID bits, 0 to 32
 * @idr1_ssidsize: SubstreamID bits, 0 to 20
 * @idr5_oas_bits: the OAS in bits (32 to 52), not the encoding of IDR5.OAS;
 *     0: no S1ContextPtr is too large
 */
typedef struct OracleRegs {
    bool cr0_smmuen;
    uint32_t gbpa;
    uint64_t strtab_base;
    uint32_t strtab_base_cfg;
    unsigned idr1_sidsize;
    unsigned idr1_ssidsize;
    bool idr0_ats;
    bool idr0_cd2l;
    unsigned idr5_oas_bits;
} OracleRegs;

typedef enum OracleSays {
    ORACLE_ABORT,
    ORACLE_BYPASS,
    ORACLE_STAGE1,
} OracleSays;

/*
 * The event of a transaction without a SubstreamID, by its number (7.3).
 * C_BAD_STREAMID is the reason even where CR2.RECINVSID = 0 forbids its
 * record.  An abort without an event is one that was asked for.
 */
typedef enum OracleWhy {
    ORACLE_NONE = 0x00,
    ORACLE_C_BAD_STREAMID = 0x02,
    ORACLE_F_STE_FETCH = 0x03,
    ORACLE_C_BAD_STE = 0x04,
} OracleWhy;

/*
 * @ste: bits [127:0] of the STE that stage 1 is done by; 0 if none is
 *
 * Of the guest's STE, @ste has V, Config, S1Fmt, S1ContextPtr, S1CDMax,
 * S1DSS, S1CIR, S1COR, S1CSH and EATS.  A field that is IGNORED is 0, and a
 * reserved encoding is written as the one that it behaves as.
 */
typedef struct OracleStream {
    OracleSays says;
    uint64_t ste[2];
    OracleWhy why;
} OracleStream;

/* Read @len bytes of guest memory at @addr; false if that cannot be done */
typedef bool OracleRead(void *opaque, uint64_t addr, uint8_t *buf, size_t len);

/*
 * Addresses of tables and STEs beyond the OAS are asked of @read, untruncated
 * up to bit 51; it answers for what becomes of them (3.4.3).
 */
OracleStream oracle_stream(const OracleRegs *r, uint32_t sid, OracleRead *read,
                           void *opaque);

#endif /* TESTS_UNIT_SMMUV3_ORACLE_H */
