# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests with pages of each size that the lab's own kernel has, on one host.
#
# shellcheck shell=sh disable=SC2034

# pages_size: of this kernel, from what it says of init's mappings
pages_size()
{
    sed -n 's/^KernelPageSize: *\([0-9]*\) kB/\1/p' /proc/1/smaps | head -n 1 |
        awk '{ print $1 * 1024 }'
}

# pages_guest NAME KERNEL BYTES PLACE: one guest, whose NVMe is unplugged and
# comes back. It writes to this place of the disk, in MiB, and then to the next.
pages_guest()
{
    GUEST_KERNEL=$2
    next=$(($4 + PATTERN_MB))
    WRITTEN_AT=$4
    mark=$(stages_mark)
    # Two root complexes: of one, the guest would lose the other device's BARs.
    # shellcheck disable=SC2046
    guest_start "$1" $(behind pcie.1 16 "$nvme") \
        $(behind pcie.2 32 "$testdev") <<END
    . /lab/functional/pages.sh
    checks in-guest-$1
    check "its pages have $3 bytes" same "\$(pages_size)" $3
    check_disk nvm0 /dev/nvme0n1
    check "the domain is DMA" same "\$(domain_of \$(pci_find 1b36:0010))" DMA
    check "interrupts came" [ \$(interrupts nvme) -gt 10 ]
    said unplug
    check "the NVMe goes" wait_gone /dev/nvme0n1
    said plug
    WRITTEN_AT=$next
    check_disk nvm0 /dev/nvme0n1
    check_no_events
    checked
    tap testdev-$1 testdev-guest \$(vfio_bind \$(pci_find 1234:da7a))
END
    check "$1: asks for unplug" guest_said "$1" "said unplug" 300
    monitor device_del dev17
    check "$1: asks for plug" guest_said "$1" "said plug" 180
    check "$1: the device is free" gone 90 \
        sh -c "ls -l /proc/$GUEST_PID/fd | grep $PAGES_NODE"
    monitor "device_add vfio-pci,id=dev17,host=$nvme,bus=rp17,iommufd=iommufd0"
    guest_end "$1"
    for WRITTEN_AT in "$4" $next; do
        check "$1: the board's image has what was written to $WRITTEN_AT" \
            disk_written nvm0
    done
    check "$1: the board walked both stages" same "$(stages 0x100 "$mark")" "3 "
}

# pages_guests BYTES: a host with pages of this size, and all guests
pages_guests()
{
    nvme=$(pci_find 1b36:0010)
    testdev=$(pci_find 1234:da7a)
    disk_fill nvm0 /dev/nvme0n1
    PAGES_NODE=$(basename "$(vfio_bind "$nvme")")
    vfio_bind "$testdev" >&2
    checks pages
    check "the host's pages have $1 bytes" same "$(pages_size)" "$1"
    SMMU_OPTIONS=,x-guest-vfio=on,ats=on,ssidsize=16
    GUEST_FILES=/opt/tests/testdev-guest
    GUEST_MEMORY=512M
    GUEST_APPEND=pcie_port_pm=off
    pages_guest 4k /lab/guest/Image 4096 8
    pages_guest 16k /lab/guest-16k/Image 16384 16
    pages_guest 64k /lab/guest-64k/Image 65536 24
    checked
}
