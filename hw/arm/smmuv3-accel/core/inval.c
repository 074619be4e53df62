/*
 * Invalidations on their way to the host, several to a call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "inval.h"
#include "opcodes.h"
#include "hw/arm/smmuv3-accel/trace.h"

static uint8_t opcode_of(const uint64_t cmd[2])
{
    return extract64(cmd[0], 0, 8);
}

static uint32_t sid_of(const uint64_t cmd[2])
{
    return extract64(cmd[0], 32, 32);
}

static bool is_atc_inv(const uint64_t cmd[2])
{
    return opcode_of(cmd) == SMMUV3_CMD_ATC_INV;
}

static int issue_once(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu,
                      const uint64_t (*cmd)[2], uint32_t n)
{
    int ret = viommu->ops->invalidate(viommu->opaque, viommu->id, cmd, n, NULL);

    inval->count.calls++;
    inval->count.entries += n;
    inval->count.failures += ret < 0;
    trace_smmuv3_accel_invalidate(viommu->id, n, ret);
    return ret;
}

/*
 * How many entries from the first on are ATC_INV, if the first is; else how
 * many are not
 */
static uint32_t count_alike(const uint64_t (*cmd)[2], uint32_t n)
{
    uint32_t i = 1;

    while (i < n && is_atc_inv(cmd[i]) == is_atc_inv(cmd[0])) {
        i++;
    }
    return i;
}

/*
 * If the host's SMMU has the erratum, each call that invalidates its caches is
 * made twice: a call ends with one CMD_SYNC, and the erratum needs two. The
 * ATC is not in the SMMU, so ATC_INV is issued once, after the second call
 * (Linux 7.3).
 */
static int issue(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu,
                 const uint64_t (*cmd)[2], uint32_t n)
{
    if (!viommu->repeats) {
        return issue_once(inval, viommu, cmd, n);
    }
    while (n) {
        uint32_t alike = count_alike(cmd, n);
        int ret = issue_once(inval, viommu, cmd, alike);

        if (ret == 0 && !is_atc_inv(cmd[0])) {
            ret = issue_once(inval, viommu, cmd, alike);
        }
        if (ret < 0) {
            return ret;
        }
        cmd += alike;
        n -= alike;
    }
    return 0;
}

/* The widest invalidation that covers @cmd */
static void widen(const uint64_t cmd[2], uint64_t wide[2])
{
    switch (opcode_of(cmd)) {
    case SMMUV3_CMD_CFGI_CD:
    case SMMUV3_CMD_CFGI_CD_ALL:
        wide[0] = SMMUV3_CMD_CFGI_CD_ALL | (cmd[0] & MAKE_64BIT_MASK(32, 32));
        wide[1] = 0;
        break;
    case SMMUV3_CMD_ATC_INV:
        /* Invalidate all of the stream's ATC: Size = 52 (IHI 0070, 4.5.1) */
        wide[0] = SMMUV3_CMD_ATC_INV | (cmd[0] & MAKE_64BIT_MASK(32, 32));
        wide[1] = SMMUV3_ATC_SIZE_ALL;
        break;
    default:
        wide[0] = SMMUV3_CMD_TLBI_NSNH_ALL;
        wide[1] = 0;
        break;
    }
}

/* Of a TLBI by address (4.4.1.1) */
#define CMD0_NUM_SHIFT   12
#define CMD0_SCALE_SHIFT 20
#define CMD1_TG_SHIFT    10
#define RANGE_MAX        32  /* NUM + 1 */

static const struct {
    uint32_t size;
    uint8_t tg;
} granule[] = {
    { 4 * KiB, 1 }, { 16 * KiB, 2 }, { 64 * KiB, 3 },
};

/*
 * Make @cmd cover @size bytes of pages of granule[@g]. It covers more at the
 * end if NUM and SCALE cannot express @size exactly.
 */
static void make_range(const uint64_t cmd[2], uint64_t size, int g,
                       uint64_t range[2])
{
    uint64_t mask = granule[g].size - 1;
    uint64_t offset = cmd[1] & SMMUV3_CMD1_ADDR & mask;
    uint64_t pages = (offset + size + mask) / granule[g].size;
    unsigned scale = 0;

    range[0] = cmd[0];
    range[1] = cmd[1] & ~(SMMUV3_CMD1_ADDR & mask);
    if (pages < 2) {
        /*
         * A command without a range means pages of any size; a range of 1 is
         * reserved
         */
        return;
    }
    while ((pages - 1) >> scale >= RANGE_MAX) {
        scale++;
    }
    range[0] |= (pages - 1) >> scale << CMD0_NUM_SHIFT |
                (uint64_t)scale << CMD0_SCALE_SHIFT;
    range[1] |= (uint64_t)granule[g].tg << CMD1_TG_SHIFT;
}

