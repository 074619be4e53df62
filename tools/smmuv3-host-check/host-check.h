/*
 * smmuv3-host-check: is this host ready for arm-smmuv3,accel=on?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SMMUV3_HOST_CHECK_H
#define SMMUV3_HOST_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_LEN 256
#define IDR_COUNT 6

/* A PCI function of the host, as sysfs has it; "" for what it has not */
typedef struct Device {
    char address[NAME_LEN];
    char id[NAME_LEN];          /* vendor:device */
    char driver[NAME_LEN];
    char group[NAME_LEN];
    char neighbour[NAME_LEN];   /* another function of its IOMMU group */
    char smmu[NAME_LEN];        /* e.g. smmu3.0x0000000009050000 */
    char cdev[NAME_LEN];        /* e.g. /dev/vfio/devices/vfio0 */
    bool ready;                 /* it was asked, and its SMMU nests */
} Device;

/* sysfs.c; false if there is no such function */
bool device_read(Device *dev, const char *address);
/* Call @each for every PCI function */
void device_foreach(void (*each)(const Device *dev));

/* ask.c: bind the device to an iommufd and ask the kernel; prints findings */
bool device_ask(Device *dev);

/* main.c: print a line of the report; bad() makes the answer "no" */
void good(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void bad(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* SMMUV3_HOST_CHECK_H */
