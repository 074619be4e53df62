# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the shell's tests of this folder, which print TAP and exit with $failed.
#
# shellcheck shell=sh

count=0
failed=0

# point NAME WRONG: it passes if nothing is wrong
point()
{
    count=$((count + 1))
    if [ -z "$2" ]; then
        echo "ok $count - $1"
    else
        failed=1
        echo "not ok $count - $1"
        echo "$2" | sed 's/^/# /'
    fi
}
