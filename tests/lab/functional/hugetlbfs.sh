# SPDX-License-Identifier: GPL-2.0-or-later
#
# For smmuv3-accel-memory-test: pages of 2 MiB, for guests of 128 MiB

export SMMUV3_TEST_HUGETLBFS=/tmp/huge
echo 64 >/proc/sys/vm/nr_hugepages
mkdir /tmp/huge
mount -t hugetlbfs hugetlbfs /tmp/huge
