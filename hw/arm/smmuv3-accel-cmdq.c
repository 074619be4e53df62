/*
 * Invalidations on their way to the host, several to a call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "smmuv3-accel-cmdq.h"
#include "smmuv3-accel-command.h"
#include "trace.h"

static int issue(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu,
                 const uint64_t (*cmd)[2], uint32_t n)
{
    int ret = viommu->ops->invalidate(viommu->opaque, viommu->id, cmd, n, NULL);

    inval->count.calls++;
    inval->count.entries += n;
    inval->count.failures += ret < 0;
    trace_smmuv3_accel_invalidate(viommu->id, n, ret);
    return ret;
}

/* The widest invalidation that covers @cmd */
static void widen(const uint64_t cmd[2], uint64_t wide[2])
{
    switch (extract64(cmd[0], 0, 8)) {
    case SMMUV3_CMD_CFGI_CD:
    case SMMUV3_CMD_CFGI_CD_ALL:
        wide[0] = SMMUV3_CMD_CFGI_CD_ALL | (cmd[0] & MAKE_64BIT_MASK(32, 32));
        wide[1] = 0;
        break;
    case SMMUV3_CMD_ATC_INV:
        /* All of the stream's ATC: Size = 52 (IHI 0070, 4.5.1) */
        wide[0] = SMMUV3_CMD_ATC_INV | (cmd[0] & MAKE_64BIT_MASK(32, 32));
        wide[1] = 52;
        break;
    default:
        wide[0] = SMMUV3_CMD_TLBI_NSNH_ALL;
        wide[1] = 0;
        break;
    }
}

static bool issue_singly(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu)
{
    bool done = true;

    for (uint32_t i = 0; i < inval->n; i++) {
        uint64_t wide[1][2];

        if (issue(inval, viommu, &inval->cmd[i], 1) == 0) {
            continue;
        }
        inval->count.widened++;
        widen(inval->cmd[i], wide[0]);
        done &= issue(inval, viommu, wide, 1) == 0;
    }
    return done;
}

bool smmuv3_inval_flush(SMMUv3Inval *inval, SMMUv3VIOMMU *viommu)
{
    bool done;

    if (!inval->n) {
        return true;
    }
    done = !viommu || issue(inval, viommu, inval->cmd, inval->n) == 0 ||
           issue_singly(inval, viommu);
    inval->n = 0;
    return done;
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
