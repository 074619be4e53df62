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
#include "smmuv3-accel.h"
#include "smmuv3-internal.h"
#include "system/memory.h"
#include "trace.h"

#define MSI_ADDR MAKE_64BIT_MASK(2, 50)

/*
 * The address may be that of a GIC's doorbell as well as memory, so devices are
 * not excluded; the SMMU's own registers are, because they are being accessed,
 * or because what a write there starts ends with this same check.
 */
static bool send_message(uint64_t addr, uint32_t data)
{
    MemTxResult r;

    /* What the message says has happened is visible before the message */
    smp_wmb();
    address_space_stl_le(&address_space_memory, addr, data,
                         MEMTXATTRS_UNSPECIFIED, &r);
    trace_smmuv3_accel_msi(addr, data, r);
    return r == MEMTX_OK;
}

bool smmuv3_accel_send_irq(SMMUv3State *s, SMMUIrq irq)
{
    uint64_t addr;
    uint32_t pending;

    switch (irq) {
    case SMMU_IRQ_EVTQ:
        addr = s->eventq_irq_cfg0 & MSI_ADDR;
        if (addr && !send_message(addr, s->eventq_irq_cfg1)) {
            smmuv3_trigger_irq(s, SMMU_IRQ_GERROR,
                               R_GERROR_MSI_EVENTQ_ABT_ERR_MASK);
        }
        return addr;
    case SMMU_IRQ_GERROR:
        addr = s->gerror_irq_cfg0 & MSI_ADDR;
        if (addr && !send_message(addr, s->gerror_irq_cfg1)) {
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
               !send_message(addr, data)) {
        smmuv3_trigger_irq(s, SMMU_IRQ_GERROR,
                           R_GERROR_MSI_CMDQ_ABT_ERR_MASK);
    }
}
