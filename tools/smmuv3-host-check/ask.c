/*
 * What the kernel says about a device's SMMU when it is asked
 *
 * Nothing stays: closing the descriptors frees all that was made. The device
 * is in nobody else's use while its cdev is bound here, so attaching it to a
 * bypass page table without any memory in it hurts nobody.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "host-check.h"

/* Fields of the ID registers (IHI 0070, 6.3): those that the uAPI names */
#define BITS(reg, shift, len) (((reg) >> (shift)) & ((1u << (len)) - 1))
#define TTF(idr)      BITS((idr)[0], 2, 2)
#define ATS(idr)      BITS((idr)[0], 10, 1)
#define TTENDIAN(idr) BITS((idr)[0], 21, 2)
#define STALL(idr)    BITS((idr)[0], 24, 2)
#define SSIDSIZE(idr) BITS((idr)[1], 6, 5)
#define FWB(idr)      BITS((idr)[3], 8, 1)
#define RIL(idr)      BITS((idr)[3], 10, 1)
#define GRAN(idr, n)  BITS((idr)[5], 4 + (n), 1)

/* Of Linux 7.3; older kernels leave both 0 */
#define FLAG_REPEAT_TLBI_CFGI (1u << 0)   /* iommu_hw_info_arm_smmuv3.flags */
#define CAP_NO_ATS            (1u << 3)   /* iommu_hw_info.out_capabilities */

#define PROBE_VSID  0xfffff
#define VSTE_BYPASS 0x9     /* V = 1, Config = bypass */
#define SSIDSIZE_MAX 20

typedef struct Ask {
    int iommu, vfio;
    uint32_t dev, ioas, parent, viommu, bypass;
} Ask;

static bool bind_device(Ask *ask, const Device *dev)
{
    struct vfio_device_bind_iommufd bind = {
        .argsz = sizeof(bind), .iommufd = ask->iommu,
    };

    if (ioctl(ask->vfio, VFIO_DEVICE_BIND_IOMMUFD, &bind) == 0) {
        ask->dev = bind.out_devid;
        return true;
    }
    switch (errno) {
    case EBUSY:
    case EINVAL:
        bad("bind", "%s is in use, perhaps by a running VM", dev->cdev);
        break;
    case EPERM:
        bad("bind", "%s: another driver has a device of IOMMU group %s, or the "
            "host cannot isolate interrupts", dev->cdev, dev->group);
        break;
    case EACCES:
        bad("bind", "%s: another process holds its PF, and the VM needs its "
            "token (vfio-pci,vf-token=)", dev->cdev);
        break;
    default:
        bad("bind", "%s cannot be bound to an iommufd: %s", dev->cdev,
            strerror(errno));
    }
    return false;
}

static bool judge_idr(const uint32_t *idr)
{
    if (!(TTF(idr) & 2) || TTENDIAN(idr) == 3) {
        bad("tables", "the SMMU does not walk little-endian AArch64 tables");
        return false;
    }
    if (STALL(idr) == 2) {
        bad("stall-model", "the SMMU stalls each faulting transaction");
        return false;
    }
    if (!FWB(idr)) {
        note("s2fwb", "no S2FWB: it takes a PCIe root complex with CANWBS "
             "instead");
    }
    return true;
}

static void learn(Device *dev, const struct iommu_hw_info *info,
                  const struct iommu_hw_info_arm_smmuv3 *smmu)
{
    const uint32_t *idr = smmu->idr;

    dev->ats = ATS(idr) && !(info->out_capabilities & CAP_NO_ATS);
    dev->ril = RIL(idr);
    dev->repeats = smmu->flags & FLAG_REPEAT_TLBI_CFGI;
    dev->ssidsize = SSIDSIZE(idr) < SSIDSIZE_MAX ? SSIDSIZE(idr) : SSIDSIZE_MAX;
    for (unsigned n = 0; n < 3; n++) {
        dev->granules |= GRAN(idr, n) << (12 + 2 * n);
    }
}

static bool read_idr(const Ask *ask, Device *dev)
{
    struct iommu_hw_info_arm_smmuv3 smmu = {};
    struct iommu_hw_info info = {
        .size = sizeof(info), .dev_id = ask->dev, .data_len = sizeof(smmu),
        .data_uptr = (uintptr_t)&smmu,
    };

    if (ioctl(ask->iommu, IOMMU_GET_HW_INFO, &info)) {
        bad("hw-info", "IOMMU_GET_HW_INFO: %s", strerror(errno));
        return false;
    }
    if (info.out_data_type != IOMMU_HW_INFO_TYPE_ARM_SMMUV3) {
        bad("hw-info", "the kernel does not show this SMMU's ID registers "
            "(type %u): it is no SMMUv3, or CONFIG_ARM_SMMU_V3_IOMMUFD is off",
            info.out_data_type);
        return false;
    }
    good("hw-info", "IDR0 0x%08x IDR1 0x%08x IDR3 0x%08x IDR5 0x%08x",
         smmu.idr[0], smmu.idr[1], smmu.idr[3], smmu.idr[5]);
    learn(dev, &info, &smmu);
    return judge_idr(smmu.idr);
}

