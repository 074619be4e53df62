/*
 * Load another kernel, and start it
 *
 *   kexec now|crash IMAGE INITRD COMMAND-LINE
 *
 * now: at once, after the drivers' shutdown. crash: at the next panic, with no
 * driver asked; the kernel needs crashkernel= for it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <err.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY);

    if (fd < 0) {
        err(1, "%s", path);
    }
    return fd;
}

int main(int argc, char **argv)
{
    int crash;

    if (argc != 5) {
        errx(2, "usage: kexec now|crash IMAGE INITRD COMMAND-LINE");
    }
    crash = !strcmp(argv[1], "crash");
    if (syscall(SYS_kexec_file_load, open_file(argv[2]), open_file(argv[3]),
                strlen(argv[4]) + 1, argv[4],
                crash ? KEXEC_FILE_ON_CRASH : 0)) {
        err(1, "kexec_file_load");
    }
    if (crash) {
        return 0;
    }
    sync();
    syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
            LINUX_REBOOT_CMD_KEXEC, 0);
    err(1, "reboot");
}
