/*
 * A QEMU command line for devices that are ready
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-check.h"

#define FIRST_BUS_NR 0x20
#define LAST_BUS_NR 0xff
/* Of a root complex, and of each of them */
#define SLOTS 32
#define FUNCTIONS 8
/* Of the virt machine for all its SMMUs, and what each of them takes */
#define INTERRUPTS 64
#define SMMU_INTERRUPTS 4
#define CMDQV_INTERRUPTS 1

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

/* The words of a command line; what begins a line of it has one before */
static char *words[8 * DEVICES_MAX + 32 + 1];
static int n_words;

__attribute__((format(printf, 1, 2)))
static void word(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&words[n_words++], fmt, args) < 0) {
        abort();
    }
    va_end(args);
}

/* How many of the first @count devices are behind the SMMU @n */
static int behind(const Device *dev, int count, int n)
{
    int devices = 0;

    for (int i = 0; i < count; i++) {
        devices += smmu_number(dev, i) == n;
    }
    return devices;
}

/* Is there a CMDQV for all that are behind the SMMU of @dev[i]? */
static bool gets_cmdqv(const Device *dev, int count, int i)
{
    return dev[i].cmdqv &&
           behind(dev, count, smmu_number(dev, i)) <= dev[i].cmdqv;
}

/* The port of device @i, behind the SMMU @n. Many ports share slots */
static void port_word(const Device *dev, int count, int i, int n)
{
    int at = behind(dev, i, n);

    if (behind(dev, count, n) <= SLOTS) {
        word("pcie-root-port,id=rp%d,bus=pcie.%d,chassis=%d", i + 1, n, i + 1);
    } else {
        word("pcie-root-port,id=rp%d,bus=pcie.%d,chassis=%d,addr=%x.%x,"
             "multifunction=on", i + 1, n, i + 1, at / FUNCTIONS,
             at % FUNCTIONS);
    }
}

/* Each root complex has a bus for itself, and one for each of its ports */
static void make_command(const Device *dev, int count, const char *emulator,
                         const char *firmware)
{
    int bus_nr = FIRST_BUS_NR;
    int last = 0;

    word("%s", emulator);
    word("-machine");
    word("virt,gic-version=host");
    word("-accel");
    word("kvm");
    word("-cpu");
    word("host");
    word("-m");
    word("%dG", GUEST_MIB / 1024);
    word("-nodefaults");
    word("-bios");
    word("%s", firmware);
    word("-object");
    word("iommufd,id=iommufd0");
    for (int i = 0; i < count; i++) {
        int n = smmu_number(dev, i);

        if (n > last) {
            word("-device");
            word("pxb-pcie,id=pcie.%d,bus_nr=%d,bus=pcie.0", n, bus_nr);
            word("-device");
            word("arm-smmuv3,id=smmu%d,primary-bus=pcie.%d,accel=on%s", n, n,
                 dev[i].cmdqv && !gets_cmdqv(dev, count, i) ? ",cmdqv=off"
                                                            : "");
            bus_nr += 1 + behind(dev, count, n);
            last = n;
        }
        word("-device");
        port_word(dev, count, i, n);
        word("-device");
        word("vfio-pci,id=dev%d,host=%s,bus=rp%d,iommufd=iommufd0", i + 1,
             dev[i].address, i + 1);
    }
    /* Twice DEVICES_MAX buses fit */
    assert(bus_nr - 1 <= LAST_BUS_NR);
}

/* Does the virt machine have room for an SMMU for each of the host's? */
static bool fits(const Device *dev, int count)
{
    int smmus = 0, with_cmdqv = 0, interrupts;

    for (int i = 0; i < count; i++) {
        if (smmu_number(dev, i) > smmus) {
            smmus++;
            with_cmdqv += gets_cmdqv(dev, count, i);
        }
    }
    interrupts = smmus * SMMU_INTERRUPTS + with_cmdqv * CMDQV_INTERRUPTS;
    if (interrupts <= INTERRUPTS) {
        return true;
    }
    report_about(NULL);
    bad("smmus", "the devices are behind %d SMMUs, and a guest would need as "
        "many: these take %d interrupts, and QEMU's virt machine has %d for "
        "them; name devices of fewer SMMUs", smmus, interrupts, INTERRUPTS);
    return false;
}

char *const *command_for(const Device *dev, int count, const char *emulator,
                         const char *firmware)
{
    while (n_words) {
        free(words[--n_words]);
        words[n_words] = NULL;
    }
    if (!fits(dev, count)) {
        return NULL;
    }
    make_command(dev, count, emulator, firmware);
    return words;
}