/* The nesting parent takes as many bits as the SMMU puts out */
static bool read_oas(const Ask *ask, Device *dev)
{
    struct iommu_iova_range range[64];
    struct iommu_ioas_iova_ranges ranges = {
        .size = sizeof(ranges), .ioas_id = ask->ioas, .num_iovas = 64,
        .allowed_iovas = (uintptr_t)range,
    };
    uint64_t last = 0;

    if (ioctl(ask->iommu, IOMMU_IOAS_IOVA_RANGES, &ranges)) {
        bad("oas", "IOMMU_IOAS_IOVA_RANGES: %s", strerror(errno));
        return false;
    }
    for (unsigned i = 0; i < ranges.num_iovas; i++) {
        last = range[i].last > last ? range[i].last : last;
    }
    while (last) {
        dev->oas++;
        last >>= 1;
    }
    if (dev->oas < 44) {
        bad("oas", "the SMMU puts out %u bits of address, and a guest's has 44 "
            "at least", dev->oas);
        return false;
    }
    return true;
}

static void say_properties(Device *dev)
{
    static const char *const granules[] = {
        "none", "4K", "16K", "4K 16K", "64K", "4K 64K", "16K 64K",
        "4K 16K 64K",
    };
    unsigned n = (dev->granules >> 12 & 1) | (dev->granules >> 13 & 2) |
                 (dev->granules >> 14 & 4);

    dev->known = true;
    good("properties", "auto means: ats=%s ril=%s ssidsize=%u oas=%u; pages of "
         "%s", dev->ats ? "on" : "off", dev->ril ? "on" : "off", dev->ssidsize,
         dev->oas >= 48 ? 48 : 44, granules[n]);
    if (dev->repeats) {
        note("erratum", "the SMMU has an erratum: QEMU makes each invalidation "
             "twice");
    }
}

/* Linux before 6.17 does not know this flag, and has no CMDQV to offer */
static void ask_cmdqv(const Ask *ask, Device *dev)
{
    struct iommu_hw_info_tegra241_cmdqv cmdqv = {};
    struct iommu_hw_info info = {
        .size = sizeof(info), .flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
        .dev_id = ask->dev, .data_len = sizeof(cmdqv),
        .data_uptr = (uintptr_t)&cmdqv,
        .in_data_type = IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV,
    };

    if (ioctl(ask->iommu, IOMMU_GET_HW_INFO, &info)) {
        good("cmdqv", "no CMDQV (Tegra241): QEMU passes invalidations on");
        return;
    }
    if (dev->repeats) {
        good("cmdqv", "a CMDQV (Tegra241), but for no guest: a guest would not "
             "make each invalidation twice");
        return;
    }
    dev->cmdqv = 1 << cmdqv.log2vsids;
    good("cmdqv", "a CMDQV (Tegra241): %u command queues and at most %d "
         "devices of an arm-smmuv3", 1u << cmdqv.log2vcmdqs, dev->cmdqv);
}

static bool make_parent(Ask *ask)
{
    struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
    struct iommu_hwpt_alloc hwpt = {
        .size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
        .dev_id = ask->dev,
    };

    if (ioctl(ask->iommu, IOMMU_IOAS_ALLOC, &ioas)) {
        bad("nesting-parent", "IOMMU_IOAS_ALLOC: %s", strerror(errno));
        return false;
    }
    hwpt.pt_id = ask->ioas = ioas.out_ioas_id;
    if (ioctl(ask->iommu, IOMMU_HWPT_ALLOC, &hwpt)) {
        bad("nesting-parent", "the kernel makes no nesting parent (%s)%s",
            strerror(errno), errno == EOPNOTSUPP ?
            ": the SMMU has stage 1 or stage 2 only" : "");
        return false;
    }
    ask->parent = hwpt.out_hwpt_id;
    good("nesting-parent", "the kernel makes a nesting parent");
    return true;
}

