# SPDX-License-Identifier: GPL-2.0-or-later
#
# A domain as KubeVirt writes it for a GPU of Grace, on a host that has all of
# it: libvirt makes a command line of it, and starts it.
#
# shellcheck shell=sh

. /lab/libvirt/virsh.sh

prepare
point "libvirt is there" [ $? = 0 ]
makes_argv /lab/kubevirt.xml
shows '"accel":true,"ats":"on","ril":"off","ssidsize":"20","oas":"48"' \
    "with the SMMU and its properties" /tmp/argv
shows 'highmem-mmio-size=4' "with the MMIO window" /tmp/argv
point "with 8 generic initiators" \
    [ "$(grep -o acpi-generic-initiator /tmp/argv | wc -l)" = 8 ]
virsh 'create /lab/kubevirt.xml; domstate lab;
    qemu-monitor-command lab --hmp "info smmuv3-accel"; destroy lab' >/tmp/run
point "it starts the domain, and ends it" [ $? = 0 ]
ran
shows 'ATS on, RIL off, SSIDSIZE 20, OAS 48' "with the properties of the XML" \
    /tmp/run
shows 'hostdev0 (host 0000:21:00.0)' "with the device behind the SMMU" /tmp/run
point "QEMU got descriptors of /dev/iommu and the device" grep -q \
    '"driver":"vfio-pci".*"fd":' "$root/$state/log/qemu/lab.log"
echo "1..$n"
