/*
 * Tegra241 CMDQV: what the machine has to know of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_TEGRA241_CMDQV_H
#define HW_ARM_TEGRA241_CMDQV_H

#include "hw/acpi/aml-build.h"

#define TYPE_X_TEGRA241_CMDQV "x-tegra241-cmdqv"

/**
 * tegra241_cmdqv_acpi: describe each of the machine's CMDQVs in the DSDT
 */
void tegra241_cmdqv_acpi(Aml *scope);

#endif
