# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the cases of p2p.ini: the devices, the test, and what QEMU says

QTEST_QEMU_BINARY=/opt/qemu/bin/qemu-system-aarch64
edu=$(pci_find 1234:11e8)
set -- $(pci_find 1234:da7a)
SMMUV3_TEST_DEVICES="$1 $edu"
SMMUV3_TEST_PEER=$2
SMMUV3_TEST_FAR=$3
SMMUV3_TEST_NVME=$(pci_find 1b36:0010)
export QTEST_QEMU_BINARY SMMUV3_TEST_DEVICES SMMUV3_TEST_PEER SMMUV3_TEST_FAR
export SMMUV3_TEST_NVME
vfio_bind $SMMUV3_TEST_DEVICES $SMMUV3_TEST_PEER $SMMUV3_TEST_FAR \
    $SMMUV3_TEST_NVME >&2

# pretend HOST: from now on QEMU runs on the host that p2p-host.c makes of it
pretend()
{
    cat >/tmp/qemu-system-aarch64 <<END
#!/bin/sh
P2P_HOST=$1 LD_PRELOAD=/opt/tests/p2p-host.so exec $QTEST_QEMU_BINARY "\$@"
END
    chmod +x /tmp/qemu-system-aarch64
    export QTEST_QEMU_BINARY=/tmp/qemu-system-aarch64
}

# The test, whose standard error is its QEMUs', too
p2p_test()
{
    smmuv3-accel-p2p-test --tap "$@" 2>/tmp/err
    p2p_status=$?
    cat /tmp/err >&2
    return $p2p_status
}

is_said()
{
    [ "$(grep -c "$2" /tmp/err)" = $1 ]
}

# p2p_log TIMES WORDS: TAP. The last p2p_test's QEMUs said WORDS so often
p2p_log()
{
    n=0
    echo 1..2
    point "is said $1 times: $2" is_said "$1" "$2"
    point "no question whether it is a PCI BAR" is_said 0 "PCI BAR?"
}

# A QEMU that starts is told to end, which gives a 3
is_refused()
{
    echo quit | $QTEST_QEMU_BINARY -accel qtest -cpu cortex-a57 \
        -M virt,gic-version=3 -nodefaults -display none -S -monitor stdio \
        -object iommufd,id=iommufd0 \
        -device vfio-pci,host=$SMMUV3_TEST_PEER,iommufd=iommufd0,x-p2p=on \
        >&2 2>/tmp/refused && return 3
    cat /tmp/refused >&2
    grep "x-p2p=on cannot be had: $1" /tmp/refused >&2
}

# p2p_refused WORDS: TAP
p2p_refused()
{
    n=0
    echo 1..1
    point "x-p2p=on is refused: $1" is_refused "$1"
}

# fails FAULT TEST: it does, with that fault of scripts/check/dma-faults. No other
# end is a find than the test's own words, or that the host refuses to map it
fails()
{
    export DMA_FAULT=$1
    case $2 in
    refused) (pretend no-map; is_refused .; [ $? = 3 ]) ;;
    *)
        ! "smmuv3-accel-${2%%/*}-test" --tap -p "/aarch64/smmuv3-accel-$2" \
            >/tmp/out 2>&1 &&
            grep -q -e "^ERROR:.*smmuv3-accel-" \
                -e "memory listener initialization failed" \
                -e "vfio: DMA mapping failed" /tmp/out
        ;;
    esac
    fault_status=$?
    unset DMA_FAULT
    cat /tmp/out >&2
    return $fault_status
}

# dma_faults LIST: TAP. Each fault of the list makes its tests fail; with FAULT
# only those of whose line that is a part
dma_faults()
{
    sed -n 's/^= //p' "$1" | grep -e "${FAULT:-.}" >/tmp/faults
    n=0
    echo "1..$(sed 's/^[^ ]* //; s/:.*//' /tmp/faults | wc -w)"
    while read -r fault rest; do
        for test in ${rest%%:*}; do
            point "${rest#*: }: $test fails" fails "$fault" "$test" </dev/null
        done
    done </tmp/faults
}
