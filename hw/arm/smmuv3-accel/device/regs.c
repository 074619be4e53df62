/*
 * arm-smmuv3,accel=on: the registers (IHI 0070, 6.2 and 6.3)
 *
 * A register of 64 bits is two halves; an access of 64 bits to a pair of
 * registers of 32 bits is one to each. Bits that are no field of this SMMU's
 * are not stored.
 *
 * While what they configure is enabled, STRTAB_BASE, STRTAB_BASE_CFG, CR1 and
 * CR2 cannot be written, as from SMMUv3.2 on. The registers of the queues and
 * of the messages can, which earlier versions permit: some drivers (FreeBSD's,
 * Hafnium, Arm's ACS) take over an SMMU that is running, and set these before
 * they disable what uses them. If such a write were ignored, the SMMU would go
 * on with the queues and messages of the last owner, in memory that is
 * somebody else's now.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "state.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "hw/arm/smmuv3-accel/core/triggers.h"
#include "hw/arm/smmuv3-accel/trace.h"
#include "hw/arm/smmuv3-internal.h"
#include "hw/arm/trace.h"
#include "system/dma.h"
#include "system/runstate.h"

/* Fields; all else is reserved, or of a feature that is never offered */
#define CR0_ATSCHK         BIT(4)
#define CR1_TABLE_FIELDS   MAKE_64BIT_MASK(6, 6)
#define CR1_QUEUE_FIELDS   MAKE_64BIT_MASK(0, 6)
#define CR2_FIELDS         BIT(1)          /* RECINVSID */
#define GBPA_FIELDS        0x1f3f1f
#define IRQ_CTRL_FIELDS    (R_IRQ_CTRL_GERROR_IRQEN_MASK | \
                            R_IRQ_CTRL_EVENTQ_IRQEN_MASK)
#define GERROR_FIELDS      (R_GERROR_CMDQ_ERR_MASK | \
                            R_GERROR_EVENTQ_ABT_ERR_MASK | \
                            R_GERROR_MSI_CMDQ_ABT_ERR_MASK | \
                            R_GERROR_MSI_EVENTQ_ABT_ERR_MASK | \
                            R_GERROR_MSI_GERROR_ABT_ERR_MASK | \
                            R_GERROR_MSI_SFM_ERR_MASK)
#define MSI_ADDR_FIELDS    MAKE_64BIT_MASK(2, 54)
#define MSI_ATTR_FIELDS    MAKE_64BIT_MASK(0, 6)
#define STRTAB_BASE_FIELDS (BIT_ULL(62) | MAKE_64BIT_MASK(6, 50))
#define STRTAB_CFG_FIELDS  (R_STRTAB_BASE_CFG_FMT_MASK | \
                            R_STRTAB_BASE_CFG_SPLIT_MASK | \
                            R_STRTAB_BASE_CFG_LOG2SIZE_MASK)
#define QUEUE_BASE_FIELDS  (BIT_ULL(62) | MAKE_64BIT_MASK(0, 56))
/* The largest queue's index and wrap bit */
#define QUEUE_INDEX_FIELDS MAKE_64BIT_MASK(0, 20)

/*
 * A table must be in memory. Without this attribute a guest could point the
 * SMMU at registers whose reads have effects, even the SMMU's own.
 */
static bool read_table(void *opaque, uint64_t addr, void *buf, size_t len)
{
    MemTxAttrs attrs = { .memory = true };

    return dma_memory_read(&address_space_memory, addr, buf, len,
                           attrs) == MEMTX_OK;
}

/* The guest can change bus numbers, so look this one up each time */
static uint32_t get_sid(void *opaque, const SMMUv3Stream *st)
{
    HostIOMMUDevice *hiod = st->dev.opaque;

    return PCI_BUILD_BDF(pci_bus_num(hiod->aliased_bus), hiod->aliased_devfn);
}

