/*
 * What the monitor shows of accelerated SMMUv3s; it changes nothing
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/vfio/iommufd-explain.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands-smmuv3-accel.h"
#include "qapi/qapi-events-smmuv3-accel.h"
#include "state.h"
#include "monitor.h"
#include "hw/arm/smmuv3-internal.h"

/* The QAPI enums repeat those of the model, in their order */
#define SAME(model, qapi) QEMU_BUILD_BUG_ON((int)(model) != (int)(qapi))
SAME(SMMUV3_VSTE_GBPA, SMMUV3_ACCEL_REASON_GBPA);
SAME(SMMUV3_VSTE_STE, SMMUV3_ACCEL_REASON_STE);
SAME(SMMUV3_VSTE_BAD_STREAMID, SMMUV3_ACCEL_REASON_BAD_STREAMID);
SAME(SMMUV3_VSTE_FETCH, SMMUV3_ACCEL_REASON_STE_FETCH);
SAME(SMMUV3_VSTE_BAD_STE, SMMUV3_ACCEL_REASON_BAD_STE);
SAME(SMMUV3_ATTACHED_PARENT, SMMUV3_ACCEL_ATTACHMENT_PARENT);
SAME(SMMUV3_ATTACHED_BYPASS, SMMUV3_ACCEL_ATTACHMENT_BYPASS);
SAME(SMMUV3_ATTACHED_ABORT, SMMUV3_ACCEL_ATTACHMENT_ABORT);
SAME(SMMUV3_ATTACHED_TRANSLATE, SMMUV3_ACCEL_ATTACHMENT_TRANSLATE);
SAME(SMMUV3_ATTACHED_NOTHING, SMMUV3_ACCEL_ATTACHMENT_NOTHING);
SAME(SMMUV3_ATTACHED_QUARANTINE, SMMUV3_ACCEL_ATTACHMENT_QUARANTINE);
SAME(SMMUV3_NOT_CLOSED, SMMUV3_ACCEL_CLOSED_NOT_CLOSED);
SAME(SMMUV3_CLOSED_BUSY, SMMUV3_ACCEL_CLOSED_BUSY);
SAME(SMMUV3_CLOSED_REFUSED, SMMUV3_ACCEL_CLOSED_REFUSED);
SAME(SMMUV3_CLOSED_SID_TAKEN, SMMUV3_ACCEL_CLOSED_SID_TAKEN);
SAME(SMMUV3_CLOSED_TLB_STALE, SMMUV3_ACCEL_CLOSED_TLB_STALE);
SAME(SMMUV3_CLOSED_ATC_STALE, SMMUV3_ACCEL_CLOSED_ATC_STALE);
SAME(SMMUV3_KERNEL_UNKNOWN, SMMUV3_ACCEL_KERNEL_MODE_UNKNOWN);
SAME(SMMUV3_KERNEL_NESTED, SMMUV3_ACCEL_KERNEL_MODE_NESTED);
SAME(SMMUV3_KERNEL_NO_NESTED, SMMUV3_ACCEL_KERNEL_MODE_NO_NESTED);

static VFIODevice *vfio(const SMMUv3Stream *st)
{
    HostIOMMUDevice *hiod = st->dev.opaque;

    return hiod->agent;
}

static SMMUv3AccelState wanted_state(const SMMUv3VSTE *wanted)
{
    bool gbpa = wanted->reason == SMMUV3_VSTE_GBPA;

    switch (wanted->kind) {
    case SMMUV3_VSTE_BYPASS:
        return gbpa ? SMMUV3_ACCEL_STATE_GBPA_BYPASS
                    : SMMUV3_ACCEL_STATE_STE_BYPASS;
    case SMMUV3_VSTE_ABORT:
        return gbpa ? SMMUV3_ACCEL_STATE_GBPA_ABORT
                    : SMMUV3_ACCEL_STATE_STE_ABORT;
    case SMMUV3_VSTE_TRANSLATE:
        return SMMUV3_ACCEL_STATE_STE_TRANSLATE;
    }
    g_assert_not_reached();
}

