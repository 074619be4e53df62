/*
 * Put before each of the kernel's tests, for a guest in an emulated host
 *
 * Each part of a test may take 30 or 60 s: on a machine that is busy with other
 * things some take longer here. What hangs ends with the lab's case.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LAB_SELFTESTS_EMULATED_H
#define LAB_SELFTESTS_EMULATED_H

#include "kselftest_harness.h"

/* In poll()'s words */
#define FOREVER (-1)

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT FOREVER

#undef TEST_F_TIMEOUT
#define TEST_F_TIMEOUT(fixture, name, seconds) TEST_F(fixture, name)

#endif
