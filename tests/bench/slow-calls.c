/*
 * For LD_PRELOAD: each IOMMU_HWPT_INVALIDATE takes 10 ms longer, and does not
 * need the CPU meanwhile
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <unistd.h>

/* _IO(';', 0x8d): see linux/iommufd.h */
#define INVALIDATE 0x3b8d

int ioctl(int fd, unsigned long request, ...);

int ioctl(int fd, unsigned long request, ...)
{
    static int (*real_ioctl)(int, unsigned long, void *);
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    if (!real_ioctl) {
        real_ioctl = (int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT,
                                                                 "ioctl");
    }
    if (request == INVALIDATE) {
        usleep(10000);
    }
    return real_ioctl(fd, request, arg);
}
