/*
 * arm-smmuv3,accel=on: register events, and the ID registers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "state.h"
#include "hw/arm/smmuv3-accel/trace.h"
#include "hw/arm/smmuv3-internal.h"
#include "system/dma.h"

/*
 * Tables are memory. Without that attribute a guest could point the SMMU at
 * registers, whose reads have effects; at the SMMU's own, for one.
 */
static bool read_table(void *opaque, uint64_t addr, void *buf, size_t len)
{
    MemTxAttrs attrs = { .memory = true };

    return dma_memory_read(&address_space_memory, addr, buf, len,
                           attrs) == MEMTX_OK;
}

/* Bus numbers are the guest's to change, so this is asked each time */
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
        .gbpa = s->gbpa,
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

void smmuv3_accel_cr0_written(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;
    bool was_enabled = accel->streams.regs.smmuen;

    smmuv3_accel_load_regs(accel);
    if (was_enabled == accel->streams.regs.smmuen ||
        SMMUV3_FAULT_IS(NO_SMMUEN)) {
        return;
    }
    trace_smmuv3_accel_event("smmuen", accel->streams.regs.smmuen);
    smmuv3_streams_update(&accel->streams);
}

void smmuv3_accel_gbpa_written(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;

    smmuv3_accel_load_regs(accel);
    if (SMMUV3_FAULT_IS(GBPA_ALWAYS)) {
        accel->streams.regs.smmuen = false;
    }
    trace_smmuv3_accel_event("gbpa", s->gbpa);
    if (!accel->streams.regs.smmuen) {
        smmuv3_streams_update(&accel->streams);
    }
}

void smmuv3_accel_reset(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;

    trace_smmuv3_accel_event("reset", 0);
    smmuv3_accel_update_idr(accel);
    smmuv3_accel_load_regs(accel);
    smmuv3_streams_reset(&accel->streams);
}

void smmuv3_accel_update_idr(SMMUv3Accel *accel)
{
    SMMUv3State *s = accel->smmu;

    smmuv3_init_regs(s);
    smmuv3_idr_for_guest(&accel->props, s->idr,
                         accel->host_known ? &accel->host : NULL, accel->idr);
    memcpy(s->idr, accel->idr, sizeof(s->idr));
    accel->streams.inval.granules =
        accel->host_known && smmuv3_idr_ril(accel->host.idr) ?
        smmuv3_idr_granules(accel->idr) : 0;
}

void smmuv3_accel_regs_init(SMMUv3Accel *accel)
{
    smmuv3_streams_init(&accel->streams, read_table, get_sid,
                        &smmuv3_accel_clock, accel);
}
