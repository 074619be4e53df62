# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's libvirt on the lab's host, with this project's QEMU: it makes a
# command line, starts the domain with it, plugs a device in, and passes an
# error on.

. /lab/libvirt/virsh.sh

prepare
point "libvirt is there" [ $? = 0 ]
virsh version >/tmp/version
echo "# $(grep 'Using library' /tmp/version)"

makes_argv /lab/domain.xml
shows '{"driver":"arm-smmuv3","primary-bus":"pci.1","id":"iommu0","accel":true,"ats":"off","ril":"on","ssidsize":"0","oas":"44"}' \
    "with the SMMU and its properties" /tmp/argv
shows '"driver":"vfio-pci","id":"hostdev0","iommufd":"iommufd0"' \
    "with the device and its iommufd" /tmp/argv

virsh 'create /lab/domain.xml; domstate lab;
    qemu-monitor-command lab --hmp "info smmuv3-accel";
    attach-device lab /lab/hostdev.xml; echo plugged;
    qemu-monitor-command lab --hmp "info smmuv3-accel";
    destroy lab' >/tmp/run
point "it starts the domain, plugs a device in, and ends it" [ $? = 0 ]
ran
shows 'ATS off, RIL on, SSIDSIZE 0, OAS 44' "with the properties of the XML" \
    /tmp/run
shows 'hostdev0 (host 0000:01:00.0)' "with the device behind the SMMU" /tmp/run
sed -n '/plugged/,$p' /tmp/run >/tmp/plugged
shows 'hostdev1 (host 0000:02:00.0)' "and with the one that was plugged in" /tmp/plugged
point "QEMU got descriptors of /dev/iommu and the device" grep -q \
    '"driver":"vfio-pci".*"fd":' $root/$state/log/qemu/lab.log

# This host has no CMDQV
sed "s/oas='44'/oas='44' cmdqv='off'/" /lab/libvirt/domain.xml \
    >$root/lab/no-cmdqv.xml
virsh domxml-to-native qemu-argv /lab/no-cmdqv.xml >/tmp/argv
point "it makes a command line with cmdqv='off'" [ $? = 0 ]
shows '"oas":"44","cmdqv":"off"' "and passes that on" /tmp/argv
virsh 'create /lab/no-cmdqv.xml; domstate lab; destroy lab' >/tmp/run
point "it starts the domain" [ $? = 0 ]
shows running "the domain runs" /tmp/run
sed "s/oas='44'/oas='44' cmdqv='on'/" /lab/libvirt/domain.xml \
    >$root/lab/cmdqv.xml
virsh 'create /lab/cmdqv.xml' >/dev/null
point "cmdqv='on' is refused" [ $? != 0 ]
shows 'the host has no CMDQV for it' "and libvirt's user reads why" /tmp/virsh.err

# What KubeVirt writes, on a host without SubstreamIDs
sed "s/ats='off' ril='on' ssidsize='0' oas='44'/ats='on' ril='off' ssidsize='20' oas='48'/" \
    /lab/libvirt/domain.xml >$root/lab/kubevirt.xml
virsh 'create /lab/kubevirt.xml' >/dev/null
point "a host without SubstreamIDs is refused" [ $? != 0 ]
shows 'IDR1.SSIDSIZE is 20 in the guest, 0 on the host; use a smaller ssidsize' \
    "and libvirt's user reads why" /tmp/virsh.err

# The same without a device
sed '/<hostdev/,/<.hostdev>/d' $root/lab/kubevirt.xml >$root/lab/none.xml
virsh 'create /lab/none.xml; domstate lab;
    qemu-monitor-command lab --hmp "info smmuv3-accel"; destroy lab' >/tmp/run
point "without devices KubeVirt's properties start" [ $? = 0 ]
shows 'ATS on, RIL off, SSIDSIZE 20, OAS 48' "and are what the guest sees" \
    /tmp/run

# Nothing said: all of it from the host
sed "s/ ats='off' ril='on' ssidsize='0' oas='44'//" \
    /lab/libvirt/domain.xml >$root/lab/auto.xml
virsh 'create /lab/auto.xml;
    qemu-monitor-command lab --hmp "info smmuv3-accel"; destroy lab' >/tmp/run
point "without properties it starts" [ $? = 0 ]
shows '(auto from the host SMMU)' "with those of the host" /tmp/run
echo "1..$n"
