/*
 * What another process has of iommufd and VFIO
 *
 *   vfio-of PID next-object
 *   vfio-of PID detach VFIO-CDEV HWPT
 *
 * next-object prints the lowest number that no object of its iommufd has: Linux
 * gives it to the next, so that objects which are lost push it up. detach
 * detaches the process' device for a moment and then attaches it to HWPT: a
 * fault that a test is to notice.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "iommufd.h"

/* A descriptor of this file that the process has */
static int descriptor_of(int pid, const char *file)
{
    int pidfd = syscall(SYS_pidfd_open, pid, 0);
    char path[64], name[64];

    for (int fd = 0; fd < 1000; fd++) {
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
        n = readlink(path, name, sizeof(name) - 1);
        name[n > 0 ? n : 0] = 0;
        if (!strcmp(name, file)) {
            return syscall(SYS_pidfd_getfd, pidfd, fd, 0);
        }
    }
    errx(1, "process %d has not opened %s", pid, file);
}

static void must(int ret, const char *what)
{
    if (ret) {
        errno = -ret;
        err(1, "%s", what);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[2], "next-object")) {
        int fd = descriptor_of(atoi(argv[1]), "/dev/iommu");
        uint32_t id;

        must(iommufd_ioas_alloc(fd, &id), "IOAS_ALLOC");
        must(iommufd_destroy(fd, id), "DESTROY");
        printf("%u\n", id);
    } else if (argc == 5 && !strcmp(argv[2], "detach")) {
        int fd = descriptor_of(atoi(argv[1]), argv[3]);

        must(vfio_detach(fd), "detach");
        usleep(100000);
        must(vfio_attach(fd, atoi(argv[4])), "attach");
    } else {
        errx(2, "usage: vfio-of PID next-object | detach VFIO-CDEV HWPT");
    }
    return 0;
}
