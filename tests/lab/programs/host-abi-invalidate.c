/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HWPT_INVALIDATE on the vIOMMU: what is accepted, and what it does. */

#include "host-abi.h"

#include <errno.h>
#include <stdlib.h>

#define VA              STAGE1_VA
#define VSID            0x10ULL
/* IHI 0070, 4.1: opcodes. */
#define CFGI_STE        0x03
#define CFGI_ALL        0x04
#define CFGI_CD         0x05
#define CFGI_CD_ALL     0x06
#define TLBI_NH_ALL     0x10
#define TLBI_NH_ASID    0x11
#define TLBI_NH_VA      0x12
#define TLBI_NH_VAA     0x13
#define TLBI_EL2_ALL    0x20
#define TLBI_S12_VMALL  0x28
#define TLBI_NSNH_ALL   0x30
#define ATC_INV         0x40
#define CMD_SYNC        0x46
#define SID(n)          ((uint64_t)(n) << 32)
#define ASID(n)         ((uint64_t)(n) << 48)
#define LEAF            1ULL
#define IDR0_ATS        (1u << 10)

/* The kernel issues commands in batches of this size. */
#define KERNEL_BATCH    63
#define LARGE_BATCH     (1u << 16)
#define TOO_LARGE_BATCH ((1u << 19) + 1)

static int invalidate(struct lab *lab, uint64_t word0, uint64_t word1)
{
    struct smmu_command cmd = { .word = { word0, word1 } };
    uint32_t count = 1;

    return iommufd_invalidate(lab->iommufd, lab->viommu, &cmd, &count);
}

static void check_accepted(struct lab *lab)
{
    static const struct {
        const char *name;
        uint64_t word[2];
        int want;
    } commands[] = {
        { "TLBI_NSNH_ALL", { TLBI_NSNH_ALL }, 0 },
        { "TLBI_NH_ALL", { TLBI_NH_ALL }, 0 },
        { "TLBI_NH_ALL, a guest's VMID", { TLBI_NH_ALL | SID(7) }, 0 },
        { "TLBI_NH_ASID", { TLBI_NH_ASID | ASID(1) }, 0 },
        { "TLBI_NH_VA", { TLBI_NH_VA | ASID(1), VA }, 0 },
        { "TLBI_NH_VA, leaf", { TLBI_NH_VA | ASID(1), VA | LEAF }, 0 },
        { "TLBI_NH_VAA", { TLBI_NH_VAA, VA }, 0 },
        { "CFGI_CD", { CFGI_CD | SID(VSID), LEAF }, 0 },
        { "CFGI_CD_ALL", { CFGI_CD_ALL | SID(VSID) }, 0 },
        { "CFGI_CD_ALL, unknown vSID", { CFGI_CD_ALL | SID(0x11) }, -EIO },
        { "CFGI_STE", { CFGI_STE | SID(VSID) }, -EIO },
        { "CFGI_ALL", { CFGI_ALL, 31 }, -EIO },
        { "TLBI_EL2_ALL", { TLBI_EL2_ALL }, -EIO },
        { "TLBI_S12_VMALL", { TLBI_S12_VMALL }, -EIO },
        { "CMD_SYNC", { CMD_SYNC }, -EIO },
        { "opcode 0", { 0 }, -EIO },
        { "opcode 0xff", { 0xff }, -EIO },
        { "TLBI_NH_ALL, reserved bit", { TLBI_NH_ALL, 1ULL << 62 }, -EIO },
        { "CFGI_CD_ALL, SSec", { CFGI_CD_ALL | SID(VSID) | 1 << 10 }, -EIO },
    };
    unsigned i;

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        tap_result(invalidate(lab, commands[i].word[0],
                              commands[i].word[1]),
                   commands[i].want, "%s", commands[i].name);
    }
}

/* Only hardware that has ATS takes the command. */
static void check_atc_inv(struct lab *lab)
{
    struct iommu_hw_info_arm_smmuv3 info = { 0 };
    uint32_t type;
    bool ats;

    if (iommufd_hw_info(lab->iommufd, lab->dev[0].id, &type, &info)) {
        tap_bail("GET_HW_INFO");
    }
    ats = info.idr[0] & IDR0_ATS;
    tap_result(invalidate(lab, ATC_INV | SID(VSID), 52), ats ? 0 : -EIO,
               "ATC_INV on hardware %s ATS", ats ? "with" : "without");
}

static void check_virt_ids(struct lab *lab)
{
    uint32_t vdevice = lab_vdevice(lab, 0);

    tap_result(invalidate(lab, CFGI_CD_ALL, 0), 0, "CFGI_CD_ALL of vSID 0");
    lab_destroy(lab, vdevice);
    tap_result(invalidate(lab, CFGI_CD_ALL, 0), -EIO,
               "CFGI_CD_ALL of vSID 0 without its vDEVICE");
    vdevice = lab_vdevice(lab, 1ULL << 32);
    tap_result(invalidate(lab, CFGI_CD_ALL, 0), -EIO,
               "CFGI_CD_ALL of a vDEVICE of 33 bits");
    lab_destroy(lab, vdevice);
}