/* The state in force, not the state that the guest wants */
static SMMUv3AccelState attached_state(const SMMUv3Stream *st)
{
    bool gbpa = st->wanted.reason == SMMUV3_VSTE_GBPA;

    if (st->closed) {
        return SMMUV3_ACCEL_STATE_CLOSED;
    }
    switch (st->attached) {
    case SMMUV3_ATTACHED_PARENT:
        return SMMUV3_ACCEL_STATE_NONE;
    case SMMUV3_ATTACHED_BYPASS:
        return gbpa ? SMMUV3_ACCEL_STATE_GBPA_BYPASS
                    : SMMUV3_ACCEL_STATE_STE_BYPASS;
    case SMMUV3_ATTACHED_ABORT:
        return gbpa ? SMMUV3_ACCEL_STATE_GBPA_ABORT
                    : SMMUV3_ACCEL_STATE_STE_ABORT;
    case SMMUV3_ATTACHED_TRANSLATE:
        return SMMUV3_ACCEL_STATE_STE_TRANSLATE;
    case SMMUV3_ATTACHED_NOTHING:
    case SMMUV3_ATTACHED_QUARANTINE:
        return SMMUV3_ACCEL_STATE_CLOSED;
    }
    g_assert_not_reached();
}

static SMMUv3AccelVDevice *show_vdevice(const SMMUv3Stream *st)
{
    SMMUv3AccelVDevice *info;

    if (!st->has_vdevice) {
        return NULL;
    }
    info = g_new0(SMMUv3AccelVDevice, 1);
    info->id = st->vdevice;
    info->sid = st->vsid;
    return info;
}

static SMMUv3AccelStream *show_stream(const SMMUv3Streams *s,
                                      const SMMUv3Stream *st)
{
    SMMUv3AccelStream *info = g_new0(SMMUv3AccelStream, 1);
    DeviceState *dev = vfio(st)->dev;

    info->device = g_strdup(dev->id);
    info->qom_path = object_get_canonical_path(OBJECT(dev));
    info->host_device = vfio_host_name(vfio(st));
    info->sid = s->get_sid(s->owner, st);
    info->vdevice = show_vdevice(st);
    info->wanted = wanted_state(&st->wanted);
    info->reason = (SMMUv3AccelReason)st->wanted.reason;
    info->explanation = smmuv3_vste_explain(&st->wanted);
    info->attached = attached_state(st);
    info->host_attachment = (SMMUv3AccelAttachment)st->attached;
    QAPI_LIST_PREPEND(info->vste, st->wanted.word[1]);
    QAPI_LIST_PREPEND(info->vste, st->wanted.word[0]);
    info->closed = (SMMUv3AccelClosed)st->closed;
    info->last_error = g_strdup(st->last_error);
    info->retrying = smmuv3_retry_by_timer(st->closed) && !st->retry.given_up;
    info->attaches = st->count.attaches;
    info->hwpts = st->count.hwpts;
    info->vdevices = st->count.vdevices;
    info->events = st->count.events;
    info->failures = st->count.failures;
    return info;
}

static SMMUv3AccelVIOMMU *show_viommu(const SMMUv3VIOMMU *v)
{
    SMMUv3AccelVIOMMU *info;

    if (!v) {
        return NULL;
    }
    info = g_new0(SMMUv3AccelVIOMMU, 1);
    info->id = v->id;
    info->nesting_parent = v->parent;
    info->bypass_hwpt = v->bypass_hwpt;
    info->abort_hwpt = v->abort_hwpt;
    info->veventq = v->has_veventq;
    return info;
}

static SMMUv3AccelInvalidation *show_inval(const SMMUv3InvalCounters *count)
{
    SMMUv3AccelInvalidation *info = g_new0(SMMUv3AccelInvalidation, 1);

    info->calls = count->calls;
    info->entries = count->entries;
    info->failures = count->failures;
    info->widened = count->widened;
    return info;
}

