/*
 * As if QEMU had been configured for fuzzing
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include_next "config-host.h"

#define CONFIG_FUZZ
