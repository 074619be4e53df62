# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs what the manual prints, in the lab's host. A block is marked by a comment
# before it:
#
#   .. lab-test: host ADDRESS                 gives ADDRESS to vfio-pci
#   .. lab-test: guest NAME nvme=N [monitor]  boots a guest with N NVMe disks
#   .. lab-test: monitor                      what is typed into the monitor
#
# shellcheck shell=sh disable=SC1091,SC2015

PAGE=/docs/smmuv3-accel.rst
WORK=/tmp/docs

. /lab/functional/checks.sh

marks()
{
    sed -n 's/^\.\. lab-test: //p' $PAGE
}

# block MARK: the lines after it, without indentation and prompt.
block()
{
    awk -v mark=".. lab-test: $1" '
        $0 == mark { found = 1; next }
        found && /^\.\. code-block::/ { inside = 1; next }
        inside && /^[^ ]/ { exit }
        inside { print }' $PAGE | sed -n 's/^   //p' |
        sed 's/^[$#] //; s/^(qemu) //'
}

driver_of()
{
    basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}

# The second disk is bound by the same lines, for its address.
bind_hosts()
{
    _mark=$(marks | grep '^host ')
    _addr=${_mark#host }
    for addr in $(pci_find 1b36:0010); do
        block "$_mark" | sed "s/$_addr/$addr/g" >$WORK/host
        check "host set-up of $addr" sh -e $WORK/host
        check "$addr is vfio-pci's" same "$(driver_of "$addr")" vfio-pci
    done
}

# What a guest does: wait for as many disks as are to come, read from each, say
# what they are translated by.
guest_initrd()
{
    mkdir -p $WORK/root/lab
    cat >$WORK/root/lab/run <<'END'
disks()
{
    # Their number gets there, within 180 s
    left=1800
    while [ "$(ls -d /dev/nvme*n1 2>/dev/null | wc -l)" != "$1" ]; do
        left=$((left - 1))
        [ $left -gt 0 ] || break
        sleep 0.1
    done
    read=0
    for disk in /dev/nvme*n1; do
        dd if=$disk of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null &&
            read=$((read + 1))
    done
    domains=
    for dev in $(pci_find 1b36:0010); do
        domains="$domains $(cat /sys/bus/pci/devices/$dev/iommu_group/type)"
    done
    # The kernel's own lines come between two of this, never into one
    echo "docs: $read read, translated by$domains;" >/dev/kmsg
}
END
    {
        echo "disks $1"
        if [ -n "$2" ]; then
            echo "disks 2"
            echo "disks 1"
        fi
    } >>$WORK/root/lab/run
    (cd $WORK/root && find . | cpio -o -H newc 2>/dev/null) >$WORK/run.cpio
    cat /lab/guest/base.cpio $WORK/run.cpio >$WORK/initrd.img
}

# wait_for TEXT N SECONDS: until the console has it on N lines, or QEMU has ended
wait_for()
{
    _left=$(($3 * 10))
    while [ "$(grep -c "$1" $WORK/console)" -lt "$2" ]; do
        _left=$((_left - 1))
        [ $_left -gt 0 ] && kill -0 $QEMU_PID 2>/dev/null || break
        sleep 0.1
    done
}

# said N: the guest's N-th line, waited for until it is whole. It may stand behind
# the monitor's prompt.
said()
{
    wait_for 'docs: .*;' "$1" 270
    grep -o 'docs: .*;' $WORK/console | sed -n "$1p"
}

expected()
{
    case $1 in
    1) echo "docs: 1 read, translated by DMA;" ;;
    2) echo "docs: 2 read, translated by DMA DMA;" ;;
    esac
}

# A command line that is used on its own, or with what is typed between.
run_guest()
{
    _name=$1
    _disks=${2#nvme=}
    _monitor=$3
    guest_initrd "$_disks" "$_monitor"
    block "guest $*" >$WORK/guest
    : >$WORK/console
    (cd $WORK && exec sh -e guest <$WORK/keys >$WORK/console 2>&1) &
    QEMU_PID=$!
    exec 7<>$WORK/keys
    check "$_name: $_disks of NVMe, translated" \
        same "$(said 1)" "$(expected "$_disks")"
    [ -z "$_monitor" ] || run_monitor "$_name"
    wait $QEMU_PID
    check "$_name: QEMU ended well" [ $? = 0 ]
    exec 7>&-
    [ -z "$CHECKS_FAILED" ] || tail -n 40 $WORK/console >&2
}

# type_text TEXT: into the monitor, which then has its N-th prompt
type_text()
{
    PROMPTS=$((PROMPTS + 1))
    # shellcheck disable=SC2059
    printf "$1" >&7
    wait_for '(qemu) ' $PROMPTS 60
}

# The monitor stays in front: what the guest writes is seen beside it, and coming
# back would write a newline into that.
run_monitor()
{
    PROMPTS=0
    type_text '\001c'
    type_text "$(block monitor | grep device_add)\n"
    check "$1: another one plugged" same "$(said 2)" "$(expected 2)"
    type_text "$(block monitor | grep info)\n"
    check "$1: the monitor shows both" \
        same "$(grep -c 'attached ste-translate' $WORK/console)" 2
    type_text "$(block monitor | grep device_del)\n"
    check "$1: and unplugged" same "$(said 3)" "$(expected 1)"
}

mkdir -p $WORK
mkfifo $WORK/keys
ln -s /lab/guest/Image $WORK/Image
checks manual
check "the page has command lines" [ "$(marks | grep -c '^guest ')" -ge 3 ]
bind_hosts
marks | grep '^guest ' >$WORK/guests
while read -r _ args <&6; do
    # shellcheck disable=SC2086
    run_guest $args
done 6<$WORK/guests
checked
