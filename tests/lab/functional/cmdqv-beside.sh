# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest of functional-handover-cmdqv, beside its disk: its queues, which
# the hardware has, but for moments.
#
# shellcheck shell=sh
# What those below set or use:
# shellcheck disable=SC2034

. /lab/functional/cmdqv-guest.sh
. /lab/functional/cmdqv.sh

CMDQV=$(cmdqv_at)
check_queues on

# The driver of the only CPU uses queue 0. Two QEMUs could read of an error: one
# that does not run the guest must not, and it is a matter of luck which is first.
beside_end()
{
    check_no_events
    check "no error came" same "$(errors_told)" 0
    told=0
    for _time in 1 2 3 4 5 6; do
        check_illegal 1
    done
}
