# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the cases of cases/fault.ini share: a QEMU with fail-nth.so in it, and
# what is looked at afterwards.
#
# shellcheck shell=dash

qemu_fails_nth
SMMUV3_TEST_DEVICES="$(echo $(pci_find 1234:11e8))"
export SMMUV3_TEST_DEVICES
vfio_bind $SMMUV3_TEST_DEVICES >&2

# What is still referred to keeps its driver: unbind waits for it.
given_back()
{
    for _addr in $SMMUV3_TEST_DEVICES; do
        timeout 20 sh -c 'echo "$1" >/sys/bus/pci/drivers/vfio-pci/unbind' \
            sh "$_addr" || return 1
        [ ! -e "/sys/bus/pci/devices/$_addr/driver" ] || return 1
    done
}

fault_after()
{
    n=0
    echo 1..1
    point "the host takes its devices back" given_back
}

# fails TEST MESSAGE: it fails, and so
fails()
{
    "smmuv3-accel-${1%%/*}-test" --tap -p "/aarch64/smmuv3-accel/$1" \
        >/tmp/out 2>&1
    _status=$?
    cat /tmp/out >&2
    [ $_status -ne 0 ] && grep -q "$2" /tmp/out
}

# lost WHAT TEST MESSAGE
lost()
{
    SMMUV3_FAULT_LOSE=$1 fails "fault/$2" "$3"
}

leaked()
{
    SMMUV3_LOAD_LEAK=1 SMMUV3_LOAD_PLUGS=2 fails load/plugs "$1"
}

fault_lost()
{
    n=0
    echo 1..6
    point "lost attaches are seen at GBPA" \
        lost attach gbpa_to_abort "DMA of device . is flat"
    point "lost attaches are seen at CFGI" \
        lost attach cfgi_s1_to_abort "DMA of device . is mapped"
    point "a lost invalidation is seen at TLBI" \
        lost invalidate tlbi "DMA of device . is mapped, not blocked"
    point "a lost vDEVICE is in the way of the next" \
        lost destroy smmuen_1 "count_closed(g) == 0"
    point "lost objects are seen at plug" \
        lost destroy plug_beside_another "objects [0-9]*, then"
    # A vDEVICE that was not freed is in the way of the one tried at plug
    point "a lost vDEVICE is seen at the next plug" leaked \
        "guest_try_hotplug(g, i)"
}
