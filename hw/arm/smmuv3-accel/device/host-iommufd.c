/*
 * The host calls of an accelerated SMMUv3, by iommufd and VFIO
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include <sys/mman.h>
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "hw/pci/pci_device.h"
#include "hw/vfio/vfio-device.h"
#include "system/iommufd-viommu.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "hw/arm/smmuv3-accel/core/event.h"
#include "hw/arm/smmuv3-accel/core/inval.h"

static VFIODevice *vfio(const SMMUv3HostDevice *dev)
{
    HostIOMMUDevice *hiod = dev->opaque;

    return hiod->agent;
}

static int alloc_viommu(void *opaque, const SMMUv3HostDevice *dev,
                        uint32_t parent, uint32_t *viommu, Error **errp)
{
    return iommufd_viommu_alloc(opaque, IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
                                dev->dev_id, parent, NULL, 0, viommu, errp);
}

static int alloc_cmdqv(void *opaque, const SMMUv3HostDevice *dev,
                       uint32_t parent, uint32_t *viommu, SMMUv3HostPage *page,
                       Error **errp)
{
    struct iommu_viommu_tegra241_cmdqv data = {};
    int ret = iommufd_viommu_alloc(opaque, IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV,
                                   dev->dev_id, parent, &data, sizeof(data),
                                   viommu, errp);

    page->offset = data.out_vintf_mmap_offset;
    page->len = data.out_vintf_mmap_length;
    return ret;
}

/*
 * In one step: a thread that has looked up the guest's page may still be about
 * to access it
 */
