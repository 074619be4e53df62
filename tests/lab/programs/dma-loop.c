/*
 * A loop of DMA that the host drives, in a device that a guest has
 *
 *   dma-loop PCI-ADDRESS bypass|abort|translate
 *   dma-loop PCI-ADDRESS end
 *
 * The device is the board's test device, bound to vfio-pci; dma-states runs in
 * the guest. First the guest's SMMU is brought into that state. Then the device
 * writes to the guest's memory and reads that back, over and over, until
 * SIGTERM; it matters to nobody whether the guest runs meanwhile. While the SMMU
 * translates, some of its transactions meet no mapping: each has to be told to
 * the guest once.
 *
 * A line "fault" or "round" is printed for some of them, and a line of figures
 * at the end. Exit status 0: all DMA went as it has to in this state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dma-loop.h"
#include "testdev.h"

/* Requests of the device that the guest does not use */
#define REQUEST_ROUND   7
#define REQUEST_FAULT   6

/* Of the device's memory, beside what the guest uses */
#define OWN_FROM        0x100
#define OWN_TO          0x108
/* Of the guest's page */
#define PLACE           0x40

/* Fewer than the host's queue of faults holds (1024), also without a guest */
#define FAULTS_MOST     500
#define FAULTS_EVERY    10000000LL      /* ns */
#define PATIENCE_MS     120000

static volatile sig_atomic_t stopped;
static volatile struct dma_mailbox *box;

static void stop(int number)
{
    stopped = number;
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *map_bar(const char *function, int bar)
{
    char path[128];
    struct stat st;
    void *mem;
    int fd;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d", function,
             bar);
    fd = open(path, O_RDWR | O_SYNC);
    if (fd < 0 || fstat(fd, &st)) {
        err(1, "%s", path);
    }
    mem = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mem == MAP_FAILED) {
        err(1, "%s", path);
    }
    close(fd);
    return mem;
}

#define WAIT(condition, what) do {                                          \
        int waited_ = 0;                                                    \
        while (!(condition)) {                                              \
            if (++waited_ == PATIENCE_MS) {                                 \
                errx(1, "the guest does not %s", what);                     \
            }                                                               \
            usleep(1000);                                                   \
        }                                                                   \
    } while (0)

static void wish(enum dma_state state)
{
    box->state = state;
    box->wish++;
    WAIT(box->granted == box->wish, "change its SMMU");
}

struct figures {
    unsigned right, aborted, wrong, faults, not_refused;
    int64_t gap;                /* the longest between two rounds, in ns */
};

/* Write a number to the guest's memory and read it back */
static void do_round(struct testdev *dev, enum dma_state state,
                     struct figures *f)
{
    static uint64_t number = 0x1122334400000000;
    volatile uint64_t *from = (volatile uint64_t *)(dev->memory + OWN_FROM);
    volatile uint64_t *to = (volatile uint64_t *)(dev->memory + OWN_TO);
    struct testdev_request out = {
        .number = REQUEST_ROUND, .source = OWN_FROM,
        .target = box->address + PLACE, .flags = TESTDEV_SOURCE_OWN,
    };
    struct testdev_request in = {
        .number = REQUEST_ROUND, .source = box->address + PLACE,
        .target = OWN_TO, .flags = TESTDEV_TARGET_OWN,
    };
    int written, read;

    *from = ++number;
    written = testdev_run(dev, &out);
    read = testdev_run(dev, &in);
    if (written == TESTDEV_OK && read == TESTDEV_OK && *to == number) {
        f->right++;
        f->wrong += state == DMA_ABORT;
    } else {
        f->aborted += (written == TESTDEV_ABORTED) + (read == TESTDEV_ABORTED);
        f->wrong += state != DMA_ABORT || written != TESTDEV_ABORTED ||
                    read != TESTDEV_ABORTED;
    }
}

static void do_fault(struct testdev *dev, struct figures *f)
{
    struct testdev_request r = {
        .number = REQUEST_FAULT, .source = DMA_UNMAPPED, .target = OWN_TO,
        .flags = TESTDEV_TARGET_OWN,
    };

    f->not_refused += testdev_run(dev, &r) != TESTDEV_ABORTED;
    f->faults++;
    puts("fault");
}

static struct figures loop(struct testdev *dev, enum dma_state state)
{
    int64_t last = 0, next_fault = 0;
    struct figures f = {};

    for (unsigned n = 0; !stopped; n++) {
        int64_t t;

        do_round(dev, state, &f);
        t = now();
        if (last && t - last > f.gap) {
            f.gap = t - last;
        }
        last = t;
        if (n % 100 == 0) {
            puts("round");
        }
        if (state == DMA_TRANSLATE && t >= next_fault &&
            f.faults < FAULTS_MOST) {
            do_fault(dev, &f);
            next_fault = t + FAULTS_EVERY;
        }
        usleep(200);
    }
    return f;
}

int main(int argc, char **argv)
{
    static const char *const name[] = { "bypass", "abort", "translate" };
    enum dma_state state = DMA_BYPASS;
    struct testdev dev;
    struct figures f;
    uint32_t events, faults;

    if (argc != 3) {
        errx(2, "usage: dma-loop PCI-ADDRESS bypass|abort|translate|end");
    }
    setlinebuf(stdout);
    dev.registers = map_bar(argv[1], 0);
    dev.memory = map_bar(argv[1], 2);
    box = (void *)(dev.memory + DMA_MAILBOX);
    /* Until then the guest may not have enabled it: all of it reads as ones */
    WAIT(box->magic == DMA_MAGIC, "begin");
    if (!strcmp(argv[2], "end")) {
        wish(DMA_END);
        return 0;
    }
    while (strcmp(argv[2], name[state])) {
        if (++state == DMA_QUIET) {
            errx(2, "%s is no state", argv[2]);
        }
    }
    signal(SIGTERM, stop);
    events = box->events;
    faults = box->faults;
    wish(state);
    f = loop(&dev, state);
    wish(DMA_QUIET);
    faults = box->faults - faults + f.faults;
    WAIT((int)(box->events - events - faults) >= 0, "get all events");
    events = box->events - events;
    printf("%s: %u rounds right, %u transactions aborted, %u rounds wrong; %u "
           "faults, %u of them not refused, %u events; the longest time "
           "between two rounds: %.1f ms\n", argv[2], f.right, f.aborted,
           f.wrong, faults, f.not_refused, events, f.gap / 1e6);
    return f.wrong || f.not_refused || events != faults || !(f.right +
           f.aborted);
}
