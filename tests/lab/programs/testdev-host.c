/*
 * ATS and PASIDs on the host's kernel, by DMA of the board's test device
 *
 *   testdev-host VFIO-CDEV VFIO-CDEV-WITHOUT-ATS
 *
 * The device has a cache of translations. What is unmapped has to be gone from
 * it once the kernel has sent ATC_INV, and is there before: if it were not, the
 * first would prove nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommufd.h"
#include "stage1.h"
#include "tap.h"
#include "testdev.h"

#define PAGE        4096ULL
#define RAM_IPA     0x40000000ULL
#define RAM_PAGES   32                  /* whole pages of any host */
#define IPA(page)   (RAM_IPA + (page) * PAGE)
#define VA          STAGE1_VA
#define IOVA        0x200000000ULL
#define HIGH_IPA    0x600000000000ULL   /* the same memory, with 47 bits */
#define VSID        0x10ULL
#define SPACES      3                   /* with CDs 0, 1 and 2 */
/* Pages of the "guest memory"; the first has the CDs */
#define PAGE_TABLES 1                   /* three for each space */
#define PAGE_DATA   16
#define DATA(n)     (0x5a5a0000ULL + (n))
#define CD_SIZE     64

/* IHI 0070, 4, 5.2 and 5.4 */
#define CD0_IPS     (7ULL << 32)
#define CD0_IPS_48  (5ULL << 32)
#define CFGI_CD     0x05
#define TLBI_NH_ALL 0x10
#define TLBI_NH_ASID 0x11
#define ATC_INV     0x40
#define ATC_ALL     52
#define SSV         (1ULL << 11)
#define SSID(n)     ((uint64_t)(n) << 12)
#define SID(n)      ((uint64_t)(n) << 32)
#define ASID(n)     ((uint64_t)(n) << 48)
#define LEAF        1
#define STE0_CDMAX  (2ULL << 59)        /* four CDs */
#define VSTE_ABORT  0x1ULL
#define VSTE_BYPASS 0x9ULL
#define STE1_SSID0  2ULL
#define STE1_BYPASS 1ULL
#define STE1_EATS   (1ULL << 28)

#define F_STREAM_DISABLED 0x06
#define C_BAD_SUBSTREAMID 0x08
#define F_TRANSLATION     0x10
#define F_PERMISSION      0x13

struct host {
    int iommufd, device;
    uint32_t dev_id, ioas, parent, viommu;
    int events;
    struct testdev testdev;
    uint8_t *ram;
    struct stage1 space[SPACES];
};

static void must(int ret, const char *what)
{
    if (ret) {
        tap_bail("%s: %s", what, strerror(-ret));
    }
}

/* What is read at an address has to be DATA(want), or fail with -want */
static void check_fetch(struct host *h, uint64_t address, uint32_t flags,
                        uint32_t pasid, int want, const char *what)
{
    testdev_check(&h->testdev, address, flags, pasid, want,
                  want < 0 ? 0 : DATA(want), what);
}

static void open_device(struct host *h, const char *path)
{
    h->device = open(path, O_RDWR | O_CLOEXEC);
    if (h->device < 0) {
        tap_bail("%s: %s", path, strerror(errno));
    }
    must(vfio_bind(h->device, h->iommufd, &h->dev_id), "BIND_IOMMUFD");
    must(testdev_open(&h->testdev, h->device), "test device");
}

static void open_all(struct host *h, const char *path)
{
    size_t size = RAM_PAGES * PAGE;

    h->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    if (h->iommufd < 0) {
        tap_bail("/dev/iommu: %s", strerror(errno));
    }
    open_device(h, path);
    h->ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (h->ram == MAP_FAILED) {
        tap_bail("no memory");
    }
    for (unsigned n = 0; n < RAM_PAGES; n++) {
        *(uint64_t *)(h->ram + n * PAGE) = DATA(n);
    }
    must(iommufd_ioas_alloc(h->iommufd, &h->ioas), "IOAS_ALLOC");
    must(iommufd_ioas_map(h->iommufd, h->ioas, h->ram, size, RAM_IPA),
         "IOAS_MAP");
}

