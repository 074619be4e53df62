/*
 * PCI functions in sysfs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host-check.h"

#define PCI "/sys/bus/pci/devices"
#define PATH_LEN 1024

/* The last part of where a link leads; "" if it leads nowhere */
static void link_name(const char *address, const char *link, char *name)
{
    char path[PATH_LEN], target[PATH_LEN];
    ssize_t len;

    snprintf(path, sizeof(path), PCI "/%s/%s", address, link);
    len = readlink(path, target, sizeof(target) - 1);
    target[len > 0 ? len : 0] = 0;
    snprintf(name, NAME_LEN, "%.*s", NAME_LEN - 1, basename(target));
}

static void file_text(const char *address, const char *file, char *text)
{
    char path[PATH_LEN];
    FILE *f;

    text[0] = 0;
    snprintf(path, sizeof(path), PCI "/%s/%s", address, file);
    f = fopen(path, "r");
    if (f) {
        if (!fgets(text, NAME_LEN, f)) {
            text[0] = 0;
        }
        fclose(f);
    }
    text[strcspn(text, "\n")] = 0;
}

/* A name in a directory of the device's, but not @other; "" if there is none */
static void name_in(const char *address, const char *where, const char *other,
                    char *name)
{
    char path[PATH_LEN];
    struct dirent *entry;
    DIR *dir;

    name[0] = 0;
    snprintf(path, sizeof(path), PCI "/%s/%s", address, where);
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, other)) {
            snprintf(name, NAME_LEN, "%.64s", entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* The first region of type "direct" in sysfs' list, as "FIRST to LAST" */
static void direct_region(const char *address, char *region)
{
    char path[PATH_LEN], first[32], last[32], type[32];
    FILE *f;

    region[0] = 0;
    snprintf(path, sizeof(path), PCI "/%s/iommu_group/reserved_regions",
             address);
    f = fopen(path, "r");
    while (f && fscanf(f, "%31s %31s %31s", first, last, type) == 3) {
        if (!region[0] && !strcmp(type, "direct")) {
            snprintf(region, NAME_LEN, "%s to %s", first, last);
        }
    }
    if (f) {
        fclose(f);
    }
}

/* What a function is, in words, and what drives it */
static void describe(const char *address, char *kind)
{
    char class[NAME_LEN], driver[NAME_LEN];

    kind[0] = 0;
    if (address[0]) {
        file_text(address, "class", class);
        link_name(address, "driver", driver);
        snprintf(kind, NAME_LEN, "%s, driver %.64s",
                 !strncmp(class, "0x0604", 6) ? "a bridge" : "a device",
                 driver[0] ? driver : "none");
    }
}

static void cdev_path(const char *address, char *cdev)
{
    char name[NAME_LEN];

    name_in(address, "vfio-dev", "", name);
    snprintf(cdev, NAME_LEN, name[0] ? "/dev/vfio/devices/%.64s" : "%s", name);
}

bool device_read(Device *dev, const char *address)
{
    char vendor[NAME_LEN], device[NAME_LEN], path[PATH_LEN];

    memset(dev, 0, sizeof(*dev));
    /* Both 0000:01:00.0 and 01:00.0 will do */
    snprintf(dev->address, NAME_LEN, "%s%.64s",
             strchr(address, ':') == strrchr(address, ':') ? "0000:" : "",
             address);
    snprintf(path, sizeof(path), PCI "/%s", dev->address);
    if (strchr(address, '/') || access(path, F_OK)) {
        return false;
    }
    file_text(dev->address, "vendor", vendor);
    file_text(dev->address, "device", device);
    snprintf(dev->id, NAME_LEN, "%.16s:%.16s", vendor + 2, device + 2);
    link_name(dev->address, "driver", dev->driver);
    file_text(dev->address, "driver_override", dev->driver_override);
    link_name(dev->address, "iommu_group", dev->group);
    name_in(dev->address, "iommu_group/devices", dev->address, dev->neighbour);
    describe(dev->neighbour, dev->neighbour_kind);
    direct_region(dev->address, dev->direct);
    link_name(dev->address, "iommu", dev->smmu);
    cdev_path(dev->address, dev->cdev);
    return true;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

void device_foreach(void (*each)(const Device *dev))
{
    struct dirent **entry;
    int n = scandir(PCI, &entry, not_hidden, alphasort);

    for (int i = 0; i < n; i++) {
        Device dev;

        if (device_read(&dev, entry[i]->d_name)) {
            each(&dev);
        }
        free(entry[i]);
    }
    if (n >= 0) {
        free(entry);
    }
}
