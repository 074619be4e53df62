/*
 * arm-smmuv3,accel=on: another QEMU process takes over the running VM
 *
 * The process that takes over has the same iommufd (migration mode
 * cpr-transfer). Meanwhile the devices stay attached, and their DMA goes on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "migration/blocker.h"
#include "migration/cpr.h"
#include "migration/vmstate.h"
#include "state.h"

static const VMStateDescription vmstate_vste = {
    .name = "arm-smmuv3-accel/vste",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(kind, SMMUv3HandoverVSTE),
        VMSTATE_UINT32(reason, SMMUv3HandoverVSTE),
        VMSTATE_UINT32(detail, SMMUv3HandoverVSTE),
        VMSTATE_UINT64(value, SMMUv3HandoverVSTE),
        VMSTATE_UINT64_ARRAY(word, SMMUv3HandoverVSTE, 2),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription vmstate_stream = {
    .name = "arm-smmuv3-accel/stream",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(dev_id, SMMUv3HandoverStream),
        VMSTATE_UINT32(sid, SMMUv3HandoverStream),
        VMSTATE_UINT32(attached, SMMUv3HandoverStream),
        VMSTATE_UINT32(closed, SMMUv3HandoverStream),
        VMSTATE_BOOL(atc_stale, SMMUv3HandoverStream),
        VMSTATE_BOOL(has_vdevice, SMMUv3HandoverStream),
        VMSTATE_UINT32(vdevice, SMMUv3HandoverStream),
        VMSTATE_UINT32(vsid, SMMUv3HandoverStream),
        VMSTATE_BOOL(has_s1, SMMUv3HandoverStream),
        VMSTATE_BOOL(s1_attached, SMMUv3HandoverStream),
        VMSTATE_UINT32(s1_hwpt, SMMUv3HandoverStream),
        VMSTATE_UINT32(s1_vsid, SMMUv3HandoverStream),
        VMSTATE_STRUCT(wanted, SMMUv3HandoverStream, 1, vmstate_vste,
                       SMMUv3HandoverVSTE),
        VMSTATE_STRUCT(s1, SMMUv3HandoverStream, 1, vmstate_vste,
                       SMMUv3HandoverVSTE),
        VMSTATE_END_OF_LIST()
    }
};

/* Before memory for so many is allocated */
static bool n_is_possible(void *opaque, int version)
{
    SMMUv3Handover *h = opaque;

    return h->n >= 0 && h->n <= PCI_BUS_MAX * PCI_DEVFN_MAX;
}

static const VMStateDescription vmstate_streams = {
    .name = "arm-smmuv3-accel/streams",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(viommu, SMMUv3Handover),
        VMSTATE_UINT32(parent, SMMUv3Handover),
        VMSTATE_UINT32(bypass_hwpt, SMMUv3Handover),
        VMSTATE_UINT32(abort_hwpt, SMMUv3Handover),
        VMSTATE_UINT32(kernel_mode, SMMUv3Handover),
        VMSTATE_BOOL(has_veventq, SMMUv3Handover),
        VMSTATE_UINT32(veventq, SMMUv3Handover),
        VMSTATE_BOOL(atc_failed, SMMUv3Handover),
        VMSTATE_BOOL(tlb_stale, SMMUv3Handover),
        VMSTATE_INT32(n, SMMUv3Handover),
        VMSTATE_VALIDATE("n is a number of functions", n_is_possible),
        VMSTATE_STRUCT_VARRAY_ALLOC(stream, SMMUv3Handover, n, 1,
                                    vmstate_stream, SMMUv3HandoverStream),
        VMSTATE_END_OF_LIST()
    }
};

/* A vEVENTQ's fd, as the CPR state names it: by the SMMU's path */
static char *fd_name(const SMMUv3Accel *accel, const char *veventq)
{
    g_autofree char *path = object_get_canonical_path(OBJECT(accel->smmu));

    return g_strdup_printf("%s/%s", path, veventq);
}

static int find_fd(const SMMUv3Accel *accel, const char *veventq)
{
    g_autofree char *name = fd_name(accel, veventq);

    return cpr_find_fd(name, 0);
}

void smmuv3_accel_handover_plugged(SMMUv3Accel *accel)
{
    SMMUv3VIOMMU *viommu = accel->streams.viommu;
    g_autofree char *events = fd_name(accel, "veventq");
    g_autofree char *errors = fd_name(accel, "cmdqv-veventq");

    if (accel->streams.held) {
        return;
    }
    if (viommu->has_veventq) {
        cpr_resave_fd(events, 0, viommu->veventq_fd);
    }
    if (viommu->cmdqv_page) {
        cpr_resave_fd(errors, 0, viommu->cmdqv_veventq_fd);
    }
}

void smmuv3_accel_handover_unplugged(SMMUv3Accel *accel)
{
    g_autofree char *events = fd_name(accel, "veventq");
    g_autofree char *errors = fd_name(accel, "cmdqv-veventq");

    if (!accel->streams.viommu) {
        cpr_delete_fd(events, 0);
        cpr_delete_fd(errors, 0);
    }
}

static void clear(SMMUv3AccelHandover *h)
{
    smmuv3_handover_clear(&h->streams);
    h->cmdqv = (SMMUv3HandoverCmdqv) {};
}

static int save(void *opaque)
{
    SMMUv3Accel *accel = opaque;
    SMMUv3Cmdqv *cmdqv = smmuv3_accel_cmdqv_registers(accel);

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    clear(&accel->handover);
    if (cmdqv) {
        smmuv3_cmdqv_hand_over(cmdqv, &accel->handover.cmdqv);
    }
    smmuv3_streams_hand_over(&accel->streams, &accel->handover.streams);
    accel->handover.event = accel->events.expected;
    memcpy(accel->handover.idr, accel->idr, sizeof(accel->idr));
    return 0;
}

