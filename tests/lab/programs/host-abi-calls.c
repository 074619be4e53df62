/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The results of the calls that make and destroy objects; no DMA. */

#include "host-abi.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BIT(n) (1ULL << (n))
/* What a vSTE may hold, in literals: IHI 0070 5.2, and the kernel's rule. */
#define VSTE0_ALLOWED   0xf80fffffffffffffULL
#define VSTE1_ALLOWED   0x00000000380000ffULL
#define UNKNOWN_ID      0x7fffffu

static int try_vste(struct lab *lab, uint64_t word0, uint64_t word1)
{
    uint64_t vste[2] = { word0, word1 };
    uint32_t id;
    int ret = iommufd_hwpt_alloc_nested(lab->iommufd, lab->dev[0].id,
                                        lab->viommu, vste, &id);

    if (!ret) {
        lab_destroy(lab, id);
    }
    return ret;
}

static void check_vste_bits(struct lab *lab)
{
    uint64_t stray[2] = { 0, 0 };
    unsigned bit;

    for (bit = 0; bit < 64; bit++) {
        /* V and Config have values of their own below; EATS too. */
        if (bit >= 4 &&
            (try_vste(lab, VSTE_BYPASS | BIT(bit), 0) == 0) !=
            !!(VSTE0_ALLOWED & BIT(bit))) {
            stray[0] |= BIT(bit);
        }
        if (bit != 28 && bit != 29 &&
            (try_vste(lab, VSTE_BYPASS, BIT(bit)) == 0) !=
            !!(VSTE1_ALLOWED & BIT(bit))) {
            stray[1] |= BIT(bit);
        }
    }
    tap_check(!stray[0], "vSTE word 0: allowed bits (0x%llx differ)",
              (unsigned long long)stray[0]);
    tap_check(!stray[1], "vSTE word 1: allowed bits (0x%llx differ)",
              (unsigned long long)stray[1]);
    tap_result(try_vste(lab, VSTE_BYPASS, BIT(44)), -EIO,
               "vSTE with SHCFG, as a guest's Linux writes it");
    tap_result(try_vste(lab, VSTE_BYPASS | BIT(52), 0), -EIO,
               "vSTE with a reserved bit in word 0");
}

static void check_vste_fields(struct lab *lab)
{
    unsigned config, eats;

    for (config = 0; config < 8; config++) {
        bool legal = config == 0 || config == 4 || config == 5;

        tap_result(try_vste(lab, 1 | config << 1, 0), legal ? 0 : -EIO,
                   "vSTE Config %u", config);
    }
    for (eats = 0; eats < 4; eats++) {
        tap_result(try_vste(lab, VSTE_BYPASS | BIT(1), (uint64_t)eats << 28),
                   eats < 2 ? 0 : -EIO, "vSTE EATS %u", eats);
    }
    tap_result(try_vste(lab, 0xb | 0xffffffffc0000ULL, 0), 0,
               "vSTE with a CD pointer to nothing");
}

static void check_hwpt_alloc(struct lab *lab)
{
    const uint32_t parent = IOMMU_HWPT_ALLOC_NEST_PARENT;
    static const struct {
        const char *name;
        uint32_t flags;
        int want;
    } combos[] = {
        { "DIRTY_TRACKING", IOMMU_HWPT_ALLOC_DIRTY_TRACKING, -EOPNOTSUPP },
        { "PASID", IOMMU_HWPT_ALLOC_PASID, -EOPNOTSUPP },
        { "FAULT_ID_VALID", IOMMU_HWPT_FAULT_ID_VALID, -EOPNOTSUPP },
        { "an unknown flag", 1u << 31, -EOPNOTSUPP },
    };
    uint32_t id = 0;
    unsigned i;

    tap_result(iommufd_hwpt_alloc(lab->iommufd, parent, lab->dev[0].id,
                                  lab->ioas, &id), 0, "NEST_PARENT");
    lab_destroy(lab, id);
    for (i = 0; i < sizeof(combos) / sizeof(combos[0]); i++) {
        tap_result(iommufd_hwpt_alloc(lab->iommufd, parent | combos[i].flags,
                                      lab->dev[0].id, lab->ioas, &id),
                   combos[i].want, "NEST_PARENT with %s", combos[i].name);
    }
    tap_result(iommufd_hwpt_alloc(lab->iommufd, 0, lab->dev[0].id, UNKNOWN_ID,
                                  &id), -EINVAL, "HWPT_ALLOC, unknown pt_id");
    tap_result(iommufd_hwpt_alloc(lab->iommufd, 0, UNKNOWN_ID, lab->ioas,
                                  &id), -ENOENT, "HWPT_ALLOC, unknown dev_id");
}