void smmuv3_accel_load_regs(SMMUv3Accel *accel)
{
    SMMUv3State *s = accel->smmu;

    accel->streams.regs = (SMMUv3VSTERegs) {
        .smmuen = smmu_enabled(s),
        .gbpa = s->gbpa & GBPA_FIELDS,
        .strtab_base = s->strtab_base,
        .strtab_base_cfg = s->strtab_base_cfg,
        .sidsize = FIELD_EX32(s->idr[1], IDR1, SIDSIZE),
        .ssidsize = smmuv3_idr_ssidsize(accel->idr),
        .oas = smmuv3_idr_oas(accel->idr),
        .asid16 = FIELD_EX32(s->idr[0], IDR0, ASID16),
        .ats = smmuv3_idr_ats(accel->idr),
        .cd2l = smmuv3_idr_cd2l(accel->idr),
    };
}

/* Returns: whether SMMUEN has changed */
static bool update_smmuen(SMMUv3Accel *accel)
{
    bool was_enabled = accel->streams.regs.smmuen;

    smmuv3_accel_load_regs(accel);
    if (was_enabled == accel->streams.regs.smmuen ||
        SMMUV3_FAULT_IS(NO_SMMUEN)) {
        return false;
    }
    trace_smmuv3_accel_trigger("smmuen", accel->streams.regs.smmuen);
    smmuv3_accel_update(accel);
    return true;
}

/*
 * CR0ACK follows only when everything is done (6.3.9). Until then its SMMUEN is
 * another than that of CR0, even if a guest has changed its mind.
 */
static void write_cr0(SMMUv3Accel *accel, uint32_t val)
{
    SMMUv3State *s = accel->smmu;
    uint32_t lags = (s->cr[0] ^ s->cr0ack) & R_CR0_SMMU_ENABLE_MASK;

    val &= R_CR0_SMMU_ENABLE_MASK | R_CR0_EVENTQEN_MASK | R_CR0_CMDQEN_MASK |
           (smmuv3_idr_ats(accel->idr) ? CR0_ATSCHK : 0);
    if ((val ^ s->cr[0]) & R_CR0_EVENTQEN_MASK) {
        /*
         * 6.3.9.4: earlier events meet the old value. They are recorded before
         * EVENTQEN reads 0, and lost before it reads 1.
         */
        smmuv3_accel_fetch_events(accel);
    }
    s->cr[0] = val;
    if (update_smmuen(accel)) {
        lags = accel->updating ? R_CR0_SMMU_ENABLE_MASK : 0;
    }
    s->cr0ack = val ^ lags;
    accel->cmdq_moved = false;
    smmuv3_accel_consume_cmdq(s);
}

/* 6.3.11: each field has a guard of its own */
static void write_cr1(SMMUv3State *s, uint32_t val)
{
    uint32_t fields = 0;

    if (!smmu_enabled(s)) {
        fields |= CR1_TABLE_FIELDS;
    }
    if (!smmuv3_cmdq_enabled(s) && !smmuv3_eventq_enabled(s)) {
        fields |= CR1_QUEUE_FIELDS;
    }
    s->cr[1] = (s->cr[1] & ~fields) | (val & fields);
}

/* One 32-bit write with UPDATE = 1, while it reads 0 (6.3.14.1) */
static void write_gbpa(SMMUv3Accel *accel, uint32_t val)
{
    SMMUv3State *s = accel->smmu;

    if (!(val & R_GBPA_UPDATE_MASK) || (s->gbpa & R_GBPA_UPDATE_MASK)) {
        return;
    }
    s->gbpa = val & GBPA_FIELDS;
    smmuv3_accel_load_regs(accel);
    if (SMMUV3_FAULT_IS(GBPA_ALWAYS)) {
        accel->streams.regs.smmuen = false;
    }
    trace_smmuv3_accel_trigger("gbpa", s->gbpa);
    if (!accel->streams.regs.smmuen) {
        s->gbpa |= R_GBPA_UPDATE_MASK;
        smmuv3_accel_update(accel);
        smmuv3_accel_consume_cmdq(s);
    } else if (accel->updating) {
        /* Some streams still do what GBPA said: until SMMUEN is reached */
        s->gbpa |= R_GBPA_UPDATE_MASK;
    }
}

