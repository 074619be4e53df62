/*
 * Functions that the linker puts in the place of others, and those others
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_GENERIC_VIRT_H
#define TESTS_FUZZ_GENERIC_VIRT_H

#include "system/memory.h"
#include "tests/qtest/fuzz/fuzz.h"
#include "tests/qtest/libqos/pci-pc.h"

void __real_fuzz_dma_read_cb(size_t addr, size_t len, MemoryRegion *mr);
void __wrap_fuzz_dma_read_cb(size_t addr, size_t len, MemoryRegion *mr);
void __real_fuzz_reset(QTestState *s);
void __wrap_fuzz_reset(QTestState *s);
int64_t __wrap_qtest_clock_step_next(QTestState *s);
QPCIBus *__real_qpci_new_pc(QTestState *s, QGuestAllocator *alloc);
QPCIBus *__wrap_qpci_new_pc(QTestState *s, QGuestAllocator *alloc);
void __real_qpci_free_pc(QPCIBus *bus);
void __wrap_qpci_free_pc(QPCIBus *bus);

#endif /* TESTS_FUZZ_GENERIC_VIRT_H */
