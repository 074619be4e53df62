/*
 * Where a BAR is mapped into this process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "mmap-align.h"

size_t vfio_mmap_alignment(size_t size)
{
    return size < GiB ? pow2ceil(size) : GiB;
}
