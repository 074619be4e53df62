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
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host-check.h"

/* QEMU's build says; the lab compiles this program alone */
#ifndef HOST_CHECK_VERSION
#define HOST_CHECK_VERSION "of an unknown build"
#endif

/* What QEMU locks besides the guest's memory */
#define EXTRA_MIB 256

static const char *firmware = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";

/* On another machine everything else would be a NO, too, and no help */
static bool check_machine(void)
{
    struct utsname u;

    uname(&u);
    if (strcmp(u.machine, "aarch64")) {
        bad("machine", "this machine is %s: accel=on is for arm64", u.machine);
        return false;
    }
    return true;
}

static void check_kernel(void)
{
    struct utsname u;
    int major = 0, minor = 0;

    uname(&u);
    sscanf(u.release, "%d.%d", &major, &minor);
    if (major < 6 || (major == 6 && minor < 15)) {
        bad("kernel", "Linux %s: 6.15 is the first that will do, 6.19 is best",
            u.release);
    } else {
        good("kernel", "Linux %s", u.release);
    }
}

static void check_node(const char *check, const char *path,
                       const char *missing)
{
    if (access(path, F_OK)) {
        bad(check, "%s is not there: %s", path, missing);
    } else if (access(path, R_OK | W_OK)) {
        bad(check, "%s: %s; give this user access, or try as root", path,
            strerror(errno));
    } else {
        good(check, "%s", path);
    }
}

static void check_smmus(void)
{
    struct dirent *entry;
    DIR *dir = opendir("/sys/class/iommu");
    bool found = false;

    while (dir && (entry = readdir(dir))) {
        if (!strncmp(entry->d_name, "smmu3.", 6)) {
            good("smmu", "%s", entry->d_name);
            found = true;
        }
    }
    if (dir) {
        closedir(dir);
    }
    if (!found) {
        bad("smmu", "the kernel drives no SMMUv3: look for arm-smmu-v3 in its "
            "log, and for an SMMU setting in the firmware");
    }
}

static void check_memlock(bool for_command)
{
    unsigned long long mib;
    struct rlimit limit;

    if (geteuid() == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) ||
        limit.rlim_cur == RLIM_INFINITY) {
        return;
    }
    mib = (unsigned long long)limit.rlim_cur >> 20;
    if (for_command && mib < GUEST_MIB + EXTRA_MIB) {
        bad("memlock", "this user may lock %llu MiB, and a VM with %d MiB "
            "locks all of them and some more (ulimit -l)", mib, GUEST_MIB);
    } else {
        note("memlock", "this user may lock %llu MiB; a VM locks all its "
             "memory (ulimit -l)", mib);
    }
}

/* Returns: whether there is any point in asking about devices */
static bool check_host(bool for_command)
{
    report_about(NULL);
    if (!check_machine()) {
        return false;
    }
    check_kernel();
    check_node("kvm", "/dev/kvm", "the kernel has no KVM, or was not booted at "
               "EL2");
    check_node("iommufd", "/dev/iommu", "the kernel needs CONFIG_IOMMUFD "
               "(modprobe iommufd)");
    check_smmus();
    note("page-size", "pages of %lu KiB", getauxval(AT_PAGESZ) / 1024);
    check_memlock(for_command);
    return true;
}

