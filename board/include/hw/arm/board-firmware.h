/*
 * What the board's firmware tables say otherwise than QEMU's
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BOARD_HW_ARM_FIRMWARE_H
#define BOARD_HW_ARM_FIRMWARE_H

/* Of the IORT's root complexes: more memory access flags; the ATS attribute */
uint8_t board_iort_memory_flags(void);
uint32_t board_iort_ats(void);

#endif /* BOARD_HW_ARM_FIRMWARE_H */