static void write_strtab_base_cfg(SMMUv3State *s, uint32_t val)
{
    s->strtab_base_cfg = val & STRTAB_CFG_FIELDS;
    /* The emulation needs the value, too: it serves the bridges */
    s->features &= ~SMMU_FEATURE_2LVL_STE;
    if (FIELD_EX32(val, STRTAB_BASE_CFG, FMT) == 1) {
        s->sid_split = FIELD_EX32(val, STRTAB_BASE_CFG, SPLIT);
        s->features |= SMMU_FEATURE_2LVL_STE;
    }
}

/* The half of @reg that is at @offset */
static void write_half(uint64_t *reg, hwaddr offset, uint32_t val,
                       uint64_t fields)
{
    *reg = deposit64(*reg, offset & 4 ? 32 : 0, 32, val) & fields;
}

static uint32_t half(uint64_t reg, hwaddr offset)
{
    return extract64(reg, offset & 4 ? 32 : 0, 32);
}

/* 6.3.26, 6.3.29: the size in use is capped, the one read back is not */
static void set_queue_sizes(SMMUv3State *s)
{
    s->cmdq.log2size = MIN(extract64(s->cmdq.base, 0, 5),
                           FIELD_EX32(s->idr[1], IDR1, CMDQS));
    s->eventq.log2size = MIN(extract64(s->eventq.base, 0, 5),
                             FIELD_EX32(s->idr[1], IDR1, EVENTQS));
    smmuv3_accel_show_cons(s);
}

static void write_queue_base(SMMUv3State *s, SMMUQueue *q, hwaddr offset,
                             uint32_t val)
{
    write_half(&q->base, offset, val, QUEUE_BASE_FIELDS);
    set_queue_sizes(s);
}

static void write_register(SMMUv3Accel *accel, hwaddr offset, uint32_t val)
{
    SMMUv3State *s = accel->smmu;

    switch (offset) {
    case A_CR0:
        write_cr0(accel, val);
        break;
    case A_CR1:
        write_cr1(s, val);
        break;
    case A_CR2:
        if (!smmu_enabled(s)) {
            s->cr[2] = val & CR2_FIELDS;
        }
        break;
    case A_GBPA:
        write_gbpa(accel, val);
        break;
    case A_IRQ_CTRL:
        s->irq_ctrl = val & IRQ_CTRL_FIELDS;
        break;
    case A_GERRORN:
        s->gerrorn = val & GERROR_FIELDS;
        /*
         * After the guest acknowledges CMDQ_ERR, commands are processed again
         * (7.1)
         */
        smmuv3_accel_consume_cmdq(s);
        break;
    case A_GERROR_IRQ_CFG0:
    case A_GERROR_IRQ_CFG0 + 4:
        write_half(&s->gerror_irq_cfg0, offset, val, MSI_ADDR_FIELDS);
        break;
    case A_GERROR_IRQ_CFG1:
        s->gerror_irq_cfg1 = val;
        break;
    case A_GERROR_IRQ_CFG2:
        s->gerror_irq_cfg2 = val & MSI_ATTR_FIELDS;
        break;
    case A_STRTAB_BASE:
    case A_STRTAB_BASE + 4:
        if (!smmu_enabled(s)) {
            write_half(&s->strtab_base, offset, val, STRTAB_BASE_FIELDS);
        }
        break;
    case A_STRTAB_BASE_CFG:
        if (!smmu_enabled(s)) {
            write_strtab_base_cfg(s, val);
        }
        break;
    case A_CMDQ_BASE:
    case A_CMDQ_BASE + 4:
        write_queue_base(s, &s->cmdq, offset, val);
        accel->cmdq_moved = smmuv3_cmdq_enabled(s);
        break;
    case A_CMDQ_PROD:
        qatomic_set(&s->cmdq.prod, val & QUEUE_INDEX_FIELDS);
        smmuv3_accel_consume_cmdq(s);
        break;
    case A_CMDQ_CONS:
        s->cmdq.cons = val & (QUEUE_INDEX_FIELDS | R_CMDQ_CONS_ERR_MASK);
        smmuv3_accel_show_cons(s);
        accel->cmdq_moved = false;
        break;
    case A_EVENTQ_BASE:
    case A_EVENTQ_BASE + 4:
        write_queue_base(s, &s->eventq, offset, val);
        break;
    case A_EVENTQ_PROD:
        s->eventq.prod = val & (QUEUE_INDEX_FIELDS | EVT_Q_OVERFLOW);
        break;
    case A_EVENTQ_CONS:
        s->eventq.cons = val & (QUEUE_INDEX_FIELDS | EVT_Q_OVERFLOW);
        break;
    case A_EVENTQ_IRQ_CFG0:
    case A_EVENTQ_IRQ_CFG0 + 4:
        write_half(&s->eventq_irq_cfg0, offset, val, MSI_ADDR_FIELDS);
        break;
    case A_EVENTQ_IRQ_CFG1:
        s->eventq_irq_cfg1 = val;
        break;
    case A_EVENTQ_IRQ_CFG2:
        s->eventq_irq_cfg2 = val & MSI_ATTR_FIELDS;
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "arm-smmuv3: write of 0x%x to 0x%"
                      HWADDR_PRIx ", which is no register or read-only\n", val,
                      offset);
        break;
    }
}

