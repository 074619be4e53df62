/*
 * The guest's CMDQV, handed over to another QEMU process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "handover-cmdqv.h"

void smmuv3_cmdqv_hand_over(SMMUv3Cmdqv *c, SMMUv3HandoverCmdqv *h)
{
    const SMMUv3VIOMMU *v = c->viommu;

    smmuv3_cmdqv_cleanup(c);
    *h = (SMMUv3HandoverCmdqv) {
        .n = c->n,
        .log2sids = c->log2sids,
        .log2max = c->log2max,
        .regs = c->regs,
    };
    if (v && v->cmdqv_page) {
        h->has_page = true;
        h->page_offset = v->cmdqv_place.offset;
        h->page_len = v->cmdqv_place.len;
        h->veventq = v->cmdqv_veventq;
    }
}

static bool queues_possible(const SMMUv3HandoverCmdqv *h)
{
    for (unsigned i = 0; i < ARRAY_SIZE(h->regs.queue); i++) {
        const SMMUv3CmdqvQueue *q = &h->regs.queue[i];

        if (smmuv3_cmdqv_allocated(q) &&
            (i >= h->n || smmuv3_cmdqv_number(q) >= h->n)) {
            return false;
        }
    }
    return true;
}

bool smmuv3_cmdqv_check_handover(const SMMUv3Cmdqv *c,
                                 const SMMUv3HandoverCmdqv *h, Error **errp)
{
    if (!c && h->n) {
        error_setg(errp, "the guest has a CMDQV, and would have none here: "
                   "give all devices that it has on the command line, and the "
                   "same cmdqv= as there");
        return false;
    }
    if (c && !h->n) {
        error_setg(errp, "the guest has no CMDQV, and would have one here: use "
                   "cmdqv=off");
        return false;
    }
    if (c && (c->n != h->n || c->log2sids != h->log2sids ||
              c->log2max != h->log2max)) {
        error_setg(errp, "the guest's CMDQV has %u queues of up to 2^%u "
                   "commands for up to 2^%u devices, and here it would have "
                   "%u of up to 2^%u for up to 2^%u", h->n, h->log2max,
                   h->log2sids, c->n, c->log2max, c->log2sids);
        return false;
    }
    if (!queues_possible(h)) {
        error_setg(errp, "the state of its CMDQV is damaged");
        return false;
    }
    return true;
}

bool smmuv3_cmdqv_take_over_page(SMMUv3VIOMMU *v, const SMMUv3HandoverCmdqv *h,
                                 const SMMUv3WantCmdqv *want, int veventq_fd,
                                 Error **errp)
{
    SMMUv3HostPage place = {
        .offset = h->page_offset,
        .len = h->page_len,
        .at = want->page,
    };
    void *mem;

    if (!h->has_page) {
        return true;
    }
    if (!v || veventq_fd < 0 || h->page_len != want->page_len) {
        error_setg(errp, "the state of its CMDQV's vIOMMU is damaged");
        return false;
    }
    if (v->ops->map_page(v->opaque, &place, &mem, errp) < 0) {
        error_prepend(errp, "the page of the CMDQV's registers: ");
        return false;
    }
    v->cmdqv_page = mem;
    v->cmdqv_place = place;
    v->cmdqv_veventq = h->veventq;
    v->cmdqv_veventq_fd = veventq_fd;
    return true;
}

void smmuv3_cmdqv_take_over(SMMUv3Cmdqv *c, const SMMUv3HandoverCmdqv *h,
                            SMMUv3VIOMMU *viommu)
{
    c->viommu = viommu;
    c->regs = h->regs;
}
