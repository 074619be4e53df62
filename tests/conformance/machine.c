/*
 * A machine within a test's process, with QEMU's own SMMUv3s in it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "hw/sysbus.h"
#include "system/address-spaces.h"
#include "system/system.h"
#include "machine.h"

void machine_start(char *self, const char *devices)
{
    g_autofree char *args = g_strdup_printf(
        "-machine virt,gic-version=3 -accel qtest -m %u -display none "
        "-nodefaults %s", (unsigned)(MACHINE_RAM_SIZE >> 20), devices);
    g_auto(GStrv) more = g_strsplit(args, " ", 0);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    g_ptr_array_add(argv, self);
    for (char **arg = more; *arg; arg++) {
        g_ptr_array_add(argv, *arg);
    }
    g_ptr_array_add(argv, NULL);
    qemu_init(argv->len - 1, (char **)argv->pdata);
    /* Tests may run in children */
    rcu_enable_atfork();
}

SMMUv3State *machine_smmu(const char *id)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", id);
    SMMUv3State *smmu = ARM_SMMUV3(object_resolve_path(path, NULL));

    g_assert_true(smmu->accel->on);
    return smmu;
}

void machine_own_streams(SMMUv3State *smmu,
                         uint32_t (*get_sid)(void *, const SMMUv3Stream *))
{
    SMMUv3Streams *s = &smmu->accel->streams;

    s->get_sid = get_sid;
    s->on_close = NULL;
    s->last_report = INT64_MAX;
}

static MemoryRegion *registers_of(SMMUv3State *smmu)
{
    return sysbus_mmio_get_region(SYS_BUS_DEVICE(smmu), 0);
}

uint64_t machine_address(SMMUv3State *smmu)
{
    uint64_t addr = 0;

    for (MemoryRegion *mr = registers_of(smmu); mr; mr = mr->container) {
        addr += mr->addr;
    }
    return addr;
}

uint64_t machine_read_reg(SMMUv3State *smmu, uint64_t offset, unsigned width)
{
    uint64_t val = 0;

    memory_region_dispatch_read(registers_of(smmu), offset, &val,
                                size_memop(width) | MO_LE,
                                MEMTXATTRS_UNSPECIFIED);
    return val;
}

void machine_write_reg(SMMUv3State *smmu, uint64_t offset, unsigned width,
                       uint64_t val)
{
    memory_region_dispatch_write(registers_of(smmu), offset, val,
                                 size_memop(width) | MO_LE,
                                 MEMTXATTRS_UNSPECIFIED);
}
