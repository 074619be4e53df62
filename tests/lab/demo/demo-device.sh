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
translating=0
for type in /sys/kernel/iommu_groups/*/type; do
    case $(cat "$type") in
    DMA*) translating=1 ;;
    esac
done
echo "@begin guest"
[ $translating = 1 ] && echo "ok 1 - a device's DMA is translated" ||
    echo "not ok 1 - no device's DMA is translated"
if [ -b /dev/nvme0n1 ]; then
    mib=$(($(cat /sys/block/nvme0n1/size) / 2048))
    [ "$mib" -le 64 ] || mib=64
    # By requests of different sizes.
    a=$(dd if=/dev/nvme0n1 bs=1M count=$mib iflag=direct 2>/dev/null |
        sha256sum)
    b=$(dd if=/dev/nvme0n1 bs=64k count=$((mib * 16)) iflag=direct \
        2>/dev/null | sha256sum)
    say "read $mib MiB of the NVMe, twice"
    [ "$a" = "$b" ] && echo "ok 2 - reads the same twice" ||
        echo "not ok 2 - does not read the same twice"
    echo 1..2
else
    echo 1..1
fi
echo "@end guest 0"
say "shuts down, and its SMMU with it"