static uint32_t read_register(SMMUv3State *s, hwaddr offset)
{
    switch (offset) {
    case A_IDREGS ... A_IDREGS + 0x2f:
        return smmuv3_idreg(offset - A_IDREGS);
    case A_IDR0 ... A_IDR5:
        return s->idr[offset / 4];
    case A_IIDR:
        return s->iidr;
    case A_AIDR:
        return s->aidr;
    case A_CR0:
        return s->cr[0];
    case A_CR0ACK:
        return s->cr0ack;
    case A_CR1:
        return s->cr[1];
    case A_CR2:
        return s->cr[2];
    case A_STATUSR:
        return s->statusr;
    case A_GBPA:
        return s->gbpa;
    case A_IRQ_CTRL:
    case A_IRQ_CTRL_ACK:
        return s->irq_ctrl;
    case A_GERROR:
        return s->gerror;
    case A_GERRORN:
        return s->gerrorn;
    case A_GERROR_IRQ_CFG0:
    case A_GERROR_IRQ_CFG0 + 4:
        return half(s->gerror_irq_cfg0, offset);
    case A_GERROR_IRQ_CFG1:
        return s->gerror_irq_cfg1;
    case A_GERROR_IRQ_CFG2:
        return s->gerror_irq_cfg2;
    case A_STRTAB_BASE:
    case A_STRTAB_BASE + 4:
        return half(s->strtab_base, offset);
    case A_STRTAB_BASE_CFG:
        return s->strtab_base_cfg;
    case A_CMDQ_BASE:
    case A_CMDQ_BASE + 4:
        return half(s->cmdq.base, offset);
    case A_CMDQ_PROD:
        return qatomic_read(&s->cmdq.prod);
    case A_CMDQ_CONS:
        /* What the commands have done is visible to whoever sees this */
        return qatomic_load_acquire(&s->accel->cmdq_cons);
    case A_EVENTQ_BASE:
    case A_EVENTQ_BASE + 4:
        return half(s->eventq.base, offset);
    case A_EVENTQ_PROD:
        return s->eventq.prod & (WRAP_INDEX_MASK(&s->eventq) | EVT_Q_OVERFLOW);
    case A_EVENTQ_CONS:
        return s->eventq.cons;
    case A_EVENTQ_IRQ_CFG0:
    case A_EVENTQ_IRQ_CFG0 + 4:
        return half(s->eventq_irq_cfg0, offset);
    case A_EVENTQ_IRQ_CFG1:
        return s->eventq_irq_cfg1;
    case A_EVENTQ_IRQ_CFG2:
        return s->eventq_irq_cfg2;
    default:
        return 0;
    }
}

