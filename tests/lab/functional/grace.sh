# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU arguments of a guest in the shape of Grace: those of NVIDIA's packages,
# with a test device and an NVMe in place of each GPU.
#
# shellcheck shell=sh

# NVIDIA's window is of 4T. One of 16T is where addresses of 44 bits end.
export GRACE_MACHINE=virt,gic-version=3,its=on,hmat=on,ras=on,highmem-mmio-size=16T
GRACE_NODES=8           # without memory, of each GPU

# grace_port N NAME ADDRESS CHASSIS: a port of root complex N, with a device
grace_port()
{
    echo "-device pcie-root-port,id=port.$2$1,bus=pcie.$1,chassis=$4,io-reserve=0,pref64-reserve=1G"
    echo "-device vfio-pci-nohotplug,id=$2$1,host=$3,bus=port.$2$1,rombar=0,iommufd=grace"
}

# grace_arguments GPUS DISKS: four functions each; the iommufd is open as
# descriptor 7
grace_arguments()
{
    echo "-object iommufd,id=grace,fd=7"
    echo "-object memory-backend-ram,id=m0,size=$GUEST_MEMORY"
    echo "-numa node,nodeid=0,memdev=m0,cpus=0"
    # shellcheck disable=SC2086
    set -- $1 $2
    _node=0
    for _n in 1 2 3 4; do
        echo "-device pxb-pcie,id=pcie.$_n,bus_nr=$((8 * _n - 7)),bus=pcie.0,numa_node=0"
        echo "-device arm-smmuv3,id=smmu$_n,primary-bus=pcie.$_n,accel=on,ats=on,ril=off,ssidsize=20,oas=48,x-guest-vfio=on"
        grace_port $_n gpu "$1" $_n
        grace_port $_n disk "$5" $((_n + 4))
        shift
        while [ $_node -lt $((_n * GRACE_NODES)) ]; do
            _node=$((_node + 1))
            echo "-numa node,nodeid=$_node"
            echo "-object acpi-generic-initiator,id=gi$_node,pci-dev=gpu$_n,node=$_node"
        done
    done
    for _type in latency,latency=10 bandwidth,bandwidth=10G; do
        echo "-numa hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-$_type"
    done
}

# walked_both BUS MARK: did the board's SMMU walk both stages for it, and at
# last nothing else?
walked_both()
{
    case "$(stages "$(printf '0x%x' $(($1 << 8)))" "$2")" in
    *"3 ") ;;
    *) return 1 ;;
    esac
}
