/*
 * Tegra241 CMDQV: from a queue to the SMMU's commands
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/arm/smmuv3.h"
#include "hw/arm/smmuv3-internal.h"
#include "hw/irq.h"
#include "state.h"

typedef struct Source {
    CMDQVState *s;
    const CMDQVVintf *vintf;
} Source;

/* A VM knows its devices by other StreamIDs than the SMMU does */
static bool replace_sid(const CMDQVState *s, const CMDQVVintf *v, Cmd *cmd)
{
    for (unsigned i = 0; i < 1u << s->log2_sids; i++) {
        uint32_t match = v->match[i];

        if (FIELD_EX32(match, VINTF_SID_MATCH, ENABLE) &&
            FIELD_EX32(match, VINTF_SID_MATCH, SID) == CMD_SID(cmd)) {
            cmd->word[1] = v->replace[i];
            return true;
        }
    }
    return false;
}

/*
 * What may come from a VINTF that the hypervisor does not own. These are the
 * commands that Linux, as a guest, queues there; it sends all others to the
 * SMMU's own queue.
 */
static SMMUCmdError restricted(const CMDQVState *s, const CMDQVVintf *v,
                               Cmd *cmd)
{
    switch (CMD_TYPE(cmd)) {
    case SMMU_CMD_TLBI_NH_ASID:
    case SMMU_CMD_TLBI_NH_VA:
        cmd->word[1] = deposit32(cmd->word[1], 0, 16,
                                 FIELD_EX32(v->config, VINTF_CONFIG, VMID));
        return SMMU_CERROR_NONE;
    case SMMU_CMD_ATC_INV:
        return replace_sid(s, v, cmd) ? SMMU_CERROR_NONE : SMMU_CERROR_ILL;
    case SMMU_CMD_SYNC:
        /* An interrupt would be the SMMU's, for the host */
        return CMD_SYNC_CS(cmd) == CMD_SYNC_SIG_NONE ? SMMU_CERROR_NONE
                                                     : SMMU_CERROR_ILL;
    default:
        return SMMU_CERROR_ILL;
    }
}

static SMMUCmdError admit(void *opaque, Cmd *cmd)
{
    Source *from = opaque;

    if (!FIELD_EX32(from->vintf->config, VINTF_CONFIG, HYP_OWN)) {
        SMMUCmdError error = restricted(from->s, from->vintf, cmd);

        if (error) {
            return error;
        }
    }
    if (CMD_TYPE(cmd) != SMMU_CMD_SYNC) {
        from->s->last[0] = cmd->word[0] | (uint64_t)cmd->word[1] << 32;
        from->s->last[1] = cmd->word[2] | (uint64_t)cmd->word[3] << 32;
    }
    return SMMU_CERROR_NONE;
}

void cmdqv_consume(CMDQVState *s, CMDQVQueue *q)
{
    unsigned v = cmdqv_vintf_of(q);
    Source from = { s, &s->vintf[v] };
    SMMUCmdError error;

    if (!q->enabled || cmdqv_in_error(q)) {
        return;
    }
    error = smmuv3_queue_consume(s->smmu, &q->queue, admit, &from);
    if (!error) {
        return;
    }
    q->queue.cons = FIELD_DP32(q->queue.cons, VCMDQ_CONS, ERR, error);
    q->gerror ^= R_VCMDQ_GERROR_CMDQ_ERR_MASK;
    /* An edge for each error, also while another queue's is pending */
    if (!extract32(s->int_mask[v / 32], v % 32, 1)) {
        qemu_irq_pulse(s->irq);
    }
}
