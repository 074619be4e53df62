# SPDX-License-Identifier: GPL-2.0-or-later
#
# Functions for the host's part of a functional case: guests of the tested
# QEMU behind an accelerated SMMUv3, and what their devices really did.
#
# shellcheck shell=sh

GUEST_DIR=/tmp/guests
PATTERN_MB=2
# Where the guest writes: in MiB of the disk
WRITTEN_AT=8

. /lab/functional/checks.sh

mkdir -p $GUEST_DIR
# What the board writes into its run directory: images, traces.
if ! grep -q ' /mnt ' /proc/mounts; then
    mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=524288 lab.run /mnt
fi

# disk_fill DISK: give the NVMe, which the host still drives, random contents.
# DISK is its image on the board.
disk_fill()
{
    dd if=/dev/urandom of=$GUEST_DIR/$1.read bs=1M count=$PATTERN_MB \
        2>/dev/null
    dd if=$GUEST_DIR/$1.read of="$2" bs=1M oflag=direct 2>/dev/null
    scramble <$GUEST_DIR/$1.read >$GUEST_DIR/$1.written
}

hash_of()
{
    sha256sum "$@" | cut -d' ' -f1
}

# disk_written DISK [FILE]: does the disk hold what the guest had to write?
# The image is read on the board, by nothing that the guest or the host's SMMU
# had a part in.
disk_written()
{
    dd if="${2:-/mnt/$1.img}" bs=1M skip=$WRITTEN_AT count=$PATTERN_MB \
        2>/dev/null | cmp - $GUEST_DIR/$1.written
}

# trace_since [SKIP]: what the board traced from there on; SKIP is what
# stages_mark printed. Reading the trace makes it longer, so the end is set
# before.
trace_since()
{
    dd if=/mnt/board.trace bs=256k iflag=skip_bytes,count_bytes \
        skip="${1:-0}" count="$(($(stages_mark) - ${1:-0}))" 2>/dev/null
}

# stages SID [SKIP]: which stages the board's SMMU walked for a stream, in order
# and without repetition: 2, or 3 for both; it is what follows the fifth "=". No
# regular expression, which would take the board seconds: the trace is long.
stages()
{
    trace_since "$2" | grep -F " sid=$1 " | grep -F smmuv3_translate_success |
        cut -d= -f6 | uniq | tr '\n' ' '
}

stages_mark()
{
    stat -c %s /mnt/board.trace
}

