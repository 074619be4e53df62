/*
 * The board's firmware tables, changed from the command line
 *
 * -device x-fdt,x-fdt-node=PATH,x-fdt-name=NAME[,x-fdt-cells=...]
 *     sets a property of the devicetree; the node is made if it is not there.
 *     x-fdt-strings=A+B are strings, x-fdt-cells=1+0x2+&PATH are cells,
 *     where &PATH is the phandle of a node, which gets one if it has none;
 *     without either the property is empty. x-fdt-delete=on deletes it.
 * -device x-iort,x-canwbs=on,x-iort-ats=on
 *     says so of the root complexes in ACPI's IORT.
 *
 * They are no hardware: they act when they are created, before firmware sees
 * the tables.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <libfdt.h>
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/module.h"
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "hw/qdev-properties.h"
#include "system/device_tree.h"
#include "hw/arm/board-firmware.h"

/* Table 15 of the IORT's specification: CANWBS; its ATS attribute: bit 0 */
#define MEMORY_CANWBS   (1 << 2)
#define ATS_SUPPORTED   1

#define TYPE_BOARD_FDT "x-fdt"
OBJECT_DECLARE_SIMPLE_TYPE(BoardFdt, BOARD_FDT)

struct BoardFdt {
    DeviceState parent_obj;
    char *node, *name, *cells, *strings;
    bool delete;
};

#define TYPE_BOARD_IORT "x-iort"
OBJECT_DECLARE_SIMPLE_TYPE(BoardIort, BOARD_IORT)

struct BoardIort {
    DeviceState parent_obj;
    bool canwbs, ats;
};

static uint8_t memory_flags;
static uint32_t ats;

uint8_t board_iort_memory_flags(void)
{
    return memory_flags;
}

uint32_t board_iort_ats(void)
{
    return ats;
}

static uint32_t phandle_of(void *fdt, const char *node)
{
    int offset = fdt_path_offset(fdt, node);
    uint32_t phandle = offset < 0 ? 0 : fdt_get_phandle(fdt, offset);

    if (offset >= 0 && !phandle) {
        phandle = qemu_fdt_alloc_phandle(fdt);
        qemu_fdt_setprop_cell(fdt, node, "phandle", phandle);
    }
    return phandle;
}

static void set_cells(BoardFdt *s, void *fdt, Error **errp)
{
    g_auto(GStrv) words = g_strsplit(s->cells, "+", 0);
    unsigned n = g_strv_length(words);
    g_autofree uint32_t *cells = g_new0(uint32_t, n);

    for (unsigned i = 0; i < n; i++) {
        unsigned int value;

        if (words[i][0] == '&') {
            value = phandle_of(fdt, words[i] + 1);
        } else if (qemu_strtoui(words[i], NULL, 0, &value) < 0) {
            error_setg(errp, "x-fdt-cells: %s is no number", words[i]);
            return;
        }
        cells[i] = cpu_to_be32(value);
    }
    qemu_fdt_setprop(fdt, s->node, s->name, cells, n * sizeof(*cells));
}

static void board_fdt_realize(DeviceState *dev, Error **errp)
{
    BoardFdt *s = BOARD_FDT(dev);
    void *fdt = MACHINE(qdev_get_machine())->fdt;

    if (!fdt || !s->node || !s->name) {
        error_setg(errp, "x-fdt needs a devicetree, x-fdt-node, x-fdt-name");
        return;
    }
    if (fdt_path_offset(fdt, s->node) < 0) {
        qemu_fdt_add_subnode(fdt, s->node);
    }
    if (s->delete) {
        fdt_nop_property(fdt, fdt_path_offset(fdt, s->node), s->name);
    } else if (s->cells) {
        set_cells(s, fdt, errp);
    } else if (s->strings) {
        g_autofree char *value = g_strdup(s->strings);
        size_t size = strlen(value) + 1;

        qemu_fdt_setprop(fdt, s->node, s->name, g_strdelimit(value, "+", 0),
                         size);
    } else {
        qemu_fdt_setprop(fdt, s->node, s->name, NULL, 0);
    }
}

static void board_iort_realize(DeviceState *dev, Error **errp)
{
    BoardIort *s = BOARD_IORT(dev);

    memory_flags = s->canwbs ? MEMORY_CANWBS : 0;
    ats = s->ats ? ATS_SUPPORTED : 0;
}

static const Property board_fdt_properties[] = {
    DEFINE_PROP_STRING("x-fdt-node", BoardFdt, node),
    DEFINE_PROP_STRING("x-fdt-name", BoardFdt, name),
    DEFINE_PROP_STRING("x-fdt-cells", BoardFdt, cells),
    DEFINE_PROP_STRING("x-fdt-strings", BoardFdt, strings),
    DEFINE_PROP_BOOL("x-fdt-delete", BoardFdt, delete, false),
};

static const Property board_iort_properties[] = {
    DEFINE_PROP_BOOL("x-canwbs", BoardIort, canwbs, false),
    DEFINE_PROP_BOOL("x-iort-ats", BoardIort, ats, false),
};

static void board_fdt_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->realize = board_fdt_realize;
    device_class_set_props(DEVICE_CLASS(klass), board_fdt_properties);
}

static void board_iort_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->realize = board_iort_realize;
    device_class_set_props(DEVICE_CLASS(klass), board_iort_properties);
}

static const TypeInfo board_firmware_info[] = {
    {
        .name = TYPE_BOARD_FDT,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(BoardFdt),
        .class_init = board_fdt_class_init,
    }, {
        .name = TYPE_BOARD_IORT,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(BoardIort),
        .class_init = board_iort_class_init,
    },
};

DEFINE_TYPES(board_firmware_info)
