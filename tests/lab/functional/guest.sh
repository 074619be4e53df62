# SPDX-License-Identifier: GPL-2.0-or-later
#
# Functions for the guest's part of a functional case.
#
# shellcheck shell=sh

. /lab/functional/checks.sh

hash()
{
    sha256sum | cut -d' ' -f1
}

# wait_for BLOCK-DEVICE [SECONDS]
wait_for()
{
    within "${2:-60}" [ -b "$1" ]
}

# read_disk DEVICE MIB: by DMA, past the page cache.
read_disk()
{
    dd if="$1" bs=1M skip="$2" count="$PATTERN_MB" iflag=direct 2>/dev/null
}

# check_disk NAME DEVICE: read what the host put there, write what it asks for,
# and read it back.
check_disk()
{
    eval "_read=\$READ_$1 _written=\$WRITTEN_$1"
    check "$1: $2 is there" wait_for "$2"
    [ -b "$2" ] || return
    check "$1: reads what the host wrote" \
        same "$(read_disk "$2" 0 | hash)" "$_read"
    read_disk "$2" 0 | scramble |
        dd of="$2" bs=1M seek="$WRITTEN_AT" oflag=direct iflag=fullblock \
            2>/dev/null
    check "$1: reads back what it wrote" \
        same "$(read_disk "$2" "$WRITTEN_AT" | hash)" "$_written"
}

# domain_of FUNCTION-ADDRESS: the type of its IOMMU domain, or none.
domain_of()
{
    cat "/sys/bus/pci/devices/$1/iommu_group/type" 2>/dev/null || echo none
}

# interrupts PATTERN: how many the kernel counted.
interrupts()
{
    awk -v p="$1" '$0 ~ p { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++)
        n += $i } END { print n + 0 }' /proc/interrupts
}

# The vSMMU raised no event: nothing was blocked, no interrupt lost.
check_no_events()
{
    # shellcheck disable=SC2016
    check "no SMMU event, no NVMe timeout" sh -c \
        '! dmesg | grep -E "arm-smmu.*(event|F_|C_BAD)|nvme.*timeout|hung"'
}

# boot_number DEVICE: how often this was called, counted on the disk.
boot_number()
{
    _count=$(dd if="$1" bs=512 skip=122880 count=1 iflag=direct 2>/dev/null |
             tr -cd '0-9')
    _count=$((${_count:-0} + 1))
    printf '%-512s' $_count |
        dd of="$1" bs=512 seek=122880 count=1 oflag=direct 2>/dev/null
    echo $_count
}

# next_kernel now|crash COMMAND-LINE: this kernel and this root file system
# once more; the case gives the guest kernel and base.cpio.
next_kernel()
{
    # A crash kernel has little memory, and needs no further one.
    _not=lab/none
    [ "$1" = now ] || _not="lab/guest/*"
    (cd / && find lab opt ! -path "$_not" | cpio -o -H newc 2>/dev/null) \
        >/tmp/own.cpio
    cat /lab/guest/base.cpio /tmp/own.cpio >/tmp/next.initrd
    kexec "$1" /lab/guest/Image /tmp/next.initrd \
        "console=ttyAMA0 rdinit=/init loglevel=5 panic=-1 $2"
}

# check_network PCI-ADDRESS: get a file from the host, send back what follows
# from it.
check_network()
{
    _eth=$(ls "/sys/bus/pci/devices/$1/net")
    ip addr add "${NET_ADDRESS:-10.0.0.2}/24" dev "$_eth"
    ip link set "$_eth" up
    check "net: the host answers" within 60 ping -c 1 -W 2 10.0.0.1
    wget -q -O /tmp/net http://10.0.0.1/net.read
    check "net: gets what the host sends" \
        same "$(hash </tmp/net)" "$READ_net"
    # wget takes what it posts for text.
    scramble </tmp/net | base64 >/tmp/back
    check "net: sends it back" wget -q -O /dev/null --post-file=/tmp/back \
        http://10.0.0.1/cgi-bin/put
    check "net: its interrupts came" [ "$(interrupts "$_eth")" -gt 10 ]
}

# said TEXT: for guest_said of the host, which waits for it.
said()
{
    echo "# said $*"
}

wait_gone()
{
    within 60 [ ! -e "$1" ]
}