/* Translations are cached until they are invalidated; then they are not. */
static void check_tlbi_acts(struct lab *lab, struct stage1 *s)
{
    stage1_map(s, VA, IPA(TARGET_B));
    lab_check_dma(lab, VA, IPA(TARGET_B), "before the change");
    stage1_map(s, VA, IPA(TARGET_C));
    lab_check_dma(lab, VA, IPA(TARGET_B), "changed, not invalidated");
    tap_result(invalidate(lab, TLBI_NH_VA | ASID(s->asid), VA | LEAF), 0,
               "TLBI_NH_VA of the page");
    lab_check_dma(lab, VA, IPA(TARGET_C), "changed and invalidated");
}

static void check_cfgi_acts(struct lab *lab, struct stage1 *s)
{
    struct stage1 next = *s;

    next.tables = IPA(PAGE_TABLES_2);
    next.asid = 2;
    lab_check_dma(lab, VA, IPA(TARGET_C), "before the CD changes");
    stage1_init(&next);
    stage1_map(&next, VA, IPA(TARGET_A));
    lab_check_dma(lab, VA, IPA(TARGET_C), "CD changed, not invalidated");
    tap_result(invalidate(lab, CFGI_CD_ALL | SID(VSID), 0), 0,
               "CFGI_CD_ALL of the stream");
    lab_check_dma(lab, VA, IPA(TARGET_A), "CD changed and invalidated");
    *s = next;
}

static void fill(struct smmu_command *batch, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        batch[i] = (struct smmu_command) {
            .word = { TLBI_NH_ASID | ASID(0x77) },
        };
    }
}

/*
 * A failed batch: entry_num is the index of the bad entry, yet what came
 * after the last full kernel batch was never issued.
 */
static void check_failed_batch(struct lab *lab, struct stage1 *s)
{
    const struct smmu_command page = {
        .word = { TLBI_NH_VA | ASID(s->asid), VA | LEAF },
    };
    struct smmu_command batch[KERNEL_BATCH + 3];
    uint32_t count = 3;

    stage1_map(s, VA, IPA(TARGET_B));
    fill(batch, KERNEL_BATCH + 3);
    batch[0] = page;
    batch[2].word[0] = CMD_SYNC;
    tap_result(iommufd_invalidate(lab->iommufd, lab->viommu, batch, &count),
               -EIO, "a batch of 3 whose last entry is bad");
    tap_check(count == 2, "entry_num is its index (%u)", count);
    lab_check_dma(lab, VA, IPA(TARGET_A),
                  "yet the first entry was not issued");

    batch[2] = batch[1];
    batch[KERNEL_BATCH + 1].word[0] = CMD_SYNC;
    count = KERNEL_BATCH + 3;
    tap_result(iommufd_invalidate(lab->iommufd, lab->viommu, batch, &count),
               -EIO, "a batch of 66 whose entry 64 is bad");
    tap_check(count == KERNEL_BATCH + 1, "entry_num is its index (%u)",
              count);
    lab_check_dma(lab, VA, IPA(TARGET_B), "the first 63 were issued");

    stage1_map(s, VA, IPA(TARGET_C));
    fill(batch, KERNEL_BATCH + 3);
    batch[KERNEL_BATCH] = page;
    batch[KERNEL_BATCH + 2].word[0] = CMD_SYNC;
    count = KERNEL_BATCH + 3;
    tap_result(iommufd_invalidate(lab->iommufd, lab->viommu, batch, &count),
               -EIO, "a batch of 66 whose last entry is bad");
    lab_check_dma(lab, VA, IPA(TARGET_B), "entry 63 was not issued");

    batch[KERNEL_BATCH + 2] = batch[0];
    count = KERNEL_BATCH + 3;
    tap_result(iommufd_invalidate(lab->iommufd, lab->viommu, batch, &count),
               0, "the same batch without a bad entry");
    tap_check(count == KERNEL_BATCH + 3, "entry_num is all of it (%u)",
              count);
    lab_check_dma(lab, VA, IPA(TARGET_C), "all were issued");
}

/*
 * The limit is 2^19 entries.  It is not tried: above 2^18 the kernel's copy
 * is larger than it can ever allocate, and it writes a WARNING.
 */
static void check_large_batch(struct lab *lab)
{
    uint32_t count = LARGE_BATCH;
    struct smmu_command *batch = malloc(count * sizeof(*batch));

    if (!batch) {
        tap_bail("no memory");
    }
    fill(batch, count);
    tap_result(iommufd_invalidate(lab->iommufd, lab->viommu, batch, &count),
               0, "a batch of 2^16");
    tap_check(count == LARGE_BATCH, "entry_num is all of it (%u)", count);
    count = TOO_LARGE_BATCH;
    tap_result(iommufd_invalidate(lab->iommufd, lab->viommu, batch, &count),
               -EINVAL, "a batch of 2^19 + 1");
    free(batch);
}

void check_invalidation(struct lab *lab)
{
    struct stage1 s = lab_stage1(lab);
    uint32_t hwpt = lab_nested_stage1(lab, &s);
    uint32_t vdevice;

    check_virt_ids(lab);
    vdevice = lab_vdevice(lab, VSID);
    lab_attach(lab, hwpt);
    check_accepted(lab);
    check_atc_inv(lab);
    check_tlbi_acts(lab, &s);
    check_cfgi_acts(lab, &s);
    check_failed_batch(lab, &s);
    check_large_batch(lab);
    lab_detach(lab);
    lab_destroy(lab, vdevice);
    lab_destroy(lab, hwpt);
}
