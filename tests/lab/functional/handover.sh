# SPDX-License-Identifier: GPL-2.0-or-later
#
# Functions for a guest whose QEMU is replaced by another one while it runs. The
# first one is QEMU 0; HANDOVERS counts those that were to take over. QEMU is the
# number of the one that qmp asks.
#
# shellcheck shell=sh

. /lab/functional/host.sh

# Memory that two processes can share.
GUEST_MACHINE=virt,gic-version=3,its=on,memory-backend=ram,aux-ram-share=on
SHARED="-object memory-backend-memfd,id=ram,size=${GUEST_MEMORY:-256M},share=on"
HANDOVERS=0 QEMU=0
# What a guest prints is not what the check says in which its QEMU starts.
exec 5>&2

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

# hand_over_begin SOCKET NAME QEMU-ARGUMENT...: start another QEMU, with the
# arguments of guest_start, and tell the old one to hand over by that socket.
# From now on qmp asks the new one, and 6 is the old one's.
hand_over_begin()
{
    _socket=$1
    _guest=$2
    shift 2
    OLD_PID=$GUEST_PID
    OLD=$QEMU
    HANDOVERS=$((HANDOVERS + 1))
    QEMU=$HANDOVERS
    rm -f $GUEST_DIR/cpr $GUEST_DIR/main
    # The old one's monitors stay open until it has ended.
    # shellcheck disable=SC2046
    guest_qemu "$_guest" mon$QEMU "$@" $(qmp_arguments $QEMU) \
        -incoming "unix:$GUEST_DIR/main" -incoming \
        "cpr,addr.transport=socket,addr.type=unix,addr.path=$GUEST_DIR/cpr" 2>&5
    within 60 [ -S $GUEST_DIR/cpr ] || return 1
    qmp '"migrate-set-capabilities"' \
        '{"capabilities": [{"capability": "return-path", "state": true}]}'
    qmp '"migrate-set-parameters"' '{"mode": "cpr-transfer"}'
    [ "$_socket" != none ] || kill -9 $GUEST_PID
    qmp '"migrate"' "{\"channels\": [
        {\"channel-type\": \"main\", \"addr\": $(socket "$_socket")},
        {\"channel-type\": \"cpr\", \"addr\": $(socket cpr)}]}"
    exec 6>&7
    [ "$_socket" = none ] || qmp_open $QEMU
}

# guest_hand_over NAME QEMU-ARGUMENT...: another QEMU takes over. Fails if it
# has not.
guest_hand_over()
{
    hand_over_begin main "$@" && hand_over_end
}

# hand_over_end: the new QEMU runs the guest, and the old one ends.
hand_over_end()
{
    qmp_said $QEMU '"RESUME"' && within 60 old_done || return 1
    echo '{"execute": "quit"}' >&6
    exec 6>&-
    wait $OLD_PID || return 1
    PAUSES="$PAUSES $(($(when $QEMU RESUME) - $(when $OLD STOP)))"
}

# figures OF NUMBER...: the median and the greatest, and all of them if they are
# few.
figures()
{
    _of=$1
    shift
    echo "$@" | tr ' ' '\n' | sort -n |
        awk -v of="$_of" '{ n[NR] = $1; all = all " " $1 }
            END { print "# " of ": median " n[int((NR + 1) / 2)] ", worst " n[NR] \
                  " of " NR ":" (NR <= 20 ? all : \
                  " a tenth at most " n[int(NR / 10)] \
                  ", a tenth at least " n[NR - int(NR / 10)]) }'
}

# held: the next number of the iommufd's objects, and of the guest's QEMU its
# descriptors and its memory in KiB.
held()
{
    echo "$(vfio-of $GUEST_PID next-object) $(find /proc/$GUEST_PID/fd -type l | wc -l) \
$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' /proc/$GUEST_PID/status)"
}

# no_more OBJECTS DESCRIPTORS KIB: does QEMU hold no more than that?
no_more()
{
    _held=$(held)
    echo "it holds $_held; before: $*"
    # shellcheck disable=SC2086
    set -- "$@" $_held
    [ "$4" = "$1" ] && [ "$5" -le "$2" ] && [ "$6" -lt $(($3 + 8192)) ]
}

# hand_over_cut WORD NAME QEMU-ARGUMENT...: the same, but the state comes only as
# far as WORD in it; "all": only the answers do not come.
hand_over_cut()
{
    _word=$1
    shift
    rm -f $GUEST_DIR/cut
    if [ "$_word" = all ]; then
        cut-stream $GUEST_DIR/cut $GUEST_DIR/main >$GUEST_DIR/cut.log &
    else
        cut-stream $GUEST_DIR/cut $GUEST_DIR/main "$_word" >$GUEST_DIR/cut.log &
    fi
    CUT_PID=$!
    hand_over_begin cut "$@" || return 1
    if [ "$_word" = all ]; then
        qmp_said $QEMU '"RESUME"'
    else
        within 60 grep -q cut $GUEST_DIR/cut.log
    fi
}

# runs: does the QEMU that qmp asks run its guest?
runs()
{
    qmp '"query-status"'
    sleep 0.2
    tail -n 1 $GUEST_DIR/qmp$QEMU.log | grep -q '"running": true'
}

# old_stands: the old QEMU answers, and does not run the guest.
old_stands()
{
    echo '{"execute": "query-status"}' >&6
    sleep 0.2
    tail -n 1 $GUEST_DIR/qmp$OLD.log | grep -q '"running": false'
}

# old_done: the old QEMU has the last answer of the new one. Before that, quit
# would be a failure of its migration: it would run the guest, too, until it has
# ended.
old_done()
{
    echo '{"execute": "query-migrate"}' >&6
    sleep 0.1
    tail -n 1 $GUEST_DIR/qmp$OLD.log | grep -q '"status": "completed"'
}

# old_not_done: it does not, and says another status instead.
old_not_done()
{
    ! old_done && tail -n 1 $GUEST_DIR/qmp$OLD.log | grep '"status"'
}

# attached [NUMBER]: what that QEMU attached; fails if nothing.
attached()
{
    grep -E 'smmuv3_accel_(attach|viommu_new|vdevice_new)' \
        $GUEST_DIR/taken.trace$1
}

# attached_nothing NUMBER
attached_nothing()
{
    ! attached $1
}

# handover_guest QEMU-ARGUMENT...: a guest that writes its NVMe and reads that
# back, until handover_guest_stop.
handover_guest()
{
    GUEST_APPEND="iommu.strict=1 $GUEST_APPEND"
    # shellcheck disable=SC2046
    guest_start taken "$@" $(qmp_arguments 0) <<'END'
checks in-guest
check_disk nvm0 /dev/nvme0n1
# What a case has for this guest to do beside its disk
[ ! -e /lab/functional/beside.sh ] || . /lab/functional/beside.sh
said begin
# What the host puts on the board's image ends the loop.
rounds=0 bad=0
stop() { dd if=/dev/nvme0n1 bs=512 skip=122000 count=1 iflag=direct 2>/dev/null | grep -q stop; }
until [ $rounds -ge 3 ] && stop
do
    rounds=$((rounds + 1))
    WRITTEN_AT=$((8 + rounds % 20 * 2))
    read_disk /dev/nvme0n1 0 | scramble |
        dd of=/dev/nvme0n1 bs=1M seek=$WRITTEN_AT oflag=direct iflag=fullblock 2>/dev/null
    [ "$(read_disk /dev/nvme0n1 $WRITTEN_AT | hash)" = $WRITTEN_nvm0 ] || bad=$((bad + 1))
done
said "$rounds rounds"
check "each of the rounds read back what it wrote" same $bad 0
check "interrupts came" [ $(interrupts nvme) -gt 10 ]
if [ -e /lab/functional/beside.sh ]; then
beside_end
else
check_no_events
fi
checked
END
    qmp_open 0
    check "the guest works" guest_said taken "said begin" 180
}

handover_guest_stop()
{
    printf stop | dd of=/mnt/nvm0.img bs=512 seek=122000 conv=notrunc 2>/dev/null
    guest_end taken
}

# new_killed: the new QEMU is no more; the old one is the guest's again.
new_killed()
{
    kill -9 $GUEST_PID 2>/dev/null
    wait $GUEST_PID $CUT_PID
    GUEST_PID=$OLD_PID
    QEMU=$OLD
    exec 7>&6 6>&-
}

# refused NAME QEMU-ARGUMENT...: the new QEMU ends by itself, and says why in
# $GUEST_DIR/refusal; the guest is still the old one's.
refused()
{
    exec 4>&5 5>$GUEST_DIR/refusal
    hand_over_begin main "$@"
    exec 5>&4 4>&-
    new_ends
    _status=$?
    cat $GUEST_DIR/refusal >&2
    new_killed
    return $_status
}

# new_ends: the new QEMU ends by itself, and says that it has failed.
new_ends()
{
    wait $GUEST_PID
    same $? 1
}

# started NUMBER: how often that QEMU has started the guest.
started()
{
    grep -c 'vm_state_notify running 1' $GUEST_DIR/taken.trace$1
}

# old_quits: the old QEMU is told to, and does not run the guest again.
old_quits()
{
    _started=$(started $OLD)
    echo '{"execute": "quit"}' >&6
    exec 6>&-
    wait $OLD_PID || return 1
    wait $CUT_PID
    same "$(started $OLD)" "$_started"
}

# has_ended PID: a zombie's state is Z, until the shell has asked for its status.
has_ended()
{
    ! grep -qs ') [^Z]' /proc/$1/stat
}

# old_ends: the old QEMU is told to cancel, and ends by itself.
old_ends()
{
    echo '{"execute": "migrate_cancel"}' >&6
    exec 6>&-
    within 20 has_ended $OLD_PID || return 1
    wait $OLD_PID
    same $? 1 && wait $CUT_PID
}

# old_gives_up: the new QEMU has run the guest, and is no more; only then does the
# old one lose its connection. It ends by itself.
old_gives_up()
{
    kill -9 $GUEST_PID
    wait $GUEST_PID
    kill -9 $CUT_PID
    wait $CUT_PID
    exec 6>&-
    within 20 has_ended $OLD_PID || return 1
    wait $OLD_PID
    same $? 1
}

# old_killed: the old QEMU is no more.
old_killed()
{
    kill -9 $OLD_PID
    wait $OLD_PID $CUT_PID
    exec 6>&-
}
