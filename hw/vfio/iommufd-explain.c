/*
 * What a user has to know when a host device cannot be assigned by iommufd
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "hw/pci/pci-viommu.h"
#include "migration/cpr.h"
#include "qemu/units.h"
#include "iommufd-explain.h"
#include "pci.h"
#include "reserved-regions.h"

#define SYSFS_PCI "/sys/bus/pci/devices"
#define VFIO_CDEVS "/dev/vfio/devices"

static char *sysfs_path(VFIOPCIDevice *vdev)
{
    PCIHostDeviceAddress *host = &vdev->host;

    if (vdev->vbasedev.sysfsdev) {
        return g_strdup(vdev->vbasedev.sysfsdev);
    }
    return g_strdup_printf(SYSFS_PCI "/%04x:%02x:%02x.%01x", host->domain,
                           host->bus, host->slot, host->function);
}

/* The last part of the target of a link in sysfs, or "none" */
static char *link_name(const char *path, const char *link)
{
    g_autofree char *full = g_build_filename(path, link, NULL);
    g_autofree char *target = g_file_read_link(full, NULL);

    return target ? g_path_get_basename(target) : g_strdup("none");
}

static char *cdev_name(const char *path)
{
    g_autofree char *full = g_build_filename(path, "vfio-dev", NULL);
    g_autoptr(GDir) dir = g_dir_open(full, 0, NULL);
    const char *entry = dir ? g_dir_read_name(dir) : NULL;

    return g_strdup(entry);
}

static void set_no_cdev(const char *path, Error **errp)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *driver = link_name(path, "driver");

    /* Also mlx5_vfio_pci, nvgrace_gpu_vfio_pci and their like */
    if (strstr(driver, "vfio")) {
        error_setg(errp, "host device %s has no character device: the host "
                   "kernel needs CONFIG_VFIO_DEVICE_CDEV", name);
        return;
    }
    error_setg(errp, "host device %s is not bound to vfio-pci (its driver: "
               "%s)", name, driver);
    error_append_hint(errp, "On the host: driverctl set-override %s "
                      "vfio-pci\n", name);
}

bool vfio_pci_check_cdev(PCIDevice *dev, Error **errp)
{
    ERRP_GUARD();
    VFIOPCIDevice *vdev = VFIO_PCI_DEVICE(dev);
    g_autofree char *path = sysfs_path(vdev);
    g_autofree char *name = NULL;
    g_autofree char *node = NULL;

    /* A QEMU that takes over has the old one's descriptor, and opens none */
    if (vdev->vbasedev.fd >= 0 || cpr_is_incoming() ||
        access(path, F_OK) < 0) {
        return true;
    }
    name = cdev_name(path);
    if (!name) {
        set_no_cdev(path, errp);
        return false;
    }
    node = g_build_filename(VFIO_CDEVS, name, NULL);
    if (access(node, R_OK | W_OK) < 0) {
        g_autofree char *host = g_path_get_basename(path);

        error_setg_errno(errp, errno, "cannot open %s of host device %s", node,
                         host);
        error_append_hint(errp, "It and /dev/iommu have to be readable and "
                          "writable for this process.\n");
        return false;
    }
    return true;
}

char *vfio_host_name(const VFIODevice *vbasedev)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", vbasedev->fd);
    g_autofree char *node = NULL, *cdev = NULL, *class = NULL, *path = NULL;

    if (vbasedev->sysfsdev) {
        return g_path_get_basename(vbasedev->sysfsdev);
    }
    node = g_file_read_link(link, NULL);
    if (node) {
        cdev = g_path_get_basename(node);
        class = g_build_filename("/sys/class/vfio-dev", cdev, "device", NULL);
        path = g_file_read_link(class, NULL);
    }
    return path ? g_path_get_basename(path) : g_strdup(vbasedev->name);
}

static char *host_path(VFIOPCIDevice *vdev)
{
    g_autofree char *name = NULL;

    if (vdev->vbasedev.fd < 0) {
        return sysfs_path(vdev);
    }
    name = vfio_host_name(&vdev->vbasedev);
    return g_build_filename(SYSFS_PCI, name ?: "", NULL);
}

bool vfio_pci_check_group(PCIDevice *dev, Error **errp)
{
    ERRP_GUARD();
    g_autofree char *path = host_path(VFIO_PCI_DEVICE(dev));
    /* sysfsdev may be any symbolic link */
    g_autofree char *real = realpath(path, NULL);
    g_autofree char *name = g_path_get_basename(real ?: path);
    g_autofree char *group = g_build_filename(path, "iommu_group", "devices",
                                              NULL);
    g_autoptr(GDir) dir = g_dir_open(group, 0, NULL);
    const char *entry;

    while (dir && (entry = g_dir_read_name(dir))) {
        if (strcmp(entry, name)) {
            error_setg(errp, "host device %s shares its IOMMU group with %s: "
                       "both would have one page table", name, entry);
            error_append_hint(errp, "It has to have a group of its own, as "
                              "behind a port with ACS.\n");
            return false;
        }
    }
    return true;
}

