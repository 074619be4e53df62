/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: while a test says so, the nth allocation that the kernel makes
 * in this program's ioctls and opens fails, by the kernel's own fault injection.
 *
 * The kernel counts down fail-nth of the thread. It is set before each call and
 * taken back after it, so that no other system call has a part in it: not those
 * that carry the test's own commands.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "../../qtest/smmuv3-accel-fail-nth.h"

int ioctl(int fd, unsigned long request, ...);

static FailNth *page;
static int (*real_ioctl)(int, unsigned long, void *);
static int (*real_open)(const char *, int, ...);

static void __attribute__((noreturn)) die(const char *what)
{
    perror(what);
    abort();
}

static void __attribute__((constructor)) start(void)
{
    const char *path = getenv(FAIL_NTH_FILE);
    int fd;

    real_ioctl = dlsym(RTLD_NEXT, "ioctl");
    real_open = dlsym(RTLD_NEXT, "open");
    fd = path ? real_open(path, O_RDWR) : -1;
    if (fd < 0) {
        die(FAIL_NTH_FILE);
    }
    page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        die(path);
    }
    close(fd);
    page->objects = 0;
    page->pid = getpid();
}

/* The thread's fail-nth, ready for end(); -1 if nothing is to fail now */
static int begin(void)
{
    char text[16];
    int fd, len;

    if (!page->armed || page->fired) {
        return -1;
    }
    fd = real_open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
    len = snprintf(text, sizeof(text), "%u", page->nth);
    if (fd < 0 || pwrite(fd, text, len, 0) != len) {
        die("fail-nth");
    }
    return fd;
}

static void end(int fd, unsigned long request, int ret)
{
    int error = ret < 0 ? errno : 0;
    char text[16] = "";
    uint32_t left;

    if (fd < 0) {
        return;
    }
    if (pread(fd, text, sizeof(text) - 1, 0) <= 0 ||
        pwrite(fd, "0", 1, 0) != 1) {
        die("fail-nth");
    }
    close(fd);
    left = strtoul(text, NULL, 10);
    page->points += page->nth - left;
    page->nth = left;
    if (!left) {
        page->request = request;
        page->error = error;
        page->fired = 1;
    }
    errno = error;
}

static int attaches(unsigned long request)
{
    return request == VFIO_DEVICE_ATTACH_IOMMUFD_PT ||
           request == VFIO_DEVICE_DETACH_IOMMUFD_PT;
}

static int refused(unsigned long request)
{
    return page->armed && page->lose == FAIL_NTH_REFUSE_ATTACH &&
           attaches(request);
}

static int lost(unsigned long request)
{
    if (request == IOMMU_HWPT_INVALIDATE && page->armed) {
        if (page->lose == FAIL_NTH_LOSE_REPEAT) {
            return page->invalidations % 2 == 0;
        }
        return page->lose == FAIL_NTH_LOSE_INVALIDATE;
    }
    if (!page->armed || !page->fired) {
        return 0;
    }
    switch (page->lose) {
    case FAIL_NTH_LOSE_ATTACH:
        return attaches(request);
    case FAIL_NTH_LOSE_DESTROY:
        return request == IOMMU_DESTROY;
    default:
        return 0;
    }
}

static void count_object(unsigned long request)
{
    switch (request) {
    case IOMMU_IOAS_ALLOC:
    case IOMMU_HWPT_ALLOC:
    case IOMMU_VIOMMU_ALLOC:
    case IOMMU_VDEVICE_ALLOC:
    case IOMMU_VEVENTQ_ALLOC:
        page->objects++;
        break;
    case IOMMU_DESTROY:
        page->objects--;
        break;
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    int ret, nth;
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    page->invalidations += request == IOMMU_HWPT_INVALIDATE;
    if (lost(request)) {
        return 0;
    }
    if (refused(request)) {
        errno = EIO;
        return -1;
    }
    nth = begin();
    ret = real_ioctl(fd, request, arg);
    end(nth, request, ret);
    if (ret == 0) {
        count_object(request);
    }
    return ret;
}

int open(const char *path, int flags, ...)
{
    int fd, nth;
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    nth = begin();
    fd = real_open(path, flags, mode);
    end(nth, 0, fd);
    return fd;
}

/* Files are as large for either where a long has 64 bits */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
