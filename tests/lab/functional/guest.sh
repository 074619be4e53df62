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

wait_for()
{
    _left=100
    while ! [ -e "$1" ]; do
        _left=$((_left - 1))
        [ $_left -gt 0 ] || return 1
        sleep 0.1
    done
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
