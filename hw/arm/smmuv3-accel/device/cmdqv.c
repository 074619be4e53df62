/*
 * arm-smmuv3,accel=on: the guest's CMDQV, as a part of the device
 *
 * Whether the guest has one is decided with the first device on the command
 * line, because only a device tells which host SMMU it is behind, and because
 * the guest's tables are made when the machine starts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qemu/mmap-alloc.h"
#include "exec/cpu-common.h"
#include "hw/boards.h"
#include "hw/irq.h"
#include "hw/qdev-core.h"
#include "state.h"
#include "hw/arm/smmuv3-accel/core/cmdqv-regs.h"
#include "hw/arm/smmuv3-accel/trace.h"
#include "hw/arm/smmuv3-internal.h"
#include "system/address-spaces.h"
#include "system/dma.h"
#include "system/hostmem.h"
#include "system/iommufd-viommu.h"
#include "system/ramblock.h"
#include "system/runstate.h"

#define LOG2_ENTRY_SIZE 4

/**
 * SMMUv3AccelCmdqv - the guest's CMDQV
 * @mem: all of it, in the guest's memory
 * @page: what of it the guest can have from the host, at @host_page
 * @realized: it has a place in the machine
 */
struct SMMUv3AccelCmdqv {
    SMMUv3Accel *accel;
    SMMUv3Cmdqv regs;
    MemoryRegion mem;
    MemoryRegion io;
    MemoryRegion page;
    void *host_page;
    qemu_irq irq;
    QEMUBH *bh;
    bool realized;
};

/* --- What the registers ask of the device --- */

static bool read_command(void *opaque, uint64_t gpa, uint64_t cmd[2])
{
    /* A queue in registers is refused, for the reason given in device/regs.c */
    const MemTxAttrs attrs = { .memory = true };
    uint64_t le[2];

    if (dma_memory_read(&address_space_memory, gpa, le, sizeof(le), attrs) !=
        MEMTX_OK) {
        return false;
    }
    cmd[0] = le64_to_cpu(le[0]);
    cmd[1] = le64_to_cpu(le[1]);
    return true;
}

/*
 * What can be unplugged, or turned off as a BAR can, would stay mapped for
 * devices as long as the queue is there, and QEMU ends if it cannot map
 * something else in its place.
 */
static bool stays(void *opaque, uint64_t gpa)
{
    const MemoryRegion *ram = current_machine->ram;
    MemoryRegion *mr = memory_region_find(get_system_memory(), gpa, 1).mr;
    bool stays;

    if (!mr) {
        return true;
    }
    /* With several NUMA nodes the machine's consists of theirs */
    stays = mr == ram || mr->container == ram || !memory_region_is_ram(mr);
    memory_region_unref(mr);
    return stays;
}

static SMMUv3CmdqvError run_command(void *opaque, const uint64_t cmd[2])
{
    SMMUv3AccelCmdqv *c = opaque;

    QEMU_BUILD_BUG_ON((int)SMMUV3_CMDQV_ILLEGAL != SMMU_CERROR_ILL);
    QEMU_BUILD_BUG_ON((int)SMMUV3_CMDQV_ATC_TIMEOUT !=
                      SMMU_CERROR_ATC_INV_SYNC);
    return (SMMUv3CmdqvError)smmuv3_accel_do_command(c->accel->smmu, cmd);
}

static void show(void *opaque, void *page)
{
    SMMUv3AccelCmdqv *c = opaque;

    trace_smmuv3_accel_cmdqv_show(page);
    assert(!page || page == c->host_page);
    memory_region_set_enabled(&c->page, page);
}

/* A stopped VM's memory does not change; vm_state_changed() goes on */
static bool runs(void *opaque)
{
    return runstate_is_running();
}

static void interrupt(void *opaque)
{
    SMMUv3AccelCmdqv *c = opaque;

    trace_smmuv3_accel_cmdqv_error();
    qemu_irq_pulse(c->irq);
}

static void more(void *opaque)
{
    SMMUv3AccelCmdqv *c = opaque;

    qemu_bh_schedule(c->bh);
}

