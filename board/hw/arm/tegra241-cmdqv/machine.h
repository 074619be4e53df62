/*
 * Tegra241 CMDQV: how the operating system finds it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BOARD_TEGRA241_CMDQV_MACHINE_H
#define BOARD_TEGRA241_CMDQV_MACHINE_H

#include "state.h"

/**
 * cmdqv_describe_in_fdt: have it in the machine's devicetree
 *
 * Once the machine is whole, and only if it has one SMMU: the devicetree of a
 * machine with more is of no use.
 */
void cmdqv_describe_in_fdt(CMDQVState *s);

#endif
