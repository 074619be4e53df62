/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: a host whose CMDQV refuses command queues, as Linux does with
 * one that is not in one run of its memory.  The file CMDQV_HOST has the number
 * of the first queue that is refused; without the file none is.  All other
 * calls go to the kernel.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/iommufd.h>

#include "preload-ioctl.h"

static bool is_refused(const struct iommu_hw_queue_alloc *queue)
{
    const char *path = getenv("CMDQV_HOST");
    FILE *f = path ? fopen(path, "r") : NULL;
    bool refused = false;
    unsigned first;

    if (f) {
        refused = fscanf(f, "%u", &first) == 1 && queue->index >= first;
        fclose(f);
    }
    return refused;
}

static int host_ioctl(int fd, unsigned long request, void *arg)
{
    if (request == IOMMU_HW_QUEUE_ALLOC && is_refused(arg)) {
        errno = EFAULT;
        return -1;
    }
    return kernel_ioctl(fd, request, arg);
}