static bool make_viommu(Ask *ask)
{
    struct iommu_viommu_alloc viommu = {
        .size = sizeof(viommu), .type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
        .dev_id = ask->dev, .hwpt_id = ask->parent,
    };

    if (ioctl(ask->iommu, IOMMU_VIOMMU_ALLOC, &viommu)) {
        bad("viommu", "the kernel makes no vIOMMU (%s): the SMMU has neither "
            "S2FWB nor a root complex with CANWBS, or Linux is older than 6.15",
            strerror(errno));
        return false;
    }
    ask->viommu = viommu.out_viommu_id;
    good("viommu", "the kernel makes a vIOMMU");
    return true;
}

static bool make_bypass(Ask *ask)
{
    uint64_t vste[2] = { VSTE_BYPASS, 0 };
    struct iommu_hwpt_alloc hwpt = {
        .size = sizeof(hwpt), .dev_id = ask->dev, .pt_id = ask->viommu,
        .data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, .data_len = sizeof(vste),
        .data_uptr = (uintptr_t)vste,
    };

    if (ioctl(ask->iommu, IOMMU_HWPT_ALLOC, &hwpt)) {
        bad("nested-table", "the kernel makes no nested page table: %s",
            strerror(errno));
        return false;
    }
    ask->bypass = hwpt.out_hwpt_id;
    good("nested-table", "the kernel makes a nested page table");
    return true;
}

static bool make_vdevice(const Ask *ask)
{
    struct iommu_vdevice_alloc vdevice = {
        .size = sizeof(vdevice), .viommu_id = ask->viommu, .dev_id = ask->dev,
        .virt_id = PROBE_VSID,
    };
    struct iommu_destroy destroy = { .size = sizeof(destroy) };

    if (ioctl(ask->iommu, IOMMU_VDEVICE_ALLOC, &vdevice)) {
        bad("stream-id", "the kernel makes no vDEVICE (%s)%s", strerror(errno),
            errno == EOPNOTSUPP ? ": the SMMU knows the device by several "
            "StreamIDs, as behind a PCIe-to-PCI bridge" : "");
        return false;
    }
    destroy.id = vdevice.out_vdevice_id;
    ioctl(ask->iommu, IOMMU_DESTROY, &destroy);
    good("stream-id", "the device has one StreamID");
    return true;
}

static bool try_attach(const Ask *ask)
{
    struct vfio_device_attach_iommufd_pt attach = {
        .argsz = sizeof(attach), .pt_id = ask->bypass,
    };
    struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

    if (ioctl(ask->vfio, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) == 0) {
        ioctl(ask->vfio, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
        good("attach",
             "it is attached before its StreamID is known (Linux 6.19)");
        return true;
    }
    if (errno != ENOENT) {
        bad("attach", errno == EBUSY ?
            "the device cannot be attached: the host is resetting it" :
            "the device cannot be attached: %s", strerror(errno));
        return false;
    }
    note("attach", "it is attached only when its StreamID is known (Linux "
         "before 6.19): bypass and abort are done in another way, which behaves "
         "the same");
    return true;
}

static bool try_events(const Ask *ask)
{
    struct iommu_veventq_alloc q = {
        .size = sizeof(q), .viommu_id = ask->viommu,
        .type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, .veventq_depth = 16,
    };

    if (ioctl(ask->iommu, IOMMU_VEVENTQ_ALLOC, &q)) {
        if (errno == ENOTTY) {
            bad("events", "the kernel is older than Linux 6.15: interrupts of "
                "the device would be lost, or go to guest memory");
            return false;
        }
        note("events", "no fault events for the guest (%s)", strerror(errno));
        return true;
    }
    close(q.out_veventq_fd);
    good("events", "the guest will see its devices' translation faults");
    return true;
}

static int open_or_say(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        bad("access", "%s: %s", path, strerror(errno));
    }
    return fd;
}

bool device_ask(Device *dev)
{
    Ask ask = { .vfio = -1 };

    ask.iommu = open_or_say("/dev/iommu");
    if (ask.iommu >= 0) {
        ask.vfio = open_or_say(dev->cdev);
    }
    if (ask.vfio >= 0) {
        dev->ready = bind_device(&ask, dev) && read_idr(&ask, dev) &&
                     make_parent(&ask) && read_oas(&ask, dev);
    }
    if (dev->ready) {
        say_properties(dev);
        ask_cmdqv(&ask, dev);
        dev->ready = make_viommu(&ask) && make_vdevice(&ask) &&
                     make_bypass(&ask) && try_attach(&ask) && try_events(&ask);
    }
    if (dev->ready) {
        device_ask_p2p(ask.iommu, ask.vfio);
    }
    if (ask.vfio >= 0) {
        close(ask.vfio);
    }
    if (ask.iommu >= 0) {
        close(ask.iommu);
    }
    return dev->ready;
}
