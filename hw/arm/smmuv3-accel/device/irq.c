/*
 * Message-signalled interrupts of an accelerated SMMUv3 (IHI 0070, 3.18)
 *
 * CMD_SYNC completing by a write to memory is what they are for: a guest then
 * polls its own memory, where reading CMDQ_CONS would be one more exit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "state.h"
#include "hw/arm/smmuv3-internal.h"
#include "system/memory.h"
#include "hw/arm/smmuv3-accel/trace.h"

#define MSI_ADDR MAKE_64BIT_MASK(2, 50)

/*
 * A message goes to memory or to the GIC's doorbell, and to no other register:
 * a write there would have its effect while this SMMU is at work, be it another
 * SMMU's queue to be read or a slot's power, and with it the device, to go.
 */
static bool send_message(SMMUv3State *s, uint64_t addr, uint32_t data)
{
    MemTxAttrs attrs = { .memory = addr != s->accel->doorbell };
    MemTxResult r;

    data = cpu_to_le32(data);
    /* What the message says has happened is visible before the message */
    smp_wmb();
    r = address_space_write(&address_space_memory, addr, attrs, &data,
                            sizeof(data));
    trace_smmuv3_accel_msi(addr, le32_to_cpu(data), r);
    return r == MEMTX_OK;
}

bool smmuv3_accel_send_irq(SMMUv3State *s, SMMUIrq irq)
{
    uint64_t addr;
    uint32_t pending;

    switch (irq) {
    case SMMU_IRQ_EVTQ:
        addr = s->eventq_irq_cfg0 & MSI_ADDR;
        if (addr && !send_message(s, addr, s->eventq_irq_cfg1)) {
            smmuv3_trigger_irq(s, SMMU_IRQ_GERROR,
                               R_GERROR_MSI_EVENTQ_ABT_ERR_MASK);
        }
        return addr;
    case SMMU_IRQ_GERROR:
        addr = s->gerror_irq_cfg0 & MSI_ADDR;
        if (addr && !send_message(s, addr, s->gerror_irq_cfg1)) {
            /* There is no interrupt to tell of an interrupt that failed */
            pending = s->gerror ^ s->gerrorn;
            s->gerror ^= ~pending & R_GERROR_MSI_GERROR_ABT_ERR_MASK;
        }
        return addr;
    default:
        return false;
    }
}

void smmuv3_accel_signal_sync(SMMUv3State *s, uint64_t addr, uint32_t data)
{
    if (!addr) {
        smmuv3_trigger_irq(s, SMMU_IRQ_CMD_SYNC, 0);
    } else if (!smmuv3_accel_store_cmdq(s, addr, data) &&
               !send_message(s, addr, data)) {
        smmuv3_trigger_irq(s, SMMU_IRQ_GERROR,
                           R_GERROR_MSI_CMDQ_ABT_ERR_MASK);
    }
}
