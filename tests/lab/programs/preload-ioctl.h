/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For a library for LD_PRELOAD that answers a program's ioctls in place of the
 * kernel, or passes them on: it has host_ioctl(), which is called for each.
 */

#ifndef PRELOAD_IOCTL_H
#define PRELOAD_IOCTL_H

#include <dlfcn.h>
#include <stdarg.h>

int ioctl(int fd, unsigned long request, ...);

static int host_ioctl(int fd, unsigned long request, void *arg);

static int kernel_ioctl(int fd, unsigned long request, void *arg)
{
    static int (*real)(int, unsigned long, void *);

    if (!real) {
        real = dlsym(RTLD_NEXT, "ioctl");
    }
    return real(fd, request, arg);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    return host_ioctl(fd, request, arg);
}

#endif
