/*
 * Put before vfio_pci_driver_test.c: it maps 1 GB and uses some KB of it
 *
 * A guest in an emulated host does not have that much memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LAB_SELFTESTS_SMALL_REGIONS_H
#define LAB_SELFTESTS_SMALL_REGIONS_H

#include <linux/sizes.h>

#undef SZ_1G
#define SZ_1G SZ_16M

#endif