static bool names_stream(const uint64_t cmd[2])
{
    switch (opcode_of(cmd)) {
    case SMMUV3_CMD_CFGI_CD:
    case SMMUV3_CMD_CFGI_CD_ALL:
    case SMMUV3_CMD_ATC_INV:
        return true;
    default:
        return false;
    }
}

static bool has_range(const uint64_t cmd[2])
{
    return !names_stream(cmd) && (cmd[1] & SMMUV3_CMD1_TG);
}

static bool issue_or_widen(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu,
                           const uint64_t (*cmd)[2])
{
    uint64_t wide[1][2];

    if (issue(inval, viommu, cmd, 1) == 0) {
        return true;
    }
    if (has_range(cmd[0])) {
        /* The host may refuse ranges although IDR3.RIL is 1: stop using them */
        inval->granules = 0;
    }
    inval->count.widened++;
    widen(cmd[0], wide[0]);
    return issue(inval, viommu, wide, 1) == 0;
}

static bool issue_singly(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu)
{
    g_autoptr(GHashTable) dead = g_hash_table_new(NULL, NULL);
    bool tlb_done = true;

    for (uint32_t i = 0; i < inval->n; i++) {
        const uint64_t (*cmd)[2] = &inval->cmd[i];
        gpointer sid = GUINT_TO_POINTER(sid_of(cmd[0]));

        /* A device that does not answer costs the host a timeout each time */
        if (names_stream(cmd[0]) && g_hash_table_contains(dead, sid)) {
            continue;
        }
        /*
         * If not even the whole TLB was invalidated, no stream is to go on.
         * Then the other entries do not matter, but a closed device can keep
         * its ATC.
         */
        if (!tlb_done && !is_atc_inv(cmd[0])) {
            continue;
        }
        if (issue_or_widen(inval, viommu, cmd)) {
            continue;
        }
        if (!names_stream(cmd[0])) {
            tlb_done = false;
            continue;
        }
        if (is_atc_inv(cmd[0])) {
            g_hash_table_add(dead, sid);
        }
        inval->failed(inval->opaque, sid_of(cmd[0]), is_atc_inv(cmd[0]));
    }
    return tlb_done;
}

bool smmuv3_inval_flush(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu)
{
    bool done = issue(inval, viommu, inval->cmd, inval->n) == 0 ||
                issue_singly(inval, viommu);

    inval->n = 0;
    return done;
}

bool smmuv3_inval_try(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu)
{
    if (inval->n && issue(inval, viommu, inval->cmd, inval->n) < 0) {
        return false;
    }
    inval->n = 0;
    return true;
}

int smmuv3_inval_atc(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu, uint32_t sid)
{
    const uint64_t all[1][2] = {
        { SMMUV3_CMD_ATC_INV | (uint64_t)sid << 32, SMMUV3_ATC_SIZE_ALL },
    };

    return issue(inval, viommu, all, 1);
}

bool smmuv3_inval_add(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu,
                      uint64_t word0, uint64_t word1)
{
    bool done = true;

    if (inval->n == SMMUV3_INVAL_MAX) {
        done = smmuv3_inval_flush(inval, viommu);
    }
    inval->cmd[inval->n][0] = word0;
    inval->cmd[inval->n][1] = word1;
    inval->n++;
    return done;
}

bool smmuv3_inval_repeat(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu, uint32_t n,
                         uint64_t step)
{
    const uint64_t first[2] = {
        inval->cmd[inval->n - 1][0], inval->cmd[inval->n - 1][1],
    };
    bool done = true;

    /* One range for each page size would be no fewer commands */
    if (n < ctpop32(inval->granules) || !inval->granules) {
        for (uint64_t i = 1; i <= n; i++) {
            done &= smmuv3_inval_add(inval, viommu, first[0],
                                     first[1] + i * step);
        }
        return done;
    }
    inval->n--;
    for (int g = 0; g < ARRAY_SIZE(granule); g++) {
        uint64_t range[2];

        if (inval->granules & granule[g].size) {
            make_range(first, (n + 1) * step, g, range);
            done &= smmuv3_inval_add(inval, viommu, range[0], range[1]);
        }
    }
    return done;
}
