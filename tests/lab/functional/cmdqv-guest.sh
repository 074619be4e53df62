# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest with a CMDQV: what its driver says, and what an unmap costs the host.
#
# shellcheck shell=sh

# --- In the host ---

# trace_calls: QEMU arguments that make it trace each access to a register of
# the SMMU and its CMDQV, and each host call
trace_calls()
{
    echo "-trace smmuv3_write_mmio -trace smmuv3_read_mmio"
    echo "-trace smmuv3_accel_cmdqv_* -trace iommufd_viommu_call"
}

# between_marks NAME PATTERN: how many such lines guest NAME's QEMU traced
# between the marks that mark_trace made
between_marks()
{
    awk -v p="$2" '
        /smmuv3_write_mmio addr: 0xff0 val:0x111 / { on = 1; next }
        /smmuv3_write_mmio addr: 0xff0 val:0x222 / { on = 0; ended = 1 }
        on && $0 ~ p { n++ }
        END { print ended ? n + 0 : "no marks" }' "$GUEST_DIR/$1.trace"
}

# gives NUMBER: how often the QEMU of that number gave the hardware a queue
gives()
{
    grep -c 'smmuv3_accel_cmdqv_give.*(0)' "$GUEST_DIR/taken.trace$1"
}

# guest_calls [NUMBER]: the register writes that this QEMU did for the guest, and
# the invalidations
guest_calls()
{
    grep -c -e smmuv3_write_mmio -e smmuv3_accel_cmdqv_write \
        -e IOMMU_HWPT_INVALIDATE "$GUEST_DIR/taken.trace$1"
}

# queues: of the queues that the hardware has, how far they were filled
queues()
{
    qmp '"x-query-smmuv3-accel"'
    sleep 0.2
    # shellcheck disable=SC2154
    tail -n 1 "$GUEST_DIR/qmp$QEMU.log" | grep -o '"owner": "hardware"\|"prod": [0-9]*'
}

# hardware_works: does it have both queues, and more commands a moment later?
hardware_works()
{
    _before=$(queues)
    sleep 0.3
    _now=$(queues)
    [ "$(echo "$_now" | grep -c hardware)" = 2 ] && [ "$_now" != "$_before" ]
}

# host_refuses NUMBER: for QEMUs that start from now on, the host refuses the
# queue of that number and those after it, until host_refuses_none
host_refuses()
{
    mkdir -p /tmp/refusing
    cat >/tmp/refusing/qemu-system-aarch64 <<END
#!/bin/sh
CMDQV_HOST=/tmp/refusing/from LD_PRELOAD=/opt/tests/cmdqv-host.so exec \\
    /opt/qemu/bin/qemu-system-aarch64 "\$@" 2>/tmp/refusing/said
END
    chmod +x /tmp/refusing/qemu-system-aarch64
    echo "$1" >/tmp/refusing/from
    PATH=/tmp/refusing:/opt/qemu/bin:/opt/tests:/bin
}

host_refuses_none()
{
    rm /tmp/refusing/from
}

# --- In the guest ---

smmu_at()
{
    sed -n 's/ *\([0-9a-f]*\)-.*arm-smmu-v3.*/0x\1/p' /proc/iomem | head -n 1
}

# mark_trace VALUE: write to what is no register of the SMMU
mark_trace()
{
    devmem $(($(smmu_at) + 0xff0)) 32 "$1"
}

said_of_cmdqv()
{
    dmesg | grep -i -e NVDA200C -e tegra241 -e vcmdq
}

# check_queues on|off [ENTRIES]: has the driver queues of its own?
check_queues()
{
    if [ "$1" = off ]; then
        check "no CMDQV was found" [ -z "$(said_of_cmdqv)" ]
        return
    fi
    check "the CMDQV was found" \
        same "$(dmesg | grep -c 'found companion CMDQV device: NVDA200C')" 1
    for _n in 0 1; do
        check "queue $_n was allocated" \
            sh -c "dmesg | grep 'allocated ${2:-256} entries for vcmdq$_n'"
    done
}

# many_reads DEVICE: each maps its buffer, and unmaps it
many_reads()
{
    mark_trace 0x111
    check "a thousand reads" \
        dd if="$1" of=/dev/null bs=64k count=1000 iflag=direct
    mark_trace 0x222
}

cmdqv_at()
{
    sed -n 's/ *\([0-9a-f]*\)-.*NVDA200C.*/0x\1/p' /proc/iomem | head -n 1
}

# syncs COUNT: so many CMD_SYNCs
syncs()
{
    _sync='F\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
    _n=0
    while [ $_n -lt "$1" ]; do
        # shellcheck disable=SC2059
        printf "$_sync"
        _n=$((_n + 1))
    done
}

# fill_queue N [SLOT]: give queue N, which is of one page, as many commands as
# it has entries, the one at SLOT illegal. This changes the queue's wrap bit.
fill_queue()
{
    _at=$(($(queue "$1" $BASE 64) & 0xffffffffffe0))
    syncs 256 | dd of=/dev/mem bs=4096 seek=$((_at / 4096)) conv=notrunc \
        iflag=fullblock 2>/dev/null || return
    [ -z "$2" ] || devmem $((_at + 16 * $2)) 64 0xff
    devmem $((CMDQV + VINTF0 + $1 * QUEUE + PROD)) 32 \
        $(($(queue "$1" $PROD) ^ 256))
}

# check_illegal N: an illegal command, a hundred after the next one, in queue N.
# Filled twice the queue is as the driver knows it.
check_illegal()
{
    _slot=$((($(queue "$1" $PROD) + 100) % 256))
    check "an illegal command in queue $1" fill_queue "$1" $_slot
    check "is passed" within 5 drained "$1"
    told=$((told + 1))
    check "by the driver, which was told" same "$(errors_told)" $told
    check "and says so" same "$(dmesg | grep -c 'Illegal command')" $told
    check "and acknowledged it" \
        same "$(queue "$1" $GERRORN)" "$(queue "$1" $GERROR)"
    check "the queue goes on" fill_queue "$1"
    check "to its end" within 5 drained "$1"
}
