# SPDX-License-Identifier: GPL-2.0-or-later
#
# Test points from a script: checks NAME, then check ... , then checked.
# Nothing is printed before the end, so that another program's points may come
# in between.
#
# shellcheck shell=sh

CHECKS_OUT=/tmp/checks

checks()
{
    CHECKS_NAME=$1
    CHECKS_COUNT=0
    CHECKS_FAILED=
    : >$CHECKS_OUT
}

# check TEXT COMMAND...: a point that passes if the command succeeds. If not, the
# last that it said goes with it.
check()
{
    _text=$1
    shift
    CHECKS_COUNT=$((CHECKS_COUNT + 1))
    if "$@" >$CHECKS_OUT.said 2>&1; then
        _verdict=ok
    else
        _verdict='not ok'
        CHECKS_FAILED="$CHECKS_FAILED $CHECKS_COUNT"
    fi
    cat $CHECKS_OUT.said >&2
    echo "$_verdict $CHECKS_COUNT - $_text" | tee -a $CHECKS_OUT >&2
    [ "$_verdict" = ok ] || tail -n 1 $CHECKS_OUT.said | sed 's/^/# /' >>$CHECKS_OUT
}

checked()
{
    echo "@begin $CHECKS_NAME"
    cat $CHECKS_OUT
    echo "1..$CHECKS_COUNT"
    echo "@end $CHECKS_NAME 0"
}

same()
{
    [ "$1" = "$2" ] || {
        echo "is $1, should be $2"
        return 1
    }
}

# What a guest has to put on a disk, given what it read from it.
scramble()
{
    tr '\000-\376\377' '\001-\377\000'
}

# within SECONDS COMMAND...: try it until it succeeds.
within()
{
    _left=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        _left=$((_left - 1))
        [ $_left -gt 0 ] || return 1
        sleep 0.1
    done
}

# disk_of PCI-ADDRESS: its block device, once its driver has it.
disk_of()
{
    within 60 ls "/sys/bus/pci/devices/$1/nvme"
    echo "/dev/$(basename /sys/bus/pci/devices/"$1"/nvme/nvme*)n1"
}

# ats_enabled PCI-ADDRESS: 1 if its ATS is on, 0 if not, nothing if it has none
ats_enabled()
{
    _config=/sys/bus/pci/devices/$1/config
    _at=256
    while [ $_at -gt 0 ]; do
        _header=$(od -An -tu4 -j $_at -N 4 "$_config")
        if [ $((_header & 0xffff)) = 15 ]; then
            echo $(($(od -An -tu1 -j $((_at + 7)) -N 1 "$_config") >> 7))
            return
        fi
        _at=$((_header >> 20))
    done
}
