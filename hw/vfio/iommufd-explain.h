/*
 * What a user has to know when a host device cannot be assigned by iommufd
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_EXPLAIN_H
#define HW_VFIO_IOMMUFD_EXPLAIN_H

#include "hw/pci/pci.h"
#include "hw/vfio/vfio-device.h"

/**
 * vfio_pci_check_cdev - could this process open the cdev of @dev's host device?
 * @dev: a vfio-pci device that is not realized yet
 *
 * A device that is not there is left to VFIO, and one that comes as a
 * descriptor is open already.
 */
bool vfio_pci_check_cdev(PCIDevice *dev, Error **errp);

/**
 * vfio_pci_check_group - has @dev's host device its IOMMU group for itself?
 * @dev: a vfio-pci device that is not realized yet
 *
 * iommufd attaches a page table to the whole group, and Linux attaches a nested
 * page table only if all devices of the group have a vDEVICE.
 */
bool vfio_pci_check_group(PCIDevice *dev, Error **errp);

/*
 * The host's name for a device, such as 0000:01:00.0, also if QEMU got it as a
 * descriptor; its name in QEMU if that cannot be found. Owned by the caller.
 */
char *vfio_host_name(const VFIODevice *vbasedev);

/* Is @vbasedev one of the QEMU that hands over? True if none does so. */
bool vfio_check_handed_over(const VFIODevice *vbasedev, Error **errp);

/*
 * Bind @vbasedev to an iommufd (VFIO_DEVICE_BIND_IOMMUFD), with its property
 * vf-token if it has one. Returns: as ioctl(), with errno
 */
int vfio_bind_iommufd(VFIODevice *vbasedev,
                      struct vfio_device_bind_iommufd *bind);

/* VFIO_DEVICE_BIND_IOMMUFD failed with @err, and *@errp says so: add why */
void vfio_explain_bind(VFIODevice *vbasedev, int err, Error **errp);

/* IOMMU_HWPT_ALLOC with @flags failed, and *@errp says so: add why, if known */
void vfio_explain_hwpt(uint32_t flags, Error **errp);

/* Guest memory could not be mapped, and *@errp says so: add why, if known */
void vfio_explain_map(Error **errp);

#endif /* HW_VFIO_IOMMUFD_EXPLAIN_H */
