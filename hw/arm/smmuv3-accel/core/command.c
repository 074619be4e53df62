/*
 * The guest's commands (IHI 0070, chapter 4), decoded for the host
 *
 * Section numbers are those of IHI 0070 G.b. What a field cannot mean, in the
 * SMMU that the guest is shown, is cleared before the host sees the command.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "command.h"
#include "opcodes.h"
#include "stale.h"
#include "triggers.h"

static uint32_t cmd_sid(const uint64_t cmd[2])
{
    return extract64(cmd[0], 32, 32);
}

/*
 * 4.1.7: the SMMU may take a SubstreamID that is out of range for another one
 */
static uint64_t ssid_mask(const SMMUv3Streams *s)
{
    return MAKE_64BIT_MASK(0, 20) >> (20 - s->regs.ssidsize) <<
           SMMUV3_CMD0_SSID_SHIFT;
}

/* 4.4: the upper half of an ASID is reserved if ASIDs have 8 bits */
static uint64_t asid_mask(const SMMUv3Streams *s)
{
    return s->regs.asid16 ? SMMUV3_CMD0_ASID
                          : MAKE_64BIT_MASK(SMMUV3_CMD0_ASID_SHIFT, 8);
}

static void cfgi_ste(SMMUv3Streams *s, const uint64_t cmd[2], bool range,
                     SMMUv3CommandEffect *effect)
{
    uint64_t mask = range ? MAKE_64BIT_MASK(0, extract64(cmd[1], 0, 5) + 1) : 0;

    effect->configs = true;
    effect->first = cmd_sid(cmd) & ~mask;
    effect->last = effect->first | mask;
    smmuv3_streams_cfgi(s, effect->first, effect->last);
}

/* CFGI_CD and CFGI_CD_ALL: the host knows CDs only of streams that translate */
static void cfgi_cd(SMMUv3Streams *s, const uint64_t cmd[2], bool all,
                    SMMUv3CommandEffect *effect)
{
    uint64_t mask0 = SMMUV3_CMD0_OPCODE | SMMUV3_CMD0_SID;

    effect->configs = true;
    effect->first = effect->last = cmd_sid(cmd);
    if (!smmuv3_streams_find(s, cmd_sid(cmd))) {
        return;
    }
    if (!all) {
        mask0 |= ssid_mask(s);
    }
    smmuv3_streams_invalidate(s, cmd[0] & mask0,
                              all ? 0 : cmd[1] & SMMUV3_CMD1_LEAF);
}

/*
 * The whole TLB must go, because the host may be unable to express the range:
 * with SCALE[5] it has 2^32 pages or more, and not every kernel and SMMU knows
 * this bit. A guest that uses ranges although IDR3.RIL is 0 was loaded from a
 * machine where it was 1. TLBI_NH_ASID is not enough, because it leaves global
 * entries (4.4.2.2, 4.4.2.4).
 */
static bool is_too_wide(const uint64_t cmd[2], bool ril)
{
    return !ril || (cmd[0] & SMMUV3_CMD0_SCALE_DS);
}

static void tlbi_va(SMMUv3Streams *s, const uint64_t cmd[2], uint8_t opcode,
                    uint64_t asid, bool ril, SMMUv3CommandEffect *effect)
{
    /* 4.4: the host fills in the VMID */
    uint64_t word0 = opcode | (cmd[0] & asid);
    uint64_t word1 = cmd[1] & (SMMUV3_CMD1_LEAF | SMMUV3_CMD1_ADDR);
    uint64_t range = SMMUV3_CMD0_NUM | SMMUV3_CMD0_SCALE;
    unsigned ttl = extract64(cmd[1], 8, 2);
    unsigned tg = extract64(cmd[1], 10, 2);

    /* 4.4.1.1: NUM, SCALE and TTL mean something only in a range command */
    if (tg && is_too_wide(cmd, ril)) {
        smmuv3_streams_invalidate(s, SMMUV3_CMD_TLBI_NH_ALL, 0);
        return;
    }
    if (tg) {
        /*
         * 16 KiB pages have level 1 only with IDR5.DS: without it any level is
         * meant
         */
        if (tg == SMMUV3_CMD_TG_16K && ttl == 1) {
            ttl = 0;
        }
        /*
         * A range of one page of any level is reserved. A kernel that does not
         * check this would stop the host's queue for everybody with a
         * CERROR_ILL.
         */
        if (!ttl && !(cmd[0] & range)) {
            effect->illegal = SMMUV3_COMMAND_RANGE;
            return;
        }
        word0 |= cmd[0] & range;
        word1 = deposit64(deposit64(word1, 8, 2, ttl), 10, 2, tg);
    }
    smmuv3_streams_invalidate(s, word0, word1);
}

