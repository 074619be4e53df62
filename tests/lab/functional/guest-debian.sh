# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a guest with a Debian kernel does.  It booted from a disk that was made
# before the test, so the host tells it nothing: it says what it read, and the
# host judges.
#
# shellcheck shell=sh

. /lab/functional/guest.sh
PATTERN_MB=2

# The disk that nothing booted from has no file system.
data=
wait_for /dev/nvme1n1
for disk in /dev/nvme?n1; do
    if ! dd if="$disk" bs=512 count=1 2>/dev/null | grep -q LAB; then
        data=$disk
    fi
done
said "kernel $(uname -r)"
said "data disk $data read $(read_disk "$data" 0 | hash)"
checks debian
read_disk "$data" 0 | scramble |
    dd of="$data" bs=1M seek=8 oflag=direct iflag=fullblock 2>/dev/null
check "reads back what it wrote" same "$(read_disk "$data" 8 | hash)" \
    "$(read_disk "$data" 0 | scramble | hash)"
for nvme in $(pci_find 1b36:0010); do
    check "$nvme translates" grep -q DMA \
        "/sys/bus/pci/devices/$nvme/iommu_group/type"
done
check "interrupts came" [ "$(interrupts nvme)" -gt 10 ]
check_no_events
checked
