/*
 * Put before vfio_pci_driver_test.c, for a guest in an emulated host
 *
 * The test maps 1 GB, of which it uses some KB: more than the guest has. And
 * each of its parts may take 30 s, most of which some take here on a machine
 * that is busy with other things.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LAB_SELFTESTS_EMULATED_H
#define LAB_SELFTESTS_EMULATED_H

#include <linux/sizes.h>

#include "kselftest_harness.h"

#undef SZ_1G
#define SZ_1G SZ_16M

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 90

#endif
