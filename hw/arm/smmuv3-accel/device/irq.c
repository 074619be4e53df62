/*
 * Interrupts of an accelerated SMMUv3 (IHI 0070, 3.18)
 *
 * An enabled source pulses its wire and sends a message, if the guest gave it
 * an address: both. Guests use one of them and do not listen to the other.
 *
 * CMD_SYNC has one or the other. A guest polls the message in its own memory,
 * where reading CMDQ_CONS would be one more exit. It does so for each unmap,
 * and a wire that nobody listens to would be raised and lowered each time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "state.h"
#include "hw/arm/smmuv3-internal.h"
#include "hw/arm/trace.h"
#include "hw/irq.h"
#include "system/memory.h"
#include "hw/arm/smmuv3-accel/trace.h"

/*
 * A message may go to memory or to the GIC's doorbell, and to no other
 * register. Such a write would take effect while this SMMU is at work: it
 * could make another SMMU read its queue, or power off a slot and unplug its
 * device.
 */
static bool send_message(SMMUv3State *s, uint64_t addr, uint32_t data)
{
    /* A machine without MSIs has no doorbell: it is 0 */
    MemTxAttrs attrs = { .memory = !addr || addr != s->accel->doorbell };
    MemTxResult r;

    data = cpu_to_le32(data);
    /* The event that the message reports must be visible before the message */
    smp_wmb();
    r = address_space_write(&address_space_memory, addr, attrs, &data,
                            sizeof(data));
    trace_smmuv3_accel_msi(addr, le32_to_cpu(data), r);
    return r == MEMTX_OK;
}

/* 3.4.3: an address has IDR5.OAS bits */
static uint64_t message_addr(SMMUv3State *s, uint64_t addr)
{
    return addr & s->accel->pa_mask & ~3ULL;
}

/* Returns: false if the message went astray */
static bool interrupt(SMMUv3State *s, SMMUIrq irq, uint64_t cfg0,
                      uint32_t cfg1)
{
    uint64_t addr = message_addr(s, cfg0);

    g_assert(bql_locked());
    trace_smmuv3_trigger_irq(irq);
    qemu_irq_pulse(s->irq[irq]);
    return !addr || send_message(s, addr, cfg1);
}

/*
 * 6.3.19: an active error is not toggled again. Returns: the errors that
 * became active
 */
static uint32_t toggle_errors(SMMUv3State *s, uint32_t errors)
{
    errors &= ~(s->gerror ^ s->gerrorn);
    s->gerror ^= errors;
    if (errors) {
        trace_smmuv3_write_gerror(errors, s->gerror);
    }
    return errors;
}

void smmuv3_accel_error(SMMUv3State *s, uint32_t errors)
{
    if (toggle_errors(s, errors) && smmuv3_gerror_irq_enabled(s) &&
        !interrupt(s, SMMU_IRQ_GERROR, s->gerror_irq_cfg0,
                   s->gerror_irq_cfg1)) {
        /* 7.5.1: no interrupt reports that an interrupt failed */
        toggle_errors(s, R_GERROR_MSI_GERROR_ABT_ERR_MASK);
    }
}

void smmuv3_accel_raise_eventq(SMMUv3State *s)
{
    if (smmuv3_eventq_irq_enabled(s) &&
        !interrupt(s, SMMU_IRQ_EVTQ, s->eventq_irq_cfg0, s->eventq_irq_cfg1)) {
        smmuv3_accel_error(s, R_GERROR_MSI_EVENTQ_ABT_ERR_MASK);
    }
}

bool smmuv3_accel_sync_is_store(SMMUv3State *s, uint64_t addr)
{
    const SMMUv3AccelQueueMemory *m = &s->accel->cmdq_memory;

    addr = message_addr(s, addr);
    return addr && addr >= m->base && addr - m->base < m->size;
}

void smmuv3_accel_signal_sync(SMMUv3State *s, uint64_t addr, uint32_t data)
{
    /* 4.7.3: no address is what has no bit, also of those above the OAS */
    if (!addr) {
        interrupt(s, SMMU_IRQ_CMD_SYNC, 0, 0);
        return;
    }
    addr = message_addr(s, addr);
    if (!smmuv3_accel_store_cmdq(s, addr, data) &&
        !send_message(s, addr, data)) {
        smmuv3_accel_error(s, R_GERROR_MSI_CMDQ_ABT_ERR_MASK);
    }
}
