/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * p2p-abi: does this kernel map one device's BAR for another's DMA, and take
 * it away again, as hw/vfio/dmabuf-p2p.c takes it to?  Each call's exact
 * result, and by DMA into a BAR that is RAM what is mapped.
 *
 * Usage: p2p-abi EDU-CDEV PEER-CDEV PEER-SYSFS
 *
 * PEER: an x-dma-testdev, whose BAR 2 is RAM.  PEER-SYSFS is its directory in
 * sysfs.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "edu.h"
#include "iommufd.h"
#include "tap.h"

#define PAGE        4096ULL
#define RAM_IPA     0x40000000ULL
#define BAR_IPA     0x20000000ULL
/* Where in the BAR a transfer goes. */
#define SPOT        0x5000ULL
#define VSTE_ABORT  0x1ULL
#define VSTE_BYPASS 0x9ULL

struct p2p {
    int iommufd;
    int edu_fd, peer_fd;
    uint32_t edu_id, peer_id;
    uint32_t ioas, bypass, abort;
    struct edu edu;
    uint32_t *ram;
    uint64_t config;
    uint64_t bar_size;
    uint8_t *bar;
    uint32_t stamp;
    int dmabuf;
};

static void must(int ret, const char *what)
{
    if (ret) {
        tap_bail("%s: %s", what, strerror(-ret));
    }
}

static struct vfio_region_info region(int device, unsigned index)
{
    struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

    if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) < 0) {
        tap_bail("region %u: %s", index, strerror(errno));
    }
    return info;
}

static void decode(struct p2p *p, bool on)
{
    uint16_t command = on ? PCI_COMMAND_MEMORY : 0;

    if (pwrite(p->peer_fd, &command, sizeof(command),
               p->config + PCI_COMMAND) != sizeof(command)) {
        tap_bail("COMMAND: %s", strerror(errno));
    }
}

static int export_all(struct p2p *p)
{
    struct vfio_region_dma_range all = { 0, p->bar_size };

    return vfio_export(p->peer_fd, VFIO_PCI_BAR2_REGION_INDEX, 0, 1, &all);
}

static int map(struct p2p *p)
{
    return iommufd_ioas_map_file(p->iommufd, p->ioas, p->dmabuf, 0,
                                 p->bar_size, BAR_IPA);
}

static int unmap(struct p2p *p)
{
    return iommufd_ioas_unmap(p->iommufd, p->ioas, BAR_IPA, p->bar_size);
}

static void open_devices(struct p2p *p, char **argv)
{
    struct vfio_region_info bar;

    p->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    p->edu_fd = open(argv[1], O_RDWR | O_CLOEXEC);
    p->peer_fd = open(argv[2], O_RDWR | O_CLOEXEC);
    if (p->iommufd < 0 || p->edu_fd < 0 || p->peer_fd < 0) {
        tap_bail("/dev/iommu, %s or %s: %s", argv[1], argv[2],
                 strerror(errno));
    }
    must(vfio_bind(p->edu_fd, p->iommufd, &p->edu_id), "bind edu");
    must(vfio_bind(p->peer_fd, p->iommufd, &p->peer_id), "bind the peer");
    must(edu_open(&p->edu, p->edu_fd), "edu");
    p->config = region(p->peer_fd, VFIO_PCI_CONFIG_REGION_INDEX).offset;
    bar = region(p->peer_fd, VFIO_PCI_BAR2_REGION_INDEX);
    p->bar_size = bar.size;
    p->bar = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED,
                  p->peer_fd, bar.offset);
    if (p->bar == MAP_FAILED) {
        tap_bail("the peer's BAR: %s", strerror(errno));
    }
}

