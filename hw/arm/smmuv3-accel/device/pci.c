/*
 * The PCI side of an accelerated SMMUv3: which devices come behind it, and how
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci-viommu.h"
#include "hw/qdev-core.h"
#include "hw/vfio/iommufd-explain.h"
#include "hw/vfio/pci-ats.h"
#include "system/address-spaces.h"
#include "system/iommufd.h"
#include "system/runstate.h"
#include "state.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "hw/arm/smmuv3-accel/core/triggers.h"
#include "hw/arm/smmuv3-accel/trace.h"

static bool is_infrastructure(PCIDevice *dev)
{
    return IS_PCI_BRIDGE(dev) ||
           PCI_DEVICE_GET_CLASS(dev)->class_id == PCI_CLASS_BRIDGE_HOST;
}

static bool is_vfio_pci(PCIDevice *dev)
{
    return object_dynamic_cast(OBJECT(dev), "vfio-pci");
}

/* A mediated device has no stream of its own in the host's SMMU */
static bool is_mdev(PCIDevice *dev)
{
    g_autofree char *path = object_property_get_str(OBJECT(dev), "sysfsdev",
                                                    NULL);
    g_autofree char *link = NULL;
    g_autofree char *target = NULL;
    g_autofree char *name = NULL;

    if (!path || !*path) {
        return false;
    }
    link = g_build_filename(path, "subsystem", NULL);
    target = g_file_read_link(link, NULL);
    name = target ? g_path_get_basename(target) : NULL;
    return !g_strcmp0(name, "mdev");
}

/*
 * DMA from behind a conventional bridge has the bridge's requester ID. DMA
 * from behind a PCIe-to-PCI bridge has that of devfn 0 of its bus. If an
 * emulated bridge has this ID, the address space is that of its MSIs, which
 * VFIO cannot use.
 */
static bool check_requester_id(PCIDevice *dev, Error **errp)
{
    const PCIReqIDCache *id = &dev->requester_id_cache;
    int devfn = id->type == PCI_REQ_ID_SECONDARY_BUS ? 0 : id->dev->devfn;
    PCIDevice *owner = pci_get_bus(id->dev)->devices[devfn];

    if (!owner || owner == dev || !is_infrastructure(owner)) {
        return true;
    }
    error_setg(errp, "its DMA would have the same StreamID as a bridge (%s): "
               "put it directly behind a pcie-root-port",
               object_get_typename(OBJECT(owner)));
    return false;
}

static bool admit_device(void *opaque, PCIDevice *dev, Error **errp)
{
    ERRP_GUARD();
    const char *type = object_get_typename(OBJECT(dev));

    if (is_infrastructure(dev)) {
        if (phase_check(PHASE_MACHINE_READY)) {
            error_setg(errp, "a bridge (%s) cannot be hot-plugged behind an "
                       "arm-smmuv3 with accel=on", type);
            error_append_hint(errp, "Add it on the command line.\n");
            return false;
        }
        return true;
    }
    if (!is_vfio_pci(dev)) {
        error_setg(errp, "%s is emulated, and its DMA would not be translated: "
                   "behind an arm-smmuv3 with accel=on only vfio-pci devices "
                   "can be", type);
        error_append_hint(errp, "Put it on a root complex without this "
                          "arm-smmuv3, such as pcie.0. (For the default network "
                          "card: -nic none.)\n");
        return false;
    }
    if (!object_property_get_link(OBJECT(dev), "iommufd", NULL)) {
        error_setg(errp, "vfio-pci needs iommufd behind an arm-smmuv3 with "
                   "accel=on");
        error_append_hint(errp, "Add -object iommufd,id=iommufd0 and give the "
                          "device iommufd=iommufd0.\n");
        return false;
    }
    if (is_mdev(dev)) {
        error_setg(errp, "a mediated device cannot be behind an arm-smmuv3 "
                   "with accel=on: the host's SMMU does not know it");
        error_append_hint(errp, "Put it on a root complex without this "
                          "arm-smmuv3.\n");
        return false;
    }
    return check_requester_id(dev, errp) &&
           vfio_pci_check_cdev(dev, errp) &&
           vfio_pci_check_group(dev, errp);
}