static SMMUv3AccelIllegal *show_illegal(SMMUv3State *s)
{
    const SMMUv3AccelIllegalCommand *illegal = &s->accel->illegal;
    SMMUv3AccelIllegal *info;

    if (!illegal->why) {
        return NULL;
    }
    info = g_new0(SMMUv3AccelIllegal, 1);
    QAPI_LIST_PREPEND(info->words, illegal->word[1]);
    QAPI_LIST_PREPEND(info->words, illegal->word[0]);
    info->explanation = g_strdup(illegal->why);
    info->stopped = FIELD_EX32(s->gerror ^ s->gerrorn, GERROR, CMDQ_ERR);
    return info;
}

static SMMUv3AccelQueue *show_queue(SMMUv3Cmdqv *c, unsigned l)
{
    SMMUv3CmdqvQueue *q = smmuv3_cmdqv_find(c, l);
    unsigned log2size = q ? smmuv3_cmdqv_log2size(q) : 0;
    SMMUv3AccelQueue *info;
    uint32_t cons;

    if (!log2size) {
        return NULL;
    }
    cons = smmuv3_cmdqv_queue_read(c, q, SMMUV3_CMDQV_QUEUE_CONS);
    info = g_new0(SMMUv3AccelQueue, 1);
    info->index = l;
    info->owner = l < c->n_given ? SMMUV3_ACCEL_QUEUE_OWNER_HARDWARE
                                 : SMMUV3_ACCEL_QUEUE_OWNER_QEMU;
    info->enabled = smmuv3_cmdqv_queue_read(c, q, SMMUV3_CMDQV_QUEUE_STATUS) &
                    SMMUV3_CMDQV_EN;
    info->base = smmuv3_cmdqv_base(q);
    info->entries = 1u << log2size;
    info->prod = smmuv3_cmdqv_queue_read(c, q, SMMUV3_CMDQV_QUEUE_PROD);
    info->cons = extract32(cons, 0, 20);
    info->in_error = smmuv3_cmdqv_in_error(c, q);
    info->error = extract32(cons, 24, 7);
    return info;
}

static SMMUv3AccelCmdqv *show_cmdqv(SMMUv3Cmdqv *c)
{
    SMMUv3AccelQueueList **tail;
    SMMUv3AccelCmdqv *info;

    if (!c) {
        return NULL;
    }
    info = g_new0(SMMUv3AccelCmdqv, 1);
    info->host = c->viommu && c->viommu->cmdqv_page;
    info->max_entries = 1u << c->log2max;
    info->max_devices = 1u << c->log2sids;
    tail = &info->queues;
    for (unsigned l = 0; l < c->n; l++) {
        SMMUv3AccelQueue *queue = show_queue(c, l);

        if (queue) {
            QAPI_LIST_APPEND(tail, queue);
        }
    }
    info->refusal = g_strdup(c->why_kept);
    info->given = c->count.gives;
    info->refused = c->count.refusals;
    info->errors = c->count.errors;
    info->commands = c->count.commands;
    return info;
}

static uint32List *show_granules(uint32_t granules)
{
    uint32List *list = NULL;

    for (int shift = 16; shift >= 12; shift -= 2) {
        if (granules & BIT(shift)) {
            QAPI_LIST_PREPEND(list, BIT(shift));
        }
    }
    return list;
}

