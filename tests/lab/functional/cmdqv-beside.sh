# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest of functional-handover-cmdqv, beside its disk: its queues, which
# the hardware has, but for moments.
#
# shellcheck shell=sh

. /lab/functional/cmdqv-guest.sh

check_queues on

beside_end()
{
    check_no_events
    check "no error came" same "$(interrupts tegra241-cmdqv)" 0
}
