/*
 * A guest that changes the state of its SMMU when the host wishes
 *
 *   dma-states VFIO-CDEV SMMU-ADDRESS
 *
 * The device is the board's test device; the host's dma-loop lets it do DMA. The
 * SMMU translates for this device alone. It is driven by Linux, but SMMUEN and
 * GBPA are changed here, past the driver, which does not notice. All the time
 * pages are mapped and unmapped, and events are counted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma-loop.h"
#include "iommufd.h"
#include "tap.h"
#include "testdev.h"

#define PAGE    ((uint64_t)getpagesize())
#define IOVA    0x200000000ULL
#define OTHER   (IOVA + 0x10000)
#define DATA    0x5a5a5a5aULL

/* SMMU registers (IHI 0070, 6.2) */
#define SMMU_SIZE       0x20000
#define CR0             0x20
#define CR0ACK          0x24
#define GBPA            0x44
#define EVENTQ_BASE     0xa0
#define EVENTQ_PROD     0x100a8
#define SMMUEN          (1u << 0)
#define GBPA_UPDATE     (1u << 31)
#define GBPA_ABORT      (1u << 20)
#define OVFLG           (1u << 31)

static volatile uint8_t *smmu;
static int iommufd;
static uint32_t ioas;
static uint8_t *mem;
static uint64_t physical;
static unsigned unmapped, reached;

static volatile uint32_t *reg(unsigned offset)
{
    return (volatile uint32_t *)(smmu + offset);
}

static void must(int ret, const char *what)
{
    if (ret) {
        tap_bail("%s: %s", what, strerror(-ret));
    }
}

static void wait_reg(unsigned offset, uint32_t mask, uint32_t value)
{
    for (int ms = 0; (*reg(offset) & mask) != value; ms++) {
        if (ms == 60000) {
            tap_bail("register %#x stays %#x", offset, *reg(offset));
        }
        usleep(1000);
    }
}

static void set_gbpa(bool abort)
{
    uint32_t value = *reg(GBPA) & ~GBPA_ABORT;

    *reg(GBPA) = value | (abort ? GBPA_ABORT : 0) | GBPA_UPDATE;
    wait_reg(GBPA, GBPA_UPDATE, 0);
}

static void set_smmuen(bool on)
{
    uint32_t value = (*reg(CR0) & ~SMMUEN) | (on ? SMMUEN : 0);

    *reg(CR0) = value;
    wait_reg(CR0ACK, SMMUEN, value & SMMUEN);
}

static void enter(enum dma_state state)
{
    if (state == DMA_TRANSLATE) {
        set_smmuen(true);
    } else if (state == DMA_BYPASS || state == DMA_ABORT) {
        /* Also while it acts already */
        set_gbpa(state == DMA_ABORT);
        set_smmuen(false);
    }
}

/* How many events have been written to the queue since the last call */
static uint32_t new_events(void)
{
    static uint32_t last;
    static bool known;
    uint32_t mask = (2u << (*reg(EVENTQ_BASE) & 0x1f)) - 1;
    uint32_t prod = *reg(EVENTQ_PROD) & ~OVFLG & mask;
    uint32_t n = known ? (prod - last) & mask : 0;

    last = prod;
    known = true;
    return n;
}

/* Map a page and unmap it again; with @dma, see that the device follows */
static void invalidate(struct testdev *dev, struct dma_mailbox *box, bool dma)
{
    uint64_t value = 0;

    must(iommufd_ioas_map(iommufd, ioas, mem + PAGE, PAGE, OTHER), "map");
    if (dma && (testdev_fetch(dev, OTHER, 0, 0, &value) != TESTDEV_OK ||
                value != DATA)) {
        unmapped++;
    }
    must(iommufd_ioas_unmap(iommufd, ioas, OTHER, PAGE), "unmap");
    if (dma) {
        reached += testdev_fetch(dev, OTHER, 0, 0, &value) != TESTDEV_ABORTED;
        box->faults++;
    }
}

static uint64_t physical_of(void *where)
{
    int fd = open("/proc/self/pagemap", O_RDONLY);
    uint64_t entry = 0;

    pread(fd, &entry, sizeof(entry), (uintptr_t)where / PAGE * sizeof(entry));
    close(fd);
    return (entry & ((1ULL << 55) - 1)) * PAGE;
}

static void prepare(const char *cdev, const char *smmu_address,
                    struct testdev *dev)
{
    int device = open(cdev, O_RDWR), devmem = open("/dev/mem", O_RDWR | O_SYNC);
    uint32_t dev_id;

    iommufd = open("/dev/iommu", O_RDWR);
    mem = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    smmu = mmap(NULL, SMMU_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, devmem,
                strtoull(smmu_address, NULL, 16));
    if (device < 0 || iommufd < 0 || smmu == MAP_FAILED || mem == MAP_FAILED) {
        tap_bail("%s, %s: %s", cdev, smmu_address, strerror(errno));
    }
    *(uint64_t *)(mem + PAGE) = DATA;
    physical = physical_of(mem);
    must(physical ? 0 : -EPERM, "pagemap");
    must(vfio_bind(device, iommufd, &dev_id), "BIND_IOMMUFD");
    must(testdev_open(dev, device), "test device");
    must(iommufd_ioas_alloc(iommufd, &ioas), "IOAS_ALLOC");
    must(iommufd_ioas_map(iommufd, ioas, mem, PAGE, IOVA), "IOAS_MAP");
    must(vfio_attach(device, ioas), "attach");
}

int main(int argc, char **argv)
{
    volatile struct dma_mailbox *box;
    struct testdev dev;
    enum dma_state state = DMA_QUIET;

    if (argc != 3) {
        tap_bail("usage: dma-states VFIO-CDEV SMMU-ADDRESS");
    }
    prepare(argv[1], argv[2], &dev);
    box = (void *)(dev.memory + DMA_MAILBOX);
    *box = (struct dma_mailbox) {};
    new_events();
    box->magic = DMA_MAGIC;
    while (state != DMA_END) {
        box->events += new_events();
        if (box->granted != box->wish) {
            state = box->state;
            enter(state);
            box->address = *reg(CR0) & SMMUEN ? IOVA : physical;
            box->granted = box->wish;
        }
        if (state != DMA_QUIET) {
            invalidate(&dev, (void *)box, state == DMA_TRANSLATE);
        }
        usleep(10000);
    }
    set_smmuen(true);
    tap_check(box->faults > 0, "pages were mapped and unmapped");
    tap_check(unmapped == 0, "what was mapped was reached");
    tap_check(reached == 0, "what was unmapped was not");
    return tap_done();
}