static void check_viommu_alloc(struct lab *lab)
{
    uint32_t plain = 0, id = 0;

    tap_result(iommufd_hwpt_alloc(lab->iommufd, 0, lab->dev[0].id, lab->ioas,
                                  &plain), 0, "a plain HWPT");
    tap_result(iommufd_viommu_alloc(lab->iommufd, lab->dev[0].id, plain, &id),
               -EINVAL, "a vIOMMU on a plain HWPT");
    lab_destroy(lab, plain);
    tap_result(iommufd_viommu_alloc(lab->iommufd, lab->dev[0].id, UNKNOWN_ID,
                                    &id), -ENOENT, "a vIOMMU on no HWPT");
    tap_result(iommufd_viommu_alloc(lab->iommufd, lab->dev[0].id, lab->parent,
                                    &id), 0, "a second vIOMMU on one parent");
    lab_destroy(lab, id);
}

static void check_vdevice_alloc(struct lab *lab)
{
    uint32_t vdevice = lab_vdevice(lab, 0), id = 0;

    tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                     lab->dev[0].id, 0x20, &id),
               -EEXIST, "a second vDEVICE for one device");
    if (lab->devices > 1) {
        tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                         lab->dev[1].id, 0, &id),
                   -EEXIST, "virt_id 0 is taken");
        tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                         lab->dev[1].id, 1, &id),
                   0, "the other device, another virt_id");
        lab_destroy(lab, id);
    }
    lab_destroy(lab, vdevice);
    tap_result(iommufd_vdevice_alloc(lab->iommufd, UNKNOWN_ID,
                                     lab->dev[0].id, 0, &id),
               -ENOENT, "a vDEVICE on no vIOMMU");
    /* Accepted, although no StreamID is that long; see check_events(). */
    tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                     lab->dev[0].id, BIT(32), &id),
               0, "virt_id of 33 bits");
    lab_destroy(lab, id);
}

static void check_veventq_alloc(struct lab *lab)
{
    uint32_t queue = 0, id = 0;
    int fd = -1, other = -1;

    tap_result(iommufd_veventq_alloc(lab->iommufd, lab->viommu, 0, &id, &fd),
               -EINVAL, "vEVENTQ of depth 0");
    tap_result(iommufd_veventq_alloc(lab->iommufd, lab->viommu,
                                     (1u << 19) + 1, &id, &fd),
               -EINVAL, "vEVENTQ of depth 2^19 + 1");
    tap_result(iommufd_veventq_alloc(lab->iommufd, lab->viommu, 1u << 19,
                                     &queue, &fd),
               0, "vEVENTQ of depth 2^19");
    tap_result(iommufd_veventq_alloc(lab->iommufd, lab->viommu, 16, &id,
                                     &other), -EEXIST, "a second vEVENTQ");
    tap_result(iommufd_destroy(lab->iommufd, queue), -EBUSY,
               "destroy a vEVENTQ whose file is open");
    close(fd);
    tap_result(iommufd_destroy(lab->iommufd, queue), 0,
               "destroy a vEVENTQ whose file is closed");
}

static void check_destroy(struct lab *lab)
{
    uint32_t bypass = lab_nested(lab, VSTE_BYPASS);
    uint32_t vdevice = lab_vdevice(lab, 0x10);

    tap_result(iommufd_destroy(lab->iommufd, UNKNOWN_ID), -ENOENT,
               "destroy what is not there");
    tap_result(iommufd_destroy(lab->iommufd, lab->ioas), -EBUSY,
               "destroy an IOAS that has an HWPT");
    tap_result(iommufd_destroy(lab->iommufd, lab->parent), -EBUSY,
               "destroy a nesting parent that has a vIOMMU");
    tap_result(iommufd_destroy(lab->iommufd, lab->viommu), -EBUSY,
               "destroy a vIOMMU that has an HWPT and a vDEVICE");
    lab_attach(lab, bypass);
    tap_result(iommufd_destroy(lab->iommufd, bypass), -EBUSY,
               "destroy an attached HWPT");
    tap_result(iommufd_destroy(lab->iommufd, vdevice), 0,
               "destroy the vDEVICE of an attached device");
    lab_check_dma(lab, IPA(TARGET_A), IPA(TARGET_A),
                  "the attachment outlives the vDEVICE");
    lab_detach(lab);
    tap_result(iommufd_destroy(lab->iommufd, bypass), 0,
               "destroy a detached HWPT");
}

