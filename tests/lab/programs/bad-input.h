/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bad-input.c and its table share: how a wrong input is written down. */
#ifndef LAB_BAD_INPUT_H
#define LAB_BAD_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/* What is done before QEMU is started. */
enum prepare {
    AS_IS,
    AS_NOBODY,              /* without rights to any device node */
    AS_NOBODY_WITH_IOMMU,   /* with rights to /dev/iommu only */
    AS_NOBODY_WITH_DEVICE,  /* with rights to the devices only */
    LIMIT_MEMLOCK,          /* 1 MiB, and no capability to exceed it */
    OPEN_NULL,              /* descriptor 77 is /dev/null */
    DEVICE_BUSY,            /* another VM has the first device */
};

/* A command line that must end in says, somewhere in standard error. */
struct bad_start {
    const char *name;
    const char *args;
    const char *says;
    enum prepare prepare;
    const char *base;       /* in place of START_BASE */
};

/* A QMP command that must fail with says in its error. */
struct bad_plug {
    const char *name;
    const char *json;
    const char *says;
};

struct bad_vm {
    const char *args;
    const struct bad_plug *plug;
    bool then_good;         /* a right hot-plug of $1 into rp2 works after */
};

struct bad_table {
    const char *name;
    const struct bad_start *start;
    const struct bad_vm *vm;
};

#define NO_FIRMWARE "-display none -M virt,gic-version=3 " \
                    "-accel kvm -cpu host -m 128M"
#define START_BASE "-nodefaults -bios /usr/share/qemu/QEMU_EFI.fd " NO_FIRMWARE
#define IOMMUFD "-object iommufd,id=iommufd0 "
#define PXB "-device pxb-pcie,id=pcie.1,bus_nr=32,bus=pcie.0 "
#define SMMU PXB "-device arm-smmuv3,id=smmu0,primary-bus=pcie.1,accel=on"
#define PORT(n) " -device pcie-root-port,id=rp" #n ",bus=pcie.1,chassis=" #n
#define HOLDER IOMMUFD SMMU PORT(1) \
               " -device vfio-pci,host=$0,bus=rp1,iommufd=iommufd0"

extern const struct bad_table bad_tables[];
extern const size_t bad_tables_len;

#endif