/*
 * An assigned device's memory map is the guest's memory (the nesting parent).
 * A bridge sends its MSIs through the emulated SMMU, as the guest expects.
 * This is called for a hot-plugged device before the device is in @bus; such a
 * device is never a bridge.
 */
static AddressSpace *get_address_space(PCIBus *bus, void *opaque, int devfn)
{
    SMMUv3Accel *accel = opaque;
    PCIDevice *dev = bus->devices[devfn];

    if (dev && is_infrastructure(dev)) {
        return accel->base_ops->get_address_space(bus, accel->smmu, devfn);
    }
    return &address_space_memory;
}

static bool msi_doorbell(void *opaque, uint64_t *gpa)
{
    SMMUv3Accel *accel = opaque;

    *gpa = accel->doorbell;
    return accel->doorbell;
}

/* The last address that the device's IOAS takes */
static uint64_t last_iova(HostIOMMUDevice *hiod)
{
    HostIOMMUDeviceClass *hiodc = HOST_IOMMU_DEVICE_GET_CLASS(hiod);
    GList *ranges = hiodc->get_iova_ranges(hiod);
    GList *last = g_list_last(ranges);
    uint64_t iova = last ? range_upb(last->data) : UINT64_MAX;

    g_list_free_full(ranges, g_free);
    return iova;
}

static SMMUv3HostInfo host_info(HostIOMMUDevice *hiod)
{
    const struct iommu_hw_info_arm_smmuv3 *hw =
        &hiod->caps.vendor_caps.smmuv3;

    return smmuv3_host_info(hw->flags, hw->idr, hiod->caps.hw_caps,
                            last_iova(hiod));
}

static bool check_host(SMMUv3Accel *accel, HostIOMMUDevice *hiod,
                       const SMMUv3HostInfo *info, Error **errp)
{
    if (hiod->caps.type != IOMMU_HW_INFO_TYPE_ARM_SMMUV3) {
        error_setg(errp, "its host IOMMU (type %u) is not an Arm SMMUv3",
                   hiod->caps.type);
        return false;
    }
    if (!phase_check(PHASE_MACHINE_READY)) {
        if (!accel->host_known) {
            accel->host = *info;
            accel->host_known = true;
        }
        accel->host.ats |= info->ats;
        smmuv3_accel_update_idr(accel);
    }
    return smmuv3_idr_check(accel->idr, info, errp);
}

void smmuv3_accel_watch_events(SMMUv3Accel *accel, bool running)
{
    SMMUv3VIOMMU *viommu = accel->streams.viommu;

    if (viommu && viommu->has_veventq) {
        qemu_set_fd_handler(viommu->veventq_fd,
                            running ? smmuv3_accel_read_events : NULL, NULL,
                            accel);
        if (running) {
            smmuv3_accel_expect_events(accel);
        }
    }
    if (viommu) {
        smmuv3_accel_cmdqv_watch(accel, running);
    }
}

static PCIDevice *pci_device(HostIOMMUDevice *hiod)
{
    VFIODevice *vbasedev = hiod->agent;

    return PCI_DEVICE(vbasedev->dev);
}

static SMMUv3AccelDevice *find_device(SMMUv3Accel *accel, PCIDevice *pdev)
{
    SMMUv3AccelDevice *dev;

    QTAILQ_FOREACH(dev, &accel->devices, next) {
        if (pci_device(dev->stream->dev.opaque) == pdev) {
            return dev;
        }
    }
    return NULL;
}

/*
 * Devices behind one PCIe-to-PCI bridge of the guest have one StreamID, and no
 * guest can give them two.
 */
static bool check_alias(SMMUv3Accel *accel, HostIOMMUDevice *hiod, Error **errp)
{
    SMMUv3AccelDevice *dev;

    QTAILQ_FOREACH(dev, &accel->devices, next) {
        HostIOMMUDevice *other = dev->stream->dev.opaque;

        if (other->aliased_bus == hiod->aliased_bus &&
            other->aliased_devfn == hiod->aliased_devfn) {
            error_setg(errp, "behind a PCIe-to-PCI bridge it has the same "
                       "StreamID as %s, and one of them would be blocked",
                       other->name);
            error_append_hint(errp, "Give it a pcie-root-port of its own.\n");
            return false;
        }
    }
    return true;
}