static void put_memory_back(const SMMUv3HostPage *page)
{
    void *p = mmap(page->at, page->len, PROT_READ | PROT_WRITE,
                   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert(p == page->at);
}

static int map_page(void *opaque, const SMMUv3HostPage *page, void **mem,
                    Error **errp)
{
    int ret = iommufd_map_page(opaque, page->offset, page->len, page->at, mem,
                               errp);

    if (ret < 0 && page->at) {
        put_memory_back(page);
    }
    return ret;
}

static void unmap_page(void *opaque, const SMMUv3HostPage *page, void *mem)
{
    if (page->at) {
        put_memory_back(page);
    } else {
        munmap(mem, page->len);
    }
}

static int alloc_hw_queue(void *opaque, uint32_t viommu, uint32_t index,
                          uint64_t gpa, uint64_t len, uint32_t *queue,
                          Error **errp)
{
    return iommufd_hw_queue_alloc(opaque, viommu,
                                  IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV, index,
                                  gpa, len, queue, errp);
}

static int alloc_hwpt(void *opaque, const SMMUv3HostDevice *dev,
                      uint32_t viommu, const uint64_t vste[2], uint32_t *hwpt,
                      Error **errp)
{
    struct iommu_hwpt_arm_smmuv3 data = {
        .ste = { cpu_to_le64(vste[0]), cpu_to_le64(vste[1]) },
    };

    return iommufd_nested_hwpt_alloc(opaque, dev->dev_id, viommu,
                                     IOMMU_HWPT_DATA_ARM_SMMUV3, &data,
                                     sizeof(data), hwpt, errp);
}

static int alloc_vdevice(void *opaque, const SMMUv3HostDevice *dev,
                         uint32_t viommu, uint32_t vsid, uint32_t *vdevice,
                         Error **errp)
{
    return iommufd_vdevice_alloc(opaque, dev->dev_id, viommu, vsid, vdevice,
                                 errp);
}

/* core/event.c knows the kernel's records without the kernel's header */
QEMU_BUILD_BUG_ON(sizeof(struct iommufd_vevent_header) !=
                  sizeof(SMMUv3EventHeader));
QEMU_BUILD_BUG_ON(offsetof(struct iommufd_vevent_header, sequence) !=
                  offsetof(SMMUv3EventHeader, sequence));
QEMU_BUILD_BUG_ON((int)IOMMU_VEVENTQ_FLAG_LOST_EVENTS != SMMUV3_EVENT_LOST);
QEMU_BUILD_BUG_ON(sizeof(struct iommu_vevent_arm_smmuv3) != SMMUV3_EVENT_SIZE);

static int alloc_veventq(void *opaque, uint32_t viommu, uint32_t depth,
                         uint32_t *veventq, int *fd, Error **errp)
{
    return iommufd_veventq_alloc(opaque, viommu, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3,
                                 depth, veventq, fd, errp);
}

static int alloc_cmdqv_veventq(void *opaque, uint32_t viommu, uint32_t depth,
                               uint32_t *veventq, int *fd, Error **errp)
{
    return iommufd_veventq_alloc(opaque, viommu,
                                 IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV, depth,
                                 veventq, fd, errp);
}

static int attach(void *opaque, const SMMUv3HostDevice *dev, uint32_t hwpt,
                  Error **errp)
{
    g_assert(bql_locked());
    return vfio_cdev_attach_hwpt(vfio(dev)->fd, hwpt, errp);
}

static int detach(void *opaque, const SMMUv3HostDevice *dev, Error **errp)
{
    g_assert(bql_locked());
    return vfio_cdev_detach(vfio(dev)->fd, errp);
}

static int invalidate(void *opaque, uint32_t viommu, const uint64_t (*cmd)[2],
                      uint32_t n, Error **errp)
{
    struct iommu_viommu_arm_smmuv3_invalidate entry[SMMUV3_INVAL_MAX];

    if (!HOST_BIG_ENDIAN) {
        QEMU_BUILD_BUG_ON(sizeof(entry[0]) != sizeof(cmd[0]));
        return iommufd_viommu_invalidate(opaque, viommu,
                                    IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
                                    cmd, sizeof(cmd[0]), n, errp);
    }
    for (uint32_t i = 0; i < n; i++) {
        entry[i].cmd[0] = cpu_to_le64(cmd[i][0]);
        entry[i].cmd[1] = cpu_to_le64(cmd[i][1]);
    }
    return iommufd_viommu_invalidate(opaque, viommu,
                                     IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
                                     entry, sizeof(entry[0]), n, errp);
}

static void destroy(void *opaque, uint32_t id)
{
    iommufd_backend_free_id(opaque, id);
}

static void quarantine(void *opaque, const SMMUv3HostDevice *dev)
{
    PCIDevice *pdev = PCI_DEVICE(vfio(dev)->dev);
    uint32_t command = pci_get_word(pdev->config + PCI_COMMAND);

    /*
     * A guest can make this happen again with each command. The message comes
     * once, because bus mastering is off after the first time.
     */
    if (command & PCI_COMMAND_MASTER) {
        error_report("arm-smmuv3: %s: the host neither blocks nor detaches the "
                     "device; its bus mastering is turned off and the VM "
                     "stopped", dev->name);
    }
    pdev->config_write(pdev, PCI_COMMAND, command & ~PCI_COMMAND_MASTER, 2);
    if (!runstate_is_running()) {
        return;
    }
    if (qemu_in_vcpu_thread()) {
        /* The vCPU stops before it runs guest code again */
        vm_stop(RUN_STATE_INTERNAL_ERROR);
    } else {
        /* vm_stop() in the middle of a start would let the vCPUs go on */
        qemu_system_vmstop_request_prepare();
        qemu_system_vmstop_request(RUN_STATE_INTERNAL_ERROR);
    }
}

const SMMUv3HostOps smmuv3_host_iommufd = {
    .alloc_viommu = alloc_viommu,
    .alloc_hwpt = alloc_hwpt,
    .alloc_vdevice = alloc_vdevice,
    .alloc_veventq = alloc_veventq,
    .alloc_cmdqv = alloc_cmdqv,
    .alloc_cmdqv_veventq = alloc_cmdqv_veventq,
    .map_page = map_page,
    .unmap_page = unmap_page,
    .alloc_hw_queue = alloc_hw_queue,
    .attach = attach,
    .detach = detach,
    .invalidate = invalidate,
    .destroy = destroy,
    .quarantine = quarantine,
};