static struct iommu_hw_info hw_info(struct host *h,
                                    struct iommu_hw_info_arm_smmuv3 *info)
{
    struct iommu_hw_info cmd = {
        .size = sizeof(cmd), .dev_id = h->dev_id, .data_len = sizeof(*info),
        .data_uptr = (uintptr_t)info,
    };

    must(ioctl(h->iommufd, IOMMU_GET_HW_INFO, &cmd) ? -errno : 0,
         "GET_HW_INFO");
    return cmd;
}

static void check_capabilities(struct host *h)
{
    struct iommu_hw_info_arm_smmuv3 info;
    struct iommu_hw_info cmd = hw_info(h, &info);

    tap_check(info.idr[0] >> 10 & 1, "GET_HW_INFO: IDR0.ATS");
    tap_check((info.idr[1] >> 6 & 0x1f) == 16, "GET_HW_INFO: IDR1.SSIDSIZE");
    tap_check((info.idr[5] & 7) == 5, "GET_HW_INFO: IDR5.OAS is 48 bits");
    tap_check(!(cmd.out_capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED),
              "GET_HW_INFO: ATS is supported");
    tap_check(cmd.out_max_pasid_log2 == 16, "GET_HW_INFO: PASIDs of 16 bits");
}

/* The kernel's own tables: it invalidates */
static void check_kernel_unmap(struct host *h)
{
    struct iommu_ioas_unmap unmap = {
        .size = sizeof(unmap), .ioas_id = h->ioas, .iova = IOVA,
        .length = RAM_PAGES * PAGE,
    };
    const uint64_t page = IOVA + PAGE_DATA * PAGE;
    uint32_t before;

    must(iommufd_ioas_map(h->iommufd, h->ioas, h->ram, RAM_PAGES * PAGE, IOVA),
         "IOAS_MAP");
    must(vfio_attach(h->device, h->ioas), "attach");
    check_fetch(h, page, TESTDEV_ATS, 0, PAGE_DATA, "the kernel's ATS");
    check_fetch(h, page + PAGE, TESTDEV_ATS, 0, PAGE_DATA + 1,
                "the kernel's ATS, another page");
    before = testdev_invalidated(&h->testdev);
    must(ioctl(h->iommufd, IOMMU_IOAS_UNMAP, &unmap) ? -errno : 0,
         "IOAS_UNMAP");
    tap_check(testdev_invalidated(&h->testdev) > before,
              "IOAS_UNMAP: the device is told");
    check_fetch(h, page, TESTDEV_ATS, 0, -TESTDEV_NO_ACCESS,
                "an unmapped page is gone from the device's cache");
    check_fetch(h, IPA(PAGE_DATA), TESTDEV_ATS, 0, PAGE_DATA,
                "what is still mapped is not");
    must(vfio_detach(h->device), "detach");
}

/* Each space maps a page of its own at VA, and another after it */
static void make_spaces(struct host *h)
{
    for (unsigned n = 0; n < SPACES; n++) {
        h->space[n] = (struct stage1) {
            .ram = h->ram, .ram_ipa = RAM_IPA, .cd = IPA(0) + n * CD_SIZE,
            .tables = IPA(PAGE_TABLES + 3 * n), .asid = n + 1,
        };
        stage1_init(&h->space[n]);
        stage1_map(&h->space[n], VA, IPA(PAGE_DATA + n));
        stage1_map(&h->space[n], VA + PAGE, IPA(PAGE_DATA + 8 + n));
    }
}

static uint32_t attach_vste(struct host *h, const uint64_t vste[2])
{
    uint32_t id = 0;

    must(iommufd_hwpt_alloc_nested(h->iommufd, h->dev_id, h->viommu, vste,
                                   &id), "nested HWPT_ALLOC");
    must(vfio_attach(h->device, id), "attach");
    return id;
}

static uint32_t attach(struct host *h, uint64_t word0, uint64_t word1)
{
    uint64_t vste[2];

    stage1_vste(&h->space[0], vste);
    vste[0] |= word0;
    vste[1] |= word1;
    return attach_vste(h, vste);
}