static const SMMUv3CmdqvOwner owner_ops = {
    .read = read_command,
    .stays = stays,
    .run = run_command,
    .show = show,
    .runs = runs,
    .interrupt = interrupt,
    .more = more,
};

static void go_on(void *opaque)
{
    SMMUv3AccelCmdqv *c = opaque;

    SMMUV3_ACCEL_LOCK_GUARD(c->accel);
    smmuv3_cmdqv_go_on(&c->regs);
}

void smmuv3_accel_cmdqv_resume(SMMUv3Accel *accel)
{
    if (smmuv3_accel_has_cmdqv(accel) && !SMMUV3_FAULT_IS(KEEP_QUEUES)) {
        smmuv3_cmdqv_start(&accel->cmdqv_device->regs);
    }
}

static uint64_t cmdqv_read(void *opaque, hwaddr offset, unsigned size)
{
    SMMUv3AccelCmdqv *c = opaque;
    uint64_t val = smmuv3_cmdqv_read(&c->regs, offset, size);

    trace_smmuv3_accel_cmdqv_read(offset, val, size);
    return val;
}

static void cmdqv_write(void *opaque, hwaddr offset, uint64_t val,
                        unsigned size)
{
    SMMUv3AccelCmdqv *c = opaque;

    SMMUV3_ACCEL_LOCK_GUARD(c->accel);
    trace_smmuv3_accel_cmdqv_write(offset, val, size);
    smmuv3_cmdqv_write(&c->regs, offset, val, size);
}

