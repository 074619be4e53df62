/*
 * The shortcut to the registers of page 0; each unmap writes CMDQ_PROD
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "state.h"
#include "hw/arm/smmuv3-internal.h"

static uint32_t read_register(void *opaque, hwaddr offset)
{
    SMMUv3Accel *accel = opaque;

    return smmuv3_accel_read(accel->smmu, offset, sizeof(uint32_t));
}

static void write_register(void *opaque, hwaddr offset, uint32_t val)
{
    SMMUv3Accel *accel = opaque;

    smmuv3_accel_write(accel->smmu, offset, val, sizeof(val));
}

/* All of the page? If another region covers it, or a part, it is in none. */
static bool has_page(SMMUv3Accel *accel, const MemoryRegionSection *section)
{
    return section->mr == &ARM_SMMU(accel->smmu)->iomem &&
           section->offset_within_region == 0 &&
           int128_get64(section->size) >= MMIO_SHORTCUT_SIZE;
}

static void region_add(MemoryListener *listener, MemoryRegionSection *section)
{
    SMMUv3Accel *accel = container_of(listener, SMMUv3Accel,
                                      shortcut_listener);

    if (has_page(accel, section)) {
        mmio_shortcut_add(&accel->shortcut,
                          section->offset_within_address_space);
    }
}

static void region_del(MemoryListener *listener, MemoryRegionSection *section)
{
    SMMUv3Accel *accel = container_of(listener, SMMUv3Accel,
                                      shortcut_listener);

    if (has_page(accel, section)) {
        mmio_shortcut_remove(&accel->shortcut);
    }
}

void smmuv3_accel_shortcut_realize(SMMUv3Accel *accel)
{
    accel->shortcut.read = read_register;
    accel->shortcut.write = write_register;
    accel->shortcut.opaque = accel;
    accel->shortcut_listener = (MemoryListener) {
        .name = "arm-smmuv3-shortcut",
        .region_add = region_add,
        .region_del = region_del,
    };
    memory_listener_register(&accel->shortcut_listener, &address_space_memory);
}

void smmuv3_accel_shortcut_finalize(SMMUv3Accel *accel)
{
    if (accel->shortcut_listener.region_add) {
        memory_listener_unregister(&accel->shortcut_listener);
    }
}
