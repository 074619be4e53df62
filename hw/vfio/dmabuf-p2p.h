/*
 * DMA between devices: BARs that other assigned devices reach, by dma-buf
 *
 * iommufd does not map a BAR by its address in this process. Linux can export
 * a range of a BAR as a dma-buf, and iommufd maps that. This file keeps which
 * dma-buf a MemoryRegion of a BAR has, and maps it; what a device does with it
 * is pci-p2p.c's. The dma-buf is not the RAMBlock's descriptor, because others
 * take that for memory which they may share and keep.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_DMABUF_P2P_H
#define HW_VFIO_DMABUF_P2P_H

#include "hw/vfio/vfio-container.h"
#include "system/memory.h"

/*
 * @mr, which is a whole mapping of a BAR at @vaddr of this process, is the
 * dma-buf @fd; or, with -1, is never to be mapped for DMA. The table owns @fd
 * until vfio_p2p_forget().
 */
void vfio_p2p_remember(MemoryRegion *mr, void *vaddr, int fd);

/* Close the dma-buf of @mr, if it is in the table */
void vfio_p2p_forget(MemoryRegion *mr);

/* Does @container map @mr by what the table says, not by its address? */
bool vfio_p2p_decides(VFIOContainer *container, MemoryRegion *mr);

/* Has @mr a dma-buf? */
bool vfio_p2p_is_exported(MemoryRegion *mr);

/*
 * Map @size bytes at @vaddr, which are a part of @mr, at @iova for DMA of
 * @container's devices (IOMMU_IOAS_MAP_FILE).
 *
 * Returns 0 or a negative errno. Nothing is mapped, and 0 returned, if @mr has
 * no dma-buf, and if Linux has revoked it (ENODEV): memory decoding is off or
 * the device is being reset, and who ends that maps it.
 */
int vfio_p2p_map(VFIOContainer *container, hwaddr iova, uint64_t size,
                 void *vaddr, bool readonly, MemoryRegion *mr);

/*
 * Map @mr as if it had left the address space, and returned. Nothing happens if
 * it is not enabled or has no dma-buf.
 */
void vfio_p2p_map_anew(MemoryRegion *mr);

#endif /* HW_VFIO_DMABUF_P2P_H */
