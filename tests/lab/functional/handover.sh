# SPDX-License-Identifier: GPL-2.0-or-later
#
# Functions for a guest whose QEMU is replaced by another one while it runs. The
# guest is started with guest_start; HANDOVERS counts how often it was taken over.
#
# shellcheck shell=sh

. /lab/functional/host.sh

# Memory that two processes can share.
GUEST_MACHINE=virt,gic-version=3,its=on,memory-backend=ram,aux-ram-share=on
SHARED="-object memory-backend-memfd,id=ram,size=${GUEST_MEMORY:-256M},share=on"
HANDOVERS=0

# qmp_arguments NUMBER: QEMU arguments for a QMP monitor of that QEMU.
qmp_arguments()
{
    mkfifo $GUEST_DIR/qmp$1.in $GUEST_DIR/qmp$1.out 2>/dev/null
    echo "-chardev pipe,id=qmp,path=$GUEST_DIR/qmp$1 -mon chardev=qmp,mode=control"
}

# qmp_open NUMBER: what it says goes to qmpNUMBER.log.
qmp_open()
{
    exec 7<>$GUEST_DIR/qmp$1.in
    cat $GUEST_DIR/qmp$1.out >$GUEST_DIR/qmp$1.log &
    qmp '"qmp_capabilities"'
}

# qmp COMMAND [ARGUMENTS]
qmp()
{
    echo "{\"execute\": $1, \"arguments\": ${2:-{\}}}" >&7
}

# qmp_said NUMBER WORDS
qmp_said()
{
    within 60 grep "$2" $GUEST_DIR/qmp$1.log
}

# when NUMBER EVENT: when that QEMU said it, in ms.
when()
{
    sed -n "s/.*\"seconds\": \([0-9]*\), \"microseconds\": \([0-9]*\)}.*\"$2\".*/\1 \2/p" \
        $GUEST_DIR/qmp$1.log | tail -n 1 |
        awk '{ printf "%.0f\n", $1 % 1000000 * 1000 + $2 / 1000 }'
}

socket()
{
    echo "{\"transport\": \"socket\", \"type\": \"unix\", \"path\": \"$GUEST_DIR/$1\"}"
}

# guest_hand_over NAME QEMU-ARGUMENT...: another QEMU, with the arguments of
# guest_start, takes over. Fails if it has not.
guest_hand_over()
{
    _guest=$1
    shift
    _old=$GUEST_PID
    _from=$HANDOVERS
    HANDOVERS=$((HANDOVERS + 1))
    rm -f $GUEST_DIR/cpr $GUEST_DIR/main
    # The old one's monitors stay open until it has ended.
    # shellcheck disable=SC2046
    guest_qemu "$_guest" mon$HANDOVERS "$@" $(qmp_arguments $HANDOVERS) \
        -incoming "unix:$GUEST_DIR/main" -incoming \
        "cpr,addr.transport=socket,addr.type=unix,addr.path=$GUEST_DIR/cpr"
    within 60 [ -S $GUEST_DIR/cpr ] || return 1
    qmp '"migrate-set-capabilities"' \
        '{"capabilities": [{"capability": "return-path", "state": true}]}'
    qmp '"migrate-set-parameters"' '{"mode": "cpr-transfer"}'
    qmp '"migrate"' "{\"channels\": [
        {\"channel-type\": \"main\", \"addr\": $(socket main)},
        {\"channel-type\": \"cpr\", \"addr\": $(socket cpr)}]}"
    exec 6>&7
    qmp_open $HANDOVERS
    qmp_said $HANDOVERS '"RESUME"' || return 1
    echo '{"execute": "quit"}' >&6
    exec 6>&-
    wait $_old
    PAUSES="$PAUSES $(($(when $HANDOVERS RESUME) - $(when $_from STOP)))"
}