static SMMUv3AccelInfo *show_smmu(SMMUv3State *s)
{
    SMMUv3AccelInfo *info = g_new0(SMMUv3AccelInfo, 1);
    SMMUv3Accel *accel = s->accel;
    SMMUv3AccelStreamList **tail = &info->streams;
    SMMUv3Stream *st;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    info->id = g_strdup(DEVICE(s)->id);
    info->qom_path = object_get_canonical_path(OBJECT(s));
    info->bus = g_strdup(BUS(ARM_SMMU(s)->primary_bus)->name);
    info->smmuen = smmu_enabled(s);
    info->gbpa = s->gbpa;
    info->ats = smmuv3_idr_ats(accel->idr);
    info->ril = smmuv3_idr_ril(accel->idr);
    info->ssidsize = smmuv3_idr_ssidsize(accel->idr);
    info->oas = smmuv3_idr_oas(accel->idr);
    info->granules = show_granules(smmuv3_idr_granules(accel->idr));
    info->host_known = accel->host_known;
    if (accel->streams.viommu) {
        info->kernel_mode =
            (SMMUv3AccelKernelMode)accel->streams.viommu->kernel_mode;
    }
    info->viommu = show_viommu(accel->streams.viommu);
    info->invalidation = show_inval(&accel->streams.inval.count);
    info->illegal_command = show_illegal(s);
    info->cmdqv = show_cmdqv(smmuv3_accel_cmdqv_registers(accel));
    info->events = accel->events.events;
    info->events_lost = accel->events.lost;
    QTAILQ_FOREACH(st, &accel->streams.list, next) {
        QAPI_LIST_APPEND(tail, show_stream(&accel->streams, st));
    }
    return info;
}

static int add_smmu(Object *obj, void *opaque)
{
    SMMUv3State *s = (SMMUv3State *)object_dynamic_cast(obj, TYPE_ARM_SMMUV3);
    SMMUv3AccelInfoList ***tail = opaque;

    if (s && DEVICE(s)->realized && s->accel->on) {
        QAPI_LIST_APPEND(*tail, show_smmu(s));
    }
    return 0;
}

SMMUv3AccelInfoList *qmp_x_query_smmuv3_accel(Error **errp)
{
    SMMUv3AccelInfoList *list = NULL, **tail = &list;

    object_child_foreach_recursive(object_get_root(), add_smmu, &tail);
    return list;
}

void smmuv3_accel_monitor_closed(const SMMUv3Stream *st, const Error *why)
{
    DeviceState *dev = vfio(st)->dev;
    g_autofree char *path = object_get_canonical_path(OBJECT(dev));
    g_autofree char *host = vfio_host_name(vfio(st));

    qapi_event_send_smmuv3_accel_stream_closed(dev->id, path, host, st->sid,
                                               wanted_state(&st->wanted),
                                               error_get_pretty(why));
}

static void print_stream(Monitor *mon, const SMMUv3AccelStream *st)
{
    monitor_printf(mon, "  %s (host %s): StreamID 0x%x, wanted %s (%s%s%s), "
                   "attached %s\n", st->device ?: st->qom_path,
                   st->host_device, st->sid,
                   SMMUv3AccelState_str(st->wanted),
                   SMMUv3AccelReason_str(st->reason),
                   st->explanation ? ": " : "", st->explanation ?: "",
                   SMMUv3AccelState_str(st->attached));
    monitor_printf(mon, "    vSTE 0x%016" PRIx64 " 0x%016" PRIx64
                   ", host attachment %s", st->vste->value,
                   st->vste->next->value,
                   SMMUv3AccelAttachment_str(st->host_attachment));
    if (st->vdevice) {
        monitor_printf(mon, ", vDEVICE %u with StreamID 0x%x",
                       st->vdevice->id, st->vdevice->sid);
    }
    monitor_printf(mon, "\n    attaches %" PRIu64 ", HWPTs %" PRIu64
                   ", vDEVICEs %" PRIu64 ", events %" PRIu64 ", failures %"
                   PRIu64 "\n", st->attaches, st->hwpts, st->vdevices,
                   st->events, st->failures);
    if (st->last_error) {
        monitor_printf(mon, "    last error (%s): %s%s\n",
                       SMMUv3AccelClosed_str(st->closed), st->last_error,
                       st->retrying ? " (tried again by a timer)" : "");
    }
}