static void make_objects(struct p2p *p)
{
    const uint64_t bypass[2] = { VSTE_BYPASS }, abort[2] = { VSTE_ABORT };
    uint32_t parent, viommu;

    p->ram = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p->ram == MAP_FAILED) {
        tap_bail("no memory");
    }
    must(iommufd_ioas_alloc(p->iommufd, &p->ioas), "IOAS_ALLOC");
    must(iommufd_ioas_map(p->iommufd, p->ioas, p->ram, PAGE, RAM_IPA),
         "IOAS_MAP");
    must(iommufd_hwpt_alloc(p->iommufd, IOMMU_HWPT_ALLOC_NEST_PARENT,
                            p->edu_id, p->ioas, &parent), "nesting parent");
    must(iommufd_viommu_alloc(p->iommufd, p->edu_id, parent, &viommu),
         "VIOMMU_ALLOC");
    must(iommufd_hwpt_alloc_nested(p->iommufd, p->edu_id, viommu, bypass,
                                   &p->bypass), "bypass");
    must(iommufd_hwpt_alloc_nested(p->iommufd, p->edu_id, viommu, abort,
                                   &p->abort), "abort");
    must(vfio_attach(p->edu_fd, p->bypass), "attach");
}

/*
 * A number that was never there goes from memory through the device into the
 * BAR, and from there back.  The peer's memory decoding has to be on at the
 * end, or what arrived cannot be read.
 */
static void check_dma(struct p2p *p, bool want, const char *what)
{
    volatile uint32_t *spot = (uint32_t *)(p->bar + SPOT);
    bool arrived, came_back;

    p->stamp += 0x01010101;
    p->ram[0] = p->stamp;
    p->ram[1] = 0;
    edu_dma_read(&p->edu, RAM_IPA, 0, 4);
    edu_dma_write(&p->edu, BAR_IPA + SPOT, 0, 4);
    decode(p, true);
    arrived = *spot == p->stamp;
    *spot = ~p->stamp;
    edu_dma_read(&p->edu, BAR_IPA + SPOT, 0, 4);
    edu_dma_write(&p->edu, RAM_IPA + 4, 0, 4);
    came_back = p->ram[1] == ~p->stamp;
    tap_check(arrived == want && came_back == want,
              "%s: DMA %s the BAR (written %d, read %d)", what,
              want ? "reaches" : "does not reach", arrived, came_back);
}

static void export_result(struct p2p *p, int want, uint32_t index,
                          uint32_t flags, unsigned ranges, uint64_t offset,
                          uint64_t length, const char *what)
{
    struct vfio_region_dma_range range = { offset, length };
    int fd = vfio_export(p->peer_fd, index, flags, ranges, &range);

    tap_result(fd < 0 ? fd : 0, want, "export of %s", what);
    if (fd >= 0) {
        close(fd);
    }
}

static void check_exports(struct p2p *p)
{
    uint64_t size = p->bar_size;

    export_result(p, 0, 2, 0, 1, 0, size, "the whole BAR");
    export_result(p, 0, 2, 0, 1, PAGE, PAGE, "a page of it");
    export_result(p, -EINVAL, 2, 0, 0, 0, size, "no range");
    export_result(p, -EINVAL, 2, 1, 1, 0, size, "a BAR with flags");
    export_result(p, -EINVAL, 2, 0, 1, 0, PAGE / 2, "half a page");
    export_result(p, -EINVAL, 2, 0, 1, PAGE / 2, PAGE, "two halves of pages");
    export_result(p, -EINVAL, 2, 0, 1, 0, 0, "a range of no length");
    export_result(p, -EINVAL, 2, 0, 1, PAGE, size, "more than the BAR has");
    export_result(p, -ENODEV, 5, 0, 1, 0, PAGE, "a BAR that is not there");
    export_result(p, -ENODEV, VFIO_PCI_ROM_REGION_INDEX, 0, 1, 0, PAGE,
                  "the ROM");
    export_result(p, -ENODEV, VFIO_PCI_CONFIG_REGION_INDEX, 0, 1, 0, PAGE,
                  "configuration space");
}