static void leave(struct host *h, uint32_t hwpt)
{
    must(vfio_detach(h->device), "detach");
    must(iommufd_destroy(h->iommufd, hwpt), "DESTROY");
}

static void invalidate(struct host *h, uint64_t word0, uint64_t word1)
{
    struct smmu_command cmd = { .word = { word0, word1 } };
    uint32_t count = 1;

    must(iommufd_invalidate(h->iommufd, h->viommu, &cmd, &count),
         "HWPT_INVALIDATE");
}

/* The next event: its number, with the PASID in *ssid */
static unsigned next_event(struct host *h, uint32_t *ssid)
{
    struct smmu_event event;
    ssize_t size = read(h->events, &event, sizeof(event));

    if (size != sizeof(event)) {
        return 0;
    }
    *ssid = event.word[0] >> 12 & 0xfffff;
    return event.word[0] & 0xff;
}

static void check_event(struct host *h, unsigned want, uint32_t pasid,
                        const char *what)
{
    uint32_t ssid = 0;
    unsigned got = 0;

    for (int i = 0; i < 10000 && !got; i++) {
        got = next_event(h, &ssid);
        usleep(1000);
    }
    tap_check(got == want && ssid == pasid, "%s: event %#x, PASID %u", what,
              want, pasid);
    if (got != want || ssid != pasid) {
        tap_note("got event %#x, PASID %u", got, ssid);
    }
}

static void check_stale(struct host *h)
{
    uint32_t hwpt = attach(h, 0, STE1_EATS);

    check_fetch(h, VA, 0, 0, PAGE_DATA, "EATS = 1, without ATS");
    check_fetch(h, VA, TESTDEV_ATS, 0, PAGE_DATA, "EATS = 1, by ATS");
    stage1_map(&h->space[0], VA, 0);
    invalidate(h, TLBI_NH_ALL, 0);
    check_fetch(h, VA, 0, 0, -TESTDEV_ABORTED,
                "unmapped, TLBI, without ATS");
    /* While the device is attached: Linux tells of no other's */
    check_event(h, F_TRANSLATION, 0, "unmapped, TLBI, without ATS");
    check_fetch(h, VA, TESTDEV_ATS, 0, PAGE_DATA,
                "control: unmapped, TLBI, no ATC_INV: still in the cache");
    invalidate(h, ATC_INV | SID(VSID), VA | 0);
    check_fetch(h, VA, TESTDEV_ATS, 0, -TESTDEV_NO_ACCESS,
                "ATC_INV and SYNC: gone from the cache");
    stage1_map(&h->space[0], VA, IPA(PAGE_DATA));
    leave(h, hwpt);
    hwpt = attach(h, 0, 0);
    check_fetch(h, VA, 0, 0, PAGE_DATA, "EATS = 0, without ATS");
    check_fetch(h, VA, TESTDEV_ATS, 0, -TESTDEV_ATS_OFF, "EATS = 0, by ATS");
    leave(h, hwpt);
}

/* Of two PASIDs whose page is in the SMMU's TLB */
static void check_asids(struct host *h)
{
    for (unsigned n = 1; n <= 2; n++) {
        check_fetch(h, VA + PAGE, TESTDEV_PASID, n, PAGE_DATA + 8 + n,
                    "before TLBI by ASID");
        stage1_map(&h->space[n], VA + PAGE, 0);
    }
    invalidate(h, TLBI_NH_ASID | ASID(h->space[1].asid), 0);
    check_fetch(h, VA + PAGE, TESTDEV_PASID, 1, -TESTDEV_ABORTED,
                "unmapped, TLBI by ASID of PASID 1");
    check_event(h, F_TRANSLATION, 1, "TLBI by ASID of PASID 1");
    check_fetch(h, VA + PAGE, TESTDEV_PASID, 2, PAGE_DATA + 10,
                "control: unmapped, but PASID 2 has another ASID");
    invalidate(h, TLBI_NH_ASID | ASID(h->space[2].asid), 0);
    check_fetch(h, VA + PAGE, TESTDEV_PASID, 2, -TESTDEV_ABORTED,
                "unmapped, TLBI by ASID of PASID 2");
    check_event(h, F_TRANSLATION, 2, "TLBI by ASID of PASID 2");
    for (unsigned n = 1; n <= 2; n++) {
        stage1_map(&h->space[n], VA + PAGE, IPA(PAGE_DATA + 8 + n));
    }
}