/* Take the user's ats= into account */
static bool choose_ats(SMMUv3Accel *accel, HostIOMMUDevice *hiod,
                       SMMUv3HostInfo *info, Error **errp)
{
    PCIDevice *pdev = pci_device(hiod);
    OnOffAuto ats = vfio_pci_ats_property(DEVICE(pdev));

    if (ats == ON_OFF_AUTO_ON && !info->ats) {
        error_setg(errp, "ats=on, but the host does not use ATS for it: the "
                   "device, its root complex or the SMMU has none, or the host "
                   "was booted with pci=noats");
        return false;
    }
    info->ats &= ats != ON_OFF_AUTO_OFF;
    if (vfio_pci_needs_ats(pdev) &&
        (!info->ats || accel->props.ats == ON_OFF_AUTO_OFF)) {
        warn_report("%s: this device works only with ATS, and the guest has "
                    "none for it", hiod->name);
    }
    return true;
}

static bool plug(SMMUv3Accel *accel, PCIBus *bus, int devfn,
                 HostIOMMUDevice *hiod, const SMMUv3HostInfo *info,
                 Error **errp)
{
    HostIOMMUDeviceIOMMUFD *idev = HOST_IOMMU_DEVICE_IOMMUFD(hiod);
    SMMUv3HostDevice host = {
        .name = hiod->name,
        .dev_id = idev->devid,
        .stalls = smmuv3_idr_stalls(info->idr),
        .ats = info->ats,
        .repeats = info->repeats,
        .opaque = hiod,
    };
    bool first = !accel->streams.viommu;
    SMMUv3AccelDevice *dev;
    SMMUv3Stream *stream;

    if (!first && accel->streams.viommu->opaque != idev->iommufd) {
        error_setg(errp, "it uses another iommufd object than the devices "
                   "already on this arm-smmuv3");
        error_append_hint(errp, "Give all of them the same iommufd=.\n");
        return false;
    }
    stream = smmuv3_streams_plug(&accel->streams, &smmuv3_host_iommufd,
                                 idev->iommufd, &host, idev->hwpt_id, errp);
    if (!stream) {
        return false;
    }
    if (first) {
        accel->events = (SMMUv3EventReader) {};
        smmuv3_accel_watch_events(accel, runstate_is_running());
        smmuv3_accel_cmdqv_plugged(accel);
        smmuv3_accel_handover_plugged(accel);
    }
    dev = g_new0(SMMUv3AccelDevice, 1);
    dev->stream = stream;
    dev->bus = bus;
    dev->devfn = devfn;
    QTAILQ_INSERT_TAIL(&accel->devices, dev, next);
    object_ref(hiod);
    return true;
}

static bool set_iommu_device(PCIBus *bus, void *opaque, int devfn,
                             HostIOMMUDevice *hiod, Error **errp)
{
    ERRP_GUARD();
    SMMUv3Accel *accel = opaque;
    SMMUv3HostInfo info = host_info(hiod);

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    if (check_alias(accel, hiod, errp) &&
        choose_ats(accel, hiod, &info, errp) &&
        smmuv3_accel_cmdqv_before_plug(accel, HOST_IOMMU_DEVICE_IOMMUFD(hiod),
                                       &info, errp) &&
        check_host(accel, hiod, &info, errp) &&
        plug(accel, bus, devfn, hiod, &info, errp)) {
        return true;
    }
    error_prepend(errp, "arm-smmuv3 with accel=on cannot take it: ");
    return false;
}

static void unset_iommu_device(PCIBus *bus, void *opaque, int devfn)
{
    SMMUv3Accel *accel = opaque;
    SMMUv3AccelDevice *dev;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    QTAILQ_FOREACH(dev, &accel->devices, next) {
        if (dev->bus == bus && dev->devfn == devfn) {
            HostIOMMUDevice *hiod = dev->stream->dev.opaque;

            QTAILQ_REMOVE(&accel->devices, dev, next);
            if (QTAILQ_EMPTY(&accel->devices)) {
                smmuv3_accel_watch_events(accel, false);
                smmuv3_accel_cmdqv_unplug_last(accel);
            }
            smmuv3_streams_unplug(&accel->streams, dev->stream);
            smmuv3_accel_handover_unplugged(accel);
            object_unref(hiod);
            g_free(dev);
            return;
        }
    }
}