static void check_map_calls(struct p2p *p)
{
    const struct vfio_region_dma_range two[2] = {
        { 0, PAGE }, { 2 * PAGE, PAGE },
    };
    int fd;

    tap_result(iommufd_ioas_map(p->iommufd, p->ioas, p->bar, PAGE, BAR_IPA),
               -EFAULT, "MAP of the BAR by its address");

    fd = vfio_export(p->peer_fd, VFIO_PCI_BAR2_REGION_INDEX, 0, 2, two);
    tap_check(fd >= 0, "export of two ranges (%d)", fd);
    tap_result(iommufd_ioas_map_file(p->iommufd, p->ioas, fd, 0, 2 * PAGE,
                                     BAR_IPA),
               -EOPNOTSUPP, "MAP_FILE of two ranges");
    close(fd);

    tap_result(iommufd_ioas_map_file(p->iommufd, p->ioas, p->dmabuf, PAGE,
                                     p->bar_size, BAR_IPA),
               -EINVAL, "MAP_FILE past the end");
    decode(p, false);
    tap_result(map(p), -ENODEV, "MAP_FILE while memory decoding is off");
    decode(p, true);
    tap_result(map(p), 0, "MAP_FILE once it is on");
    tap_result(map(p), -EEXIST, "MAP_FILE where something is mapped");
}

static void remap(struct p2p *p, const char *what)
{
    tap_result(unmap(p), 0, "%s: UNMAP of what was revoked", what);
    tap_result(map(p), 0, "%s: MAP_FILE anew", what);
    check_dma(p, true, what);
}

static void check_revocation(struct p2p *p, const char *sysfs)
{
    /* Without groups: all that it resets is bound to this iommufd */
    struct vfio_pci_hot_reset hot = { .argsz = sizeof(hot) };
    char path[256];
    int fd;

    decode(p, false);
    check_dma(p, false, "memory decoding off, and on only to look");
    check_dma(p, false, "memory decoding on again, but not mapped anew");
    remap(p, "memory decoding on again");

    tap_result(vfio_reset(p->peer_fd), 0, "VFIO_DEVICE_RESET of the peer");
    check_dma(p, false, "after a reset by VFIO");
    remap(p, "after a reset by VFIO");

    tap_result(ioctl(p->peer_fd, VFIO_DEVICE_PCI_HOT_RESET, &hot) ? -errno : 0,
               0, "VFIO_DEVICE_PCI_HOT_RESET of the peer");
    check_dma(p, false, "after a hot reset");
    remap(p, "after a hot reset");

    snprintf(path, sizeof(path), "%s/reset", sysfs);
    fd = open(path, O_WRONLY);
    tap_check(fd >= 0 && write(fd, "1", 1) == 1, "a reset through sysfs");
    close(fd);
    check_dma(p, true, "after a reset through sysfs, which revokes nothing");
}

static void check_attachments(struct p2p *p)
{
    must(vfio_attach(p->edu_fd, p->abort), "attach");
    check_dma(p, false, "abort");
    must(vfio_attach(p->edu_fd, p->bypass), "attach");
    check_dma(p, true, "bypass again");
}

static void check_ends(struct p2p *p)
{
    close(p->dmabuf);
    check_dma(p, true, "the dma-buf closed, but still mapped");
    tap_result(unmap(p), 0, "UNMAP");
    check_dma(p, false, "unmapped");

    p->dmabuf = export_all(p);
    must(map(p), "MAP_FILE");
    munmap(p->bar, p->bar_size);
    close(p->peer_fd);
    /* The BAR has ~stamp still */
    p->ram[0] = p->ram[1] = p->stamp;
    edu_dma_read(&p->edu, BAR_IPA + SPOT, 0, 4);
    edu_dma_write(&p->edu, RAM_IPA + 4, 0, 4);
    tap_check(p->ram[1] != ~p->stamp, "the peer closed: nothing is read");
    tap_result(unmap(p), 0, "UNMAP of the closed peer's BAR");
    tap_result(map(p), -ENODEV, "MAP_FILE of the closed peer's BAR");
}

int main(int argc, char **argv)
{
    struct p2p p = { 0 };

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 4) {
        tap_bail("usage: p2p-abi EDU-CDEV PEER-CDEV PEER-SYSFS");
    }
    open_devices(&p, argv);
    make_objects(&p);
    check_exports(&p);
    p.dmabuf = export_all(&p);
    if (p.dmabuf < 0) {
        tap_bail("export: %s", strerror(-p.dmabuf));
    }
    check_map_calls(&p);
    check_dma(&p, true, "bypass");
    check_revocation(&p, argv[3]);
    check_attachments(&p);
    check_ends(&p);
    return tap_done();
}