/* Of PASID 1, whose stage 1 is the guest's: by privilege, and for execution */
static void check_permissions(struct host *h)
{
    uint32_t hwpt = attach(h, STE0_CDMAX, STE1_SSID0 | STE1_EATS);
    const uint32_t pasid = TESTDEV_PASID;

    check_fetch(h, VA, pasid | TESTDEV_EXEC, 1, PAGE_DATA + 1,
                "control: a page without UXN is executed");
    check_fetch(h, VA, pasid | TESTDEV_EXEC | TESTDEV_PRIV, 1,
                -TESTDEV_ABORTED, "a user's page, with privilege");
    check_event(h, F_PERMISSION, 1, "a user's page, with privilege");

    stage1_toggle(&h->space[1], VA, STAGE1_UXN);
    invalidate(h, TLBI_NH_ALL, 0);
    check_fetch(h, VA, pasid, 1, PAGE_DATA + 1,
                "control: a page with UXN is read");
    check_fetch(h, VA, pasid | TESTDEV_EXEC, 1, -TESTDEV_ABORTED,
                "a page with UXN is not executed");
    check_event(h, F_PERMISSION, 1, "a page with UXN is not executed");
    check_fetch(h, VA, pasid | TESTDEV_EXEC | TESTDEV_ATS, 1,
                -TESTDEV_NO_EXEC, "nor by ATS");
    check_fetch(h, VA, pasid | TESTDEV_ATS, 1, PAGE_DATA + 1,
                "control: by ATS it is read");

    stage1_toggle(&h->space[1], VA, STAGE1_UXN | STAGE1_USER);
    invalidate(h, TLBI_NH_ALL, 0);
    invalidate(h, ATC_INV | SID(VSID) | SSV | SSID(1), ATC_ALL);
    check_fetch(h, VA, pasid | TESTDEV_PRIV, 1, PAGE_DATA + 1,
                "control: a page for the privileged, with privilege");
    check_fetch(h, VA, pasid, 1, -TESTDEV_ABORTED,
                "a page for the privileged, without");
    check_event(h, F_PERMISSION, 1, "a page for the privileged, without");
    check_fetch(h, VA, pasid | TESTDEV_ATS, 1, -TESTDEV_NO_ACCESS,
                "nor by ATS");
    check_fetch(h, VA, pasid | TESTDEV_ATS | TESTDEV_PRIV, 1, PAGE_DATA + 1,
                "control: by ATS, with privilege");

    stage1_toggle(&h->space[1], VA, STAGE1_USER);
    invalidate(h, TLBI_NH_ALL, 0);
    invalidate(h, ATC_INV | SID(VSID) | SSV | SSID(1), ATC_ALL);
    leave(h, hwpt);
}

