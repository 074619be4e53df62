/*
 * Extended capabilities in configuration space
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_EXT_CAP_H
#define HW_VFIO_EXT_CAP_H

/**
 * vfio_hide_ext_cap - take the capability @id out of the list
 * @config: PCIE_CONFIG_SPACE_SIZE bytes, little-endian
 *
 * The one before points to the one after; the first of the list, whose place is
 * fixed, becomes one of no kind. What the capability holds stays.
 */
void vfio_hide_ext_cap(uint8_t *config, uint16_t id);

#endif /* HW_VFIO_EXT_CAP_H */
