# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a host kernel that looks for its own mistakes (kernel = debug) has found.
# KASAN and lockdep speak on the console, where the runner sees it.
#
# shellcheck shell=dash

KMEMLEAK=/sys/kernel/debug/kmemleak

# Asked for now: the kernel's buffer forgets what it said first.
KASAN_SAID=$(dmesg | grep -c 'KernelAddressSanitizer initialized')

kasan_is_on()
{
    [ "$KASAN_SAID" = 1 ]
}

# Lockdep ends with the first thing that it finds.
lockdep_is_on()
{
    grep -q 'debug_locks: *1' /proc/lockdep_stats
}

kmemleak_is_on()
{
    echo scan >$KMEMLEAK
}

# A young object is none that is lost, nor is one found in the first scan: its
# only pointer may have been on its way.
no_leak()
{
    for _scan in 1 2 3; do
        sleep 6
        echo scan >$KMEMLEAK || return 1
    done
    cat $KMEMLEAK >/tmp/leaks || return 1
    cat /tmp/leaks >&2
    [ ! -s /tmp/leaks ]
}

# kernel_looked [no-lockdep]
kernel_looked()
{
    n=0
    echo 1..$((4 - $#))
    point "KASAN is on" kasan_is_on
    [ $# != 0 ] || point "lockdep is on, and found nothing" lockdep_is_on
    point "kmemleak finds nothing" no_leak
    point "kmemleak is on" kmemleak_is_on
}