/*
 * The guest tells of commands, and the big lock is not held. Returns: false if
 * it has to be
 */
static bool ring_alone(SMMUv3Accel *accel, uint32_t val)
{
    SMMUv3State *s = accel->smmu;
    bool done;

    if (!smmuv3_accel_lock_alone(accel)) {
        return false;
    }
    qatomic_set(&s->cmdq.prod, val & QUEUE_INDEX_FIELDS);
    done = smmuv3_accel_consume_cmdq_alone(s);
    smmuv3_accel_unlock(accel);
    if (!done) {
        BQL_LOCK_GUARD();
        SMMUV3_ACCEL_LOCK_GUARD(accel);

        /* Another vCPU may have written the register since */
        smmuv3_accel_consume_cmdq(s);
    }
    return true;
}

/*
 * Write the upper half first: if one access has both CMDQ_PROD and CMDQ_CONS,
 * CONS must be new when the write of PROD starts the queue.
 */
void smmuv3_accel_write(SMMUv3State *s, hwaddr offset, uint64_t val,
                        unsigned size)
{
    trace_smmuv3_write_mmio(offset, val, size, MEMTX_OK);
    if (offset == A_CMDQ_PROD && size == 4 && ring_alone(s->accel, val)) {
        return;
    }
    BQL_LOCK_GUARD();
    SMMUV3_ACCEL_LOCK_GUARD(s->accel);
    if (size == 8) {
        write_register(s->accel, offset + 4, val >> 32);
    }
    write_register(s->accel, offset, val);
}

static uint64_t read_registers(SMMUv3State *s, hwaddr offset, unsigned size)
{
    uint64_t val = read_register(s, offset);

    if (size == 8) {
        val |= (uint64_t)read_register(s, offset + 4) << 32;
    }
    return val;
}

uint64_t smmuv3_accel_read(SMMUv3State *s, hwaddr offset, unsigned size)
{
    uint64_t val;

    if (bql_locked() && !runstate_is_running()) {
        /* Perhaps it was loaded, of which nobody has told yet */
        smmuv3_accel_show_cons(s);
    }
    if (offset == A_CMDQ_PROD || offset == A_CMDQ_CONS) {
        val = read_registers(s, offset, size);
    } else {
        BQL_LOCK_GUARD();
        val = read_registers(s, offset, size);
    }
    trace_smmuv3_read_mmio(offset, val, size, MEMTX_OK);
    return val;
}

void smmuv3_accel_reset(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    trace_smmuv3_accel_trigger("reset", 0);
    smmuv3_accel_update_idr(accel);
    smmuv3_accel_load_regs(accel);
    accel->cmdq_moved = false;
    accel->cmdq_unfinished = false;
    accel->updating = false;
    accel->cmdq_synced = false;
    smmuv3_streams_reset(&accel->streams);
}

void smmuv3_accel_update_idr(SMMUv3Accel *accel)
{
    SMMUv3State *s = accel->smmu;

    smmuv3_init_regs(s);
    smmuv3_idr_for_guest(&accel->props, s->idr,
                         accel->host_known ? &accel->host : NULL, accel->idr);
    memcpy(s->idr, accel->idr, sizeof(s->idr));
    set_queue_sizes(s);
    accel->pa_mask = MAKE_64BIT_MASK(0, smmuv3_idr_oas(accel->idr));
    accel->streams.inval.granules =
        accel->host_known && smmuv3_idr_ril(accel->host.idr) ?
        smmuv3_idr_granules(accel->idr) : 0;
}

void smmuv3_accel_regs_init(SMMUv3Accel *accel, const SMMUv3Clock *clock)
{
    smmuv3_streams_init(&accel->streams, read_table, get_sid, clock, accel);
}
