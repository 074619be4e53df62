/*
 * smmuv3-host-check: is this host ready for arm-smmuv3,accel=on?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host-check.h"

#define DEVICES_MAX 64
#define FIRST_BUS_NR 0x20
#define BUS_NR_STEP 0x10

static const char *firmware = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";
static bool all_good = true;

__attribute__((format(printf, 2, 0)))
static void line(const char *mark, const char *fmt, va_list args)
{
    printf("  %-4s ", mark);
    vprintf(fmt, args);
    putchar('\n');
}

#define LINE(mark, fmt) do {            \
        va_list args;                   \
        va_start(args, fmt);            \
        line(mark, fmt, args);          \
        va_end(args);                   \
    } while (0)

void good(const char *fmt, ...)
{
    LINE("ok", fmt);
}

void note(const char *fmt, ...)
{
    LINE("note", fmt);
}

void bad(const char *fmt, ...)
{
    LINE("NO", fmt);
    all_good = false;
}

static void check_kernel(void)
{
    struct utsname u;
    int major = 0, minor = 0;

    uname(&u);
    sscanf(u.release, "%d.%d", &major, &minor);
    if (strcmp(u.machine, "aarch64")) {
        bad("this machine is %s: accel=on is for arm64", u.machine);
    }
    if (major < 6 || (major == 6 && minor < 15)) {
        bad("Linux %s: 6.15 is the first that will do, 6.19 is best",
            u.release);
    } else {
        good("Linux %s", u.release);
    }
}

static void check_node(const char *path, const char *missing)
{
    if (access(path, F_OK)) {
        bad("%s is not there: %s", path, missing);
    } else if (access(path, R_OK | W_OK)) {
        bad("%s: %s; give this user access, or try as root", path,
            strerror(errno));
    } else {
        good("%s", path);
    }
}

static void check_smmus(void)
{
    struct dirent *entry;
    DIR *dir = opendir("/sys/class/iommu");
    bool found = false;

    while (dir && (entry = readdir(dir))) {
        if (!strncmp(entry->d_name, "smmu3.", 6)) {
            good("%s", entry->d_name);
            found = true;
        }
    }
    if (dir) {
        closedir(dir);
    }
    if (!found) {
        bad("the kernel drives no SMMUv3: look for arm-smmu-v3 in its log, "
            "and for an SMMU setting in the firmware");
    }
}

static void check_memlock(void)
{
    struct rlimit limit;

    if (geteuid() == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) ||
        limit.rlim_cur == RLIM_INFINITY) {
        return;
    }
    note("this user may lock %llu MiB; a VM locks all its memory (ulimit -l)",
         (unsigned long long)limit.rlim_cur >> 20);
}

static void check_host(void)
{
    printf("Host\n");
    check_kernel();
    check_node("/dev/kvm", "the kernel has no KVM, or was not booted at EL2");
    check_node("/dev/iommu", "the kernel needs CONFIG_IOMMUFD (modprobe "
               "iommufd)");
    check_smmus();
    check_memlock();
}

static void say_how_to_bind(const Device *dev)
{
    const char *a = dev->address;

    if (dev->driver[0]) {
        bad("its driver is %s; if nothing here needs the device:",
            dev->driver);
    } else {
        bad("it has no driver; for vfio-pci:");
    }
    printf("         modprobe vfio-pci\n"
           "         echo vfio-pci >/sys/bus/pci/devices/%s/driver_override\n",
           a);
    if (dev->driver[0]) {
        printf("         echo %s >/sys/bus/pci/devices/%s/driver/unbind\n", a,
               a);
    }
    printf("         echo %s >/sys/bus/pci/drivers_probe\n", a);
}

static void check_device(Device *dev, const char *address)
{
    if (!device_read(dev, address)) {
        printf("%s\n", address);
        bad("no such PCI device");
        return;
    }
    printf("%s (%s)\n", dev->address, dev->id);
    if (strncmp(dev->smmu, "smmu3.", 6)) {
        bad("it is behind no SMMUv3%s%s", dev->smmu[0] ? " but " : "",
            dev->smmu);
        return;
    }
    if (dev->neighbour[0]) {
        bad("it shares IOMMU group %s with %s: both would have one page table",
            dev->group, dev->neighbour);
        return;
    }
    good("behind %s, IOMMU group %s", dev->smmu, dev->group);
    if (strstr(dev->driver, "vfio") == NULL) {
        say_how_to_bind(dev);
    } else if (!dev->cdev[0]) {
        bad("vfio has no character device for it: the kernel needs "
            "CONFIG_VFIO_DEVICE_CDEV");
    } else {
        good("driver %s, %s", dev->driver, dev->cdev);
        device_ask(dev);
    }
}

static void list_device(const Device *dev)
{
    if (!strncmp(dev->smmu, "smmu3.", 6) && strcmp(dev->driver, "pcieport")) {
        printf("  %s %s driver %s, %s\n", dev->address, dev->id,
               dev->driver[0] ? dev->driver : "none", dev->smmu);
    }
}

/* The place of a device's SMMU among those before it, from 1 */
static int smmu_number(const Device *dev, int i)
{
    int n = 1;

    for (int k = 0; k < i; k++) {
        bool again = false;

        if (!strcmp(dev[k].smmu, dev[i].smmu)) {
            return smmu_number(dev, k);
        }
        for (int j = 0; j < k; j++) {
            again |= !strcmp(dev[j].smmu, dev[k].smmu);
        }
        n += !again;
    }
    return n;
}

