/*
 * arm-smmuv3,accel=on: properties, life and register events
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-common.h"
#include "qapi/visitor.h"
#include "qemu/cutils.h"
#include "hw/qdev-properties.h"
#include "migration/blocker.h"
#include "smmuv3-accel.h"
#include "smmuv3-accel-monitor.h"
#include "smmuv3-internal.h"
#include "system/dma.h"
#include "system/runstate.h"
#include "trace.h"

/*
 * Tables are memory. Without that attribute a guest could point the SMMU at
 * registers, whose reads have effects; at the SMMU's own, for one.
 */
static bool read_table(void *opaque, uint64_t addr, void *buf, size_t len)
{
    MemTxAttrs attrs = { .memory = true };

    return dma_memory_read(&address_space_memory, addr, buf, len,
                           attrs) == MEMTX_OK;
}

/* Bus numbers are the guest's to change, so this is asked each time */
static uint32_t get_sid(void *opaque, const SMMUv3Stream *st)
{
    HostIOMMUDevice *hiod = st->dev.opaque;

    return PCI_BUILD_BDF(pci_bus_num(hiod->aliased_bus), hiod->aliased_devfn);
}

static void load_regs(SMMUv3Accel *accel)
{
    SMMUv3State *s = accel->smmu;

    accel->streams.regs = (SMMUv3VSTERegs) {
        .smmuen = smmu_enabled(s),
        .gbpa = s->gbpa,
        .strtab_base = s->strtab_base,
        .strtab_base_cfg = s->strtab_base_cfg,
        .sidsize = FIELD_EX32(s->idr[1], IDR1, SIDSIZE),
        .ssidsize = smmuv3_idr_ssidsize(accel->idr),
        .ats = smmuv3_idr_ats(accel->idr),
        .cd2l = smmuv3_idr_cd2l(accel->idr),
    };
}

static void cr0_written(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;
    bool was_enabled = accel->streams.regs.smmuen;

    load_regs(accel);
    if (was_enabled == accel->streams.regs.smmuen ||
        SMMUV3_FAULT_IS(NO_SMMUEN)) {
        return;
    }
    trace_smmuv3_accel_event("smmuen", accel->streams.regs.smmuen);
    smmuv3_streams_update(&accel->streams);
}

static void gbpa_written(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;

    load_regs(accel);
    if (SMMUV3_FAULT_IS(GBPA_ALWAYS)) {
        accel->streams.regs.smmuen = false;
    }
    trace_smmuv3_accel_event("gbpa", s->gbpa);
    if (!accel->streams.regs.smmuen) {
        smmuv3_streams_update(&accel->streams);
    }
}

static void reset(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;

    trace_smmuv3_accel_event("reset", 0);
    smmuv3_accel_update_idr(accel);
    load_regs(accel);
    smmuv3_streams_reset(&accel->streams);
}

/* The Stream table registers count from the next command or SMMUEN on */
static void consume_cmdq(SMMUv3State *s)
{
    load_regs(s->accel);
    smmuv3_accel_consume_cmdq(s);
}

static const SMMUv3BackendOps backend_ops = {
    .cr0 = cr0_written,
    .gbpa = gbpa_written,
    .reset = reset,
    .consume_cmdq = consume_cmdq,
    .write_eventq = smmuv3_accel_write_eventq,
    .send_irq = smmuv3_accel_send_irq,
};

void smmuv3_accel_update_idr(SMMUv3Accel *accel)
{
    SMMUv3State *s = accel->smmu;

    smmuv3_init_regs(s);
    smmuv3_hwinfo_guest_idr(&accel->props, s->idr,
                            accel->host_known ? accel->host_idr : NULL,
                            accel->idr);
    memcpy(s->idr, accel->idr, sizeof(s->idr));
    accel->streams.inval.granules =
        accel->host_known && smmuv3_idr_ril(accel->host_idr) ?
        smmuv3_idr_granules(accel->idr) : 0;
}

static bool check_props(SMMUv3Accel *accel, Error **errp)
{
    SMMUv3State *s = accel->smmu;

    if (!accel->on) {
        if (accel->prop_set) {
            error_setg(errp, "property '%s' has a meaning only with accel=on",
                       accel->prop_set);
            return false;
        }
        return true;
    }
    if (s->stage && strcmp(s->stage, "1")) {
        error_setg(errp, "accel=on gives the guest stage 1; stage=%s cannot be "
                   "had with it", s->stage);
        return false;
    }
    return true;
}