static const MemoryRegionOps cmdqv_ops = {
    .read = cmdqv_read,
    .write = cmdqv_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

/*
 * The guest's CPUs access the host's page directly. What QEMU accesses for the
 * guest, such as an emulated device's DMA, does not: an access that the host
 * does not answer, by its width for example, would end QEMU.
 */

/*
 * To QEMU it is memory. The SMMU's own accesses go to memory only, as is said
 * in device/irq.c, and not here.
 */
static MemTxResult page_read(void *opaque, hwaddr offset, uint64_t *val,
                             unsigned size, MemTxAttrs attrs)
{
    if (attrs.memory) {
        return MEMTX_ACCESS_ERROR;
    }
    *val = cmdqv_read(opaque, SMMUV3_CMDQV_VINTF_PAGE0 + offset, size);
    return MEMTX_OK;
}

static MemTxResult page_write(void *opaque, hwaddr offset, uint64_t val,
                              unsigned size, MemTxAttrs attrs)
{
    if (attrs.memory) {
        return MEMTX_ACCESS_ERROR;
    }
    cmdqv_write(opaque, SMMUV3_CMDQV_VINTF_PAGE0 + offset, val, size);
    return MEMTX_OK;
}

static const MemoryRegionOps page_ops = {
    .read_with_attrs = page_read,
    .write_with_attrs = page_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

/* --- Does the guest have one? --- */

/*
 * A queue must be one run of the host's memory. Each page of guest memory is,
 * and no more than that is sure. The guest makes its queues as long as
 * IDR1.CMDQS says.
 */
static unsigned log2_entries(const SMMUv3HostInfo *info)
{
    uint64_t page = MIN(qemu_minrampagesize(), INT32_MAX);

    return MIN(63 - clz64(page) - LOG2_ENTRY_SIZE,
               FIELD_EX32(info->idr[1], IDR1, CMDQS));
}

static SMMUv3AccelCmdqv *
cmdqv_new(SMMUv3Accel *accel, const struct iommu_hw_info_tegra241_cmdqv *hw,
          const SMMUv3HostInfo *info)
{
    SMMUv3AccelCmdqv *c = g_new0(SMMUv3AccelCmdqv, 1);
    unsigned log2queues = MIN(hw->log2vcmdqs, ctz32(SMMUV3_CMDQV_MAX_QUEUES));
    unsigned log2sids = MIN(hw->log2vsids, ctz32(SMMUV3_CMDQV_SIDS));

    accel->props.cmdqs = log2_entries(info);
    c->accel = accel;
    c->host_page = mmap(NULL, SMMUV3_CMDQV_PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(c->host_page != MAP_FAILED);
    smmuv3_cmdqv_init(&c->regs, &owner_ops, c, 1u << log2queues, log2sids,
                      accel->props.cmdqs);
    accel->streams.want_cmdqv = (SMMUv3WantCmdqv) {
        .wanted = true,
        .required = accel->cmdqv == ON_OFF_AUTO_ON,
        .page = c->host_page,
        .page_len = SMMUV3_CMDQV_PAGE,
    };
    return c;
}

static void cmdqv_drop(SMMUv3Accel *accel)
{
    SMMUv3AccelCmdqv *c = g_steal_pointer(&accel->cmdqv_device);

    accel->streams.want_cmdqv = (SMMUv3WantCmdqv) {};
    accel->props.cmdqs = 0;
    munmap(c->host_page, SMMUV3_CMDQV_PAGE);
    g_free(c);
}

/* Ask the host with the first device on the command line */
static bool ask_host(SMMUv3Accel *accel, HostIOMMUDeviceIOMMUFD *idev,
                     const SMMUv3HostInfo *info, Error **errp)
{
    struct iommu_hw_info_tegra241_cmdqv hw = {};
    Error *err = NULL;

    if (accel->cmdqv == ON_OFF_AUTO_OFF || !accel->has_acpi) {
        return true;
    }
    if (info->repeats) {
        /*
         * The guest finds a Grace, and its driver does each invalidation once.
         * That is too little, if nobody is between it and the hardware.
         */
        if (accel->cmdqv == ON_OFF_AUTO_ON) {
            error_setg(errp, "cmdqv=on, but its host SMMU has the erratum for "
                       "which QEMU makes each invalidation twice, and a guest "
                       "would not; use cmdqv=auto");
            return false;
        }
        return true;
    }
    if (iommufd_hw_info(idev->iommufd, idev->devid,
                        IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV, &hw, sizeof(hw),
                        &err) == 0) {
        accel->cmdqv_device = cmdqv_new(accel, &hw, info);
        return true;
    }
    if (accel->cmdqv == ON_OFF_AUTO_ON) {
        error_propagate_prepend(errp, err, "cmdqv=on, but the host has no "
                                "CMDQV for it (that takes NVIDIA's Grace, and "
                                "Linux >= 6.17 with CONFIG_TEGRA241_CMDQV); "
                                "use cmdqv=auto: ");
        return false;
    }
    error_free(err);
    return true;
}

bool smmuv3_accel_cmdqv_before_plug(SMMUv3Accel *accel,
                                    HostIOMMUDeviceIOMMUFD *idev,
                                    const SMMUv3HostInfo *info, Error **errp)
{
    SMMUv3AccelDevice *dev;
    unsigned n = 0, max;

    if (!phase_check(PHASE_MACHINE_READY) && !accel->host_known &&
        !accel->cmdqv_device && !ask_host(accel, idev, info, errp)) {
        return false;
    }
    if (!accel->cmdqv_device) {
        return true;
    }
    if (!accel->streams.viommu) {
        accel->streams.want_cmdqv.wanted = !info->repeats;
    }
    max = 1u << accel->cmdqv_device->regs.log2sids;
    QTAILQ_FOREACH(dev, &accel->devices, next) {
        n++;
    }
    if (n >= max) {
        error_setg(errp, "the host's CMDQV knows %u devices of an arm-smmuv3, "
                   "and so many are plugged; give it an arm-smmuv3 of its own, "
                   "or use cmdqv=off", max);
        return false;
    }
    return true;
}

static void read_errors(void *opaque)
{
    SMMUv3AccelCmdqv *c = opaque;
    uint8_t buf[1024];
    bool any = false;

    SMMUV3_ACCEL_LOCK_GUARD(c->accel);
    /* Which queues are in error, their registers say */
    while (RETRY_ON_EINTR(read(c->regs.viommu->cmdqv_veventq_fd, buf,
                               sizeof(buf))) > 0) {
        any = true;
    }
    if (any) {
        smmuv3_cmdqv_host_error(&c->regs);
    }
}

void smmuv3_accel_cmdqv_watch(SMMUv3Accel *accel, bool running)
{
    SMMUv3VIOMMU *viommu = accel->streams.viommu;

    if (viommu->cmdqv_page) {
        qemu_set_fd_handler(viommu->cmdqv_veventq_fd,
                            running ? read_errors : NULL, NULL,
                            accel->cmdqv_device);
    }
}

void smmuv3_accel_cmdqv_plugged(SMMUv3Accel *accel)
{
    SMMUv3VIOMMU *viommu = accel->streams.viommu;
    SMMUv3AccelCmdqv *c = accel->cmdqv_device;

    /* What is held gets its vIOMMU when it is taken over */
    if (!c || c->regs.viommu || accel->streams.held) {
        return;
    }
    if (!viommu->cmdqv_page && !phase_check(PHASE_MACHINE_READY)) {
        /* The guest has not been promised any */
        cmdqv_drop(accel);
        smmuv3_accel_update_idr(accel);
        return;
    }
    smmuv3_cmdqv_set_viommu(&c->regs, viommu);
    /* The guest has it now, and is served without the host's, too */
    accel->streams.want_cmdqv.required = false;
}

void smmuv3_accel_cmdqv_unplug_last(SMMUv3Accel *accel)
{
    SMMUv3AccelCmdqv *c = accel->cmdqv_device;

    if (c && c->regs.viommu) {
        smmuv3_cmdqv_set_viommu(&c->regs, NULL);
    }
}

/* --- Its place in the machine --- */

/*
 * The host's page is not memory: no device may be told to write there, neither
 * by VFIO nor by vhost, which otherwise map all that is RAM.
 */
static void init_page(SMMUv3AccelCmdqv *c)
{
    memory_region_init_ram_device_ptr(&c->page, OBJECT(c->accel->smmu),
                                      "arm-smmuv3-cmdqv-page",
                                      SMMUV3_CMDQV_PAGE, c->host_page);
    c->page.ops = &page_ops;
    c->page.opaque = c;
    c->page.ram_block->flags |= RAM_PROTECTED;
    memory_region_set_enabled(&c->page, false);
    memory_region_add_subregion_overlap(&c->mem, SMMUV3_CMDQV_VINTF_PAGE0,
                                        &c->page, 1);
}

bool smmuv3_accel_cmdqv_realize(SMMUv3Accel *accel, Error **errp)
{
    SMMUv3AccelCmdqv *c = accel->cmdqv_device;
    Object *owner = OBJECT(accel->smmu);

    if (!c) {
        if (accel->cmdqv == ON_OFF_AUTO_ON) {
            error_setg(errp, "cmdqv=on takes a device behind the arm-smmuv3 on "
                       "the command line: without one it is not known which "
                       "host SMMU the CMDQV would be of");
        }
        return false;
    }
    memory_region_init(&c->mem, owner, "arm-smmuv3-cmdqv", SMMUV3_CMDQV_SIZE);
    memory_region_init_io(&c->io, owner, &cmdqv_ops, c,
                          "arm-smmuv3-cmdqv-registers", SMMUV3_CMDQV_SIZE);
    memory_region_add_subregion(&c->mem, 0, &c->io);
    init_page(c);
    sysbus_init_mmio(SYS_BUS_DEVICE(owner), &c->mem);
    sysbus_init_irq(SYS_BUS_DEVICE(owner), &c->irq);
    c->bh = qemu_bh_new(go_on, c);
    c->realized = true;
    return true;
}

bool smmuv3_accel_has_cmdqv(const SMMUv3Accel *accel)
{
    return accel->cmdqv_device && accel->cmdqv_device->realized;
}

SMMUv3Cmdqv *smmuv3_accel_cmdqv_registers(const SMMUv3Accel *accel)
{
    return smmuv3_accel_has_cmdqv(accel) ? &accel->cmdqv_device->regs : NULL;
}

void smmuv3_accel_cmdqv_reset(SMMUv3Accel *accel)
{
    if (accel->cmdqv_device) {
        smmuv3_cmdqv_reset(&accel->cmdqv_device->regs);
    }
}

void smmuv3_accel_cmdqv_finalize(SMMUv3Accel *accel)
{
    SMMUv3AccelCmdqv *c = accel->cmdqv_device;

    if (!c) {
        return;
    }
    if (c->bh) {
        qemu_bh_delete(c->bh);
    }
    smmuv3_cmdqv_cleanup(&c->regs);
    cmdqv_drop(accel);
}
