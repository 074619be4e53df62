/*
 * Put before vfio_pci_driver_test.c: it maps 1 GB, of which it uses some KB,
 * and the guest has less
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LAB_SELFTESTS_SMALL_H
#define LAB_SELFTESTS_SMALL_H

#include <linux/sizes.h>

#undef SZ_1G
#define SZ_1G SZ_16M

#endif
