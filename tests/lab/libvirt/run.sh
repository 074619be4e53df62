# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's libvirt on the lab's host, with this project's QEMU: it makes a
# command line, starts the domain with it, plugs a device in, and passes an
# error on.  libvirt's files are a directory of the build machine; all that it
# writes goes to memory.

root=/mnt
state=/tmp/libvirt
n=0

. /lab/lib.sh

prepare()
{
    mount -t 9p -o trans=virtio,ro,version=9p2000.L,msize=262144,cache=loose \
        libvirt $root || return
    for d in run tmp var opt etc lab root; do
        mount -t tmpfs tmpfs $root/$d
    done
    # This kernel has no container of VFIO groups, whose node libvirt looks
    # for; it opens the device's own.
    [ -e /dev/vfio/vfio ] || : >/dev/vfio/vfio
    for d in dev dev/pts dev/shm proc sys; do
        mount -o bind /$d $root/$d
    done
    mkdir -p $root/opt/qemu $root/$state/etc $root/var/lib $root/var/log
    cp -a /opt/qemu/* $root/opt/qemu/
    cp /lab/libvirt/*.xml $root/lab/
    cp /usr/share/qemu/QEMU_EFI.fd $root/lab/CODE.fd
    truncate -s 64M $root/lab/CODE.fd $root/lab/VARS.fd
    echo 127.0.0.1 lab >$root/etc/hosts
    hostname lab
    cat >$root/etc/passwd <<-END
	root:x:0:0::/root:/bin/sh
	libvirt-qemu:x:64055:64055::/:/bin/sh
	END
    printf 'root:x:0:\nlibvirt-qemu:x:64055:\nkvm:x:36:\n' >$root/etc/group
    cat >$root/$state/etc/qemu.conf <<-END
	user = "root"
	group = "root"
	security_driver = "none"
	namespaces = []
	cgroup_controllers = []
	stdio_handler = "file"
	remember_owner = 0
	END
}

# virsh with libvirt's QEMU driver in it: no daemon
virsh()
{
    PATH=/usr/bin:/usr/sbin HOME=/root chroot $root \
        virsh -q -c "qemu:///embed?root=$state" "$@" 2>/tmp/virsh.err
    _status=$?
    sed 's/^/virsh: /' /tmp/virsh.err >&2
    return $_status
}

shows()
{
    point "$2" grep -qF -- "$1" "$3"
}

prepare
point "libvirt is there" [ $? = 0 ]
virsh version >/tmp/version
echo "# $(grep 'Using library' /tmp/version)"

virsh domxml-to-native qemu-argv /lab/domain.xml >/tmp/argv
point "it makes a command line of the domain" [ $? = 0 ]
sed 's/ -\([a-z]\)/\n-\1/g' /tmp/argv | sed 's/^/# /'; echo
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
tr -d '\r' </tmp/run | sed 's/^/# /'
shows running "the domain runs" /tmp/run
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
