/*
 * Devices come under a vSMMU and go
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "closed.h"
#include "plug.h"
#include "reconcile.h"
#include "stale.h"

/*
 * A StreamID that no guest uses (they have 16 bits), and that every kind of
 * vIOMMU takes (one with a CMDQV: 20 bits)
 */
#define PROBE_SID 0xfffff

#ifdef SMMUV3_ACCEL_FAULTS
SMMUv3Fault smmuv3_fault;
#endif

void smmuv3_streams_init(SMMUv3Streams *s, SMMUv3TableReader *read,
                         uint32_t (*get_sid)(void *, const SMMUv3Stream *),
                         const SMMUv3Clock *clock, void *owner)
{
    s->read = read;
    s->get_sid = get_sid;
    s->clock = clock;
    s->owner = owner;
    s->timer_at = SMMUV3_NO_TIMER;
    s->inval.failed = smmuv3_stale_failed;
    s->inval.opaque = s;
    s->last_report = -SMMUV3_REPORT_INTERVAL_US;
    QTAILQ_INIT(&s->list);
}

static void free_viommu_if_unused(SMMUv3Streams *s)
{
    if (QTAILQ_EMPTY(&s->list)) {
        s->inval.n = 0;
        s->atc_failed = false;
        s->last_parent = s->viommu->parent;
        smmuv3_viommu_free(g_steal_pointer(&s->viommu));
    }
}

static SMMUv3Stream *plug_fail(SMMUv3Streams *s, SMMUv3Stream *st)
{
    QTAILQ_REMOVE(&s->list, st, next);
    smmuv3_stream_release(st);
    g_free(st);
    free_viommu_if_unused(s);
    return NULL;
}

/*
 * VFIO shares the nesting parent unless the host refuses to attach the device
 * to it. VFIO does not pass the reason on, so ask the host again.
 */
static void explain_other_parent(SMMUv3Streams *s, const SMMUv3HostDevice *dev,
                                 Error **errp)
{
    Error *err = NULL;
    int ret = smmuv3_viommu_attach(s->viommu, dev, s->viommu->parent, &err);

    if (ret == -EINVAL) {
        error_free(err);
        error_setg(errp, "it is behind another host SMMU than the devices "
                   "already on this arm-smmuv3");
        error_append_hint(errp, "Give it an arm-smmuv3 of its own, on a "
                          "pxb-pcie of its own.\n");
    } else if (ret < 0) {
        error_propagate_prepend(errp, err, "the host does not attach it to the "
                                "page table of the devices already on this "
                                "arm-smmuv3: ");
    } else {
        error_setg(errp, "the host did not attach it to the page table of the "
                   "devices already on this arm-smmuv3, and does now: plug it "
                   "again");
    }
}

/*
 * Only an attempt to make a vDEVICE shows whether the host will refuse it
 * later
 */
static bool has_one_sid(SMMUv3VIOMMU *v, const SMMUv3HostDevice *dev,
                        Error **errp)
{
    ERRP_GUARD();
    uint32_t vdevice;
    int ret = v->ops->alloc_vdevice(v->opaque, dev, v->id, PROBE_SID, &vdevice,
                                    errp);

    if (ret == 0) {
        v->ops->destroy(v->opaque, vdevice);
    } else if (ret == -EOPNOTSUPP) {
        error_prepend(errp, "the host's SMMU knows it by several StreamIDs, "
                      "as of a device behind a PCIe-to-PCI bridge, and Linux "
                      "gives a guest devices with one only: ");
    }
    return ret == 0;
}

/* The process that has the streams has checked the device */
static SMMUv3Stream *hold(SMMUv3Streams *s, const SMMUv3HostOps *ops,
                          void *opaque, const SMMUv3HostDevice *dev,
                          uint32_t parent)
{
    SMMUv3Stream *st = g_new0(SMMUv3Stream, 1);

    if (!s->viommu) {
        s->viommu = smmuv3_viommu_hold(ops, opaque, dev, parent);
    }
    st->viommu = s->viommu;
    st->dev = *dev;
    QTAILQ_INSERT_TAIL(&s->list, st, next);
    return st;
}

static void let_go(SMMUv3Streams *s, SMMUv3Stream *st)
{
    QTAILQ_REMOVE(&s->list, st, next);
    g_free(st);
    if (QTAILQ_EMPTY(&s->list)) {
        smmuv3_viommu_let_go(g_steal_pointer(&s->viommu));
    }
}

SMMUv3Stream *smmuv3_streams_plug(SMMUv3Streams *s, const SMMUv3HostOps *ops,
                                  void *opaque, const SMMUv3HostDevice *dev,
                                  uint32_t parent, Error **errp)
{
    ERRP_GUARD();
    SMMUv3Stream *st;
    SMMUv3Wanted w;
    int ret;

    if (s->held) {
        return hold(s, ops, opaque, dev, parent);
    }
    if (!s->viommu) {
        s->viommu = smmuv3_viommu_new(ops, opaque, dev, parent,
                                      &s->want_cmdqv, errp);
        if (!s->viommu) {
            return NULL;
        }
        /*
         * The same nesting parent as that of the last vIOMMU means the same
         * VMID: a device that is being unplugged has kept both. The host's TLB
         * may then have entries of the last vIOMMU's guest page tables.
         */
        s->tlb_stale = parent == s->last_parent;
    } else if (parent != s->viommu->parent) {
        explain_other_parent(s, dev, errp);
        return NULL;
    }

    st = g_new0(SMMUv3Stream, 1);
    st->viommu = s->viommu;
    st->dev = *dev;
    QTAILQ_INSERT_TAIL(&s->list, st, next);
    if (SMMUV3_FAULT_IS(FIRST_ONLY) && st != QTAILQ_FIRST(&s->list)) {
        return st;
    }

    if (!has_one_sid(s->viommu, dev, errp)) {
        return plug_fail(s, st);
    }
    w = smmuv3_resolve(s, st);
    if (smmuv3_wants_vdevice(&w)) {
        smmuv3_stale_clean_tlb(s);
    }
    ret = smmuv3_reconcile(s, &w, errp);
    if (ret < 0) {
        if (ret == -EINVAL) {
            error_append_hint(errp, "If it is behind another host SMMU than "
                              "the devices already on this arm-smmuv3, give it "
                              "an arm-smmuv3 of its own.\n");
        }
        return plug_fail(s, st);
    }
    if (ret == SMMUV3_CLOSED_BEFORE_ATTACH) {
        smmuv3_closed_attempt_failed(s, st, *errp);
        *errp = NULL;
    }
    smmuv3_closed_update_timer(s);
    return st;
}

void smmuv3_streams_unplug(SMMUv3Streams *s, SMMUv3Stream *st)
{
    if (s->held) {
        let_go(s, st);
        return;
    }
    smmuv3_streams_flush(s);
    QTAILQ_REMOVE(&s->list, st, next);
    smmuv3_stream_release(st);
    g_free(st);
    smmuv3_hand_over_sids(s);
    smmuv3_closed_update_timer(s);
    free_viommu_if_unused(s);
}
