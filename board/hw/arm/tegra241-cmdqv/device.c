/*
 * Tegra241 CMDQV: the device, with its place in the virt machine
 *
 * It sits where the virt machine has its secure memory, which the lab's board
 * has none of, and at an interrupt that the machine leaves free. So the machine
 * need not know of it, but for the ACPI tables (machine.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "hw/arm/smmuv3.h"
#include "hw/arm/smmuv3-internal.h"
#include "hw/arm/virt.h"
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#include "machine.h"
#include "state.h"
#include "system/address-spaces.h"
#include "system/reset.h"

static void cmdqv_reset_hold(Object *obj, ResetType type)
{
    CMDQVState *s = X_TEGRA241_CMDQV(obj);

    s->config = 0;
    memset(s->int_mask, 0, sizeof(s->int_mask));
    memset(s->vintf, 0, sizeof(s->vintf));
    memset(s->queue, 0, sizeof(s->queue));
    memset(s->last, 0, sizeof(s->last));
    for (unsigned i = 0; i < cmdqv_queues(s); i++) {
        s->queue[i].queue.entry_size = sizeof(Cmd);
    }
}

/* The one that was named, or the only one there is */
static SMMUv3State *smmu_of(CMDQVState *s)
{
    return s->smmu ?: (SMMUv3State *)
        object_resolve_path_type("", TYPE_ARM_SMMUV3, NULL);
}

static void cmdqv_realize(DeviceState *dev, Error **errp)
{
    CMDQVState *s = X_TEGRA241_CMDQV(dev);
    VirtMachineState *vms = (VirtMachineState *)
        object_dynamic_cast(qdev_get_machine(), TYPE_VIRT_MACHINE);

    if (!vms) {
        error_setg(errp, "only the virt machine can have a %s",
                   TYPE_X_TEGRA241_CMDQV);
        return;
    }
    s->smmu = smmu_of(s);
    if (!s->smmu) {
        error_setg(errp, "the machine has no SMMUv3, or more than one; "
                   "name it with x-smmu=ID");
        return;
    }
    if (s->log2_queues > ctz32(CMDQV_MAX_QUEUES) ||
        s->log2_vintfs > MIN(s->log2_queues, ctz32(CMDQV_MAX_VINTFS)) ||
        s->log2_sids > ctz32(CMDQV_SIDS)) {
        error_setg(errp, "at most %u queues, as many VINTFs, and %u StreamIDs "
                   "of each", CMDQV_MAX_QUEUES, CMDQV_SIDS);
        return;
    }
    memory_region_init_io(&s->mmio, OBJECT(s), &cmdqv_ops, s,
                          TYPE_X_TEGRA241_CMDQV, cmdqv_size(s));
    memory_region_add_subregion(get_system_memory(), s->addr, &s->mmio);
    s->irq = qdev_get_gpio_in(vms->gic, s->spi);
    qemu_register_resettable(OBJECT(dev));
    cmdqv_describe_in_fdt(s);
}

static void get_last(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    g_autofree char *text = NULL;
    uint64_t *last = X_TEGRA241_CMDQV(obj)->last;

    text = g_strdup_printf("%016" PRIx64 " %016" PRIx64, last[0], last[1]);
    visit_type_str(v, name, &text, errp);
}

static const Property cmdqv_properties[] = {
    DEFINE_PROP_LINK("x-smmu", CMDQVState, smmu, TYPE_ARM_SMMUV3,
                     SMMUv3State *),
    DEFINE_PROP_UINT64("x-mmio-base", CMDQVState, addr, 0x0e000000),
    DEFINE_PROP_UINT32("x-spi", CMDQVState, spi, 200),
    DEFINE_PROP_UINT8("x-log2-vcmdqs", CMDQVState, log2_queues, 3),
    DEFINE_PROP_UINT8("x-log2-vintfs", CMDQVState, log2_vintfs, 2),
    DEFINE_PROP_UINT8("x-log2-sids", CMDQVState, log2_sids, 4),
};

static void cmdqv_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = cmdqv_realize;
    dc->desc = "command queues beside an SMMUv3's own";
    dc->user_creatable = true;
    dc->hotpluggable = false;
    device_class_set_props(dc, cmdqv_properties);
    RESETTABLE_CLASS(klass)->phases.hold = cmdqv_reset_hold;
    object_class_property_add(klass, "x-last-command", "str", get_last, NULL,
                              NULL, NULL);
}

static const TypeInfo cmdqv_type = {
    .name = TYPE_X_TEGRA241_CMDQV,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(CMDQVState),
    .class_init = cmdqv_class_init,
};

static void cmdqv_register(void)
{
    type_register_static(&cmdqv_type);
}

type_init(cmdqv_register)