static int saved(void *opaque)
{
    SMMUv3Accel *accel = opaque;

    clear(&accel->handover);
    return 0;
}

static bool check_idr(const SMMUv3Accel *accel, Error **errp)
{
    for (int i = 0; i < SMMUV3_IDR_COUNT; i++) {
        if (accel->idr[i] != accel->handover.idr[i]) {
            error_setg(errp, "IDR%d is 0x%x here, and the guest has seen 0x%x: "
                       "give it the same properties and devices as the other "
                       "QEMU", i,
                       accel->idr[i], accel->handover.idr[i]);
            return false;
        }
    }
    return true;
}

#ifdef SMMUV3_ACCEL_FAULTS
static void leak(const SMMUv3Accel *accel)
{
    g_autofree char *path = object_get_canonical_path(OBJECT(accel->smmu));
    g_autofree char *name = g_strdup_printf("%s/leak%d", path, getpid());
    uint32_t ioas;

    if (SMMUV3_FAULT_IS(LEAK_OBJECT)) {
        iommufd_backend_alloc_ioas(accel->streams.viommu->opaque, &ioas,
                                   &error_abort);
    }
    if (SMMUV3_FAULT_IS(LEAK_FD)) {
        cpr_save_fd(name, 0, dup(accel->fence_fd));
    }
}
#else
#define leak(accel) ((void)0)
#endif

/* Until all of it can be taken over, nothing of it is */
static bool take_over(SMMUv3Accel *accel, Error **errp)
{
    SMMUv3Streams *s = &accel->streams;
    SMMUv3Cmdqv *cmdqv = smmuv3_accel_cmdqv_registers(accel);
    const SMMUv3AccelHandover *h = &accel->handover;

    if (!s->held) {
        error_setg(errp, "no other QEMU hands over: a snapshot has nothing of "
                   "the host SMMU's state");
        return false;
    }
    if (!smmuv3_cmdqv_check_handover(cmdqv, &h->cmdqv, errp) ||
        !check_idr(accel, errp) ||
        !smmuv3_cmdqv_take_over_page(s->viommu, &h->cmdqv, &s->want_cmdqv,
                                     find_fd(accel, "cmdqv-veventq"), errp) ||
        !smmuv3_streams_take_over(s, &h->streams, find_fd(accel, "veventq"),
                                  errp)) {
        return false;
    }
    leak(accel);
    if (cmdqv) {
        /* The guest has it: from now on it is served without the host's, too */
        s->want_cmdqv.required = false;
        smmuv3_cmdqv_take_over(cmdqv, &h->cmdqv, s->viommu);
    }
    return true;
}

static bool loaded(void *opaque, int version, Error **errp)
{
    ERRP_GUARD();
    SMMUv3Accel *accel = opaque;
    SMMUV3_ACCEL_LOCK_GUARD(accel);
    bool ok = take_over(accel, errp);

    clear(&accel->handover);
    if (!ok) {
        error_prepend(errp, "arm-smmuv3 with accel=on cannot take over: ");
        return false;
    }
    accel->events.expected = accel->handover.event;
    smmuv3_accel_fence_loaded(accel);
    return true;
}

/* Only with the host's objects at hand; otherwise the blocker says why not */
const VMStateDescription vmstate_smmuv3_accel = {
    .name = "arm-smmuv3-accel",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = cpr_incoming_needed,
    .pre_save = save,
    .post_save = saved,
    .post_load_errp = loaded,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32_ARRAY(handover.idr, SMMUv3Accel, SMMUV3_IDR_COUNT),
        VMSTATE_UINT32(handover.event, SMMUv3Accel),
        VMSTATE_BOOL(cmdq_moved, SMMUv3Accel),
        VMSTATE_BOOL(cmdq_unfinished, SMMUv3Accel),
        VMSTATE_STRUCT(handover.streams, SMMUv3Accel, 1, vmstate_streams,
                       SMMUv3Handover),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &vmstate_smmuv3_accel_cmdqv,
        NULL
    }
};

static bool block_migration(SMMUv3Accel *accel, Error **errp)
{
    g_autofree char *path = object_get_canonical_path(OBJECT(accel->smmu));

    error_setg(&accel->migration_blocker, "%s has accel=on: the host SMMU's "
               "state of its devices cannot be saved, only handed over to "
               "another QEMU on this host (cpr-transfer)", path);
    return migrate_add_blocker_modes(&accel->migration_blocker,
                                     BIT(MIG_MODE_NORMAL) |
                                     BIT(MIG_MODE_CPR_REBOOT) |
                                     BIT(MIG_MODE_CPR_EXEC), errp) == 0;
}

bool smmuv3_accel_handover_realize(SMMUv3Accel *accel, Error **errp)
{
    accel->streams.held = cpr_is_incoming();
    if (!block_migration(accel, errp)) {
        return false;
    }
    vmstate_register_any(VMSTATE_IF(accel->smmu), &vmstate_smmuv3_accel, accel);
    return true;
}

void smmuv3_accel_handover_finalize(SMMUv3Accel *accel)
{
    if (accel->migration_blocker) {
        vmstate_unregister(VMSTATE_IF(accel->smmu), &vmstate_smmuv3_accel,
                           accel);
    }
    migrate_del_blocker(&accel->migration_blocker);
}