static bool block_migration(SMMUv3Accel *accel, Error **errp)
{
    g_autofree char *path = object_get_canonical_path(OBJECT(accel->smmu));

    error_setg(&accel->migration_blocker, "%s has accel=on: the host SMMU's "
               "state of its devices cannot be saved", path);
    return migrate_add_blocker(&accel->migration_blocker, errp) == 0;
}

/* loadvm and an incoming migration write registers and say nothing */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    SMMUv3Accel *accel = opaque;

    if (running) {
        load_regs(accel);
        smmuv3_streams_update(&accel->streams);
    } else {
        smmuv3_streams_stopped(&accel->streams);
    }
}

void smmuv3_accel_realize(SMMUv3State *s, Error **errp)
{
    SMMUv3Accel *accel = s->accel;

    if (!check_props(accel, errp) || !smmuv3_accel_pci_realize(accel, errp)) {
        return;
    }
    if (!accel->on || !block_migration(accel, errp)) {
        return;
    }
    smmuv3_accel_update_idr(accel);
    load_regs(accel);
    smmuv3_accel_queue_realize(accel);
    accel->vm_state = qemu_add_vm_change_state_handler(vm_state_changed, accel);
    s->backend = &backend_ops;
}

void smmuv3_accel_instance_init(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel = g_new0(SMMUv3Accel, 1);

    accel->smmu = s;
    accel->props = (SMMUv3HwProps) {
        .ats = ON_OFF_AUTO_AUTO,
        .ril = ON_OFF_AUTO_AUTO,
        .ssidsize_auto = true,
    };
    QTAILQ_INIT(&accel->devices);
    smmuv3_streams_init(&accel->streams, read_table, get_sid, accel);
    accel->streams.on_close = smmuv3_accel_monitor_closed;
}

void smmuv3_accel_instance_finalize(Object *obj)
{
    SMMUv3State *s = ARM_SMMUV3(obj);

    smmuv3_accel_queue_finalize(s->accel);
    if (s->accel->vm_state) {
        qemu_del_vm_change_state_handler(s->accel->vm_state);
    }
    migrate_del_blocker(&s->accel->migration_blocker);
    g_free(s->accel);
}

static SMMUv3Accel *accel_of(Object *obj)
{
    return ARM_SMMUV3(obj)->accel;
}

/* To be called by each setter: what the guest was shown cannot be changed */
static bool may_set(Object *obj, const char *name, Error **errp)
{
    if (DEVICE(obj)->realized) {
        qdev_prop_set_after_realize(DEVICE(obj), name, errp);
        return false;
    }
    return true;
}

static bool get_accel(Object *obj, Error **errp)
{
    return accel_of(obj)->on;
}

static void set_accel(Object *obj, bool value, Error **errp)
{
    if (may_set(obj, "accel", errp)) {
        accel_of(obj)->on = value;
    }
}

static void get_on_off_auto(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    visit_type_OnOffAuto(v, name, (void *)accel_of(obj) + (uintptr_t)opaque,
                         errp);
}

static void set_on_off_auto(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    if (!may_set(obj, name, errp)) {
        return;
    }
    accel_of(obj)->prop_set = g_intern_string(name);
    visit_type_OnOffAuto(v, name, (void *)accel_of(obj) + (uintptr_t)opaque,
                         errp);
}

static char *get_ssidsize(Object *obj, Error **errp)
{
    SMMUv3HwProps *props = &accel_of(obj)->props;

    return props->ssidsize_auto ? g_strdup("auto")
                                : g_strdup_printf("%u", props->ssidsize);
}

static void set_ssidsize(Object *obj, const char *value, Error **errp)
{
    SMMUv3HwProps *props = &accel_of(obj)->props;
    unsigned int bits = 0;

    if (!may_set(obj, "ssidsize", errp)) {
        return;
    }
    accel_of(obj)->prop_set = "ssidsize";
    props->ssidsize_auto = !strcmp(value, "auto");
    if (!props->ssidsize_auto &&
        (qemu_strtoui(value, NULL, 10, &bits) < 0 ||
         bits > SMMUV3_SSIDSIZE_MAX)) {
        error_setg(errp, "ssidsize is a number of bits from 0 to %d, or auto; "
                   "not '%s'", SMMUV3_SSIDSIZE_MAX, value);
        return;
    }
    props->ssidsize = bits;
}

