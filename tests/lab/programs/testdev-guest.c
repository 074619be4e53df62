/*
 * ATS and a PASID of a guest, by DMA of the board's test device
 *
 *   testdev-guest VFIO-CDEV [no-ats]
 *
 * A user of VFIO in the guest maps and unmaps; the guest's driver sends the
 * invalidations to its SMMU. The device's cache shows whether they arrive. With
 * no-ats the guest's SMMU has no ATS, so that the STE has EATS = 0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommufd.h"
#include "tap.h"
#include "testdev.h"

#define PAGE    ((uint64_t)getpagesize())
#define PAGES   4
#define IOVA    0x200000000ULL
#define DATA(n) (0x5a5a0000ULL + (n))
#define PASID   5

static void must(int ret, const char *what)
{
    if (ret) {
        tap_bail("%s: %s", what, strerror(-ret));
    }
}

static int unmap(int iommufd, uint32_t ioas, uint64_t iova)
{
    struct iommu_ioas_unmap cmd = {
        .size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = PAGE,
    };

    return ioctl(iommufd, IOMMU_IOAS_UNMAP, &cmd) ? -errno : 0;
}

static int attach_pasid(int device, uint32_t hwpt)
{
    struct vfio_device_attach_iommufd_pt cmd = {
        .argsz = sizeof(cmd), .flags = VFIO_DEVICE_ATTACH_PASID,
        .pt_id = hwpt, .pasid = PASID,
    };

    return ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd) ? -errno : 0;
}

/* An address space whose IOVA is this page, and the next after it */
static uint32_t space(int iommufd, uint32_t dev, uint8_t *mem, uint32_t *ioas)
{
    uint32_t hwpt = 0;

    must(iommufd_ioas_alloc(iommufd, ioas), "IOAS_ALLOC");
    /* What is mapped in one is unmapped in one. */
    for (unsigned n = 0; n < 2; n++) {
        must(iommufd_ioas_map(iommufd, *ioas, mem + n * PAGE, PAGE,
                              IOVA + n * PAGE), "IOAS_MAP");
    }
    must(iommufd_hwpt_alloc(iommufd, IOMMU_HWPT_ALLOC_PASID, dev, *ioas,
                            &hwpt), "HWPT_ALLOC");
    return hwpt;
}

static void check(struct testdev *dev, int iommufd, uint32_t own,
                  uint32_t pasids)
{
    uint32_t with = TESTDEV_PASID;
    uint32_t before;

    testdev_check(dev, IOVA, 0, 0, 0, DATA(0), "without a PASID");
    testdev_check(dev, IOVA, with, PASID, 0, DATA(2), "the PASID");
    testdev_check(dev, IOVA, TESTDEV_ATS, 0, 0, DATA(0),
                  "without a PASID, by ATS");
    testdev_check(dev, IOVA, with | TESTDEV_ATS, PASID, 0, DATA(2),
                  "the PASID, by ATS");
    testdev_check(dev, IOVA, with, PASID + 1, -TESTDEV_ABORTED, 0,
                  "a PASID that is not attached");
    before = testdev_invalidated(dev);
    must(unmap(iommufd, pasids, IOVA), "IOAS_UNMAP");
    tap_check(testdev_invalidated(dev) > before,
              "the PASID's page is unmapped: the device is told");
    testdev_check(dev, IOVA, with | TESTDEV_ATS, PASID, -TESTDEV_NO_ACCESS, 0,
                  "the PASID's page is gone from the device's cache");
    testdev_check(dev, IOVA, TESTDEV_ATS, 0, 0, DATA(0),
                  "the one without a PASID is not");
    must(unmap(iommufd, own, IOVA), "IOAS_UNMAP");
    testdev_check(dev, IOVA, TESTDEV_ATS, 0, -TESTDEV_NO_ACCESS, 0,
                  "unmapped, it is gone, too");
    testdev_check(dev, IOVA + PAGE, with | TESTDEV_ATS, PASID, 0, DATA(3),
                  "what is still mapped is not");
}

static void check_no_ats(struct testdev *dev)
{
    testdev_check(dev, IOVA, 0, 0, 0, DATA(0), "without a PASID");
    testdev_check(dev, IOVA, TESTDEV_PASID, PASID, 0, DATA(2), "the PASID");
    testdev_check(dev, IOVA, TESTDEV_ATS, 0, -TESTDEV_ATS_OFF, 0,
                  "EATS = 0: the device's ATS is off");
}

int main(int argc, char **argv)
{
    int iommufd, device;
    uint32_t dev_id, own, pasids, hwpt;
    struct testdev dev;
    uint8_t *mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "no-ats"))) {
        tap_bail("usage: testdev-guest VFIO-CDEV [no-ats]");
    }
    iommufd = open("/dev/iommu", O_RDWR);
    device = open(argv[1], O_RDWR);
    if (iommufd < 0 || device < 0 || mem == MAP_FAILED) {
        tap_bail("%s: %s", argv[1], strerror(errno));
    }
    for (int n = 0; n < PAGES; n++) {
        *(uint64_t *)(mem + n * PAGE) = DATA(n);
    }
    must(vfio_bind(device, iommufd, &dev_id), "BIND_IOMMUFD");
    must(testdev_open(&dev, device), "test device");
    must(vfio_attach(device, space(iommufd, dev_id, mem, &own)), "attach");
    hwpt = space(iommufd, dev_id, mem + 2 * PAGE, &pasids);
    tap_result(attach_pasid(device, hwpt), 0, "attach a PASID");
    if (argc == 3) {
        check_no_ats(&dev);
    } else {
        check(&dev, iommufd, own, pasids);
    }
    return tap_done();
}
