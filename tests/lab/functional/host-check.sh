# SPDX-License-Identifier: GPL-2.0-or-later
#
# smmuv3-host-check on a host whose properties are known.
# host-check.sh READY|NOT-READY TEXT [DEVICE...]: its answer, and a text that
# must be in its report; if it says "ready", the command line that it prints
# has to start, with the devices behind their SMMUs.

answer=$1
text=$2
shift 2
out=/tmp/host-check.out
n=0

. /lab/lib.sh

smmuv3-host-check --firmware=/usr/share/qemu/QEMU_EFI.fd "$@" >$out
status=$?
sed 's/^/# /' $out

if [ "$answer" = NOT-READY ]; then
    point "exit status 1" [ $status = 1 ]
    point "the report says: $text" grep -qF "$text" $out
    smmuv3-host-check --json --firmware=/usr/share/qemu/QEMU_EFI.fd "$@" \
        >/tmp/json
    point "exit status 1 of --json" [ $? = 1 ]
    point "which says so, too" grep -q '^  "ready": false,$' /tmp/json
    point "and prints no command" sh -c '! grep -q command /tmp/json'
    echo "1..$n"
    exit
fi

point "exit status 0" [ $status = 0 ]
point "the report says: $text" grep -qF "$text" $out
point "it answers the same again" sh -c \
    'smmuv3-host-check --firmware=/usr/share/qemu/QEMU_EFI.fd "$@" |
        cmp -s - /tmp/host-check.out' sh "$@"
smmuv3-host-check --json --firmware=/usr/share/qemu/QEMU_EFI.fd "$@" >/tmp/json
point "the JSON says so, too" grep -q '^  "ready": true,$' /tmp/json
point "its command has the same words" [ \
    "$(sed -n '/"command": \[/,$p' /tmp/json | sed -n 's/^    "\(.*\)".*/\1/p' |
        tr '\n' ' ')" = \
    "$(sed -n '/^qemu-system/,$p' $out | tr -d '\\\\' | tr -s ' \n' ' ')" ]
sed -n '/^qemu-system/,$p' $out | sed '$s/$/ -display none -monitor stdio/' \
    >/tmp/command
sed -i 's/-m 2G/-m 256M/' /tmp/command
printf 'info smmuv3-accel\ninfo status\nquit\n' | sh /tmp/command >/tmp/vm 2>&2
point "the command line that it prints starts" [ $? = 0 ]
sed 's/^/# /' /tmp/vm | tr -d '\r'
point "and the VM runs" grep -q 'VM status: running' /tmp/vm
for device; do
    point "$device is behind its SMMU" grep -q "host $device.*gbpa-bypass" \
        /tmp/vm
done
echo "1..$n"
