/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of wrong command lines and hot-plugs. */

#include "bad-input.h"

#define ADD(driver, rest) \
    "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"" driver "\"," \
    "\"id\":\"bad\"," rest "}}"
#define ADD_VFIO(host, bus, iommufd) \
    ADD("vfio-pci", "\"host\":\"" host "\",\"bus\":\"" bus "\"," \
        "\"iommufd\":\"" iommufd "\"")
#define HMP(command) \
    "{\"execute\":\"human-monitor-command\"," \
    "\"arguments\":{\"command-line\":\"" command "\"}}"
#define MIGRATE "{\"execute\":\"migrate\"," \
    "\"arguments\":{\"uri\":\"exec:cat>/dev/null\"}}"
#define VFIO(n) " -device vfio-pci,host=$" #n ",bus=rp" #n ",iommufd=iommufd0"
#define SMMU_WITH(props) PXB \
    "-device arm-smmuv3,id=smmu0,primary-bus=pcie.1," props

static const struct bad_start property_start[] = {
    { "accel=maybe", SMMU_WITH("accel=maybe"),
      "Parameter 'accel' expects 'on' or 'off'" },
    { "accel misspelt", SMMU_WITH("acel=on"),
      "Property 'arm-smmuv3.acel' not found" },
    { "ats=maybe", SMMU_WITH("accel=on,ats=maybe"),
      "Parameter 'ats' does not accept value 'maybe'" },
    { "ril=1", SMMU_WITH("accel=on,ril=1"),
      "Parameter 'ril' does not accept value '1'" },
    { "ssidsize=21", SMMU_WITH("accel=on,ssidsize=21"),
      "ssidsize is a number of bits from 0 to 20, or auto; not '21'" },
    { "ssidsize=-1", SMMU_WITH("accel=on,ssidsize=-1"),
      "ssidsize is a number of bits from 0 to 20, or auto; not '-1'" },
    { "ssidsize=many", SMMU_WITH("accel=on,ssidsize=many"),
      "ssidsize is a number of bits from 0 to 20, or auto; not 'many'" },
    { "ssidsize empty", SMMU_WITH("accel=on,ssidsize="),
      "ssidsize is a number of bits from 0 to 20, or auto; not ''" },
    { "oas=46", SMMU_WITH("accel=on,oas=46"),
      "oas is 44, 48 or auto; not '46'" },
    { "oas=big", SMMU_WITH("accel=on,oas=big"),
      "oas is 44, 48 or auto; not 'big'" },
    { "ats=on without accel", SMMU_WITH("ats=on"),
      "without accel=on, ats can only be off or auto" },
    { "ril=off without accel", SMMU_WITH("ril=off"),
      "without accel=on, ril can only be on or auto" },
    { "ssidsize=1 without accel", SMMU_WITH("ssidsize=1"),
      "without accel=on, ssidsize can only be 0 or auto" },
    { "oas=48 with accel=off", SMMU_WITH("accel=off,oas=48"),
      "without accel=on, oas can only be 44 or auto" },
    { "x-guest-vfio without accel", SMMU_WITH("x-guest-vfio=on"),
      "without accel=on, x-guest-vfio can only be off" },
    { "cmdqv=on", SMMU_WITH("accel=on,cmdqv=on"),
      "cmdqv=on takes a device behind the arm-smmuv3 on the command line" },
    { "cmdqv=on without firmware",
      "-device arm-smmuv3,primary-bus=pcie.0,accel=on,cmdqv=on",
      "cmdqv=on needs firmware and ACPI", AS_IS,
      "-nodefaults " NO_FIRMWARE },
    { "cmdqv=on without accel", SMMU_WITH("cmdqv=on"),
      "without accel=on, cmdqv can only be off or auto" },
    { "pasid=on", SMMU_WITH("accel=on,pasid=on"),
      "pasid is an old name: use ssidsize=" },
    { "accel=on for the machine's own SMMU",
      "-global arm-smmuv3.accel=on",
      "not for an SMMU that the machine makes by itself", AS_IS,
      "-nodefaults " NO_FIRMWARE " -M virt-9.1,iommu=smmuv3" },
    { "x-guest-vfio without firmware",
      "-device arm-smmuv3,primary-bus=pcie.0,accel=on,x-guest-vfio=on",
      "x-guest-vfio=on needs firmware and ACPI", AS_IS,
      "-nodefaults " NO_FIRMWARE },
    { "x-guest-vfio without an ITS", SMMU ",x-guest-vfio=on",
      "x-guest-vfio=on needs an ITS", AS_IS,
      START_BASE " -M its=off" },
    { "stage=2 with accel", SMMU_WITH("accel=on,stage=2"),
      "stage=2 cannot be combined with accel=on" },
    { "stage=nested with accel", SMMU_WITH("accel=on,stage=nested"),
      "stage=nested cannot be combined with accel=on" },
    { "no primary-bus", "-device arm-smmuv3,accel=on",
      "SMMU is not attached to any PCI bus" },
    { "primary-bus that is not there",
      "-device arm-smmuv3,primary-bus=pcie.7,accel=on",
      "'pcie.7' not found" },
    { "primary-bus of a root port", SMMU PORT(1)
      " -device arm-smmuv3,primary-bus=rp1,accel=on",
      "should be attached to a default PCIe root complex" },
    { "two on one bus, both accelerated",
      SMMU " -device arm-smmuv3,primary-bus=pcie.1,accel=on",
      "bus pcie.1 has an arm-smmuv3 already" },
    { "two on one bus, the second emulated",
      SMMU " -device arm-smmuv3,primary-bus=pcie.1",
      "bus pcie.1 has an arm-smmuv3 already" },
    { "two on one bus, the first emulated",
      PXB "-device arm-smmuv3,primary-bus=pcie.1 "
      "-device arm-smmuv3,primary-bus=pcie.1,accel=on",
      "bus pcie.1 has an arm-smmuv3 already" },
    { "the machine's own SMMU as well",
      "-device arm-smmuv3,primary-bus=pcie.0,accel=on",
      "iommu=smmuv3", AS_IS,
      START_BASE " -M iommu=smmuv3" },
    { "a machine without PCI", "-device arm-smmuv3,accel=on",
      "expects a dynamic sysbus device type for the machine", AS_IS,
      "-nodefaults -display none -M none" },
    { "a root complex that the guest is not told of", SMMU,
      "cannot be on pcie.1: a guest without firmware", AS_IS,
      "-nodefaults " NO_FIRMWARE },
    { "-only-migratable", SMMU " -only-migratable",
      "smmu0 has accel=on" },
    {}
};

