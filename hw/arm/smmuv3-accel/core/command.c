/*
 * The guest's commands (IHI 0070, chapter 4), decoded for the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "command.h"
#include "opcodes.h"

static uint32_t cmd_sid(const uint64_t cmd[2])
{
    return extract64(cmd[0], 32, 32);
}

static bool cfgi_ste(SMMUv3Streams *s, const uint64_t cmd[2], bool range,
                     SMMUv3CommandEffect *effect)
{
    uint64_t mask = range ? MAKE_64BIT_MASK(0, extract64(cmd[1], 0, 5) + 1) : 0;

    if (cmd[0] & SMMUV3_CMD0_SSEC) {
        return false;
    }
    effect->configs = true;
    effect->first = cmd_sid(cmd) & ~mask;
    effect->last = effect->first | mask;
    smmuv3_streams_cfgi(s, effect->first, effect->last);
    return true;
}

/* CFGI_CD and CFGI_CD_ALL: the host has CDs of translating streams only */
static bool cfgi_cd(SMMUv3Streams *s, const uint64_t cmd[2], bool all,
                    SMMUv3CommandEffect *effect)
{
    uint64_t mask0 = SMMUV3_CMD0_OPCODE | SMMUV3_CMD0_SID;

    if (cmd[0] & SMMUV3_CMD0_SSEC) {
        return false;
    }
    effect->configs = true;
    effect->first = effect->last = cmd_sid(cmd);
    if (!smmuv3_streams_find(s, cmd_sid(cmd))) {
        return true;
    }
    if (!all && s->regs.ssidsize) {
        mask0 |= SMMUV3_CMD0_SSID;
    }
    smmuv3_streams_invalidate(s, cmd[0] & mask0,
                              all ? 0 : cmd[1] & SMMUV3_CMD1_LEAF);
    return true;
}

/* 4.4: VMID is the host's to fill in */
static bool tlbi(SMMUv3Streams *s, const uint64_t cmd[2], uint64_t mask0,
                 uint64_t mask1, SMMUv3CommandEffect *effect)
{
    effect->tlb = true;
    smmuv3_streams_invalidate(s, cmd[0] & (SMMUV3_CMD0_OPCODE | mask0),
                              cmd[1] & mask1);
    return true;
}

/*
 * 4.4.1.1: a range of one page of any level, and 16 KiB pages at level 1, which
 * takes IDR5.DS. A kernel that does not look would stop the host's queue for
 * everybody with a CERROR_ILL.
 */
static bool is_reserved_range(const uint64_t cmd[2])
{
    unsigned ttl = extract64(cmd[1], 8, 2);
    unsigned tg = extract64(cmd[1], 10, 2);

    return ttl == 0 ? !(cmd[0] & (SMMUV3_CMD0_NUM | SMMUV3_CMD0_SCALE))
                    : ttl == 1 && tg == 2;
}

/*
 * A range, from a guest that was told there are none: it has been loaded from a
 * machine that has them, and means all of it.
 */
static bool tlbi_without_address(SMMUv3Streams *s, const uint64_t cmd[2],
                                 uint64_t mask0, SMMUv3CommandEffect *effect)
{
    uint64_t opcode = mask0 & SMMUV3_CMD0_ASID ? SMMUV3_CMD_TLBI_NH_ASID
                                        : SMMUV3_CMD_TLBI_NH_ALL;
    const uint64_t all[2] = { opcode | (cmd[0] & mask0), 0 };

    return tlbi(s, all, mask0, 0, effect);
}

static bool tlbi_va(SMMUv3Streams *s, const uint64_t cmd[2], uint64_t mask0,
                    bool ril, SMMUv3CommandEffect *effect)
{
    uint64_t mask1 = SMMUV3_CMD1_LEAF | SMMUV3_CMD1_ADDR;

    /* 4.4.1.1: NUM, SCALE and TTL mean something only in a range command */
    if (cmd[1] & SMMUV3_CMD1_TG) {
        if (!ril) {
            return tlbi_without_address(s, cmd, mask0, effect);
        }
        if (is_reserved_range(cmd)) {
            return false;
        }
        mask0 |= SMMUV3_CMD0_NUM | SMMUV3_CMD0_SCALE;
        mask1 |= SMMUV3_CMD1_TTL | SMMUV3_CMD1_TG;
    }
    return tlbi(s, cmd, mask0, mask1, effect);
}