static void atc_inv(SMMUv3Streams *s, const uint64_t cmd[2],
                    SMMUv3CommandEffect *effect)
{
    uint64_t mask0 = SMMUV3_CMD0_OPCODE | SMMUV3_CMD0_SID;

    if (!s->regs.ats) {
        effect->illegal = SMMUV3_COMMAND_ATS;
        return;
    }
    if ((cmd[1] & SMMUV3_CMD1_ATC_SIZE) > SMMUV3_ATC_SIZE_ALL) {
        effect->illegal = SMMUV3_COMMAND_ATC_SIZE;
        return;
    }
    /*
     * 4.5.1: ATC_INV is ignored while SMMUEN = 0. A device without ATS does
     * not answer, and would hold up the host's queue for everybody.
     */
    if (!s->regs.smmuen || !smmuv3_streams_has_atc(s, cmd_sid(cmd))) {
        return;
    }
    if (s->regs.ssidsize) {
        mask0 |= SMMUV3_CMD0_GLOBAL | SMMUV3_CMD0_SSV | ssid_mask(s);
    }
    smmuv3_streams_invalidate(s, cmd[0] & mask0,
                              cmd[1] & (SMMUV3_CMD1_ATC_SIZE |
                                        SMMUV3_CMD1_ADDR));
}

bool smmuv3_command_is_sync(const uint64_t cmd[2], SMMUv3SyncSignal *signal,
                            uint64_t *msi_addr)
{
    *signal = extract64(cmd[0], 12, 2);
    *msi_addr = cmd[1] & SMMUV3_CMD1_MSI_ADDR;
    return (cmd[0] & SMMUV3_CMD0_OPCODE) == SMMUV3_CMD_SYNC;
}

static void cmd_sync(SMMUv3Streams *s, const uint64_t cmd[2],
                     SMMUv3CommandEffect *effect)
{
    SMMUv3SyncSignal signal = extract64(cmd[0], 12, 2);

    if (signal == SMMUV3_SYNC_RESERVED) {
        effect->illegal = SMMUV3_COMMAND_SYNC_CS;
        return;
    }
    if (!smmuv3_streams_sync(s)) {
        effect->atc_failed = true;
        return;
    }
    effect->sync = true;
    effect->signal = signal;
    effect->msi_addr = cmd[1] & SMMUV3_CMD1_MSI_ADDR;
    effect->msi_data = extract64(cmd[0], 32, 32);
}

/* 4.1.6: no command on this queue may set SSec */
static bool has_ssec(uint8_t opcode)
{
    switch (opcode) {
    case SMMUV3_CMD_PREFETCH_CONFIG ... SMMUV3_CMD_CFGI_CD_ALL:
    case SMMUV3_CMD_ATC_INV:
        return true;
    default:
        return false;
    }
}

/* 4.1.3: a reserved opcode, or one of a feature that is not offered */
static SMMUv3CommandIllegal why_not_offered(uint8_t opcode)
{
    switch (opcode) {
    case SMMUV3_CMD_CFGI_VMS_PIDM:
        return SMMUV3_COMMAND_MPAM;
    case SMMUV3_CMD_TLBI_S12_VMALL:
    case SMMUV3_CMD_TLBI_S2_IPA:
        return SMMUV3_COMMAND_STAGE2;
    case SMMUV3_CMD_PRI_RESP:
        return SMMUV3_COMMAND_PRI;
    case SMMUV3_CMD_RESUME:
    case SMMUV3_CMD_STALL_TERM:
        return SMMUV3_COMMAND_STALL;
    case SMMUV3_CMD_TLBI_EL3_ALL:
    case SMMUV3_CMD_TLBI_EL3_VA:
    case SMMUV3_CMD_TLBI_S_EL2_ALL ... SMMUV3_CMD_TLBI_S_EL2_VAA:
    case SMMUV3_CMD_TLBI_S_S12_VMALL:
    case SMMUV3_CMD_TLBI_S_S2_IPA:
    case SMMUV3_CMD_TLBI_SNH_ALL:
        return SMMUV3_COMMAND_SECURE;
    case SMMUV3_CMD_DPTI_ALL:
    case SMMUV3_CMD_DPTI_PA:
        return SMMUV3_COMMAND_DPT;
    default:
        return SMMUV3_COMMAND_RESERVED;
    }
}

