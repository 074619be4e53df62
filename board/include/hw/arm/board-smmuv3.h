/*
 * What the board's SMMUv3 can be told to lack
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BOARD_HW_ARM_SMMUV3_H
#define BOARD_HW_ARM_SMMUV3_H

/**
 * board_smmuv3_forgets - does the SMMU lose this command?
 * @seen: what it has lost so far, made when NULL
 * @cmd: the four words of the command
 *
 * Models what Linux calls ERRATA_REPEAT_TLBI_CFGI, of Tegra264: a TLBI or CFGI
 * is sure to have acted only when it was issued twice. Here it never acts the
 * first time, and does the second time.
 */
bool board_smmuv3_forgets(GHashTable **seen, const uint32_t cmd[4]);

#endif /* BOARD_HW_ARM_SMMUV3_H */
