# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest of functional-handover-dma, beside its disk: the test device, for
# the host's dma-loop.
#
# shellcheck shell=sh

_testdev=$(pci_find 1234:da7a)
_smmu=$(basename "$(readlink "/sys/bus/pci/devices/$_testdev/iommu")")
# shellcheck disable=SC2046
tap dma-states dma-states $(vfio_bind "$_testdev") "${_smmu##*.}" >/tmp/beside &

beside_end()
{
    wait
    cat /tmp/beside
}
