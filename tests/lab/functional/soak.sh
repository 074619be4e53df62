# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's part of the soak: every device works at once until SOAK_SECONDS
# are over, and what it reads is compared.
#
# shellcheck shell=sh

nvme=$(pci_find 1b36:0010)
nic=$(pci_find 8086:10d3)
edu=$(pci_find 1234:11e8)
disk=/dev/nvme0n1

seconds()
{
    cut -d. -f1 /proc/uptime
}

# wrong WHAT: counted and said, and the work goes on
wrong()
{
    echo "soak: wrong: $*" >/dev/console
    echo "$*" >>/tmp/wrong
}

disk_round()
{
    [ "$(read_disk $disk 0 | hash)" = "$READ_nvm0" ] || wrong "disk: read"
    _at=$((8 + $1 % 20 * 2))
    read_disk $disk 0 | scramble |
        dd of=$disk bs=1M seek=$_at oflag=direct iflag=fullblock 2>/dev/null
    [ "$(read_disk $disk $_at | hash)" = "$WRITTEN_nvm0" ] ||
        wrong "disk: written"
}

network_round()
{
    wget -q -T 60 -O /tmp/net http://10.0.0.1/net.read || wrong "network: get"
    [ "$(hash </tmp/net)" = "$READ_net" ] || wrong "network: contents"
    ping -q -c 20 -i 0.01 -s 8000 10.0.0.1 >/dev/null || wrong "network: ping"
}

# pause TEXT: wait until the host has looked at what QEMU and it hold now.
pause()
{
    said "$1"
    until wget -q -O /dev/null "http://10.0.0.1/$1.looked" 2>/dev/null; do
        sleep 5
    done
}

# The driver leaves and comes back, and the disk's DMA is not translated between
# that: the stream's entry changes twice, and the host's page table is another.
driver_round()
{
    _type=$(domain_of "$nvme")
    echo "$nvme" >/sys/bus/pci/drivers/nvme/unbind
    wait_gone $disk || wrong "disk: stays without a driver"
    for _to in identity "$_type"; do
        echo $_to >"/sys/bus/pci/devices/$nvme/iommu_group/type" ||
            wrong "disk: the domain does not become $_to"
    done
    echo "$nvme" >/sys/bus/pci/drivers/nvme/bind
    wait_for $disk || wrong "disk: does not come back"
}

# work SECONDS
work()
{
    end=$(($(seconds) + $1))
    while [ "$(seconds)" -lt $end ]; do
        network_round &
        disk_round $rounds
        wait
        if [ $((rounds % 5)) = 4 ]; then
            driver_round
        fi
        if [ $((rounds % 3)) = 2 ]; then
            edu-dma "$edu" 0xdead0000 || wrong "edu: does not end"
            faults=$((faults + 1))
        fi
        rounds=$((rounds + 1))
    done
}

checks soak
check "the disk is there" wait_for $disk
eth=$(ls "/sys/bus/pci/devices/$nic/net")
ip addr add 10.0.0.2/24 dev "$eth"
ip link set "$eth" up
check "the network is there" within 60 ping -c 1 -W 2 10.0.0.1
: >/tmp/wrong
rounds=0
faults=0
# What the first rounds make once is there before the host counts.
work 30
pause working
work "$SOAK_SECONDS"
check "$rounds rounds of work, nothing was wrong" [ ! -s /tmp/wrong ]
check "there were rounds, and $faults faults" [ $faults -gt 0 ]
check "faults came to the guest" sh -c 'dmesg | grep -q "F_TRANSLATION"'
check "no NVMe timeout" sh -c '! dmesg | grep -E "nvme.*timeout|hung"'
pause finished
checked
