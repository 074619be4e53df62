/*
 * A machine within a test's process, with QEMU's own SMMUv3s in it
 *
 * The test is linked in place of the emulator's main(). Its devices are on the
 * fake host, so that no kernel is asked for anything.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CONFORMANCE_MACHINE_H
#define TESTS_CONFORMANCE_MACHINE_H

#include "hw/arm/smmuv3-accel/device/state.h"

/* Guest memory */
#define MACHINE_RAM      0x40000000ULL
#define MACHINE_RAM_SIZE 0x04000000ULL

/* Start a virt machine; @devices: of QEMU's command line, "-device ..." */
void machine_start(char *self, const char *devices);

/* The SMMU of that id, which has accel=on */
SMMUv3State *machine_smmu(const char *id);

/*
 * No device is plugged by QEMU, so nobody but the test tells StreamIDs, and no
 * stream that is closed is reported
 */
void machine_own_streams(SMMUv3State *smmu,
                         uint32_t (*get_sid)(void *, const SMMUv3Stream *));

/* Where its registers are */
uint64_t machine_address(SMMUv3State *smmu);

/* An access of the CPU's to a register; @width: 1, 2, 4 or 8 bytes */
uint64_t machine_read_reg(SMMUv3State *smmu, uint64_t offset, unsigned width);
void machine_write_reg(SMMUv3State *smmu, uint64_t offset, unsigned width,
                       uint64_t val);

#endif /* TESTS_CONFORMANCE_MACHINE_H */