static void bus_renumbered(void *opaque)
{
    SMMUv3Accel *accel = opaque;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    if (accel->streams.regs.smmuen) {
        trace_smmuv3_accel_trigger("renumbered", 0);
        smmuv3_streams_update(&accel->streams);
    }
}

static bool allows_ats(void *opaque, PCIDevice *pdev)
{
    SMMUv3AccelDevice *dev = find_device(opaque, pdev);

    return !dev || dev->stream->dev.ats;
}

static void device_reset(void *opaque, PCIDevice *pdev)
{
    SMMUv3Accel *accel = opaque;
    SMMUv3AccelDevice *dev = find_device(accel, pdev);

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    if (dev) {
        trace_smmuv3_accel_trigger("device-reset", dev->stream->sid);
        smmuv3_streams_device_reset(&accel->streams, dev->stream);
    }
}

static uint8_t pasid_bits(void *opaque)
{
    SMMUv3Accel *accel = opaque;

    return smmuv3_idr_ssidsize(accel->idr);
}

static const PCIViommuOps accel_ops = {
    .pci = {
        .get_address_space = get_address_space,
        .set_iommu_device = set_iommu_device,
        .unset_iommu_device = unset_iommu_device,
        .admit_device = admit_device,
        .msi_doorbell = msi_doorbell,
    },
    .bus_renumbered = bus_renumbered,
    .pasid_bits = pasid_bits,
    .allows_ats = allows_ats,
    .device_reset = device_reset,
};

/* Devices that came before the SMMU were neither checked nor attached */
static void find_endpoint(PCIBus *bus, PCIDevice *dev, void *opaque)
{
    PCIDevice **found = opaque;

    if (IS_PCI_BRIDGE(dev)) {
        pci_for_each_device_under_bus(pci_bridge_get_sec_bus(PCI_BRIDGE(dev)),
                                      find_endpoint, opaque);
    } else if (!is_infrastructure(dev)) {
        *found = dev;
    }
}

typedef struct OtherSMMU {
    SMMUv3State *smmu;
    bool found;
} OtherSMMU;

static int find_other_smmu(Object *obj, void *opaque)
{
    OtherSMMU *other = opaque;
    SMMUv3State *s = (SMMUv3State *)object_dynamic_cast(obj, TYPE_ARM_SMMUV3);

    if (s && s != other->smmu && DEVICE(s)->realized &&
        (s->accel->on || other->smmu->accel->on) &&
        ARM_SMMU(s)->primary_bus == ARM_SMMU(other->smmu)->primary_bus) {
        other->found = true;
    }
    return other->found;
}

bool smmuv3_accel_pci_realize(SMMUv3Accel *accel, Error **errp)
{
    ERRP_GUARD();
    PCIBus *bus = ARM_SMMU(accel->smmu)->primary_bus;
    OtherSMMU other = { .smmu = accel->smmu };
    PCIDevice *endpoint = NULL;

    object_child_foreach_recursive(object_get_root(), find_other_smmu, &other);
    if (other.found) {
        error_setg(errp, "bus %s has an arm-smmuv3 already", BUS(bus)->name);
        error_append_hint(errp, "Make another root complex for this one: "
                          "-device pxb-pcie,id=pcie.N,bus_nr=...\n");
        return false;
    }
    if (!accel->on) {
        return true;
    }
    pci_for_each_device_under_bus(bus, find_endpoint, &endpoint);
    if (endpoint) {
        error_setg(errp, "bus %s has a device (%s) already", BUS(bus)->name,
                   object_get_typename(OBJECT(endpoint)));
        error_append_hint(errp, "Put -device arm-smmuv3 before the devices "
                          "behind it, and emulated devices on another root "
                          "complex. (For the default network card: "
                          "-nic none.)\n");
        return false;
    }
    accel->base_ops = bus->iommu_ops;
    pci_setup_iommu_per_bus(bus, &accel_ops.pci, accel);
    return true;
}
