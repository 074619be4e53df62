# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's part of the demo with a real device: looks, and writes nothing
# to it.
#
# shellcheck shell=sh

say()
{
    echo "guest: $*" >/dev/console
}

say "Linux is up; what its kernel says:"
dmesg | grep -E 'arm-smmu-v3|Adding to iommu|nvme|eth[0-9]' |
    while IFS= read -r line; do
        say "  ${line#*] }"
    done
pci_list | while IFS= read -r line; do
    say "  $line"
done
# The passed-through function is the only one below a root port.
device=$(echo /sys/devices/pci*/*/????:??:??.?)
echo "@begin guest"
case $(cat "$device/iommu_group/type") in
DMA*) echo "ok 1 - the device's DMA is translated" ;;
*) echo "not ok 1 - the device's DMA is not translated" ;;
esac

# read_disk FILE BLOCKSIZE COUNT: all of it, or it fails
read_disk()
{
    dd if=/dev/nvme0n1 of="$1" bs="$2" count="$3" iflag=direct 2>/dev/null &&
        [ "$(stat -c %s "$1")" = $((mib << 20)) ]
}

case $(cat "$device/class") in
0x0108*)
    tries=0
    until [ -b /dev/nvme0n1 ] || [ $tries = 30 ]; do
        sleep 1
        tries=$((tries + 1))
    done
    mib=$(($(cat /sys/block/nvme0n1/size || echo 0) / 2048))
    [ $mib -le 64 ] || mib=64
    # By requests of different sizes.
    if [ $mib -gt 0 ] && read_disk /tmp/a 1M $mib &&
        read_disk /tmp/b 64k $((mib * 16)); then
        say "read $mib MiB of the NVMe, twice"
        cmp -s /tmp/a /tmp/b && echo "ok 2 - reads the same twice" ||
            echo "not ok 2 - does not read the same twice"
    else
        echo "not ok 2 - the NVMe cannot be read"
    fi
    echo 1..2
    ;;
*)
    echo 1..1
    ;;
esac
echo "@end guest 0"
say "shuts down, and its SMMU with it"