static void say_how_to_bind(const Device *dev)
{
    const char *a = dev->address;

    if (!dev->driver[0] && strstr(dev->driver_override, "vfio")) {
        bad("driver", "it is for %s, which has not taken it: the kernel's log "
            "may say why; if it was not asked yet:", dev->driver_override);
    } else if (dev->driver[0]) {
        bad("driver", "its driver is %s; if nothing here needs the device:",
            dev->driver);
    } else {
        bad("driver", "it has no driver; for vfio-pci:");
    }
    if (report_is_json()) {
        return;
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

/* The last of @count devices; the others have been checked */
static void check_device(Device *all, int count, const char *address)
{
    Device *dev = &all[count - 1];
    bool there = device_read(dev, address);

    report_about(dev);
    if (!there) {
        bad("device", "no such PCI device");
        return;
    }
    for (int i = 0; i < count - 1; i++) {
        if (!strcmp(all[i].address, dev->address)) {
            bad("device", "it is named twice");
            return;
        }
    }
    if (strncmp(dev->smmu, "smmu3.", 6)) {
        bad("behind-smmu", "it is behind no SMMUv3%s%s",
            dev->smmu[0] ? " but " : "", dev->smmu);
        return;
    }
    if (dev->neighbour[0]) {
        bad("group", "it shares IOMMU group %s with %s (%s): both would have "
            "one page table", dev->group, dev->neighbour, dev->neighbour_kind);
        return;
    }
    good("group", "behind %s, IOMMU group %s", dev->smmu, dev->group);
    if (dev->direct[0]) {
        bad("direct-region", "the firmware wants a 1:1 mapping at %s for it, "
            "so that Linux gives it to nobody", dev->direct);
    } else if (strstr(dev->driver, "vfio") == NULL) {
        say_how_to_bind(dev);
    } else if (!dev->cdev[0]) {
        bad("cdev", "vfio has no character device for it: the kernel needs "
            "CONFIG_VFIO_DEVICE_CDEV");
    } else {
        good("driver", "driver %s, %s", dev->driver, dev->cdev);
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

static void print_command(char *const *words)
{
    for (int i = 0; words[i]; i++) {
        bool line = !strcmp(words[i], "-m") || !strcmp(words[i], "-object") ||
                    !strcmp(words[i], "-device");

        printf("%s%s", i ? line ? " \\\n    " : " " : "", words[i]);
    }
    printf("\n");
}

/* Is @name a program that the shell would find? */
static bool in_path(const char *name)
{
    char *dirs = strdup(getenv("PATH") ?: "");
    char path[4096];
    bool found = false;

    for (char *dir = strtok(dirs, ":"); dir && !found;
         dir = strtok(NULL, ":")) {
        snprintf(path, sizeof(path), "%s/%s", dir, name);
        found = access(path, X_OK) == 0;
    }
    free(dirs);
    return found;
}

/* What the command line needs besides the devices */
static void check_command(void)
{
    if (access(firmware, R_OK)) {
        bad("firmware", "%s: %s; name the guest's firmware by --firmware=",
            firmware, strerror(errno));
    }
    if (!in_path(emulator())) {
        bad("emulator", "%s is not in PATH", emulator());
    }
}

static void usage(FILE *to)
{
    fprintf(to,
            "Usage: smmuv3-host-check [--firmware=FILE] [--json] [DEVICE...]\n"
            "\n"
            "Tells whether this host can give a guest an accelerated SMMUv3\n"
            "(arm-smmuv3,accel=on), and if not, why. DEVICE is the address of a\n"
            "PCI device, such as 0000:01:00.0, that is bound to vfio-pci and\n"
            "that no VM uses. The program then asks the kernel about the\n"
            "device's SMMU, prints a QEMU command line, and leaves the device\n"
            "as it was.\n"
            "\n"
            "  --firmware=FILE  the guest's firmware in that command line\n"
            "  --json           print the report as JSON\n"
            "  --version        print the versions of QEMU and of this build\n"
            "\n"
            "Exit status: 0 yes, 1 no, 2 usage.\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "firmware", required_argument, NULL, 'f' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        {}
    };
    static Device dev[DEVICES_MAX];
    char *const *command = NULL;
    int count, c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'f':
            firmware = optarg;
            break;
        case 'j':
            report_as_json();
            break;
        case 'h':
            usage(stdout);
            return 0;
        case 'v':
            printf("smmuv3-host-check %s\n", HOST_CHECK_VERSION);
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
    if (!check_host(count)) {
        count = 0;
    }
    if (count) {
        check_command();
    }
    for (int i = 0; i < count; i++) {
        check_device(dev, i + 1, argv[optind + i]);
    }
    if (report_all_good() && count) {
        command = command_for(dev, count, emulator(), firmware);
    }
    if (report_is_json()) {
        report_json(dev, count, command);
        return !report_all_good();
    }
    if (!report_all_good()) {
        printf("\nNot ready: see the lines with NO.\n");
        return 1;
    }
    if (!command) {
        printf("\nNothing speaks against it so far. To ask an SMMU, name a "
               "device behind one:\n");
        device_foreach(list_device);
        return 0;
    }
    printf("\nReady. A command line for it, without disk and display:\n\n");
    print_command(command);
    return 0;
}
