/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: a host whose SMMU has ATS and SubstreamIDs and whose devices
 * have PASIDs, as far as IOMMU_GET_HW_INFO tells. All other calls go to the
 * kernel; the nested vSTEs and the invalidations among them are also written
 * to the file PASID_HOST_LOG.
 */

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/iommufd.h>

#define IDR0_ATS (1u << 10)
#define IDR0_CD2L (1u << 19)
#define IDR1_SSIDSIZE_SHIFT 6
#define SSIDSIZE 16
#define MAX_PASID_LOG2 12

#include "preload-ioctl.h"

static void log_pair(const char *what, const uint64_t *word)
{
    const char *path = getenv("PASID_HOST_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;

    if (f) {
        fprintf(f, "%s 0x%" PRIx64 " 0x%" PRIx64 "\n", what, word[0],
                word[1]);
        fclose(f);
    }
}

static void add_features(struct iommu_hw_info *info)
{
    struct iommu_hw_info_arm_smmuv3 *smmu = (void *)(uintptr_t)info->data_uptr;

    /* data_len is what the kernel has, also if there is no room for it */
    if (smmu && info->data_len >= sizeof(*smmu)) {
        smmu->idr[0] |= IDR0_ATS | IDR0_CD2L;
        smmu->idr[1] &= ~(0x1fu << IDR1_SSIDSIZE_SHIFT);
        smmu->idr[1] |= SSIDSIZE << IDR1_SSIDSIZE_SHIFT;
    }
    info->out_max_pasid_log2 = MAX_PASID_LOG2;
    info->out_capabilities |= IOMMU_HW_CAP_PCI_PASID_PRIV;
    /* Linux 7.x says so of a device without ATS */
    info->out_capabilities &= ~(uint64_t)IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
}

static void log_call(unsigned long request, const void *arg)
{
    const struct iommu_hwpt_alloc *hwpt = arg;
    const struct iommu_hwpt_invalidate *inval = arg;

    if (request == IOMMU_HWPT_ALLOC &&
        hwpt->data_type == IOMMU_HWPT_DATA_ARM_SMMUV3) {
        log_pair("vste", (void *)(uintptr_t)hwpt->data_uptr);
    } else if (request == IOMMU_HWPT_INVALIDATE) {
        const uint64_t *cmd = (void *)(uintptr_t)inval->data_uptr;

        for (uint32_t i = 0; i < inval->entry_num; i++) {
            log_pair("command", cmd + 2 * i);
        }
    }
}

static int host_ioctl(int fd, unsigned long request, void *arg)
{
    int ret;

    log_call(request, arg);
    ret = kernel_ioctl(fd, request, arg);
    if (ret == 0 && request == IOMMU_GET_HW_INFO) {
        add_features(arg);
    }
    return ret;
}
