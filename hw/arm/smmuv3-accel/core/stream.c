/*
 * One stream: an assigned device behind an accelerated SMMUv3
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "stream.h"
#include "hw/arm/smmuv3-accel/trace.h"

static const SMMUv3HostOps *ops(const SMMUv3Stream *st)
{
    return st->viommu->ops;
}

static void *opaque(const SMMUv3Stream *st)
{
    return st->viommu->opaque;
}

static void set_attached(SMMUv3Stream *st, SMMUv3Attachment attached)
{
    st->attached = attached;
    if (attached != SMMUV3_ATTACHED_QUARANTINE) {
        st->s1_attached = attached == SMMUV3_ATTACHED_TRANSLATE;
    }
    st->count.attaches++;
    /* The name costs a lookup, which is made only if the event is traced */
    if (trace_event_get_state_backends(TRACE_SMMUV3_ACCEL_ATTACH)) {
        trace_smmuv3_accel_attach(st->dev.name,
                                  smmuv3_attachment_name(attached),
                                  st->s1_hwpt, st->vsid);
    }
}

void smmuv3_stream_drop_vdevice(SMMUv3Stream *st)
{
    if (st->has_vdevice) {
        trace_smmuv3_accel_vdevice_free(st->dev.name, st->vsid);
        ops(st)->destroy(opaque(st), st->vdevice);
        g_hash_table_remove(st->viommu->by_vsid, GUINT_TO_POINTER(st->vsid));
        st->has_vdevice = false;
    }
}

void smmuv3_stream_drop_s1(SMMUv3Stream *st)
{
    assert(st->attached != SMMUV3_ATTACHED_TRANSLATE);
    if (st->has_s1 && !st->s1_attached) {
        ops(st)->destroy(opaque(st), st->s1_hwpt);
        st->has_s1 = false;
    }
    smmuv3_stream_drop_vdevice(st);
}

/* The fail-closed ladder: each step is taken only if the one before fails */
static SMMUv3Attachment block(SMMUv3Stream *st)
{
    if (smmuv3_viommu_attach_shared(st->viommu, &st->dev, SMMUV3_VSTE_ABORT,
                                    NULL) == 0) {
        return SMMUV3_ATTACHED_ABORT;
    }
    if (ops(st)->detach(opaque(st), &st->dev, NULL) == 0) {
        return SMMUV3_ATTACHED_NOTHING;
    }
    ops(st)->quarantine(opaque(st), &st->dev);
    return SMMUV3_ATTACHED_QUARANTINE;
}

static bool blocked(const SMMUv3Stream *st)
{
    return st->attached == SMMUV3_ATTACHED_ABORT ||
           st->attached == SMMUV3_ATTACHED_NOTHING;
}

void smmuv3_stream_close(SMMUv3Stream *st, SMMUv3Closed closed, Error *why)
{
    st->news |= st->closed != closed ||
                g_strcmp0(st->last_error, error_get_pretty(why));
    g_free(st->last_error);
    st->last_error = g_strdup(error_get_pretty(why));
    error_free(why);
    st->closed = closed;
    st->count.failures++;
    if (!blocked(st)) {
        set_attached(st, block(st));
    }
    trace_smmuv3_accel_close(st->dev.name, smmuv3_attachment_name(st->attached),
                             st->last_error);
    smmuv3_stream_drop_s1(st);
    smmuv3_stream_check(st);
}

void smmuv3_stream_check(const SMMUv3Stream *st)
{
#ifdef SMMUV3_ACCEL_CHECKS
    bool kept = st->wanted.reason == SMMUV3_VSTE_GBPA && !st->closed;

    switch (st->attached) {
    case SMMUV3_ATTACHED_PARENT:
        g_assert_not_reached();
    case SMMUV3_ATTACHED_BYPASS:
        g_assert(!st->closed);
        /* fall through */
    case SMMUV3_ATTACHED_ABORT:
    case SMMUV3_ATTACHED_NOTHING:
        g_assert(!st->s1_attached);
        g_assert(kept || (!st->has_s1 && !st->has_vdevice));
        break;
    case SMMUV3_ATTACHED_TRANSLATE:
        g_assert(!st->closed);
        g_assert(st->has_s1 && st->s1_attached && st->has_vdevice);
        g_assert(st->vsid == st->sid && st->s1_vsid == st->sid);
        break;
    case SMMUV3_ATTACHED_QUARANTINE:
        g_assert(st->closed);
        g_assert(st->has_s1 == st->s1_attached && !st->has_vdevice);
        break;
    }
#endif
}