# guest_initrd NAME: the script on standard input, for the guest.
guest_initrd()
{
    rm -rf $GUEST_DIR/root
    mkdir -p $GUEST_DIR/root/lab/functional
    cp /lab/functional/*.sh $GUEST_DIR/root/lab/functional
    for f in $GUEST_FILES; do
        mkdir -p "$GUEST_DIR/root${f%/*}"
        cp "$f" "$GUEST_DIR/root$f"
    done
    {
        echo ". /lab/functional/guest.sh"
        for f in $GUEST_DIR/*.read; do
            [ ! -e "$f" ] || echo "READ_$(basename "$f" .read)=$(hash_of "$f")"
        done
        for f in $GUEST_DIR/*.written; do
            [ ! -e "$f" ] ||
                echo "WRITTEN_$(basename "$f" .written)=$(hash_of "$f")"
        done
        echo "PATTERN_MB=$PATTERN_MB WRITTEN_AT=$WRITTEN_AT"
        cat
    } >$GUEST_DIR/root/lab/run
    (cd $GUEST_DIR/root && find . | cpio -o -H newc 2>/dev/null) \
        >$GUEST_DIR/$1.cpio
    [ ! -e /lab/guest/base.cpio ] ||
        cat /lab/guest/base.cpio $GUEST_DIR/$1.cpio >$GUEST_DIR/$1.initrd
    rm $GUEST_DIR/$1.cpio
}

# guest_start NAME QEMU-ARGUMENT...: boot a guest whose script is on standard
# input.  GUEST_FIRMWARE=no boots it by devicetree; GUEST_KERNEL=none leaves it
# to the firmware to find something.
guest_start()
{
    _name=$1
    shift
    guest_initrd "$_name"
    rm -f $GUEST_DIR/"$_name".result $GUEST_DIR/"$_name".ctl.*
    guest_qemu "$_name" mon "$@"
}

# guest_qemu NAME MONITOR QEMU-ARGUMENT...: a QEMU for it, in the background.
guest_qemu()
{
    _name=$1
    _mon=$GUEST_DIR/$1.$2
    shift 2
    mkfifo "$_mon.in" "$_mon.out" 2>/dev/null
    _firmware='-bios /usr/share/qemu/QEMU_EFI.fd'
    _port=virtio-serial-pci,romfile=
    if [ "$GUEST_FIRMWARE" = no ]; then
        _firmware=
        _port=virtio-serial-device
    fi
    _kernel="-kernel ${GUEST_KERNEL:-/lab/guest/Image}"
    _kernel="$_kernel -initrd $GUEST_DIR/$_name.initrd"
    [ "$GUEST_KERNEL" != none ] || _kernel=
    # shellcheck disable=SC2086
    qemu-system-aarch64 -nodefaults -display none ${GUEST_NO_REBOOT--no-reboot} \
        -M "${GUEST_MACHINE:-virt,gic-version=3,its=on}" \
        -accel kvm -cpu host -m "${GUEST_MEMORY:-256M}" \
        -smp "${GUEST_CPUS:-1}" $_firmware \
        $_kernel ${_kernel:+-append "$GUEST_CMDLINE $GUEST_APPEND"} \
        -serial "${GUEST_SERIAL:-stdio}" \
        -device "$_port" \
        -chardev "file,id=result,path=$GUEST_DIR/$_name.result,append=on" \
        -device virtserialport,chardev=result,name=lab.result \
        -chardev "pipe,id=mon,path=$_mon" \
        -mon chardev=mon,mode=readline \
        -object iommufd,id=iommufd0 \
        -trace events=/lab/functional/trace-events \
        -D "${_mon%.mon*}.trace${_mon##*.mon}" \
        "$@" <"${GUEST_INPUT:-/dev/null}" >&2 &
    GUEST_PID=$!
    # Both ends stay open, so that neither side waits for the other.
    exec 8<>"$_mon.in" 9<>"$_mon.out"
}

# monitor COMMAND...: to the guest's QEMU.
monitor()
{
    echo "$*" >&8
}

# monitor_said TEXT [SECONDS]: wait for a line of what the monitor answers.
monitor_said()
{
    # Busybox has it.
    # shellcheck disable=SC3045
    while read -r -t "${2:-20}" _line <&9; do
        case $_line in
        *"$1"*) return ;;
        esac
    done
    return 1
}

# guest_said NAME TEXT [SECONDS]: wait for a line of the guest.
guest_said()
{
    _left=$((${3:-60} * 10))
    while ! grep -qs "$2" $GUEST_DIR/"$1".result; do
        _left=$((_left - 1))
        [ $_left -gt 0 ] && kill -0 $GUEST_PID 2>/dev/null || return 1
        sleep 0.1
    done
}

# guest_end NAME: wait for the guest's end; pass its results on.
guest_end()
{
    wait $GUEST_PID
    _status=$?
    exec 8>&- 9>&-
    grep -v '^[@#]done' $GUEST_DIR/"$1".result | grep -v '^# said'
    check "$1: QEMU ended well" [ $_status = 0 ]
    check "$1: the guest ran to its end" \
        grep -x '@done 0' $GUEST_DIR/"$1".result
    if [ -n "$CHECKS_FAILED" ]; then
        echo "--- the end of what QEMU traced for guest $1" >&2
        tail -n 40 $GUEST_DIR/"$1".trace >&2
    fi
}

# guest NAME QEMU-ARGUMENT...: both of them.
guest()
{
    guest_start "$@"
    guest_end "$1"
}

# behind BUS NUMBER ADDRESS...: QEMU arguments for a root complex with an
# accelerated SMMUv3 and these host functions behind it.
behind()
{
    _bus=$1
    _nr=$2
    shift 2
    [ "$_bus" = pcie.0 ] ||
        echo "-device pxb-pcie,id=$_bus,bus_nr=$_nr,bus=pcie.0"
    echo "-device arm-smmuv3,id=smmu.$_bus,primary-bus=$_bus,accel=on$SMMU_OPTIONS"
    for _addr in "$@"; do
        _nr=$((_nr + 1))
        echo "-device pcie-root-port,id=rp$_nr,bus=$_bus,chassis=$_nr"
        echo "-device vfio-pci,id=dev$_nr,host=$_addr,bus=rp$_nr,iommufd=iommufd0"
    done
}

# network_serve [INTERFACE]: the host's end of check_network; its own card is on
# the same wire as the guest's.
network_serve()
{
    _inside=${1:-$(echo /sys/class/net/eth*)}
    ip addr replace 10.0.0.1/24 dev "${_inside##*/}"
    ip link set "${_inside##*/}" up
    [ -e $GUEST_DIR/net.read ] || {
        dd if=/dev/urandom of=$GUEST_DIR/net.read bs=1M count=$PATTERN_MB \
            2>/dev/null
        scramble <$GUEST_DIR/net.read >$GUEST_DIR/net.written
    }
    rm -f $GUEST_DIR/net.back
    mkdir -p $GUEST_DIR/cgi-bin
    printf '#!/bin/sh\nbase64 -d >%s\nprintf "\\r\\n"\n' $GUEST_DIR/net.back \
        >$GUEST_DIR/cgi-bin/put
    chmod +x $GUEST_DIR/cgi-bin/put
    pidof httpd >/dev/null || httpd -h $GUEST_DIR
}

# network_returned: did what the guest had to send back arrive?
network_returned()
{
    cmp $GUEST_DIR/net.back $GUEST_DIR/net.written
}

# gone SECONDS COMMAND...: wait until the command fails.
gone()
{
    _left=$(($1 * 10))
    shift
    while "$@" >/dev/null 2>&1; do
        _left=$((_left - 1))
        [ $_left -gt 0 ] || return 1
        sleep 0.1
    done
}
