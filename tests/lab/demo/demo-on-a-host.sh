# SPDX-License-Identifier: GPL-2.0-or-later
#
# "make demo HOST=1" on the lab's host, which is an arm64 machine with KVM and
# an SMMU that nests.  The checkout is the build machine's; what make would
# have built here, and Python, is put where it is looked for.
#
# shellcheck shell=sh

. /lab/lib.sh

top=/mnt/top
qemu=$top/build/qemu/native/qemu-system-aarch64
out=/tmp/demo.out
n=0

share()
{
    mkdir -p "$2"
    mount -t 9p -o trans=virtio,ro,version=9p2000.L,msize=262144,cache=loose \
        "$1" "$2"
}

prepare()
{
    share top $top && share python /mnt/python || return
    mkdir -p /usr/bin
    cat >/usr/bin/python3 <<-'END'
	#!/bin/busybox sh
	export PYTHONHOME=/mnt/python/usr PYTHONPYCACHEPREFIX=/tmp/pycache
	lib=$PYTHONHOME/lib/aarch64-linux-gnu
	exec $lib/ld-linux-aarch64.so.1 --library-path $lib \
	    $PYTHONHOME/bin/python3 "$@"
	END
    chmod +x /usr/bin/python3
    # What a build leaves.
    mount -t tmpfs tmpfs $top/build
    tool=tools/smmuv3-host-check
    mkdir -p $top/build/linux $top/build/qemu/native/$tool $top/build/lab
    ln -s /lab/guest/Image $top/build/linux/Image
    ln -s /opt/qemu/bin/qemu-system-aarch64 $qemu
    ln -s /opt/tests/smmuv3-host-check $top/build/qemu/native/$tool/
    ln -s /usr/share/qemu/QEMU_EFI.fd $top/build/lab/
    mkdir -p $top/build/lab/busybox/usr/bin
    cp /bin/busybox $top/build/lab/busybox/usr/bin/
    # This host has no mirror to ask whether that is the newest.
    printf '#!/bin/sh\n' >/tmp/deb-fetch
    chmod +x /tmp/deb-fetch
    mount -o bind /tmp/deb-fetch $top/scripts/source/deb-fetch
}

demo()
{
    $top/tests/lab/demo/demo "$@" >$out 2>&1
    status=$?
    tr -d '\r' <$out | sed 's/^/# /'
}

# refused STATUS TEXT ARGUMENT...: it says why, and starts nothing.  STATUS is 2
# for what was asked in a wrong way, 1 for what this host cannot do.
refused()
{
    _want=$1
    _why=$2
    shift 2
    demo "$@"
    point "refused, for: $_why" sh -c \
        '[ "$1" = "$4" ] && grep -qF "$2" "$3" && ! grep -q " s  vSMMU" "$3"' \
        sh "$status" "$_why" $out "$_want"
}