static const struct bad_start device_start[] = {
    { "vfio-pci without iommufd",
      SMMU PORT(1) " -device vfio-pci,host=$0,bus=rp1",
      "vfio-pci needs iommufd behind an arm-smmuv3 with accel=on" },
    { "an iommufd object that is not there",
      SMMU PORT(0) VFIO(0), "Device 'iommufd0' not found" },
    { "an emulated device",
      SMMU PORT(1) " -device virtio-net-pci,bus=rp1,romfile=",
      "virtio-net-pci is emulated, and its DMA would not be translated" },
    { "an emulated device on the root bus", SMMU " -device edu,bus=pcie.1",
      "Only PCI/PCIe bridges can be plugged into pxb-pcie" },
    { "an emulated device behind two bridges",
      SMMU PORT(1) " -device pcie-pci-bridge,id=br,bus=rp1 "
      "-device edu,bus=br,addr=1",
      "edu is emulated" },
    { "two devices behind one bridge to conventional PCI",
      IOMMUFD SMMU PORT(0) " -device pcie-pci-bridge,id=br,bus=rp0"
      " -device vfio-pci,host=$0,bus=br,addr=1,iommufd=iommufd0"
      " -device vfio-pci,host=$1,bus=br,addr=2,iommufd=iommufd0",
      "behind a PCIe-to-PCI bridge it has the same StreamID as" },
    { "x-p2p=on for a device none of whose BARs QEMU maps",
      IOMMUFD SMMU PORT(0) VFIO(0) ",x-p2p=on,x-no-mmap=on",
      "x-p2p=on cannot be had: QEMU maps no whole page of a BAR" },
    { "ats=on for a device without",
      IOMMUFD SMMU PORT(0) VFIO(0) ",ats=on",
      "ats=on, but the host does not use ATS for it" },
    { "cmdqv=on of a host without a CMDQV",
      IOMMUFD SMMU ",cmdqv=on" PORT(0) VFIO(0),
      "cmdqv=on, but the host has no CMDQV for it" },
    { "a token for a device that is no VF",
      IOMMUFD SMMU PORT(0) VFIO(0)
      ",vf-token=3f2504e0-4f89-11d3-9a0c-0305e82c3301",
      "it needs no vf-token" },
    { "a device behind a pci-bridge on pcie.0",
      IOMMUFD "-device arm-smmuv3,primary-bus=pcie.0,accel=on "
      "-device pci-bridge,id=rp0,bus=pcie.0,chassis_nr=1" VFIO(0),
      "its DMA would have the same StreamID as a bridge (pci-bridge)" },
    { "a device behind a pci-bridge in a root port",
      IOMMUFD SMMU PORT(1) " -device pci-bridge,id=rp0,bus=rp1,chassis_nr=1"
      VFIO(0),
      "its DMA would have the same StreamID as a bridge (pci-bridge)" },
    { "an emulated device that was there first",
      PXB PORT(1) " -device edu,bus=rp1 "
      "-device arm-smmuv3,primary-bus=pcie.1,accel=on",
      "bus pcie.1 has a device (edu) already" },
    { "the assigned device first, then its SMMU",
      IOMMUFD PXB PORT(0) VFIO(0)
      " -device arm-smmuv3,primary-bus=pcie.1,accel=on",
      "bus pcie.1 has a device (vfio-pci) already" },
    { "the default network card on the bus",
      "-device arm-smmuv3,primary-bus=pcie.0,accel=on",
      "-nic none", AS_IS,
      NO_FIRMWARE " -bios /usr/share/qemu/QEMU_EFI.fd -global virtio-net-pci.romfile= "
      "-serial none -monitor none -parallel none" },
    { "a host device that is not there",
      IOMMUFD SMMU PORT(1)
      " -device vfio-pci,host=ff:1f.7,bus=rp1,iommufd=iommufd0",
      "no such host device" },
    { "a host device that vfio-pci does not have",
      IOMMUFD SMMU PORT(1)
      " -device vfio-pci,host=$2,bus=rp1,iommufd=iommufd0",
      "host device $2 is not bound to vfio-pci (its driver: nvme)" },
    { "a host device that another VM has",
      IOMMUFD SMMU PORT(0) VFIO(0),
      "$0: it is in use, by this or another process", DEVICE_BUSY },
    { "one host device twice",
      IOMMUFD SMMU PORT(0) PORT(1) VFIO(0)
      " -device vfio-pci,host=$0,bus=rp1,iommufd=iommufd0",
      "$0: it is in use, by this or another process" },
    { "two iommufd objects behind one SMMU",
      IOMMUFD "-object iommufd,id=iommufd1 " SMMU PORT(0) PORT(1) VFIO(0)
      " -device vfio-pci,host=$1,bus=rp1,iommufd=iommufd1",
      "it uses another iommufd object than the devices already on this "
      "arm-smmuv3" },
    { "no rights to /dev/iommu", IOMMUFD SMMU PORT(0) VFIO(0),
      "Could not open '/dev/iommu': Permission denied", AS_NOBODY_WITH_DEVICE },
    { "no rights to the device", IOMMUFD SMMU PORT(0) VFIO(0),
      "of host device $0: Permission denied", AS_NOBODY_WITH_IOMMU },
    { "no rights to anything", IOMMUFD SMMU PORT(0) VFIO(0),
      "of host device $0: Permission denied", AS_NOBODY },
    { "a limit of locked memory", IOMMUFD SMMU PORT(0) VFIO(0),
      "the limit of locked memory (ulimit -l) is 1 MiB", LIMIT_MEMLOCK },
    { "an iommufd descriptor that is something else",
      "-object iommufd,id=iommufd0,fd=77 " SMMU PORT(0) VFIO(0),
      "descriptor 77 is not an open /dev/iommu: Inappropriate ioctl",
      OPEN_NULL },
    { "an iommufd descriptor that is not open",
      "-object iommufd,id=iommufd0,fd=78 " SMMU PORT(0) VFIO(0),
      "descriptor 78 is not an open /dev/iommu: Bad file descriptor" },
    { "an iommufd descriptor that is no number",
      "-object iommufd,id=iommufd0,fd=iommu " SMMU PORT(0) VFIO(0),
      "Invalid file descriptor number 'iommu'" },
    { "a device descriptor that is something else",
      IOMMUFD SMMU PORT(1)
      " -device vfio-pci,fd=77,bus=rp1,iommufd=iommufd0",
      "Failed to add fd 77 to KVM VFIO device", OPEN_NULL },
    { "no host device", IOMMUFD SMMU PORT(1)
      " -device vfio-pci,bus=rp1,iommufd=iommufd0",
      "No provided host device" },
    { "ssidsize=5, the host has none",
      IOMMUFD SMMU ",ssidsize=5" PORT(0) VFIO(0),
      "IDR1.SSIDSIZE is 5 in the guest, 0 on the host; use a smaller "
      "ssidsize" },
    { "oas=48, the host has 44",
      IOMMUFD SMMU ",oas=48" PORT(0) VFIO(0),
      "IDR5.OAS (bits) is 48 in the guest, 44 on the host; use a smaller "
      "oas" },
    {}
};

