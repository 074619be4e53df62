# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host's part of the cases with a kernel that Debian built.
#
# shellcheck shell=sh disable=SC2046,SC2086

. /lab/functional/host.sh
set -- $(pci_find 1b36:0010)
disk_fill nvm0 $(disk_of $1)
vfio_bind $1 $2 >&2
checks debian
GUEST_KERNEL=none GUEST_MEMORY=1G
mark=$(stages_mark)
guest debian $(behind pcie.1 16 $1 $2) </dev/null
check "it is a kernel of Debian" grep -E 'said kernel .*(deb1|-arm64)' \
    $GUEST_DIR/debian.result
check "the guest read what the host wrote" \
    grep "read $(hash_of $GUEST_DIR/nvm0.read)" $GUEST_DIR/debian.result
check "the board's image has what the guest wrote" disk_written nvm0
check "the boot disk met stage 2 before the OS, both stages after" \
    same "$(stages 0x200 $mark)" "2 3 "
checked
