# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host's part of the demo.
#
# shellcheck shell=sh disable=SC2086

. /lab/functional/host.sh

say()
{
    echo "host: $*" >&2
}

say "Linux $(uname -r) on $(nproc) CPUs, with iommufd and KVM; its SMMU:"
say "  $(dmesg | sed -n 's/.*\(arm-smmu-v3 .*features.*\)/\1/p')"
nvme=$(pci_find 1b36:0010)
nic=$(pci_find 8086:10d3)
edu=$(pci_find 1234:11e8)
disk_fill nvm0 /dev/nvme0n1
say "put $PATTERN_MB MiB of random data onto the NVMe $nvme"
for dev in $nvme $nic $edu; do
    say "$dev goes to vfio-pci as $(vfio_bind $dev)"
done
inside=$(ls -d /sys/class/net/eth* | head -n 1)
ip addr add 10.0.0.1/24 dev ${inside##*/}
ip link set ${inside##*/} up

checks host
mark=$(stages_mark)
GUEST_FILES=/opt/tests/edu-dma
say "starts QEMU with a guest of Linux under UEFI:"
for word in $(behind pcie.1 16 $nvme $nic $edu); do
    case $word in
    -*) line=$word ;;
    *) say "  $line $word" ;;
    esac
done
say "the guest's firmware (UEFI) starts, then its Linux: about 6 s"
if [ "$DEMO_SHELL" = yes ]; then
    # The guest's serial port and its QEMU's monitor, by Ctrl-A c.
    GUEST_SERIAL=mon:stdio
    GUEST_INPUT=/dev/console
    GUEST_FILES="$GUEST_FILES /lab/functional/demo-shell.txt"
    guest_start demo $(behind pcie.1 16 $nvme $nic $edu) <<'END'
# Boot messages do not come between the text and the prompt.
dmesg -n 1
cat /lab/functional/demo-shell.txt >/dev/console
ENV=/lab/lib.sh setsid cttyhack sh -l </dev/console >/dev/console 2>&1
END
    wait $GUEST_PID
    return
fi
# With the time of each event, for the timeline.
guest_start demo $(behind pcie.1 16 $nvme $nic $edu) -msg timestamp=on \
    -D /mnt/guest.trace <<'END'
. /lab/functional/demo-guest.sh
END
guest_end demo
check "the NVMe's image on the board has what the guest wrote" \
    disk_written nvm0
check "the board's SMMU walked stage 1 and stage 2 for the NVMe" \
    same "$(stages 0x100 $mark)" "3 "
checked
