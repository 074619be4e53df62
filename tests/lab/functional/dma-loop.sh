# SPDX-License-Identifier: GPL-2.0-or-later
#
# A device whose DMA the host drives, while its guest's QEMU is replaced. What
# each loop said in the end is in /tmp/loops.
#
# shellcheck shell=sh

# loop_begin STATE: of the guest's SMMU. It works from now on.
loop_begin()
{
    # shellcheck disable=SC2154
    dma-loop "$testdev" "$1" >/tmp/loop 2>&1 &
    LOOP_PID=$!
    within 120 grep -q round /tmp/loop
}

# loop_end: did all DMA of the loop go as it should?
loop_end()
{
    kill -TERM $LOOP_PID
    wait $LOOP_PID
    _status=$?
    tail -n 1 /tmp/loop | tee -a /tmp/loops
    return $_status
}

loop_fails()
{
    ! loop_end
}

# loops WORD: the sum of the numbers before this word, over all loops.
loops()
{
    awk -v word="$1" '{ for (i = 2; i <= NF; i++) if ($i == word) n += $(i - 1) }
        END { print n + 0 }' /tmp/loops
}

# loop_goes_on LINES: it has said more than that, and three lines yet.
loop_goes_on()
{
    [ "$(wc -l </tmp/loop)" -ge $(($1 + 3)) ]
}

# hand_over_standing QEMU-ARGUMENT...: another QEMU takes over, but the guest
# stands still until the device has been seen to work.
hand_over_standing()
{
    hand_over_begin main taken -S "$@" && within 60 old_done &&
        within 60 loop_goes_on "$(wc -l </tmp/loop)" || return 1
    qmp '"cont"'
    hand_over_end
}

# traced EVENT SID MARK: how many of the board's SMMU there are since then.
traced()
{
    trace_since "$3" | grep -c "^smmuv3_$1 .*sid=$2\>"
}

# hwpt_of DEVICE: what was attached last, by whichever QEMU had it then.
hwpt_of()
{
    for _n in "" $(seq $QEMU); do
        cat "$GUEST_DIR/taken.trace$_n"
    done |
        sed -n "s/^smmuv3_accel_attach $1 attached=[a-z]* s1_hwpt=\([0-9]*\) .*/\1/p" |
        tail -n 1
}