/* A VM with one good device; everything wrong is tried on it. */
static const struct bad_plug running_plug[] = {
    { "without iommufd",
      ADD("vfio-pci", "\"host\":\"$1\",\"bus\":\"rp2\""),
      "vfio-pci needs iommufd behind an arm-smmuv3 with accel=on" },
    { "an iommufd object that is not there",
      ADD_VFIO("$1", "rp2", "iommufd9"), "'iommufd9' not found" },
    { "another iommufd object", ADD_VFIO("$1", "rp2", "iommufd1"),
      "it uses another iommufd object than the devices already on this "
      "arm-smmuv3" },
    { "an emulated device", ADD("virtio-net-pci", "\"bus\":\"rp2\""),
      "virtio-net-pci is emulated" },
    { "a host device that the VM has already",
      ADD_VFIO("$0", "rp2", "iommufd0"),
      "$0: it is in use, by this or another process" },
    { "a host device that is not there",
      ADD_VFIO("ff:1f.7", "rp2", "iommufd0"), "no such host device" },
    { "a host device that vfio-pci does not have",
      ADD_VFIO("$2", "rp2", "iommufd0"),
      "host device $2 is not bound to vfio-pci (its driver: nvme)" },
    { "into a port that is taken", ADD_VFIO("$1", "rp1", "iommufd0"),
      "slot 0 function 0 already occupied" },
    { "into a bus that is not there", ADD_VFIO("$1", "rp7", "iommufd0"),
      "Bus 'rp7' not found" },
    { "a root port",
      ADD("pcie-root-port", "\"bus\":\"pcie.1\",\"chassis\":9"),
      "Bus 'pcie.1' does not support hotplugging" },
    { "a bridge", ADD("pcie-pci-bridge", "\"bus\":\"rp2\""),
      "a bridge (pcie-pci-bridge) cannot be hot-plugged behind an arm-smmuv3" },
    { "a second SMMU",
      ADD("arm-smmuv3", "\"primary-bus\":\"pcie.0\",\"accel\":true"),
      "does not support hotplugging" },
    { "changing a property of the SMMU",
      "{\"execute\":\"qom-set\",\"arguments\":{\"path\":"
      "\"/machine/peripheral/smmu0\",\"property\":\"ats\","
      "\"value\":\"on\"}}",
      "Attempt to set property 'ats' on device 'smmu0'" },
    { "turning the SMMU off",
      "{\"execute\":\"qom-set\",\"arguments\":{\"path\":"
      "\"/machine/peripheral/smmu0\",\"property\":\"accel\","
      "\"value\":false}}",
      "Attempt to set property 'accel' on device 'smmu0'" },
    { "unplugging the SMMU",
      "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"smmu0\"}}",
      "does not support hotplugging" },
    { "taking the iommufd object away",
      "{\"execute\":\"object-del\",\"arguments\":{\"id\":\"iommufd0\"}}",
      "in use" },
    { "migration",
      MIGRATE, "has accel=on: the host SMMU's state" },
    { "a snapshot", HMP("savevm one"),
      "has accel=on: the host SMMU's state" },
    { "a query with an argument",
      "{\"execute\":\"x-query-smmuv3-accel\",\"arguments\":{\"id\":1}}",
      "Parameter 'id' is unexpected" },
    {}
};