static void check_bind(struct lab *lab)
{
    uint32_t id = 0;

    tap_result(vfio_bind(lab->dev[0].fd, lab->iommufd, &id), -EINVAL,
               "bind a bound device");
}

/* A structure from the future: known fields, then one we don't know. */
static void check_extensible(struct lab *lab)
{
    struct {
        struct iommu_destroy known;
        uint32_t tail[2];
    } cmd = { .known = { .size = sizeof(cmd), .id = UNKNOWN_ID } };

    tap_result(ioctl(lab->iommufd, IOMMU_DESTROY, &cmd) ? -errno : 0,
               -ENOENT, "a longer structure with a zero tail is read");
    cmd.tail[1] = 1;
    tap_result(ioctl(lab->iommufd, IOMMU_DESTROY, &cmd) ? -errno : 0,
               -E2BIG, "a longer structure with a non-zero tail");
}

static void check_hw_info(struct lab *lab)
{
    struct iommu_hw_info_arm_smmuv3 info = { 0 };
    uint32_t type = 0;

    tap_result(iommufd_hw_info(lab->iommufd, lab->dev[0].id, &type, &info),
               0, "GET_HW_INFO");
    tap_check(type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3, "it is a SMMUv3 (%u)",
              type);
    tap_note("IDR0 %08x IDR1 %08x IDR3 %08x IDR5 %08x IIDR %08x AIDR %08x",
             info.idr[0], info.idr[1], info.idr[3], info.idr[5], info.iidr,
             info.aidr);
    tap_check((info.idr[0] & 3) == 3, "IDR0: stages 2 and 1");
    tap_check((info.idr[0] >> 2 & 3) == 2, "IDR0.TTF: AArch64");
    tap_check(info.idr[0] & BIT(4), "IDR0.COHACC");
    tap_check((info.idr[1] & 0x3f) == 16, "IDR1.SIDSIZE is 16");
    tap_check(info.idr[3] & BIT(8), "IDR3.FWB");
    tap_check(info.idr[5] & BIT(4), "IDR5.GRAN4K");
    tap_result(iommufd_hw_info(lab->iommufd, UNKNOWN_ID, &type, &info),
               -ENOENT, "GET_HW_INFO of no device");
}

/* The first attach of a device reserves the window of the MSI doorbell. */
static void check_msi_window(struct lab *lab)
{
    struct iommu_iova_range ranges[16];
    struct iommu_ioas_iova_ranges cmd = {
        .size = sizeof(cmd), .ioas_id = lab->ioas, .num_iovas = 16,
        .allowed_iovas = (uintptr_t)ranges,
    };
    bool below = false, above = false;
    unsigned i;
    int ret;

    lab_attach(lab, lab->parent);
    ret = ioctl(lab->iommufd, IOMMU_IOAS_IOVA_RANGES, &cmd) ? -errno : 0;
    tap_result(ret, 0, "IOVA_RANGES");
    for (i = 0; i < cmd.num_iovas; i++) {
        below |= ranges[i].last == 0x07ffffff;
        above |= ranges[i].start == 0x08100000;
    }
    tap_check(below && above, "0x08000000..0x080fffff is reserved for MSIs");
    lab_detach(lab);
}

void check_calls(struct lab *lab)
{
    check_hw_info(lab);
    check_vste_bits(lab);
    check_vste_fields(lab);
    check_hwpt_alloc(lab);
    check_viommu_alloc(lab);
    check_vdevice_alloc(lab);
    check_veventq_alloc(lab);
    check_destroy(lab);
    check_bind(lab);
    check_extensible(lab);
    check_msi_window(lab);
}