static void reached(SMMUv3Stream *st)
{
    st->closed = SMMUV3_NOT_CLOSED;
    st->news = false;
    g_clear_pointer(&st->last_error, g_free);
}

static SMMUv3Attachment shared_attachment(SMMUv3VSTEKind kind)
{
    return kind == SMMUV3_VSTE_BYPASS ? SMMUV3_ATTACHED_BYPASS
                                      : SMMUV3_ATTACHED_ABORT;
}

static bool s1_settled(const SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                       uint32_t sid)
{
    return st->attached == SMMUV3_ATTACHED_TRANSLATE &&
           st->has_vdevice && st->vsid == sid && st->s1_vsid == sid &&
           smmuv3_vste_same(&st->s1, wanted);
}

bool smmuv3_stream_settled(const SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                           uint32_t sid)
{
    if (st->closed) {
        return false;
    }
    if (wanted->kind == SMMUV3_VSTE_TRANSLATE) {
        return s1_settled(st, wanted, sid);
    }
    /*
     * While SMMUEN = 0 the S1 HWPT and the vDEVICE are kept for the next
     * SMMUEN = 1. With SMMUEN = 1 a stream that does not translate has none.
     */
    return st->attached == shared_attachment(wanted->kind) &&
           (wanted->reason == SMMUV3_VSTE_GBPA ||
            (!st->has_s1 && !st->has_vdevice));
}

static int reconcile_shared(SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                            Error **errp)
{
    SMMUv3Attachment attachment = shared_attachment(wanted->kind);

    if (st->attached != attachment) {
        int ret = smmuv3_viommu_attach_shared(st->viommu, &st->dev,
                                              wanted->kind, errp);
        if (ret < 0) {
            return ret;
        }
        set_attached(st, attachment);
    }
    if (wanted->reason != SMMUV3_VSTE_GBPA) {
        smmuv3_stream_drop_s1(st);
    }
    return 0;
}

int smmuv3_stream_bind(SMMUv3Stream *st, uint32_t sid, Error **errp)
{
    int ret;

    if (st->has_vdevice && st->vsid == sid) {
        return 0;
    }
    smmuv3_stream_drop_vdevice(st);
    ret = ops(st)->alloc_vdevice(opaque(st), &st->dev, st->viommu->id, sid,
                                 &st->vdevice, errp);
    if (ret < 0) {
        return ret;
    }
    g_hash_table_insert(st->viommu->by_vsid, GUINT_TO_POINTER(sid), st);
    st->has_vdevice = true;
    st->vsid = sid;
    st->count.vdevices++;
    trace_smmuv3_accel_vdevice_new(st->dev.name, sid, st->vdevice);
    return 0;
}

static int attach_s1(SMMUv3Stream *st, uint32_t hwpt, uint32_t sid,
                     Error **errp)
{
    Error *err = NULL;
    int ret = smmuv3_viommu_attach(st->viommu, &st->dev, hwpt, &err);

    /*
     * Replacing one translation by another must not pass through abort: some
     * devices, such as GPUs, need a reset after an aborted transfer. So the
     * stream is blocked only if a second attempt fails, too.
     */
    if (smmuv3_retry_may_pass(ret) &&
        st->attached == SMMUV3_ATTACHED_TRANSLATE) {
        error_free(err);
        err = NULL;
        ret = smmuv3_viommu_attach(st->viommu, &st->dev, hwpt, &err);
    }
    if (ret < 0) {
        error_propagate(errp, err);
        return ret;
    }
    st->s1_vsid = sid;
    return 0;
}

