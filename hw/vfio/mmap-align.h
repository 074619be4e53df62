/*
 * Where a BAR is mapped into this process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_MMAP_ALIGN_H
#define HW_VFIO_MMAP_ALIGN_H

/*
 * The alignment, in bytes, of a mapping of @size bytes of a BAR, so that the
 * host can use huge pages for it: @size rounded up to a power of two, as the
 * BAR itself is aligned, but no more than the largest huge page, 1 GiB. The
 * largest power of two that divides @size would be small pages for a BAR whose
 * last page is not to be mapped.
 */
size_t vfio_mmap_alignment(size_t size);

#endif /* HW_VFIO_MMAP_ALIGN_H */