const char *smmuv3_command_explain(SMMUv3CommandIllegal illegal)
{
    static const char *const text[] = {
        [SMMUV3_COMMAND_RESERVED] = "the opcode is reserved (4.1.1)",
        [SMMUV3_COMMAND_SSEC] =
            "SSec is 1 on a Non-secure Command queue (4.1.6)",
        [SMMUV3_COMMAND_MPAM] = "it needs MPAM, and IDR3.MPAM is 0 (4.3.5)",
        [SMMUV3_COMMAND_STAGE2] = "it needs stage 2, and IDR0.S2P is 0 (4.4.3)",
        [SMMUV3_COMMAND_SECURE] =
            "it belongs to the Secure Command queue (4.4.2)",
        [SMMUV3_COMMAND_ATS] = "it needs ATS, and IDR0.ATS is 0 (4.5.1)",
        [SMMUV3_COMMAND_PRI] = "it needs PRI, and IDR0.PRI is 0 (4.5.2)",
        [SMMUV3_COMMAND_STALL] =
            "it needs stalls, and IDR0.STALL_MODEL is 0b01 (4.1.3)",
        [SMMUV3_COMMAND_DPT] = "it needs DPT, and IDR3.DPT is 0 (4.6)",
        [SMMUV3_COMMAND_RANGE] =
            "TG is not 0, and NUM, SCALE and TTL are (4.4.1.1)",
        [SMMUV3_COMMAND_ATC_SIZE] = "Size is above 52 (4.5.1)",
        [SMMUV3_COMMAND_SYNC_CS] = "CS 0b11 is reserved (4.7.3)",
    };

    return text[illegal];
}

bool smmuv3_command_only_invalidates(const uint64_t cmd[2])
{
    switch (cmd[0] & SMMUV3_CMD0_OPCODE) {
    case SMMUV3_CMD_CFGI_STE:
    case SMMUV3_CMD_CFGI_STE_RANGE:
    case SMMUV3_CMD_SYNC:
        return false;
    default:
        return true;
    }
}

bool smmuv3_command(SMMUv3Streams *s, const uint64_t cmd[2], bool ril,
                    SMMUv3CommandEffect *effect)
{
    uint8_t opcode = cmd[0] & SMMUV3_CMD0_OPCODE;

    *effect = (SMMUv3CommandEffect) {};

    if ((cmd[0] & SMMUV3_CMD0_SSEC) && has_ssec(opcode)) {
        effect->illegal = SMMUV3_COMMAND_SSEC;
        return false;
    }
    switch (opcode) {
    case SMMUV3_CMD_PREFETCH_CONFIG:
    case SMMUV3_CMD_PREFETCH_ADDR:
        /* 4.2: a hint, taken or not */
        break;
    case SMMUV3_CMD_CFGI_STE:
        cfgi_ste(s, cmd, false, effect);
        break;
    case SMMUV3_CMD_CFGI_STE_RANGE:
        cfgi_ste(s, cmd, true, effect);
        break;
    case SMMUV3_CMD_CFGI_CD:
        cfgi_cd(s, cmd, false, effect);
        break;
    case SMMUV3_CMD_CFGI_CD_ALL:
        cfgi_cd(s, cmd, true, effect);
        break;
    /*
     * With IDR0.Hyp = 0 the commands of EL2 are CERROR_ILL (4.4.2). Some
     * guests use them without reading IDR0. They mean the entries of EL1,
     * because there are no others. An SMMU may invalidate more than was asked
     * (4.4). EL2_VA becomes NH_VAA, because its ASID means nothing with
     * CR2.E2H = 0 (4.4.2.8).
     */
    case SMMUV3_CMD_TLBI_EL2_ALL:
        smmuv3_streams_invalidate(s, SMMUV3_CMD_TLBI_NSNH_ALL, 0);
        break;
    case SMMUV3_CMD_TLBI_NH_ALL:
    case SMMUV3_CMD_TLBI_NSNH_ALL:
        smmuv3_streams_invalidate(s, opcode, 0);
        break;
    case SMMUV3_CMD_TLBI_EL2_ASID:
    case SMMUV3_CMD_TLBI_NH_ASID:
        smmuv3_streams_invalidate(s, SMMUV3_CMD_TLBI_NH_ASID |
                                  (cmd[0] & asid_mask(s)), 0);
        break;
    case SMMUV3_CMD_TLBI_NH_VA:
        tlbi_va(s, cmd, opcode, asid_mask(s), ril, effect);
        break;
    case SMMUV3_CMD_TLBI_EL2_VA:
    case SMMUV3_CMD_TLBI_EL2_VAA:
    case SMMUV3_CMD_TLBI_NH_VAA:
        tlbi_va(s, cmd, SMMUV3_CMD_TLBI_NH_VAA, 0, ril, effect);
        break;
    case SMMUV3_CMD_ATC_INV:
        atc_inv(s, cmd, effect);
        break;
    case SMMUV3_CMD_SYNC:
        cmd_sync(s, cmd, effect);
        break;
    default:
        effect->illegal = why_not_offered(opcode);
        break;
    }
    return effect->illegal == SMMUV3_COMMAND_LEGAL;
}
