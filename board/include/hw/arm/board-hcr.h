/*
 * What a change of HCR_EL2 makes a vCPU translate anew
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_BOARD_HCR_H
#define HW_ARM_BOARD_HCR_H

#include "target/arm/cpu.h"

/* By the vCPU's own thread */
void board_hcr_flush(CPUARMState *env);

#endif
