# SPDX-License-Identifier: GPL-2.0-or-later
#
# What cases about the board's Tegra241 CMDQV share. The registers are read
# by /dev/mem, beside the driver that has them.
#
# shellcheck shell=sh

. /lab/functional/checks.sh

CMDQV=0x0e000000
VINTF0=0x30000          # Page 0 of its queues
QUEUE=0x80
# In page 0 of a queue, and BASE in page 1
CONS=0x00
PROD=0x04
STATUS=0x0c
GERROR=0x10
GERRORN=0x14
BASE=0x10000
CMDQV_CONFIG=0x00
VINTF0_CONFIG=0x1000

# reg OFFSET [WIDTH]: a register of the CMDQV
reg()
{
    devmem $((CMDQV + $1)) "${2:-32}"
}

# queue N REGISTER: one of VINTF 0's queue N
queue()
{
    reg $((VINTF0 + $1 * QUEUE + $2)) "$3"
}

# smmu_prod ADDRESS: how far the SMMU's own command queue was filled
smmu_prod()
{
    devmem $(($1 + 0x98)) 32
}

# disk_holds DEVICE: it reads what was written to it
disk_holds()
{
    dd if=/dev/urandom of=/tmp/written bs=1M count=8 &&
        dd if=/tmp/written of="$1" bs=64k oflag=direct &&
        dd if="$1" of=/tmp/read bs=64k count=128 iflag=direct &&
        cmp /tmp/written /tmp/read
}

# drained N: VINTF 0's queue N has done all that it was given. Beside the index
# CONS has the last error.
drained()
{
    same $(($(queue "$1" $CONS) & 0xfffff)) $(($(queue "$1" $PROD)))
}

# errors_told: how many errors the CMDQV told of
errors_told()
{
    awk '/tegra241-cmdqv/ { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i }
         END { print n + 0 }' /proc/interrupts
}

kernel_said()
{
    dmesg | grep -q "$1"
}
