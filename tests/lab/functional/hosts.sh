# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the cases of cases/hosts.ini share.
#
# shellcheck shell=dash

. /lab/functional/checks.sh

# start DEVICE[,PROPERTY=VALUE]: the tested QEMU with it behind a vSMMU, no more
start()
{
    echo quit | timeout 60 qemu-system-aarch64 -M virt,gic-version=3 \
        -accel kvm -cpu host -nodefaults -display none -S -monitor stdio \
        -bios /usr/share/qemu/QEMU_EFI.fd -object iommufd,id=iommufd0 \
        -device pxb-pcie,id=pcie.1,bus_nr=16,bus=pcie.0 \
        -device arm-smmuv3,primary-bus=pcie.1,accel=on \
        -device pcie-root-port,id=rp,bus=pcie.1 \
        -device "vfio-pci,bus=rp,iommufd=iommufd0,host=$1" 2>/tmp/refused
}

# started DEVICE[,PROPERTY=VALUE]: it does, and says nothing
started()
{
    start "$1" && cat /tmp/refused && [ ! -s /tmp/refused ]
}

# refused TEXT DEVICE[,PROPERTY=VALUE]: it does not, and says TEXT
refused()
{
    start "$2"
    _status=$?
    cat /tmp/refused
    [ $_status = 1 ] && grep -q -e "$1" /tmp/refused
}

# hosts_test DEVICE DEVICE [NAME=VALUE]...: of the host's SMMU
hosts_test()
{
    qemu_fails_nth
    export SMMUV3_TEST_DEVICES="$1 $2"
    shift 2
    tap hosts env "$@" smmuv3-accel-hosts-test --tap
}
