/*
 * The streams of one vSMMU, handed over to another QEMU process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "handover.h"
#include "stale.h"
#include "hw/arm/smmuv3-accel/trace.h"

static SMMUv3HandoverVSTE save_vste(const SMMUv3VSTE *v)
{
    return (SMMUv3HandoverVSTE) {
        .kind = v->kind,
        .reason = v->reason,
        .detail = v->detail,
        .value = v->value,
        .word = { v->word[0], v->word[1] },
    };
}

static SMMUv3VSTE load_vste(const SMMUv3HandoverVSTE *v)
{
    return (SMMUv3VSTE) {
        .kind = v->kind,
        .reason = v->reason,
        .detail = v->detail,
        .value = v->value,
        .word = { v->word[0], v->word[1] },
    };
}

static void save_stream(const SMMUv3Stream *st, SMMUv3HandoverStream *h)
{
    *h = (SMMUv3HandoverStream) {
        .dev_id = st->dev.dev_id,
        .sid = st->sid,
        .attached = st->attached,
        .closed = st->closed,
        .atc_stale = st->atc_stale,
        .has_vdevice = st->has_vdevice,
        .vdevice = st->vdevice,
        .vsid = st->vsid,
        .has_s1 = st->has_s1,
        .s1_attached = st->s1_attached,
        .s1_hwpt = st->s1_hwpt,
        .s1_vsid = st->s1_vsid,
        .wanted = save_vste(&st->wanted),
        .s1 = save_vste(&st->s1),
    };
}

void smmuv3_streams_hand_over(SMMUv3Streams *s, SMMUv3Handover *h)
{
    SMMUv3VIOMMU *v = s->viommu;
    SMMUv3Stream *st;
    int32_t i = 0;

    smmuv3_streams_flush(s);
    *h = (SMMUv3Handover) {
        .atc_failed = s->atc_failed,
        .tlb_stale = s->tlb_stale,
    };
    if (!v) {
        h->parent = s->last_parent;
        return;
    }
    h->viommu = v->id;
    h->parent = v->parent;
    h->bypass_hwpt = v->bypass_hwpt;
    h->abort_hwpt = v->abort_hwpt;
    h->kernel_mode = v->kernel_mode;
    h->has_veventq = v->has_veventq;
    h->veventq = v->veventq;
    QTAILQ_FOREACH(st, &s->list, next) {
        h->n++;
    }
    h->stream = g_new0(SMMUv3HandoverStream, h->n);
    QTAILQ_FOREACH(st, &s->list, next) {
        save_stream(st, &h->stream[i++]);
    }
    trace_smmuv3_accel_hand_over(h->viommu, h->n);
}

static bool vste_possible(const SMMUv3HandoverVSTE *v)
{
    return v->kind <= SMMUV3_VSTE_TRANSLATE &&
           v->reason <= SMMUV3_VSTE_BAD_STE &&
           v->detail <= SMMUV3_VSTE_S1CONTEXTPTR;
}

static bool stream_possible(const SMMUv3HandoverStream *h)
{
    return h->attached <= SMMUV3_ATTACHED_QUARANTINE &&
           h->closed <= SMMUV3_CLOSED_ATC_STALE &&
           vste_possible(&h->wanted) && vste_possible(&h->s1) &&
           (h->attached != SMMUV3_ATTACHED_TRANSLATE ||
            (h->has_vdevice && h->has_s1 && h->s1_attached));
}

static bool check(SMMUv3Streams *s, const SMMUv3Handover *h, int veventq_fd,
                  Error **errp)
{
    SMMUv3Stream *st;
    int32_t i = 0;

    QTAILQ_FOREACH(st, &s->list, next) {
        if (i == h->n || h->stream[i].dev_id != st->dev.dev_id) {
            error_setg(errp, "%s is not the device with number %d that the "
                       "other QEMU had behind it: give all -device vfio-pci "
                       "in the order in which they were plugged there",
                       st->dev.name, i);
            return false;
        }
        if (!stream_possible(&h->stream[i])) {
            error_setg(errp, "the state of %s is damaged", st->dev.name);
            return false;
        }
        i++;
    }
    if (i != h->n) {
        error_setg(errp, "the other QEMU had %d devices behind it, and this "
                   "one has %d", h->n, i);
        return false;
    }
    if (h->n && h->parent != s->viommu->parent) {
        error_setg(errp, "the devices' nesting parent was %" PRIu32 ", and is "
                   "%" PRIu32 " here", h->parent, s->viommu->parent);
        return false;
    }
    if (h->kernel_mode > SMMUV3_KERNEL_NO_NESTED ||
        h->has_veventq != (veventq_fd >= 0)) {
        error_setg(errp, "the state of its vIOMMU is damaged");
        return false;
    }
    return true;
}

static void load_stream(SMMUv3Stream *st, const SMMUv3HandoverStream *h)
{
    st->sid = h->sid;
    st->attached = h->attached;
    st->closed = h->closed;
    st->atc_stale = h->atc_stale;
    st->has_vdevice = h->has_vdevice;
    st->vdevice = h->vdevice;
    st->vsid = h->vsid;
    st->has_s1 = h->has_s1;
    st->s1_attached = h->s1_attached;
    st->s1_hwpt = h->s1_hwpt;
    st->s1_vsid = h->s1_vsid;
    st->wanted = load_vste(&h->wanted);
    st->s1 = load_vste(&h->s1);
    if (st->has_vdevice) {
        g_hash_table_insert(st->viommu->by_vsid, GUINT_TO_POINTER(st->vsid),
                            st);
    }
    smmuv3_stream_check(st);
}

bool smmuv3_streams_take_over(SMMUv3Streams *s, const SMMUv3Handover *h,
                              int veventq_fd, Error **errp)
{
    SMMUv3VIOMMU *v = s->viommu;
    SMMUv3Stream *st;
    int32_t i = 0;

    if (!check(s, h, veventq_fd, errp)) {
        return false;
    }
    s->held = false;
    s->atc_failed = h->atc_failed;
    s->tlb_stale = h->tlb_stale;
    if (!v) {
        s->last_parent = h->parent;
        return true;
    }
    v->id = h->viommu;
    v->bypass_hwpt = h->bypass_hwpt;
    v->abort_hwpt = h->abort_hwpt;
    v->kernel_mode = h->kernel_mode;
    v->has_veventq = h->has_veventq;
    v->veventq = h->veventq;
    v->veventq_fd = veventq_fd;
    QTAILQ_FOREACH(st, &s->list, next) {
        load_stream(st, &h->stream[i++]);
    }
    trace_smmuv3_accel_take_over(h->viommu, h->n);
    return true;
}

void smmuv3_handover_clear(SMMUv3Handover *h)
{
    g_free(h->stream);
    *h = (SMMUv3Handover) {};
}
