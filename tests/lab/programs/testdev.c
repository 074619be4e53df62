/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board's x-dma-testdev: see testdev.h. */

#include "testdev.h"
#include "iommufd.h"
#include "tap.h"

#include <errno.h>
#include <unistd.h>

#include <linux/vfio.h>

#define ID              0x00
#define ID_VALUE        0x54414d44
#define INVALIDATED     0x18
#define SOURCE          0x100
#define TARGET          0x108
#define LENGTH          0x110
#define PASID           0x114
#define FLAGS           0x118
#define CONTROL         0x120
#define RESULT          0x124
#define STRIDE          0x40

#define TIMEOUT_MS      5000

static volatile uint32_t *reg(struct testdev *dev, unsigned offset)
{
    return (volatile uint32_t *)(dev->registers + offset);
}

static volatile uint64_t *reg64(struct testdev *dev, unsigned offset)
{
    return (volatile uint64_t *)(dev->registers + offset);
}

int testdev_open(struct testdev *dev, int device)
{
    void *registers, *memory;
    int ret = vfio_enable(device);

    if (!ret) {
        ret = vfio_map_bar(device, VFIO_PCI_BAR0_REGION_INDEX, &registers);
    }
    if (!ret) {
        ret = vfio_map_bar(device, VFIO_PCI_BAR2_REGION_INDEX, &memory);
    }
    if (ret) {
        return ret;
    }
    dev->registers = registers;
    dev->memory = memory;
    return *reg(dev, ID) == ID_VALUE ? 0 : -ENODEV;
}

int testdev_run(struct testdev *dev, const struct testdev_request *r)
{
    unsigned base = r->number * STRIDE;
    unsigned waited;

    *reg64(dev, base + SOURCE) = r->source;
    *reg64(dev, base + TARGET) = r->target;
    *reg(dev, base + LENGTH) = 8;
    *reg(dev, base + PASID) = r->pasid;
    *reg(dev, base + FLAGS) = r->flags;
    /* What the function reads must be there before it starts. */
    __sync_synchronize();
    *reg(dev, base + CONTROL) = 1;
    for (waited = 0; *reg(dev, base + CONTROL) & 1; waited++) {
        if (waited == TIMEOUT_MS) {
            tap_bail("a request of the test device does not end");
        }
        usleep(1000);
    }
    __sync_synchronize();
    return *reg(dev, base + RESULT);
}

int testdev_fetch(struct testdev *dev, uint64_t address, uint32_t flags,
                  uint32_t pasid, uint64_t *value)
{
    struct testdev_request request = {
        .source = address, .flags = flags | TESTDEV_TARGET_OWN, .pasid = pasid,
    };
    int result = testdev_run(dev, &request);

    *value = *(volatile uint64_t *)dev->memory;
    return result;
}

uint32_t testdev_invalidated(struct testdev *dev)
{
    return *reg(dev, INVALIDATED);
}

static const char *name_of(int result)
{
    static const char *const names[] = {
        "none", "ok", "not master", "bad range", "PASID off", "PASID range",
        "exec off", "priv off", "ATS off", "UR", "CA", "no access", "no read",
        "no write", "forbidden", "aborted", "bus error",
        "no exec",
    };

    return result >= 0 && result < (int)(sizeof(names) / sizeof(names[0])) ?
           names[result] : "unknown";
}

void testdev_check(struct testdev *dev, uint64_t address, uint32_t flags,
                   uint32_t pasid, int want, uint64_t data, const char *what)
{
    uint64_t value = 0;
    int result = testdev_fetch(dev, address, flags, pasid, &value);
    bool good = want < 0 ? result == -want
                         : result == TESTDEV_OK && value == data;

    if (!tap_check(good, "%s: %s", what,
                   want < 0 ? name_of(-want) : "the page's data")) {
        tap_note("got %s, %#llx", name_of(result), (unsigned long long)value);
    }
}