static void check_pasids(struct host *h)
{
    uint32_t hwpt = attach(h, STE0_CDMAX, STE1_SSID0 | STE1_EATS);

    check_fetch(h, VA, 0, 0, PAGE_DATA, "S1DSS = SSID 0, without a PASID");
    check_fetch(h, VA, TESTDEV_PASID, 1, PAGE_DATA + 1, "PASID 1");
    check_fetch(h, VA, TESTDEV_PASID, 2, PAGE_DATA + 2, "PASID 2");
    check_fetch(h, VA, TESTDEV_PASID | TESTDEV_ATS, 1, PAGE_DATA + 1,
                "PASID 1, by ATS");
    check_fetch(h, VA, TESTDEV_PASID | TESTDEV_ATS, 2, PAGE_DATA + 2,
                "PASID 2, by ATS");
    check_fetch(h, VA, TESTDEV_PASID, 0, -TESTDEV_ABORTED, "PASID 0");
    check_event(h, F_STREAM_DISABLED, 0, "PASID 0");
    check_fetch(h, VA, TESTDEV_PASID, 4, -TESTDEV_ABORTED,
                "a PASID beyond S1CDMax");
    check_event(h, C_BAD_SUBSTREAMID, 4, "a PASID beyond S1CDMax");
    check_fetch(h, VA + 2 * PAGE, TESTDEV_PASID, 2, -TESTDEV_ABORTED,
                "what PASID 2 does not map");
    check_event(h, F_TRANSLATION, 2, "what PASID 2 does not map");
    check_asids(h);

    stage1_map(&h->space[1], VA, 0);
    stage1_map(&h->space[2], VA, 0);
    invalidate(h, TLBI_NH_ALL, 0);
    invalidate(h, ATC_INV | SID(VSID) | SSV | SSID(2), ATC_ALL);
    check_fetch(h, VA, TESTDEV_PASID | TESTDEV_ATS, 1, PAGE_DATA + 1,
                "control: ATC_INV of PASID 2: PASID 1 is still in the cache");
    check_fetch(h, VA, TESTDEV_PASID | TESTDEV_ATS, 2, -TESTDEV_NO_ACCESS,
                "ATC_INV of PASID 2: gone from the cache");
    invalidate(h, ATC_INV | SID(VSID) | SSV | SSID(1), ATC_ALL);
    check_fetch(h, VA, TESTDEV_PASID | TESTDEV_ATS, 1, -TESTDEV_NO_ACCESS,
                "ATC_INV of PASID 1: gone from the cache");

    /* CD 1 gets the tables of CD 0. */
    memcpy(h->ram + CD_SIZE, h->ram, CD_SIZE);
    check_fetch(h, VA + PAGE, TESTDEV_PASID, 1, PAGE_DATA + 9,
                "control: a changed CD is not seen without CFGI_CD");
    invalidate(h, CFGI_CD | SID(VSID) | SSID(1), LEAF);
    check_fetch(h, VA, TESTDEV_PASID, 1, PAGE_DATA, "CFGI_CD of PASID 1");
    leave(h, hwpt);

    hwpt = attach(h, STE0_CDMAX, STE1_BYPASS | STE1_EATS);
    check_fetch(h, IPA(PAGE_DATA + 3), 0, 0, PAGE_DATA + 3,
                "S1DSS = bypass, without a PASID");
    check_fetch(h, IPA(PAGE_DATA + 4), TESTDEV_ATS, 0, PAGE_DATA + 4,
                "S1DSS = bypass, without a PASID, by ATS");
    check_fetch(h, VA + PAGE, TESTDEV_PASID, 2, PAGE_DATA + 10,
                "S1DSS = bypass, PASID 2");
    leave(h, hwpt);

    hwpt = attach(h, STE0_CDMAX, 0);
    check_fetch(h, VA, 0, 0, -TESTDEV_ABORTED,
                "S1DSS = terminate, without a PASID");
    check_event(h, F_STREAM_DISABLED, 0, "S1DSS = terminate");
    check_fetch(h, VA + PAGE, TESTDEV_PASID, 2, PAGE_DATA + 10,
                "S1DSS = terminate, PASID 2");
    check_fetch(h, VA, TESTDEV_PASID, 0, PAGE_DATA,
                "S1DSS = terminate, PASID 0");
    leave(h, hwpt);
}

/* What the kernel makes of ATS while a guest's STE does not translate */
static void check_phases(struct host *h)
{
    uint32_t hwpt = attach_vste(h, (uint64_t[2]) { VSTE_BYPASS, 0 });

    check_fetch(h, IPA(PAGE_DATA), TESTDEV_ATS, 0, PAGE_DATA,
                "vSTE bypass, by ATS");
    leave(h, hwpt);
    hwpt = attach_vste(h, (uint64_t[2]) { VSTE_ABORT, 0 });
    check_fetch(h, IPA(PAGE_DATA), 0, 0, -TESTDEV_ABORTED,
                "vSTE abort, without ATS");
    check_fetch(h, IPA(PAGE_DATA), TESTDEV_ATS, 0, -TESTDEV_ATS_UR,
                "vSTE abort, by ATS: not in the cache any more");
    leave(h, hwpt);
}

