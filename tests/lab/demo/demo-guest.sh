# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's part of the demo.
#
# shellcheck shell=sh

say()
{
    echo "guest: $*" >/dev/console
}

nvme=$(pci_find 1b36:0010)
nic=$(pci_find 8086:10d3)
edu=$(pci_find 1234:11e8)
say "Linux is up; what its kernel says:"
dmesg | grep -E 'arm-smmu-v3.*oas|Adding to iommu|nvme0: .*queues|e1000e.*Link|RMR' |
    while IFS= read -r line; do
        say "  ${line#*] }"
    done
checks guest
check_disk nvm0 /dev/nvme0n1
say "NVMe: found, read, read back after a write: $(grep -c ^ok $CHECKS_OUT) of 3 right"

eth=$(ls "/sys/bus/pci/devices/$nic/net")
ip addr add 10.0.0.2/24 dev "$eth"
ip link set "$eth" up
check "the network card reaches the host" within 60 ping -c 1 -W 2 10.0.0.1
say "network card: $(ping -c 3 -i 0.2 -w 10 10.0.0.1 | grep packets)"

say "lets the edu device read 0xdead0000, where nothing is mapped:"
check "the device finished" edu-dma "$edu" 0xdead0000
check "the fault came to this guest's event queue" within 20 \
    sh -c 'dmesg | grep -q "F_TRANSLATION.*iova: 0xdead0000"'
dmesg | grep -A 1 'event: F_' | grep -v '^--' | while IFS= read -r line; do
    say "  ${line#*] }"
done
say "interrupts: NVMe $(interrupts nvme), network $(interrupts "$eth")"
checked
say "shuts down, and its SMMU with it"
