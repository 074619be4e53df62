/*
 * The guest's commands: opcodes and fields (IHI 0070, chapter 4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_OPCODES_H
#define HW_ARM_SMMUV3_ACCEL_CORE_OPCODES_H

/* 4.1.3: opcodes, bits [7:0] of a command */
enum {
    SMMUV3_CMD_PREFETCH_CONFIG = 0x01,
    SMMUV3_CMD_PREFETCH_ADDR   = 0x02,
    SMMUV3_CMD_CFGI_STE        = 0x03,
    SMMUV3_CMD_CFGI_STE_RANGE  = 0x04, /* CFGI_ALL is Range = 31 */
    SMMUV3_CMD_CFGI_CD         = 0x05,
    SMMUV3_CMD_CFGI_CD_ALL     = 0x06,
    SMMUV3_CMD_TLBI_NH_ALL     = 0x10,
    SMMUV3_CMD_TLBI_NH_ASID    = 0x11,
    SMMUV3_CMD_TLBI_NH_VA      = 0x12,
    SMMUV3_CMD_TLBI_NH_VAA     = 0x13,
    SMMUV3_CMD_TLBI_NSNH_ALL   = 0x30,
    SMMUV3_CMD_ATC_INV         = 0x40,
    SMMUV3_CMD_SYNC            = 0x46,
};

/* Fields of a command's two words */
#define SMMUV3_CMD0_OPCODE     MAKE_64BIT_MASK(0, 8)
#define SMMUV3_CMD0_GLOBAL     BIT_ULL(9)
#define SMMUV3_CMD0_SSEC       BIT_ULL(10)
#define SMMUV3_CMD0_SSV        BIT_ULL(11)
#define SMMUV3_CMD0_SSID       MAKE_64BIT_MASK(12, 20)
#define SMMUV3_CMD0_NUM        MAKE_64BIT_MASK(12, 5)
#define SMMUV3_CMD0_SCALE      MAKE_64BIT_MASK(20, 5)
#define SMMUV3_CMD0_SID        MAKE_64BIT_MASK(32, 32)
#define SMMUV3_CMD0_ASID       MAKE_64BIT_MASK(48, 16)
#define SMMUV3_CMD1_LEAF       BIT_ULL(0)
#define SMMUV3_CMD1_TTL        MAKE_64BIT_MASK(8, 2)
#define SMMUV3_CMD1_TG         MAKE_64BIT_MASK(10, 2)
#define SMMUV3_CMD1_ADDR       MAKE_64BIT_MASK(12, 52)
#define SMMUV3_CMD1_ATC_SIZE   MAKE_64BIT_MASK(0, 6)
#define SMMUV3_ATC_SIZE_ALL    52
#define SMMUV3_CMD1_MSI_ADDR   MAKE_64BIT_MASK(2, 50)

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_OPCODES_H */
