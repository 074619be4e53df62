/*
 * What sysfs says of an IOMMU group's reserved regions
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_RESERVED_REGIONS_H
#define HW_VFIO_RESERVED_REGIONS_H

/**
 * vfio_direct_region - the first region that firmware wants mapped 1:1
 * @text: of /sys/kernel/iommu_groups/N/reserved_regions
 *
 * Of the type direct: one that is direct-relaxable hinders nobody.
 *
 * Returns: "FIRST LAST", owned by the caller; or NULL
 */
char *vfio_direct_region(const char *text);

#endif /* HW_VFIO_RESERVED_REGIONS_H */
