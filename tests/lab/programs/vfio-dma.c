/*
 * A user of VFIO: DMA of an edu device by mappings of its own, and its MSI
 *
 *   vfio-dma refused|allowed VFIO-CDEV
 *
 * refused: the kernel must not give the device away. allowed: it must, DMA has
 * to go where the user mapped it and nowhere else, and an MSI has to arrive.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "iommufd.h"
#include "tap.h"

#define IOVA          0x200000000ULL
#define HALF          2048
#define EDU_IRQ_RAISE 0x60

static void check_dma(struct edu *edu, uint8_t *mem)
{
    for (int i = 0; i < HALF; i++) {
        mem[i] = i * 7 + 1;
    }
    edu_dma_read(edu, IOVA, 0, HALF);
    edu_dma_write(edu, IOVA + HALF, 0, HALF);
    tap_check(!memcmp(mem, mem + HALF, HALF), "DMA by the user's mapping");

    memset(mem, 0x55, 2 * HALF);
    edu_dma_write(edu, IOVA + 2 * HALF, 0, HALF);
    tap_check(mem[0] == 0x55 && !memcmp(mem, mem + 1, 2 * HALF - 1),
              "DMA to beside it changes nothing");
}

static bool msi_arrives(struct edu *edu, int device)
{
    struct {
        struct vfio_irq_set set;
        int fd;
    } irqs = {
        .set = {
            .argsz = sizeof(irqs),
            .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
            .index = VFIO_PCI_MSI_IRQ_INDEX,
            .count = 1,
        },
        .fd = eventfd(0, EFD_NONBLOCK),
    };
    struct pollfd pfd = { .fd = irqs.fd, .events = POLLIN };

    if (ioctl(device, VFIO_DEVICE_SET_IRQS, &irqs)) {
        tap_note("VFIO_DEVICE_SET_IRQS: %s", strerror(errno));
        return false;
    }
    *(volatile uint32_t *)(edu->bar + EDU_IRQ_RAISE) = 1;
    return poll(&pfd, 1, 20000) == 1;
}

static void check_allowed(int iommufd, int device, int bound)
{
    uint8_t *mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct edu edu;
    uint32_t ioas = 0;

    tap_result(bound, 0, "VFIO_DEVICE_BIND_IOMMUFD");
    tap_result(iommufd_ioas_alloc(iommufd, &ioas), 0, "IOMMU_IOAS_ALLOC");
    tap_result(iommufd_ioas_map(iommufd, ioas, mem, 4096, IOVA), 0,
               "IOMMU_IOAS_MAP");
    tap_result(vfio_attach(device, ioas), 0, "attach");
    if (edu_open(&edu, device)) {
        tap_bail("edu's BAR cannot be mapped");
    }
    check_dma(&edu, mem);
    tap_check(msi_arrives(&edu, device), "an MSI arrives");
}

int main(int argc, char **argv)
{
    int iommufd, device, bound;
    uint32_t dev_id;

    if (argc != 3) {
        tap_bail("usage: vfio-dma refused|allowed VFIO-CDEV");
    }
    iommufd = open("/dev/iommu", O_RDWR);
    device = open(argv[2], O_RDWR);
    if (iommufd < 0 || device < 0) {
        tap_bail("%s: %s", iommufd < 0 ? "/dev/iommu" : argv[2],
                 strerror(errno));
    }
    bound = vfio_bind(device, iommufd, &dev_id);
    if (!strcmp(argv[1], "refused")) {
        tap_result(bound, -EINVAL, "VFIO_DEVICE_BIND_IOMMUFD");
    } else {
        check_allowed(iommufd, device, bound);
    }
    return tap_done();
}
