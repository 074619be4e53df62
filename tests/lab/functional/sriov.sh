# SPDX-License-Identifier: GPL-2.0-or-later
#
# Functions for a host with VFs.
#
# shellcheck shell=sh

# interface_of DRIVER: the network interface that it drives
interface_of()
{
    for _net in /sys/class/net/*; do
        _driver=$(readlink "$_net/device/driver" || true)
        [ "${_driver##*/}" != "$1" ] || echo "${_net##*/}"
    done
}

# vfs_make PF COUNT: make them, print their addresses
vfs_make()
{
    echo "$2" >"/sys/bus/pci/devices/$1/sriov_numvfs"
    for _vf in /sys/bus/pci/devices/"$1"/virtfn*; do
        basename "$(readlink "$_vf")"
    done
}
