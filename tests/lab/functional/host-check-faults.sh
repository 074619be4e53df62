# SPDX-License-Identifier: GPL-2.0-or-later
#
# host-check-faults.sh CASE ANSWER TEXT DEVICE...: what host-check.sh sees of a
# smmuv3-host-check with the faults that tests/lab/host-check-faults has for this
# case. With each of them the point named there has to fail.
#
# shellcheck shell=sh

case=$1
shift
n=0
PATH=/opt/faulty:$PATH

. /lab/lib.sh

# with FAULT: host-check.sh's points
with()
{
    fault=$1
    shift
    HOST_CHECK_FAULT=$fault sh /lab/host-check.sh "$@" >/tmp/with 2>&1
}

all_pass()
{
    grep -q "^ok 1 " /tmp/with && ! grep "^not ok" /tmp/with >&2
}

fails()
{
    grep "^not ok" /tmp/with | grep -qF -e " - $1" || {
        cat /tmp/with >&2
        return 1
    }
}

sed -n "s/^= \([a-z_]*\) $case: \(.*\): [^:]*$/\1 \2/p" /lab/host-check-faults \
    >/tmp/faults
echo "1..$(($(wc -l </tmp/faults) + 1))"
with none "$@"
point "without a fault all is right" all_pass
while read -r fault where; do
    with "$fault" "$@" </dev/null
    point "with the fault $fault this fails: $where" fails "$where"
done </tmp/faults
