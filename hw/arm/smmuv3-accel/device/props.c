/*
 * arm-smmuv3,accel=on: its properties
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-common.h"
#include "qapi/visitor-impl.h"
#include "qemu/cutils.h"
#include "hw/qdev-properties.h"
#include "state.h"

static SMMUv3Accel *accel_of(Object *obj)
{
    return ARM_SMMUV3(obj)->accel;
}

/* Each setter must call this: the features that the guest saw cannot change */
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
    visit_type_OnOffAuto(v, name, (void *)accel_of(obj) + (uintptr_t)opaque,
                         errp);
}

static void set_pasid(Object *obj, bool value, Error **errp)
{
    if (may_set(obj, "pasid", errp) && value) {
        error_setg(errp, "pasid is an old name: use ssidsize=20, or ssidsize= "
                   "as many bits of SubstreamID as the host has");
    }
}

/*
 * A number can be a JSON number, or a string like "auto". The visitor of
 * -global has strings only, and asserts that nobody asks for alternates.
 */
static char *visit_number_or_string(Visitor *v, const char *name, Error **errp)
{
    g_autofree GenericAlternate *alt = NULL;
    char *text = NULL;
    int64_t number;

    if (!v->start_alternate) {
        visit_type_str(v, name, &text, errp);
        return text;
    }
    if (!visit_start_alternate(v, name, &alt, sizeof(*alt), errp)) {
        return NULL;
    }
    if (alt->type != QTYPE_QNUM) {
        visit_type_str(v, name, &text, errp);
    } else if (visit_type_int64(v, name, &number, errp)) {
        text = g_strdup_printf("%" PRId64, number);
    }
    visit_end_alternate(v, (void **)&alt);
    return text;
}

static void get_ssidsize(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    SMMUv3IdrProps *props = &accel_of(obj)->props;
    g_autofree char *text = props->ssidsize_auto
                            ? g_strdup("auto")
                            : g_strdup_printf("%u", props->ssidsize);

    visit_type_str(v, name, &text, errp);
}

static void set_ssidsize(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    SMMUv3IdrProps *props = &accel_of(obj)->props;
    g_autofree char *value = NULL;
    unsigned int bits = 0;

    if (!may_set(obj, name, errp)) {
        return;
    }
    value = visit_number_or_string(v, name, errp);
    if (!value) {
        return;
    }
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

static void get_oas(Object *obj, Visitor *v, const char *name, void *opaque,
                    Error **errp)
{
    SMMUv3IdrProps *props = &accel_of(obj)->props;
    g_autofree char *text = props->oas ? g_strdup_printf("%u", props->oas)
                                       : g_strdup("auto");

    visit_type_str(v, name, &text, errp);
}

static void set_oas(Object *obj, Visitor *v, const char *name, void *opaque,
                    Error **errp)
{
    SMMUv3IdrProps *props = &accel_of(obj)->props;
    g_autofree char *value = NULL;

    if (!may_set(obj, name, errp)) {
        return;
    }
    value = visit_number_or_string(v, name, errp);
    if (!value) {
        return;
    }
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
        accel_of(obj)->guest_vfio = value;
    }
}

#ifdef SMMUV3_ACCEL_FAULTS
static void set_fault(Object *obj, const char *value, Error **errp)
{
    static const char *const name[] = {
        "none", "no-smmuen", "first-only", "gbpa-always", "no-retry",
        "no-reset", "old-table", "leak-object", "leak-fd", "keep-queues",
        "lock-order",
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
        "offer ATS; on needs accel=on (default: auto)");
    add_on_off_auto(klass, "ril", offsetof(SMMUv3Accel, props.ril),
        "offer range invalidation; off needs accel=on (default: auto)");
    add_on_off_auto(klass, "cmdqv", offsetof(SMMUv3Accel, cmdqv),
        "give the guest the host's CMDQV; on needs accel=on (default: auto)");
    object_class_property_add(klass, "ssidsize", "str", get_ssidsize,
                              set_ssidsize, NULL, NULL);
    object_class_property_set_description(klass, "ssidsize",
        "bits of SubstreamID (PASID), 0..20, or auto (default)");
    object_class_property_add_bool(klass, "pasid", NULL, set_pasid);
    object_class_property_set_description(klass, "pasid",
        "an old name: use ssidsize");
    object_class_property_add(klass, "oas", "str", get_oas, set_oas, NULL,
                              NULL);
    object_class_property_set_description(klass, "oas",
        "bits of output address, 44, 48, or auto (default)");
    object_class_property_add(klass, "x-msi-doorbell", "uint64", get_doorbell,
                              set_doorbell, NULL, NULL);
    object_class_property_set_description(klass, "x-msi-doorbell",
        "guest physical address of the MSI doorbell; set by the machine");
    object_class_property_add_bool(klass, "x-guest-vfio", get_guest_vfio,
                                   set_guest_vfio);
    object_class_property_set_description(klass, "x-guest-vfio",
        "place the ITS so that VFIO in the guest can own devices; on needs "
        "accel=on (default: off)");
#ifdef SMMUV3_ACCEL_FAULTS
    object_class_property_add_str(klass, "x-fault", NULL, set_fault);
#endif
}