/* Attach a new HWPT in one replace, then free the old one */
static int replace_s1(SMMUv3Stream *st, const SMMUv3VSTE *wanted, uint32_t sid,
                      Error **errp)
{
    uint32_t hwpt;
    int ret;

    ret = ops(st)->alloc_hwpt(opaque(st), &st->dev, st->viommu->id,
                              wanted->word, &hwpt, errp);
    if (ret < 0) {
        return ret;
    }
    st->count.hwpts++;
    ret = attach_s1(st, hwpt, sid, errp);
    if (ret < 0) {
        ops(st)->destroy(opaque(st), hwpt);
        return ret;
    }
    if (st->has_s1) {
        ops(st)->destroy(opaque(st), st->s1_hwpt);
    }
    st->has_s1 = true;
    st->s1_hwpt = hwpt;
    st->s1 = *wanted;
    set_attached(st, SMMUV3_ATTACHED_TRANSLATE);
    return 0;
}

static int reconcile_s1(SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                        uint32_t sid, Error **errp)
{
    int ret;

    if (s1_settled(st, wanted, sid)) {
        return 0;
    }
    ret = smmuv3_stream_bind(st, sid, errp);
    if (ret < 0) {
        return ret;
    }
    if (st->has_s1 && smmuv3_vste_same(&st->s1, wanted) && !st->s1_attached) {
        ret = attach_s1(st, st->s1_hwpt, sid, errp);
        if (ret == 0) {
            set_attached(st, SMMUV3_ATTACHED_TRANSLATE);
        }
        return ret;
    }
    return replace_s1(st, wanted, sid, errp);
}

/* Say why the Stream table has no usable entry for the stream */
static void explain(const SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                    uint32_t sid)
{
    g_autofree char *why = smmuv3_vste_explain(wanted);

    if (!why) {
        return;
    }
    trace_smmuv3_accel_explain(st->dev.name, sid, why);
    if (smmuv3_vste_is_guest_error(wanted)) {
        qemu_log_mask(LOG_GUEST_ERROR, "arm-smmuv3: %s: StreamID 0x%x: %s: "
                      "%s\n", st->dev.name, sid,
                      smmuv3_vste_reason_name(wanted->reason), why);
    }
}

int smmuv3_stream_reconcile(SMMUv3Stream *st, const SMMUv3VSTE *wanted,
                            uint32_t sid, Error **errp)
{
    Error *err = NULL;
    int ret;

    if (trace_event_get_state_backends(TRACE_SMMUV3_ACCEL_RESOLVE)) {
        trace_smmuv3_accel_resolve(st->dev.name, sid,
                                   smmuv3_vste_kind_name(wanted->kind),
                                   smmuv3_vste_reason_name(wanted->reason),
                                   wanted->word[0], wanted->word[1]);
    }
    explain(st, wanted, sid);
    st->wanted = *wanted;
    st->sid = sid;
    if (wanted->kind == SMMUV3_VSTE_TRANSLATE) {
        ret = reconcile_s1(st, wanted, sid, &err);
    } else {
        ret = reconcile_shared(st, wanted, &err);
    }
    if (ret < 0) {
        smmuv3_stream_close(st, smmuv3_retry_reason(ret), error_copy(err));
        error_propagate(errp, err);
        return ret;
    }
    reached(st);
    smmuv3_stream_check(st);
    return 0;
}

void smmuv3_stream_release(SMMUv3Stream *st)
{
    /*
     * An attached HWPT cannot be freed. If the first detach fails, block the
     * device and try once more.
     */
    for (int i = 0; i < 2 && st->attached != SMMUV3_ATTACHED_NOTHING; i++) {
        if (ops(st)->detach(opaque(st), &st->dev, NULL) == 0) {
            set_attached(st, SMMUV3_ATTACHED_NOTHING);
        } else if (!blocked(st) &&
                   st->attached != SMMUV3_ATTACHED_QUARANTINE) {
            set_attached(st, block(st));
        }
    }
    smmuv3_stream_drop_s1(st);
    g_clear_pointer(&st->last_error, g_free);
}

const char *smmuv3_attachment_name(SMMUv3Attachment attached)
{
    static const char *const name[] = {
        [SMMUV3_ATTACHED_PARENT] = "parent",
        [SMMUV3_ATTACHED_BYPASS] = "bypass",
        [SMMUV3_ATTACHED_ABORT] = "abort",
        [SMMUV3_ATTACHED_TRANSLATE] = "translate",
        [SMMUV3_ATTACHED_NOTHING] = "nothing",
        [SMMUV3_ATTACHED_QUARANTINE] = "quarantine",
    };

    return name[attached];
}
