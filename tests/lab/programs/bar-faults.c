/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bar-faults: page faults and time to touch a large BAR, by where it is mapped
 *
 * Usage: bar-faults CDEV
 *
 * Maps the memory in BAR 4 of an x-dma-testdev, whose size is no power of two,
 * as vfio_region_mmap() does: once with the alignment of QEMU 10.2.2, and once
 * with that of hw/vfio/mmap-align.c.  Then it touches each page.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "iommufd.h"
#include "tap.h"

#define PAGE    4096ULL
#define HUGE    (2ULL << 20)
#define LARGEST (1ULL << 30)
/* In BAR 0: the size of that memory */
#define MEMORY_SIZE 0x20

struct cost {
    long faults;
    double ms;
};

/* Before: the largest power of two that divides @size, at most 1 GiB. */
static uint64_t divisor_of(uint64_t size)
{
    uint64_t align = size & -size;

    return align < LARGEST ? align : LARGEST;
}

/* After: @size rounded up to a power of two, at most 1 GiB. */
static uint64_t rounded_up(uint64_t size)
{
    uint64_t align = 1;

    while (align < size && align < LARGEST) {
        align <<= 1;
    }
    return align;
}

static long faults(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/*
 * An alignment below a huge page's leaves it to luck where in a huge page the
 * mapping begins: here as far from the start of one as @align says.
 */
static struct cost touch(int device, uint64_t offset, uint64_t size,
                         uint64_t align)
{
    uint64_t start = align < HUGE ? align : 0;
    uint64_t unit = align < HUGE ? HUGE : align;
    uint8_t *room = mmap(NULL, start + size + unit, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *at = (uint8_t *)(((uintptr_t)room + unit - 1) & ~(unit - 1)) +
                  start;
    struct cost cost = { faults(), now_ms() };

    if (room == MAP_FAILED ||
        mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, device,
             offset) == MAP_FAILED) {
        tap_bail("the BAR: %s", strerror(errno));
    }
    for (uint64_t i = 0; i < size; i += PAGE) {
        (void)*(volatile uint32_t *)(at + i);
    }
    cost.ms = now_ms() - cost.ms;
    cost.faults = faults() - cost.faults;
    tap_note("%llu KiB, aligned to %llu KiB, at %p: %ld page faults, %.0f ms",
             (unsigned long long)size >> 10, (unsigned long long)align >> 10,
             (void *)at, cost.faults, cost.ms);
    munmap(room, start + size + unit);
    return cost;
}

int main(int argc, char **argv)
{
    struct vfio_region_info bar = {
        .argsz = sizeof(bar), .index = VFIO_PCI_BAR4_REGION_INDEX,
    };
    struct cost before, after;
    int iommufd, device;
    void *registers;
    uint64_t size;
    uint32_t id;

    if (argc != 2) {
        tap_bail("usage: bar-faults CDEV");
    }
    iommufd = open("/dev/iommu", O_RDWR);
    device = open(argv[1], O_RDWR);
    if (iommufd < 0 || device < 0 || vfio_bind(device, iommufd, &id) ||
        ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar)) {
        tap_bail("%s: %s", argv[1], strerror(errno));
    }
    if (vfio_enable(device) ||
        vfio_map_bar(device, VFIO_PCI_BAR0_REGION_INDEX, &registers)) {
        tap_bail("%s: no registers", argv[1]);
    }
    size = *(volatile uint64_t *)((uint8_t *)registers + MEMORY_SIZE);
    tap_check(size > HUGE && size < bar.size,
              "%llu KiB of memory in a BAR of %llu KiB",
              (unsigned long long)size >> 10,
              (unsigned long long)bar.size >> 10);
    /* The board's memory behind the BAR is there only once it was touched */
    touch(device, bar.offset, size, rounded_up(size));
    before = touch(device, bar.offset, size, divisor_of(size));
    after = touch(device, bar.offset, size, rounded_up(size));
    /* The last huge page lacks its end, so small pages are there */
    tap_check(after.faults <= (long)(size / HUGE + HUGE / PAGE + 16),
              "aligned as the BAR is, it takes huge pages");
    tap_check(before.faults > after.faults, "where the former alignment took %ld faults and not %ld",
              before.faults, after.faults);
    return tap_done();
}