static void print_cmdqv(Monitor *mon, const SMMUv3AccelCmdqv *info)
{
    monitor_printf(mon, "  CMDQV: %s, queues of at most %u entries (one run of "
                   "the host's memory), at most %u devices; given %" PRIu64
                   ", refused %" PRIu64 ", errors %" PRIu64 ", commands by "
                   "QEMU %" PRIu64 "\n", info->host ? "of the host" :
                   "without the host's", info->max_entries, info->max_devices,
                   info->given, info->refused, info->errors, info->commands);
    for (SMMUv3AccelQueueList *l = info->queues; l; l = l->next) {
        const SMMUv3AccelQueue *q = l->value;

        monitor_printf(mon, "    queue %u: done by %s, %s, %u entries at 0x%"
                       PRIx64 ", PROD 0x%x, CONS 0x%x, last error %u%s\n",
                       q->index, SMMUv3AccelQueueOwner_str(q->owner),
                       q->enabled ? "on" : "off", q->entries, q->base, q->prod,
                       q->cons, q->error, q->in_error ?
                       "; the queue waits for GERRORN" : "");
    }
    if (info->refusal) {
        monitor_printf(mon, "    the host refused a queue: %s\n",
                       info->refusal);
    }
}

static void print_smmu(Monitor *mon, const SMMUv3AccelInfo *info)
{
    monitor_printf(mon, "%s: bus %s, SMMUEN %d, GBPA 0x%08x\n",
                   info->id ?: info->qom_path, info->bus, info->smmuen,
                   info->gbpa);
    monitor_printf(mon, "  guest sees: ATS %s, RIL %s, SSIDSIZE %u, OAS %u, "
                   "granules", info->ats ? "on" : "off",
                   info->ril ? "on" : "off", info->ssidsize, info->oas);
    for (uint32List *g = info->granules; g; g = g->next) {
        monitor_printf(mon, " %uK", g->value / 1024);
    }
    monitor_printf(mon, " (auto from %s)\n", info->host_known ?
                   "the host SMMU" : "the minimum of all nesting SMMUs");
    if (info->viommu) {
        monitor_printf(mon, "  vIOMMU %u, nesting parent %u, bypass %u, "
                       "abort %u; events %s; kernel mode %s\n",
                       info->viommu->id, info->viommu->nesting_parent,
                       info->viommu->bypass_hwpt, info->viommu->abort_hwpt,
                       info->viommu->veventq ? "on" : "off",
                       SMMUv3AccelKernelMode_str(info->kernel_mode));
    }
    monitor_printf(mon, "  invalidation: calls %" PRIu64 ", entries %" PRIu64
                   ", failures %" PRIu64 ", widened %" PRIu64 "; events %"
                   PRIu64 ", lost %" PRIu64 "\n", info->invalidation->calls,
                   info->invalidation->entries, info->invalidation->failures,
                   info->invalidation->widened, info->events,
                   info->events_lost);
    if (info->illegal_command) {
        monitor_printf(mon, "  illegal command 0x%016" PRIx64 " 0x%016" PRIx64
                       ": %s%s\n", info->illegal_command->words->value,
                       info->illegal_command->words->next->value,
                       info->illegal_command->explanation,
                       info->illegal_command->stopped ?
                       "; the queue waits for GERRORN" : "");
    }
    if (info->cmdqv) {
        print_cmdqv(mon, info->cmdqv);
    }
    for (SMMUv3AccelStreamList *st = info->streams; st; st = st->next) {
        print_stream(mon, st->value);
    }
}

void hmp_info_smmuv3_accel(Monitor *mon, const QDict *qdict)
{
    SMMUv3AccelInfoList *list = qmp_x_query_smmuv3_accel(NULL);

    if (!list) {
        monitor_puts(mon, "No arm-smmuv3 with accel=on\n");
    }
    for (SMMUv3AccelInfoList *l = list; l; l = l->next) {
        print_smmu(mon, l->value);
    }
    qapi_free_SMMUv3AccelInfoList(list);
}
