# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's libvirt on the lab's host, with this project's QEMU. libvirt's files
# are a directory of the build machine; all that it writes goes to memory.
#
# shellcheck shell=sh

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

# makes_argv DOMAIN: a point, and libvirt's command line for it in /tmp/argv
makes_argv()
{
    virsh domxml-to-native qemu-argv "$1" >/tmp/argv
    point "it makes a command line of the domain" [ $? = 0 ]
    sed 's/ -\([a-z]\)/\n-\1/g' /tmp/argv | sed 's/^/# /'; echo
}

# ran: /tmp/run has what libvirt and the monitor said of a domain
ran()
{
    tr -d '\r' </tmp/run | sed 's/^/# /'
    shows running "the domain runs" /tmp/run
}

shows()
{
    point "$2" grep -qF -- "$1" "$3"
}
