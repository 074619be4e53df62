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

typedef struct OracleRegs {
    bool cr0_smmuen;
    uint32_t gbpa;
    uint64_t strtab_base;
    uint32_t strtab_base_cfg;
    unsigned idr1_sidsize;
    unsigned idr1_ssidsize;
    bool idr0_ats;
    bool idr0_cd2l;
} OracleRegs;

typedef enum OracleSays {
    ORACLE_ABORT,
    ORACLE_BYPASS,
    ORACLE_STAGE1,
} OracleSays;

/* @ste: bits [127:0] of the STE that stage 1 is done by */
typedef struct OracleStream {
    OracleSays says;
    uint64_t ste[2];
} OracleStream;

typedef bool OracleRead(void *opaque, uint64_t addr, uint8_t *buf, size_t len);

OracleStream oracle_stream(const OracleRegs *r, uint32_t sid, OracleRead *read,
                           void *opaque);

#endif /* TESTS_UNIT_SMMUV3_ORACLE_H */
