# SPDX-License-Identifier: GPL-2.0-or-later
#
# The bench's part in a guest; tests/bench/bench puts the list of rows, each
# one call of a function below, into /bench/rows.
#
# shellcheck shell=sh

failed=

parameter()
{
    tr ' ' '\n' </proc/cmdline | sed -n "s/^bench\.$1=//p"
}

row_failed()
{
    echo "row $1: failed"
    failed=yes
}

# The driver's loops: dma ROW COMMAND OPS [BYTES]
dma()
{
    _row=$1
    _command=$2
    shift 2
    echo "$_command $((run * 100 + _row)) $*" \
        >/sys/kernel/debug/smmu_bench || row_failed "$_row"
}

# nvme ROW OPS BYTES
nvme()
{
    _row=$1
    shift
    bench-read $((run * 100 + _row)) "$@" /dev/nvme0n1 || row_failed "$_row"
}

# The monitor is asked from now on; see bench-waits.c
phase()
{
    echo "phase $1"
    sleep 1
}

# waits_of_vcpus SECONDS: 1, 2, 4 and 8 vCPUs, each with a disk behind an SMMU of
# its own; then one, and one that reads a register of another device
waits_of_vcpus()
{
    for _n in 1 2 4 8; do
        # shellcheck disable=SC2046
        bench-waits reads "$1" $(ls /dev/nvme*n1 | head -n $_n) ||
            row_failed reads
    done
    bench-waits register "$1" /dev/nvme0n1 || row_failed register
}

# waits_of_the_monitor SECONDS: while the driver does its worst
waits_of_the_monitor()
{
    take_smmu
    for _command in storm cfgi-storm flips; do
        phase $_command
        echo "$_command $1" >/sys/kernel/debug/smmu_bench ||
            row_failed $_command
    done
}

# From here on nothing but the driver uses the SMMU
take_smmu()
{
    for _device in /sys/bus/pci/drivers/nvme/????:*; do
        echo "${_device##*/}" >/sys/bus/pci/drivers/nvme/unbind
    done
    _base=$(sed -n 's/^ *\([0-9a-f]*\)-.*arm-smmu-v3.*/\1/p' /proc/iomem |
            head -n 1)
    echo "take $_base" >/sys/kernel/debug/smmu_bench || row_failed smmu
}

run=$(parameter run)
# Used in /bench/rows
# shellcheck disable=SC2034
ril=$(parameter ril)
disks_are_there()
{
    set -- /dev/nvme*n1
    [ -e "$1" ] && [ $# -ge "$(parameter disks)" ]
}

_left=300
until disks_are_there || [ $_left = 0 ]; do
    _left=$((_left - 1))
    sleep 0.1
done
# shellcheck source=/dev/null
. /bench/rows
dmesg | grep -iE 'smmu|iommu' >&2
[ -n "$failed" ] || echo "bench done"
