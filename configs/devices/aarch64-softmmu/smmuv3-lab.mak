# SPDX-License-Identifier: GPL-2.0-or-later
#
# The devices of the lab, and no others: a QEMU with these builds in a few
# minutes on two cores, where the default set takes many times that.
# "configure --full" builds the default set instead.

# The board, as L0 (the emulated hardware) and as the guest's machine.
CONFIG_ARM_VIRT=y
CONFIG_ARM_SMMUV3=y
CONFIG_GENERIC_LOADER=y
# Else only with TCG; qtests have no other.
CONFIG_ARM_GICV3=y

# What a guest's PCIe topology is made of.
CONFIG_PCIE_PORT=y
CONFIG_PXB=y
CONFIG_PCI_BRIDGE=y
CONFIG_PCIE_PCI_BRIDGE=y
CONFIG_XIO3130=y

# Device assignment.
CONFIG_IOMMUFD=y
CONFIG_VFIO=y
CONFIG_VFIO_PCI=y

# What L0 offers for assignment: disks, network cards, and two devices whose
# DMA and BARs a test can drive by itself.
CONFIG_NVME_PCI=y
CONFIG_E1000E_PCI_EXPRESS=y
CONFIG_IGB_PCI_EXPRESS=y
CONFIG_EDU=y
CONFIG_PCI_TESTDEV=y
CONFIG_TEST_DEVICES=y

# How a host and a guest are fed and listened to.
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_SERIAL=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_NET=y
CONFIG_VIRTIO_RNG=y
CONFIG_VIRTIO_9P=y

# Guest memory that grows and shrinks while devices translate.
CONFIG_VIRTIO_MEM=y
CONFIG_VIRTIO_BALLOON=y

# Not used, but the board's ACPI tables and the NVMe device call into them.
CONFIG_CXL=y
CONFIG_CXL_MEM_DEVICE=y
CONFIG_SPDM_SOCKET=y