static bool atc_inv(SMMUv3Streams *s, const uint64_t cmd[2])
{
    uint64_t mask0 = SMMUV3_CMD0_OPCODE | SMMUV3_CMD0_SID;

    if (!s->regs.ats || (cmd[0] & SMMUV3_CMD0_SSEC) ||
        (cmd[1] & SMMUV3_CMD1_ATC_SIZE) > SMMUV3_ATC_SIZE_ALL) {
        return false;
    }
    /* 4.5: ignored while SMMUEN = 0; the host knows translating streams only */
    if (!s->regs.smmuen || !smmuv3_streams_find(s, cmd_sid(cmd))) {
        return true;
    }
    if (s->regs.ssidsize) {
        mask0 |= SMMUV3_CMD0_GLOBAL | SMMUV3_CMD0_SSV | SMMUV3_CMD0_SSID;
    }
    smmuv3_streams_invalidate(s, cmd[0] & mask0,
                              cmd[1] & (SMMUV3_CMD1_ATC_SIZE |
                                        SMMUV3_CMD1_ADDR));
    return true;
}

static bool cmd_sync(SMMUv3Streams *s, const uint64_t cmd[2],
                     SMMUv3CommandEffect *effect)
{
    effect->signal = extract64(cmd[0], 12, 2);
    if (effect->signal == SMMUV3_SYNC_RESERVED) {
        return false;
    }
    smmuv3_streams_sync(s);
    effect->sync = true;
    effect->msi_addr = cmd[1] & SMMUV3_CMD1_MSI_ADDR;
    effect->msi_data = extract64(cmd[0], 32, 32);
    return true;
}

bool smmuv3_command(SMMUv3Streams *s, const uint64_t cmd[2], bool ril,
                    SMMUv3CommandEffect *effect)
{
    *effect = (SMMUv3CommandEffect) {};

    switch (cmd[0] & SMMUV3_CMD0_OPCODE) {
    case SMMUV3_CMD_PREFETCH_CONFIG:
    case SMMUV3_CMD_PREFETCH_ADDR:
        /* 4.2: a hint, taken or not */
        return !(cmd[0] & SMMUV3_CMD0_SSEC);
    case SMMUV3_CMD_CFGI_STE:
        return cfgi_ste(s, cmd, false, effect);
    case SMMUV3_CMD_CFGI_STE_RANGE:
        return cfgi_ste(s, cmd, true, effect);
    case SMMUV3_CMD_CFGI_CD:
        return cfgi_cd(s, cmd, false, effect);
    case SMMUV3_CMD_CFGI_CD_ALL:
        return cfgi_cd(s, cmd, true, effect);
    case SMMUV3_CMD_TLBI_NH_ALL:
    case SMMUV3_CMD_TLBI_NSNH_ALL:
        return tlbi(s, cmd, 0, 0, effect);
    case SMMUV3_CMD_TLBI_NH_ASID:
        return tlbi(s, cmd, SMMUV3_CMD0_ASID, 0, effect);
    case SMMUV3_CMD_TLBI_NH_VA:
        return tlbi_va(s, cmd, SMMUV3_CMD0_ASID, ril, effect);
    case SMMUV3_CMD_TLBI_NH_VAA:
        return tlbi_va(s, cmd, 0, ril, effect);
    case SMMUV3_CMD_ATC_INV:
        return atc_inv(s, cmd);
    case SMMUV3_CMD_SYNC:
        return cmd_sync(s, cmd, effect);
    default:
        /*
         * Unknown, or of a feature that is not offered: stage 2, EL2 and EL3
         * regimes, PRI, stalls, MPAM (4.1.3, 4.4.2, 4.6).
         */
        return false;
    }
}
