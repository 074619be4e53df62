# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest of eight vCPUs that all invalidate at two vSMMUs, whose second disk
# goes and comes. Whatever is waited for, the monitor has to answer meanwhile.
#
# shellcheck shell=sh

# Longer than a host that is busy resets a device, in which time nobody answers
STILL=60
# For what a guest does that is slow, but goes on
PATIENCE=300

busy_disks()
{
    nvmes=$(pci_find 1b36:0010)
    first=${nvmes%%[[:space:]]*}
    last=${nvmes##*[[:space:]]}
    disk_fill nvm0 "$(disk_of "$first")"
    disk_fill nvm1 "$(disk_of "$last")"
    vfio_bind "$first" "$last" >&2
}

# busy_start NAME: such a guest
busy_start()
{
    BUSY=$1
    # functional-hotplug says why pcie_port_pm; each unmap is to invalidate.
    GUEST_APPEND="pcie_port_pm=off iommu.strict=1"
    GUEST_CPUS=8
    GUEST_NO_REBOOT=
    # shellcheck disable=SC2046
    guest_start "$1" $(behind pcie.1 16 "$first") \
        $(behind pcie.2 32 "$last") <<'END'
    first=$(disk_of $(pci_find 1b36:0010 | head -n 1))
    second=$(disk_of $(pci_find 1b36:0010 | tail -n 1))
    boot=$(boot_number $first)
    WRITTEN_AT=$((boot * 8))
    # Of each vCPU: short reads of both disks, as long as they are there
    work()
    {
        while [ ! -e /tmp/stop ]; do
            for disk in $first $second; do
                taskset $1 dd if=$disk of=/dev/null bs=4k count=100 \
                    iflag=direct 2>/dev/null || sleep 0.1
            done
        done
    }
    everybody_works()
    {
        for cpu in 1 2 4 8 10 20 40 80; do
            work $cpu &
        done
    }
    checks boot-$boot
    check "there are eight vCPUs" same 8 $(nproc)
    everybody_works
    check_disk nvm0 $first
    check_no_events
    checked
    said working-$boot
    n=1
    while [ $n -le 2 ]; do
        within 200 [ ! -b $second ]
        said gone-$boot-$n
        wait_for $second 200
        said back-$boot-$n
        n=$((n + 1))
    done
    sleep 2
    touch /tmp/stop
    wait
    rm /tmp/stop
    checks end-$boot
    check_disk nvm1 $second
    check_no_events
    checked
    # A second each; on a busy machine even a vCPU that waits for nobody is late
    echo "# boot $boot: $(dmesg | grep -c "CMD_SYNC timeout") CMD_SYNC timeouts"
    everybody_works
    said ready-$boot
    wait
END
}

# monitor_answers SECONDS: within that time
monitor_answers()
{
    monitor info status
    monitor_said "VM status" "$1"
}

# busy_said TEXT: the guest says so, and does not stand still before
busy_said()
{
    _end=$(($(date +%s) + PATIENCE))
    until grep -qs "^# said $1\$" "$GUEST_DIR/$BUSY.result"; do
        if ! monitor_answers $STILL; then
            echo "the machine stood still for $STILL s"
            return 1
        fi
        if [ "$(date +%s)" -gt $_end ]; then
            echo "the guest did not say $1"
            return 1
        fi
        sleep 0.5
    done
}

one_device_is_left()
{
    # shellcheck disable=SC2010
    [ "$(ls -l "/proc/$GUEST_PID/fd" | grep -c vfio/devices)" = 1 ]
}

# busy_replug BOOT TIME: the second disk goes and comes back
busy_replug()
{
    monitor device_del dev33
    busy_said "gone-$1-$2" && within 90 one_device_is_left || return 1
    monitor "device_add vfio-pci,id=dev33,host=$last,bus=rp33,iommufd=iommufd0"
    busy_said "back-$1-$2"
}

# step TEXT COMMAND...: a point; if it fails, what follows would wait in vain
step()
{
    check "$@"
    [ -z "$CHECKS_FAILED" ]
}

busy_boot()
{
    step "boot $1: the vCPUs work" busy_said "working-$1" &&
        step "boot $1: the disk goes and comes back" busy_replug "$1" 1 &&
        step "boot $1: and once more" busy_replug "$1" 2 &&
        step "boot $1: the vCPUs work on" busy_said "ready-$1" &&
        sleep 1
}

main_thread_time()
{
    cut -d' ' -f14,15 "/proc/$GUEST_PID/task/$GUEST_PID/stat"
}

# stands_still: it has not ended, nor is it slow: its main thread has something
# to do, and is on no CPU
stands_still()
{
    _time=$(main_thread_time)
    ! monitor_answers $STILL &&
        grep -q '^State:.S' "/proc/$GUEST_PID/status" &&
        same "$(main_thread_time)" "$_time"
}

busy_kill()
{
    kill -9 "$GUEST_PID"
    wait "$GUEST_PID" 2>/dev/null
    exec 8>&- 9>&-
}