static const struct bad_plug without_devices[] = {
    { "migration without devices", MIGRATE,
      "smmu0 has accel=on: the host SMMU's state" },
    { "a snapshot without devices", HMP("savevm one"),
      "smmu0 has accel=on: the host SMMU's state" },
    {}
};

/* A guest that was promised what the host has not, by a VM without devices. */
static const struct bad_plug promised_ssid[] = {
    { "a host without the SubstreamIDs that were promised",
      ADD_VFIO("$1", "rp2", "iommufd0"),
      "IDR1.SSIDSIZE is 20 in the guest, 0 on the host" },
    {}
};

static const struct bad_plug promised_oas[] = {
    { "a host with fewer address bits than were promised",
      ADD_VFIO("$1", "rp2", "iommufd0"),
      "IDR5.OAS (bits) is 48 in the guest, 44 on the host" },
    {}
};

static const struct bad_vm device_vm[] = {
    { IOMMUFD "-object iommufd,id=iommufd1 " SMMU PORT(1) PORT(2)
      " -device vfio-pci,host=$0,bus=rp1,iommufd=iommufd0",
      running_plug, true },
    { IOMMUFD SMMU PORT(2), without_devices },
    { IOMMUFD SMMU ",ssidsize=20" PORT(2), promised_ssid },
    { IOMMUFD SMMU ",oas=48" PORT(2), promised_oas },
    {}
};