static char *get_oas(Object *obj, Error **errp)
{
    SMMUv3HwProps *props = &accel_of(obj)->props;

    return props->oas ? g_strdup_printf("%u", props->oas) : g_strdup("auto");
}

static void set_oas(Object *obj, const char *value, Error **errp)
{
    SMMUv3HwProps *props = &accel_of(obj)->props;

    if (!may_set(obj, "oas", errp)) {
        return;
    }
    accel_of(obj)->prop_set = "oas";
    if (!strcmp(value, "auto")) {
        props->oas = 0;
    } else if (!strcmp(value, "44")) {
        props->oas = 44;
    } else if (!strcmp(value, "48")) {
        props->oas = 48;
    } else {
        error_setg(errp, "oas is 44, 48 or auto; not '%s'", value);
    }
}

static void get_doorbell(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    visit_type_uint64(v, name, &accel_of(obj)->doorbell, errp);
}

static void set_doorbell(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    if (may_set(obj, name, errp)) {
        visit_type_uint64(v, name, &accel_of(obj)->doorbell, errp);
    }
}

static bool get_guest_vfio(Object *obj, Error **errp)
{
    return accel_of(obj)->guest_vfio;
}

static void set_guest_vfio(Object *obj, bool value, Error **errp)
{
    if (may_set(obj, "x-guest-vfio", errp)) {
        accel_of(obj)->prop_set = "x-guest-vfio";
        accel_of(obj)->guest_vfio = value;
    }
}

#ifdef SMMUV3_ACCEL_FAULTS
static void set_fault(Object *obj, const char *value, Error **errp)
{
    static const char *const name[] = {
        "none", "no-smmuen", "first-only", "gbpa-always",
    };

    for (int i = 0; i < ARRAY_SIZE(name); i++) {
        if (!strcmp(value, name[i])) {
            smmuv3_fault = i;
            return;
        }
    }
    error_setg(errp, "no fault is named '%s'", value);
}
#endif

static void add_on_off_auto(ObjectClass *klass, const char *name, size_t offset,
                            const char *description)
{
    object_class_property_add(klass, name, "OnOffAuto", get_on_off_auto,
                              set_on_off_auto, NULL, (void *)offset);
    object_class_property_set_description(klass, name, description);
}

void smmuv3_accel_class_init(ObjectClass *klass)
{
    object_class_property_add_bool(klass, "accel", get_accel, set_accel);
    object_class_property_set_description(klass, "accel",
        "let the host SMMU translate for assigned devices (default: off)");
    add_on_off_auto(klass, "ats", offsetof(SMMUv3Accel, props.ats),
        "offer ATS; needs accel=on (default: auto)");
    add_on_off_auto(klass, "ril", offsetof(SMMUv3Accel, props.ril),
        "offer range invalidation; needs accel=on (default: auto)");
    object_class_property_add_str(klass, "ssidsize", get_ssidsize,
                                  set_ssidsize);
    object_class_property_set_description(klass, "ssidsize",
        "bits of SubstreamID (PASID), 0..20; needs accel=on (default: auto)");
    object_class_property_add_str(klass, "oas", get_oas, set_oas);
    object_class_property_set_description(klass, "oas",
        "bits of output address, 44 or 48; needs accel=on (default: auto)");
    object_class_property_add(klass, "x-msi-doorbell", "uint64", get_doorbell,
                              set_doorbell, NULL, NULL);
    object_class_property_set_description(klass, "x-msi-doorbell",
        "guest physical address of the MSI doorbell; set by the machine");
    object_class_property_add_bool(klass, "x-guest-vfio", get_guest_vfio,
                                   set_guest_vfio);
    object_class_property_set_description(klass, "x-guest-vfio",
        "place the ITS so that VFIO in the guest can own devices; needs "
        "accel=on (default: off)");
#ifdef SMMUV3_ACCEL_FAULTS
    object_class_property_add_str(klass, "x-fault", NULL, set_fault);
#endif
}
