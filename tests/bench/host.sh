# SPDX-License-Identifier: GPL-2.0-or-later
#
# The bench's part in the lab's host: guests of one QEMU or another, one after
# the other, each with its run number on its command line.
#
# shellcheck shell=sh

# bench_take_hugepages: from here on a guest's memory is of pages of 2 MB
bench_take_hugepages()
{
    echo 128 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
    BENCH_RAM="-object
        memory-backend-memfd,id=ram,size=256M,hugetlb=on,hugetlbsize=2M
        -machine memory-backend=ram"
}

# start_qemu RUN ours|peer APPEND ARGUMENT...: sets $_pid; what the guest says
# comes to /tmp/result.RUN
start_qemu()
{
    _run=$1
    _program=/opt/qemu/bin/qemu-system-aarch64
    [ "$2" != peer ] || _program="/opt/peer/lib/ld-linux-aarch64.so.1
        --library-path /opt/peer/lib /opt/peer/bin/qemu-system-aarch64"
    _append=$3
    shift 3
    # shellcheck disable=SC2086
    ${BENCH_PRELOAD:+env LD_PRELOAD=$BENCH_PRELOAD} \
        $_program -nodefaults -display none -no-reboot \
        -M virt,gic-version=3,its=on -accel kvm -cpu host \
        -bios /usr/share/qemu/QEMU_EFI.fd \
        -kernel /bench/Image -initrd /bench/initrd \
        -append "console=ttyAMA0 rdinit=/init loglevel=5 oops=panic panic=-1 nokaslr bench.run=$_run $_append" \
        -serial stdio \
        -device virtio-serial-pci,romfile= \
        -chardev "file,id=result,path=/tmp/result.$_run" \
        -device virtserialport,chardev=result,name=lab.result \
        -object iommufd,id=iommufd0 \
        "$@" </dev/null >&2 &
    _pid=$!
}

await_qemu()
{
    wait $_pid
    _status=$?
    cat "/tmp/result.$_run" >&2
    # shellcheck disable=SC2016
    tap "run-$_run" sh -c '
        echo 1..2
        [ "$1" = 0 ] && echo "ok 1 - QEMU ended well" ||
            echo "not ok 1 - QEMU exit status $1"
        grep -q "^bench done" "$2" && echo "ok 2 - every row was run" ||
            echo "not ok 2 - not every row was run"
        ' sh $_status "/tmp/result.$_run"
}

# bench_guest RUN QEMU RIL CMDQV
bench_guest()
{
    # More SMMUs, without devices: they must not cost anything
    _more=
    _i=1
    while [ $_i -lt "${BENCH_SMMUS:-1}" ]; do
        _more="$_more -device pxb-pcie,id=more$_i,bus_nr=$((32 + 8 * _i)),bus=pcie.0
            -device arm-smmuv3,primary-bus=more$_i,accel=on"
        _i=$((_i + 1))
    done
    # shellcheck disable=SC2086
    start_qemu "$1" "$2" "bench.ril=$3 bench.disks=1" -m 256M \
        -device pxb-pcie,id=pcie.1,bus_nr=16,bus=pcie.0 \
        -device "arm-smmuv3,primary-bus=pcie.1,accel=on,ril=$3,cmdqv=$4" \
        -device pcie-root-port,id=rp1,bus=pcie.1,chassis=1 \
        -device "vfio-pci,host=$BENCH_EDU,bus=rp1,iommufd=iommufd0,rombar=0" \
        -device pcie-root-port,id=rp2,bus=pcie.1,chassis=2 \
        -device "vfio-pci,host=$BENCH_NVME,bus=rp2,iommufd=iommufd0,rombar=0" \
        $BENCH_RAM $_more
    # For a profile: where the program was loaded
    [ -z "$BENCH_PROFILE" ] || {
        sleep 1
        grep qemu-system-aarch64 /proc/$_pid/maps | head -n 1 >&2
    }
    await_qemu
}

# waits_guest RUN QEMU: each device behind an SMMU of its own, and a vCPU for
# each disk
waits_guest()
{
    _devices=
    _i=0
    for _addr in $BENCH_EDU $BENCH_NVME; do
        _i=$((_i + 1))
        _devices="$_devices
            -device pxb-pcie,id=pcie.$_i,bus_nr=$((16 * _i)),bus=pcie.0
            -device arm-smmuv3,primary-bus=pcie.$_i,accel=on
            -device pcie-root-port,id=rp$_i,bus=pcie.$_i,chassis=$_i
            -device vfio-pci,host=$_addr,bus=rp$_i,iommufd=iommufd0,rombar=0"
    done
    rm -f /tmp/qmp
    # shellcheck disable=SC2086
    start_qemu "$1" "$2" "bench.disks=$((_i - 1)) iommu.strict=1 $BENCH_APPEND" -m 512M \
        -smp $((_i - 1)) -qmp unix:/tmp/qmp,server=on,wait=off $_devices
    [ -n "$BENCH_PRELOAD" ] || {
        while kill -0 $_pid && ! [ -S /tmp/qmp ]; do
            sleep 0.1
        done
        bench-waits monitor /tmp/qmp "/tmp/result.$1" >&2
    }
    await_qemu
}
