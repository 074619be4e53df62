# SPDX-License-Identifier: GPL-2.0-or-later
#
# Functions for the scripts of cases, in the host and in guests.

# Prints the device of the result channel, if this machine has one.
lab_result_port()
{
    for port in /sys/class/virtio-ports/*; do
        [ -e "$port/name" ] || continue
        if [ "$(cat "$port/name")" = lab.result ]; then
            echo "/dev/${port##*/}"
            return
        fi
    done
}

# tap NAME COMMAND...: run a program that prints TAP.  The marks let the
# runner tell programs apart, and see one that ended early.
tap()
{
    _name=$1
    shift
    echo "@begin $_name"
    "$@"
    echo "@end $_name $?"
}

# point TEXT COMMAND...: the next point of a script that prints its own, and
# has set n to 0; ok if the command succeeds.
point()
{
    n=$((n + 1))
    _text=$1
    shift
    if "$@"; then
        echo "ok $n - $_text"
    else
        echo "not ok $n - $_text"
    fi
}

# pci_find VENDOR:DEVICE: addresses of all such functions, in bus order.
pci_find()
{
    for dev in /sys/bus/pci/devices/*; do
        _id=$(cat "$dev/vendor"):$(cat "$dev/device")
        if [ "$_id" = "0x${1%:*}:0x${1#*:}" ]; then
            echo "${dev##*/}"
        fi
    done
}

# pci_list: every function, with its class, its driver and its IOMMU group.
pci_list()
{
    for dev in /sys/bus/pci/devices/*; do
        _driver=$(readlink "$dev/driver" || echo -)
        _group=$(readlink "$dev/iommu_group" || echo -)
        printf '%s %s:%s class %s driver %s group %s\n' "${dev##*/}" \
            "$(cut -c3- "$dev/vendor")" "$(cut -c3- "$dev/device")" \
            "$(cut -c3- "$dev/class")" "${_driver##*/}" "${_group##*/}"
    done
}

# By the names that people type. Busybox's poweroff would ask init, which is a
# script here and does not hear.
lspci()
{
    pci_list
}

poweroff()
{
    command poweroff -f
}

reboot()
{
    command reboot -f
}

# vfio_bind ADDRESS...: give functions to vfio-pci; prints their cdevs.
vfio_bind()
{
    for addr in "$@"; do
        dev=/sys/bus/pci/devices/$addr
        [ ! -e "$dev/driver" ] || echo "$addr" >"$dev/driver/unbind"
        echo vfio-pci >"$dev/driver_override"
        echo "$addr" >/sys/bus/pci/drivers_probe
        for node in "$dev"/vfio-dev/*; do
            echo "/dev/vfio/devices/${node##*/}"
        done
    done
}

# qemu_preloads LIBRARY: qtests start the tested QEMU with this library of
# /opt/tests in it.
qemu_preloads()
{
    cat >/tmp/qemu-system-aarch64 <<EOF
#!/bin/sh
LD_PRELOAD=/opt/tests/$1 exec /opt/qemu/bin/qemu-system-aarch64 "\$@"
EOF
    chmod +x /tmp/qemu-system-aarch64
    export QTEST_QEMU_BINARY=/tmp/qemu-system-aarch64
}

# qemu_fails_nth: qtests can make the host's calls of the tested QEMU fail, by
# what they write to a file.
qemu_fails_nth()
{
    qemu_preloads fail-nth.so
    export FAIL_NTH_FILE=/tmp/fail-nth
}

# A guest's kernel. It prints little: each character is an exit of the guest, and
# the whole of a log keeps its only CPU for as long as a soft lockup.
GUEST_CMDLINE='console=ttyAMA0 rdinit=/init loglevel=5 oops=panic panic=-1'

# guest_run NAME QEMU-ARGUMENT...: boot a guest under KVM with the case's
# guest-run= script, and pass its results on.  Its console joins the host's.
guest_run()
{
    _guest=$1
    shift
    _out=/tmp/result.$_guest
    rm -f "$_out"
    qemu-system-aarch64 -nodefaults -display none -no-reboot \
        -M "${GUEST_MACHINE:-virt,gic-version=3,its=on}" \
        -accel kvm -cpu host -m "${GUEST_MEMORY:-256M}" \
        -kernel /lab/guest/Image -initrd /lab/guest/initrd \
        -append "$GUEST_CMDLINE $GUEST_APPEND" \
        -serial stdio \
        -device virtio-serial-pci,romfile= \
        -chardev "file,id=result,path=$_out" \
        -device virtserialport,chardev=result,name=lab.result \
        "$@" </dev/null >&2
    _status=$?
    sed '/^@done/d' "$_out"
    # What a guest printed counts only if it came to its end.
    tap "$_guest" sh -c '
        echo 1..2
        [ "$1" = 0 ] && echo "ok 1 - QEMU ended well" ||
            echo "not ok 1 - QEMU exit status $1"
        grep -qx "@done 0" "$2" && echo "ok 2 - the guest ran to its end" ||
            echo "not ok 2 - the guest did not run to its end"
        ' sh $_status "$_out"
}