/* On a host whose SMMU cannot nest */
static const struct bad_start cannot_nest[] = {
    { "a host that cannot nest",
      IOMMUFD SMMU PORT(0) VFIO(0), "the host cannot nest (that takes an SMMUv3 with" },
    {}
};

static const struct bad_plug cannot_nest_plug[] = {
    { "hot-plug on a host that cannot nest",
      ADD_VFIO("$1", "rp2", "iommufd0"), "the host cannot nest (that takes an SMMUv3 with" },
    {}
};

static const struct bad_vm cannot_nest_vm[] = {
    { IOMMUFD SMMU PORT(2), cannot_nest_plug },
    {}
};

/* $0 and $1 are behind two host SMMUs */
static const struct bad_start two_smmus[] = {
    { "devices of two host SMMUs behind one",
      IOMMUFD SMMU PORT(0) PORT(1) VFIO(0) VFIO(1),
      "it is behind another host SMMU than the devices already on this "
      "arm-smmuv3" },
    {}
};

static const struct bad_plug other_smmu[] = {
    { "hot-plug of a device of another host SMMU",
      ADD_VFIO("$1", "rp1", "iommufd0"),
      "it is behind another host SMMU than the devices already on this "
      "arm-smmuv3" },
    {}
};

static const struct bad_vm two_smmus_vm[] = {
    { IOMMUFD SMMU PORT(0) PORT(1) VFIO(0), other_smmu },
    {}
};

/* $0 and $1 are functions of one slot without ACS */
static const struct bad_start group[] = {
    { "a device that shares its IOMMU group",
      IOMMUFD SMMU PORT(0) VFIO(0),
      "host device $0 shares its IOMMU group with $1" },
    {}
};

const struct bad_table bad_tables[] = {
    { "properties", property_start, NULL },
    { "devices", device_start, device_vm },
    { "cannot-nest", cannot_nest, cannot_nest_vm },
    { "two-smmus", two_smmus, two_smmus_vm },
    { "group", group, NULL },
};
const size_t bad_tables_len = sizeof(bad_tables) / sizeof(bad_tables[0]);