/* The token of a PCI device, or NULL */
static const QemuUUID *token_of(VFIODevice *vbasedev)
{
    VFIOPCIDevice *vdev = vfio_pci_from_vfio_device(vbasedev);

    return vdev && !qemu_uuid_is_null(&vdev->vf_token) ? &vdev->vf_token
                                                       : NULL;
}

bool vfio_check_handed_over(const VFIODevice *vbasedev, Error **errp)
{
    ERRP_GUARD();

    if (!cpr_is_incoming() || cpr_find_fd(vbasedev->name, 0) >= 0) {
        return true;
    }
    error_setg(errp, "the QEMU that hands over has no such device");
    error_append_hint(errp, "Give this one the same devices, with the same "
                      "ids.\n");
    return false;
}

int vfio_bind_iommufd(VFIODevice *vbasedev,
                      struct vfio_device_bind_iommufd *bind)
{
    const QemuUUID *token = token_of(vbasedev);
    int ret;

    if (token) {
        bind->flags |= VFIO_DEVICE_BIND_FLAG_TOKEN;
        bind->token_uuid_ptr = (uintptr_t)token->data;
    }
    ret = ioctl(vbasedev->fd, VFIO_DEVICE_BIND_IOMMUFD, bind);
    if (ret && errno == EINVAL && token &&
        !pci_viommu_nesting_bus(vbasedev->dev)) {
        /* QEMU 10.2.2 gives none, and what it starts has to start here, too */
        bind->flags &= ~VFIO_DEVICE_BIND_FLAG_TOKEN;
        bind->token_uuid_ptr = 0;
        ret = ioctl(vbasedev->fd, VFIO_DEVICE_BIND_IOMMUFD, bind);
    }
    return ret;
}

static char *direct_region(const char *path)
{
    g_autofree char *name = g_build_filename(path, "iommu_group",
                                             "reserved_regions", NULL);
    g_autofree char *text = NULL;

    return g_file_get_contents(name, &text, NULL, NULL) ?
           vfio_direct_region(text) : NULL;
}

static void explain_bind_einval(VFIODevice *vbasedev, Error **errp)
{
    VFIOPCIDevice *vdev = vfio_pci_from_vfio_device(vbasedev);
    g_autofree char *path = vdev ? host_path(vdev) : NULL;
    g_autofree char *region = path ? direct_region(path) : NULL;

    if (region) {
        error_prepend(errp, "the host's firmware wants a 1:1 mapping at %s for "
                      "it, so that Linux gives it to nobody: ", region);
    } else if (token_of(vbasedev) &&
               pci_viommu_nesting_bus(vbasedev->dev)) {
        error_prepend(errp, "it is in use, or it needs no vf-token, or the "
                      "host kernel takes none with iommufd: ");
    } else {
        error_prepend(errp, "it is in use, by this or another process: ");
    }
}

void vfio_explain_bind(VFIODevice *vbasedev, int err, Error **errp)
{
    switch (err) {
    case EBUSY:
        error_prepend(errp, "it is in use, by this or another process: ");
        break;
    case EINVAL:
        explain_bind_einval(vbasedev, errp);
        break;
    case EACCES:
        error_prepend(errp, "its PF is held by another process, whose token it "
                      "needs (vf-token=), or the token is another: ");
        break;
    case EPERM:
        error_prepend(errp, "another driver has a device of its IOMMU group, "
                      "or the host cannot isolate its interrupts: ");
        break;
    }
}

void vfio_explain_hwpt(uint32_t flags, Error **errp)
{
    if ((flags & IOMMU_HWPT_ALLOC_NEST_PARENT) &&
        strstr(error_get_pretty(*errp), strerror(EOPNOTSUPP))) {
        error_prepend(errp, "the host cannot nest (that takes an SMMUv3 with "
                      "stage 1 and stage 2): ");
    }
}

void vfio_explain_map(Error **errp)
{
    struct rlimit limit;

    if (cpr_is_incoming()) {
        error_prepend(errp, "guest memory is not shared with the QEMU that "
                      "hands over, as by share=on and aux-ram-share=on: ");
    } else if (strstr(error_get_pretty(*errp), strerror(ENOMEM)) &&
        getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY) {
        error_prepend(errp, "all guest memory is locked, and the limit of "
                      "locked memory (ulimit -l) is %" PRIu64 " MiB: ",
                      (uint64_t)limit.rlim_cur / MiB);
    }
}