/* Beyond the 44 bits that are the least of all hosts that can nest */
static void check_high(struct host *h)
{
    const uint64_t high = HIGH_IPA + (PAGE_DATA + 5) * PAGE;
    uint64_t *cd = (uint64_t *)h->ram;
    uint32_t hwpt;

    must(iommufd_ioas_map(h->iommufd, h->ioas, h->ram, RAM_PAGES * PAGE,
                          HIGH_IPA), "IOAS_MAP");
    hwpt = attach_vste(h, (uint64_t[2]) { VSTE_BYPASS, 0 });
    check_fetch(h, high, 0, 0, PAGE_DATA + 5, "47 bits, vSTE bypass");
    check_fetch(h, high, TESTDEV_ATS, 0, PAGE_DATA + 5,
                "47 bits, vSTE bypass, by ATS");
    leave(h, hwpt);
    *cd = (*cd & ~CD0_IPS) | CD0_IPS_48;
    stage1_map(&h->space[0], VA + 2 * PAGE, high);
    hwpt = attach(h, 0, STE1_EATS);
    check_fetch(h, VA + 2 * PAGE, 0, 0, PAGE_DATA + 5,
                "stage 1 to 47 bits");
    check_fetch(h, VA + 2 * PAGE, TESTDEV_ATS, 0, PAGE_DATA + 5,
                "stage 1 to 47 bits, by ATS");
    leave(h, hwpt);
}

/* Beside one with ATS, on the same vIOMMU */
static void check_without_ats(const struct host *first, const char *path)
{
    struct host h = *first;
    struct iommu_hw_info_arm_smmuv3 info;
    uint32_t hwpt, vdevice;

    open_device(&h, path);
    tap_check(hw_info(&h, &info).out_capabilities &
              IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED,
              "a device without ATS: GET_HW_INFO says so");
    must(iommufd_vdevice_alloc(h.iommufd, h.viommu, h.dev_id, VSID + 8,
                               &vdevice), "VDEVICE_ALLOC");
    hwpt = attach(&h, 0, STE1_EATS);
    check_fetch(&h, VA + PAGE, 0, 0, PAGE_DATA + 8, "its DMA");
    check_fetch(&h, VA + PAGE, TESTDEV_ATS, 0, -TESTDEV_ATS_OFF,
                "its DMA by ATS");
    leave(&h, hwpt);
}

static void make_viommu(struct host *h)
{
    uint32_t id = 0;

    must(iommufd_hwpt_alloc(h->iommufd, IOMMU_HWPT_ALLOC_NEST_PARENT,
                            h->dev_id, h->ioas, &h->parent), "nesting parent");
    must(iommufd_viommu_alloc(h->iommufd, h->dev_id, h->parent, &h->viommu),
         "VIOMMU_ALLOC");
    must(iommufd_vdevice_alloc(h->iommufd, h->viommu, h->dev_id, VSID, &id),
         "VDEVICE_ALLOC");
    must(iommufd_veventq_alloc(h->iommufd, h->viommu, 64, &id, &h->events),
         "VEVENTQ_ALLOC");
    must(fcntl(h->events, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0, "O_NONBLOCK");
}

int main(int argc, char **argv)
{
    struct host h = { .iommufd = -1 };

    if (argc != 3) {
        tap_bail("usage: testdev-host VFIO-CDEV VFIO-CDEV-WITHOUT-ATS");
    }
    open_all(&h, argv[1]);
    check_capabilities(&h);
    check_kernel_unmap(&h);
    make_viommu(&h);
    make_spaces(&h);
    check_stale(&h);
    check_phases(&h);
    check_permissions(&h);
    check_pasids(&h);
    check_high(&h);
    check_without_ats(&h, argv[2]);
    return tap_done();
}
