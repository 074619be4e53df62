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

/* Fields of the ID registers (IHI 0070, 6.3) */
#define BITS(reg, shift, len) (((reg) >> (shift)) & ((1u << (len)) - 1))
#define S2P(idr)      BITS((idr)[0], 0, 1)
#define S1P(idr)      BITS((idr)[0], 1, 1)
#define TTF(idr)      BITS((idr)[0], 2, 2)
#define COHACC(idr)   BITS((idr)[0], 4, 1)
#define ATS(idr)      BITS((idr)[0], 10, 1)
#define TTENDIAN(idr) BITS((idr)[0], 21, 2)
#define SSIDSIZE(idr) BITS((idr)[1], 6, 5)
#define FWB(idr)      BITS((idr)[3], 8, 1)
#define RIL(idr)      BITS((idr)[3], 10, 1)
#define OAS(idr)      BITS((idr)[5], 0, 3)
#define GRANS(idr)    BITS((idr)[5], 4, 3)

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
        bad("%s is in use, perhaps by a running VM", dev->cdev);
        break;
    case EPERM:
        bad("%s: another driver has a device of IOMMU group %s, or the host "
            "cannot isolate interrupts", dev->cdev, dev->group);
        break;
    default:
        bad("%s cannot be bound to an iommufd: %s", dev->cdev,
            strerror(errno));
    }
    return false;
}

static void say_properties(const uint32_t *idr)
{
    static const uint8_t oas_bits[] = { 32, 36, 40, 42, 44, 48, 52, 56 };
    static const char *const granules[] = {
        "none", "4K", "16K", "4K 16K", "64K", "4K 64K", "16K 64K",
        "4K 16K 64K",
    };
    unsigned ssidsize = SSIDSIZE(idr);

    good("auto means: ats=%s ril=%s ssidsize=%u oas=%u; pages of %s",
         ATS(idr) ? "on" : "off", RIL(idr) ? "on" : "off",
         ssidsize < SSIDSIZE_MAX ? ssidsize : SSIDSIZE_MAX,
         oas_bits[OAS(idr)] >= 48 ? 48 : 44, granules[GRANS(idr)]);
}

static bool judge_idr(const uint32_t *idr)
{
    if (!S1P(idr) || !S2P(idr)) {
        bad("the SMMU has stage %s only: it cannot nest",
            S1P(idr) ? "1" : "2");
        return false;
    }
    if (!(TTF(idr) & 2) || TTENDIAN(idr) == 3 || !COHACC(idr)) {
        bad("the SMMU does not walk little-endian AArch64 tables coherently");
        return false;
    }
    good("stage 1 and stage 2%s", FWB(idr) ? ", S2FWB" : "");
    if (!FWB(idr)) {
        note("no S2FWB: it takes a PCIe root complex with CANWBS instead");
    }
    say_properties(idr);
    return true;
}

static bool read_idr(const Ask *ask)
{
    struct iommu_hw_info_arm_smmuv3 smmu = {};
    struct iommu_hw_info info = {
        .size = sizeof(info), .dev_id = ask->dev, .data_len = sizeof(smmu),
        .data_uptr = (uintptr_t)&smmu,
    };

    if (ioctl(ask->iommu, IOMMU_GET_HW_INFO, &info)) {
        bad("IOMMU_GET_HW_INFO: %s", strerror(errno));
        return false;
    }
    if (info.out_data_type != IOMMU_HW_INFO_TYPE_ARM_SMMUV3) {
        bad("the kernel does not show this SMMU's ID registers (type %u): it "
            "is no SMMUv3, or CONFIG_ARM_SMMU_V3_IOMMUFD is off",
            info.out_data_type);
        return false;
    }
    good("IDR0 0x%08x IDR1 0x%08x IDR3 0x%08x IDR5 0x%08x", smmu.idr[0],
         smmu.idr[1], smmu.idr[3], smmu.idr[5]);
    return judge_idr(smmu.idr);
}

static bool make_parent(Ask *ask)
{
    struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
    struct iommu_hwpt_alloc hwpt = {
        .size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
        .dev_id = ask->dev,
    };

    if (ioctl(ask->iommu, IOMMU_IOAS_ALLOC, &ioas)) {
        bad("IOMMU_IOAS_ALLOC: %s", strerror(errno));
        return false;
    }
    hwpt.pt_id = ask->ioas = ioas.out_ioas_id;
    if (ioctl(ask->iommu, IOMMU_HWPT_ALLOC, &hwpt)) {
        bad("the kernel makes no nesting parent: %s", strerror(errno));
        return false;
    }
    ask->parent = hwpt.out_hwpt_id;
    good("the kernel makes a nesting parent");
    return true;
}

static bool make_viommu(Ask *ask)
{
    struct iommu_viommu_alloc viommu = {
        .size = sizeof(viommu), .type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
        .dev_id = ask->dev, .hwpt_id = ask->parent,
    };

    if (ioctl(ask->iommu, IOMMU_VIOMMU_ALLOC, &viommu)) {
        bad("the kernel makes no vIOMMU (%s): the SMMU has neither S2FWB nor "
            "a root complex with CANWBS, or Linux is older than 6.15",
            strerror(errno));
        return false;
    }
    ask->viommu = viommu.out_viommu_id;
    good("the kernel makes a vIOMMU");
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
        bad("the kernel makes no nested page table: %s", strerror(errno));
        return false;
    }
    ask->bypass = hwpt.out_hwpt_id;
    good("the kernel makes a nested page table");
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
        good("it is attached before its StreamID is known (Linux 6.19)");
        return true;
    }
    if (errno != ENOENT) {
        bad("the device cannot be attached: %s", strerror(errno));
        return false;
    }
    note("it is attached only when its StreamID is known (Linux before "
         "6.19): bypass and abort are done in another way, which behaves "
         "the same");
    return true;
}

static void try_events(const Ask *ask)
{
    struct iommu_veventq_alloc q = {
        .size = sizeof(q), .viommu_id = ask->viommu,
        .type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, .veventq_depth = 16,
    };

    if (ioctl(ask->iommu, IOMMU_VEVENTQ_ALLOC, &q)) {
        note("no fault events for the guest (%s): Linux 6.15 has them",
             strerror(errno));
        return;
    }
    close(q.out_veventq_fd);
    good("the guest will see its devices' translation faults");
}

static int open_or_say(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        bad("%s: %s", path, strerror(errno));
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
        dev->ready = bind_device(&ask, dev) && read_idr(&ask) &&
                     make_parent(&ask) && make_viommu(&ask) &&
                     make_bypass(&ask) && try_attach(&ask);
    }
    if (dev->ready) {
        try_events(&ask);
    }
    if (ask.vfio >= 0) {
        close(ask.vfio);
    }
    if (ask.iommu >= 0) {
        close(ask.iommu);
    }
    return dev->ready;
}
