/*
 * The shortcut to CMDQ_PROD, the one register that each unmap writes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "state.h"
#include "hw/arm/smmuv3-internal.h"

static void write_prod(void *opaque, uint32_t val)
{
    SMMUv3Accel *accel = opaque;

    smmuv3_accel_write(accel->smmu, A_CMDQ_PROD, val, sizeof(val));
}

/* Is CMDQ_PROD in @section? If another region covers it, it is in none. */
static bool has_prod(SMMUv3Accel *accel, const MemoryRegionSection *section)
{
    hwaddr first = section->offset_within_region;

    return section->mr == &ARM_SMMU(accel->smmu)->iomem &&
           first <= A_CMDQ_PROD &&
           A_CMDQ_PROD + sizeof(uint32_t) - first <=
           int128_get64(section->size);
}

static void region_add(MemoryListener *listener, MemoryRegionSection *section)
{
    SMMUv3Accel *accel = container_of(listener, SMMUv3Accel,
                                      shortcut_listener);

    if (has_prod(accel, section)) {
        mmio_shortcut_add(&accel->shortcut,
                          section->offset_within_address_space + A_CMDQ_PROD -
                          section->offset_within_region);
    }
}

static void region_del(MemoryListener *listener, MemoryRegionSection *section)
{
    SMMUv3Accel *accel = container_of(listener, SMMUv3Accel,
                                      shortcut_listener);

    if (has_prod(accel, section)) {
        mmio_shortcut_remove(&accel->shortcut);
    }
}

void smmuv3_accel_shortcut_realize(SMMUv3Accel *accel)
{
    accel->shortcut.write = write_prod;
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
