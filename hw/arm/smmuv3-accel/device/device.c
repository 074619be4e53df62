/*
 * arm-smmuv3,accel=on: its life
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "monitor.h"
#include "state.h"
#include "hw/arm/smmuv3-accel/core/triggers.h"
#include "system/runstate.h"

static void reset(SMMUv3State *s)
{
    SMMUV3_ACCEL_LOCK_GUARD(s->accel);
    smmuv3_accel_cmdqv_reset(s->accel);
    smmuv3_accel_reset(s);
}

/*
 * Bridges' MSIs go through the emulated SMMU, which has caches of its own. They
 * are rare, so nothing stays in these caches: a CMD_SYNC, of which each unmap
 * has one, then has nothing to do with them.
 */
static void empty_caches(SMMUv3State *s)
{
    SMMUState *bs = &s->smmu_state;

    smmu_configs_inv_sid_range(bs, (SMMUSIDRange) { 0, UINT32_MAX });
    smmu_iotlb_inv_all(bs);
}

static const SMMUv3BackendOps backend_ops = {
    .read = smmuv3_accel_read,
    .write = smmuv3_accel_write,
    .reset = reset,
    .translate = empty_caches,
    .record = smmuv3_accel_record,
};

/*
 * The emulated SMMUv3 has one value of each property. It is accepted, because
 * some programs write every property, whatever accel is.
 */
static bool check_emulated(const SMMUv3Accel *accel, Error **errp)
{
    const struct {
        const char *name;
        bool other;
        const char *emulated;
    } prop[] = {
        { "ats", accel->props.ats == ON_OFF_AUTO_ON, "off or auto" },
        { "ril", accel->props.ril == ON_OFF_AUTO_OFF, "on or auto" },
        { "ssidsize", accel->props.ssidsize, "0 or auto" },
        { "oas", accel->props.oas == 48, "44 or auto" },
        { "cmdqv", accel->cmdqv == ON_OFF_AUTO_ON, "off or auto" },
        { "x-guest-vfio", accel->guest_vfio, "off" },
    };

    for (int i = 0; i < ARRAY_SIZE(prop); i++) {
        if (prop[i].other) {
            error_setg(errp, "without accel=on, %s can only be %s",
                       prop[i].name, prop[i].emulated);
            return false;
        }
    }
    return true;
}

static bool check_props(SMMUv3Accel *accel, Error **errp)
{
    SMMUv3State *s = accel->smmu;

    if (!accel->on) {
        return check_emulated(accel, errp);
    }
    if (!ARM_SMMU(s)->smmu_per_bus) {
        error_setg(errp, "accel=on is for -device arm-smmuv3,primary-bus=..., "
                   "not for an SMMU that the machine makes by itself");
        return false;
    }
    if (s->stage && strcmp(s->stage, "1")) {
        error_setg(errp, "stage=%s cannot be combined with accel=on, which "
                   "gives the guest stage 1", s->stage);
        return false;
    }
    return true;
}

/* loadvm and an incoming migration write registers without a trigger */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    SMMUv3Accel *accel = opaque;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    smmuv3_accel_watch_events(accel, running);
    if (running) {
        if (accel->streams.held) {
            /* The other QEMU's -device arm-smmuv3 had no accel=on */
            error_report("arm-smmuv3: the other QEMU has handed over no "
                         "streams; the guest does not run, because nothing of "
                         "what it writes would reach the host");
            qemu_system_vmstop_request_prepare();
            qemu_system_vmstop_request(RUN_STATE_INTERNAL_ERROR);
            return;
        }
        smmuv3_accel_load_regs(accel);
        smmuv3_accel_show_cons(accel->smmu);
        smmuv3_streams_update(&accel->streams);
        smmuv3_accel_resume_cmdq(accel);
        smmuv3_accel_cmdqv_resume(accel);
    } else {
        smmuv3_accel_finish_update(accel);
        smmuv3_streams_stopped(&accel->streams);
    }
}

/*
 * The timer uses the VM's clock: while the VM is stopped, nothing is tried
 * again. When the VM continues, every closed stream is.
 */
static int64_t now(void *opaque)
{
    return qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL);
}

static void set_timer(void *opaque, int64_t at)
{
    SMMUv3Accel *accel = opaque;

    if (at == SMMUV3_NO_TIMER) {
        timer_del(accel->retry_timer);
    } else {
        timer_mod(accel->retry_timer, at);
    }
}

static const SMMUv3Clock clock_ops = { .now = now, .set_timer = set_timer };

static void retry_closed(void *opaque)
{
    SMMUv3Accel *accel = opaque;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    smmuv3_streams_timer(&accel->streams);
}

void smmuv3_accel_realize(SMMUv3State *s, Error **errp)
{
    SMMUv3Accel *accel = s->accel;

    if (!check_props(accel, errp) || !smmuv3_accel_pci_realize(accel, errp)) {
        return;
    }
    if (!accel->on || !smmuv3_accel_handover_realize(accel, errp) ||
        !smmuv3_accel_fence_realize(accel, errp)) {
        return;
    }
    smmuv3_accel_update_idr(accel);
    smmuv3_accel_load_regs(accel);
    smmuv3_accel_cmdq_realize(accel);
    smmuv3_accel_shortcut_realize(accel);
    accel->retry_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, retry_closed, accel);
    accel->vm_state = qemu_add_vm_change_state_handler(vm_state_changed, accel);
    s->backend = &backend_ops;
    /* What needs the big lock takes it: device/regs.c */
    memory_region_enable_lockless_io(&ARM_SMMU(s)->iomem);
}

void smmuv3_accel_instance_init(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel = g_new0(SMMUv3Accel, 1);

    accel->smmu = s;
    accel->props = (SMMUv3IdrProps) {
        .ats = ON_OFF_AUTO_AUTO,
        .ril = ON_OFF_AUTO_AUTO,
        .ssidsize_auto = true,
    };
    smmuv3_accel_lock_init(accel);
    QTAILQ_INIT(&accel->devices);
    smmuv3_accel_regs_init(accel, &clock_ops);
    accel->streams.on_close = smmuv3_accel_monitor_closed;
}

void smmuv3_accel_instance_finalize(Object *obj)
{
    SMMUv3State *s = ARM_SMMUV3(obj);

    smmuv3_accel_cmdqv_finalize(s->accel);
    smmuv3_accel_shortcut_finalize(s->accel);
    smmuv3_accel_cmdq_finalize(s->accel);
    if (s->accel->vm_state) {
        qemu_del_vm_change_state_handler(s->accel->vm_state);
    }
    smmuv3_accel_fence_finalize(s->accel);
    smmuv3_accel_handover_finalize(s->accel);
    timer_free(s->accel->retry_timer);
    smmuv3_accel_lock_destroy(s->accel);
    g_free(s->accel);
}