/* As the packages name it, beside this program; else as QEMU does */
static const char *emulator(void)
{
    static const char *name = "qemu-system-aarch64-smmuv3";
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    if (len > 0) {
        path[len] = 0;
        slash = strrchr(path, '/');
        snprintf(slash + 1, path + sizeof(path) - slash - 1, "%s", name);
        if (access(path, X_OK) == 0) {
            return name;
        }
    }
    return "qemu-system-aarch64";
}

static void print_command(const Device *dev, int count)
{
    int last = 0;

    printf("%s -machine virt,gic-version=host -accel kvm "
           "-cpu host \\\n    -m 2G -nodefaults -bios %s \\\n"
           "    -object iommufd,id=iommufd0", emulator(), firmware);
    for (int i = 0; i < count; i++) {
        int n = smmu_number(dev, i);

        if (n > last) {
            printf(" \\\n    -device pxb-pcie,id=pcie.%d,bus_nr=%d,bus=pcie.0"
                   " \\\n    -device arm-smmuv3,id=smmu%d,primary-bus=pcie.%d,"
                   "accel=on", n, FIRST_BUS_NR + (n - 1) * BUS_NR_STEP, n, n);
            last = n;
        }
        printf(" \\\n    -device pcie-root-port,id=rp%d,bus=pcie.%d,chassis=%d"
               " \\\n    -device vfio-pci,id=dev%d,host=%s,bus=rp%d,"
               "iommufd=iommufd0",
               i + 1, n, i + 1, i + 1, dev[i].address, i + 1);
    }
    printf("\n");
}

static void usage(FILE *to)
{
    fprintf(to,
            "Usage: smmuv3-host-check [--firmware=FILE] [DEVICE...]\n"
            "\n"
            "Tells whether this host can give a guest an accelerated SMMUv3\n"
            "(arm-smmuv3,accel=on), and if not, why. DEVICE is the address of a\n"
            "PCI device, such as 0000:01:00.0, that vfio-pci has and no VM uses:\n"
            "its SMMU is then asked, and a QEMU command line is printed. The\n"
            "device is left as it was.\n"
            "\n"
            "  --firmware=FILE  for that command line\n"
            "\n"
            "Exit status: 0 yes, 1 no, 2 usage.\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "firmware", required_argument, NULL, 'f' },
        { "help", no_argument, NULL, 'h' },
        {}
    };
    static Device dev[DEVICES_MAX];
    int count, c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'f':
            firmware = optarg;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    count = argc - optind;
    if (count > DEVICES_MAX) {
        fprintf(stderr, "smmuv3-host-check: more than %d devices\n",
                DEVICES_MAX);
        return 2;
    }
    check_host();
    for (int i = 0; i < count; i++) {
        check_device(&dev[i], argv[optind + i]);
    }
    if (!all_good) {
        printf("\nNot ready: see the lines with NO.\n");
        return 1;
    }
    if (!count) {
        printf("\nNothing speaks against it so far. To ask an SMMU, name a "
               "device behind one:\n");
        device_foreach(list_device);
        return 0;
    }
    printf("\nReady. A command line for it, without disk and display:\n\n");
    print_command(dev, count);
    return 0;
}
