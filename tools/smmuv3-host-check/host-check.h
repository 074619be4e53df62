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
#define DEVICES_MAX 64
/* What the command line gives the guest */
#define GUEST_MIB 2048

/* A PCI function of the host, as sysfs has it; "" for what it has not */
typedef struct Device {
    char address[NAME_LEN];
    char id[NAME_LEN];          /* vendor:device */
    char driver[NAME_LEN];
    char driver_override[NAME_LEN];
    char group[NAME_LEN];
    char neighbour[NAME_LEN];   /* another function of its IOMMU group */
    char neighbour_kind[NAME_LEN]; /* what that is, and its driver */
    char direct[NAME_LEN];      /* a region that firmware wants 1:1 */
    char smmu[NAME_LEN];        /* e.g. smmu3.0x0000000009050000 */
    char cdev[NAME_LEN];        /* e.g. /dev/vfio/devices/vfio0 */
    bool ready;                 /* it was asked, and its SMMU nests */
    bool known;                 /* the kernel has told what follows */
    bool ats;
    bool ril;
    bool repeats;               /* the erratum: invalidations go twice */
    int cmdqv;                  /* Tegra241: most devices with one; 0: none */
    unsigned ssidsize;
    unsigned oas;               /* bits */
    unsigned granules;          /* bytes, each a bit */
} Device;

/* sysfs.c; false if there is no such function */
bool device_read(Device *dev, const char *address);
/* Call @each for every PCI function */
void device_foreach(void (*each)(const Device *dev));

/* ask.c: bind the device to an iommufd and ask the kernel; prints findings */
bool device_ask(Device *dev);

/*
 * command.c: the words of a command line for @count devices that are ready, up
 * to NULL; they are good until the next call. NULL if there is none, and a
 * finding says why.
 */
char *const *command_for(const Device *dev, int count, const char *emulator,
                         const char *firmware);

/* p2p.c: the same of DMA into its BARs; both are bound to one another */
void device_ask_p2p(int iommu, int vfio);

/*
 * report.c: add a line to the report; bad() makes the answer "no". @check names
 * what was looked at, and stays the same in later versions.
 */
void good(const char *check, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void note(const char *check, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void bad(const char *check, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What follows is about @dev, or, if that is NULL, the host */
void report_about(const Device *dev);
bool report_all_good(void);

/* Print nothing before report_json() */
void report_as_json(void);
bool report_is_json(void);
/* @command: words of a command line, up to NULL; or NULL if there is none */
void report_json(const Device *dev, int devices, char *const *command);

#endif /* SMMUV3_HOST_CHECK_H */
