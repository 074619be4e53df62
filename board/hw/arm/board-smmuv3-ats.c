/*
 * ATS of the board's SMMUv3: Translation Requests, Translated transactions and
 * CMD_ATC_INV, and ordinary transactions with a PASID
 *
 * Section numbers are those of IHI 0070 G.b.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "board-smmuv3-hooks.h"
#include "hw/pci/pci_bus.h"
#include "system/address-spaces.h"

#define CR0_ATSCHK      4
#define ATC_INV_G(x)    extract32((x)->word[0], 9, 1)
#define ATC_INV_SIZE(x) extract32((x)->word[2], 0, 6)
#define ATC_INV_ALL     52
#define EATS_FULL       1

/* The smallest granule, which Linux tells the devices is the STU */
#define STU_MASK        0xfffULL

static SMMUDevice *sdev_of(PCIDevice *dev)
{
    MemoryRegion *root = pci_device_iommu_address_space(dev)->root;

    if (!object_dynamic_cast(OBJECT(root), TYPE_SMMUV3_IOMMU_MEMORY_REGION)) {
        return NULL;
    }
    return container_of(IOMMU_MEMORY_REGION(root), SMMUDevice, iommu);
}

bool board_untranslated(PCIDevice *dev, uint32_t txn, hwaddr addr, bool write,
                        IOMMUTLBEntry *entry)
{
    IOMMUAccessFlags flag = write ? IOMMU_WO : IOMMU_RO;
    SMMUDevice *sdev = sdev_of(dev);

    if (!sdev) {
        *entry = (IOMMUTLBEntry) {
            .target_as = &address_space_memory,
            .translated_addr = addr,
            .addr_mask = STU_MASK,
        };
        return !FIELD_EX32(txn, BOARD_TXN, SSV);
    }
    *entry = IOMMU_MEMORY_REGION_GET_CLASS(&sdev->iommu)->translate(
        &sdev->iommu, addr, flag, txn);
    return entry->perm & flag;
}

/* What the STE alone says; the event's type is set if it is of no use */
static const BoardConfig *ste_config(SMMUDevice *sdev, SMMUEventInfo *event)
{
    SMMUEventInfo own = *event;
    SMMUTransCfg *cfg;

    own.x_txn = R_BOARD_TXN_STE_ONLY_MASK;
    cfg = board_smmuv3_config(sdev, &own);
    return cfg ? container_of(cfg, BoardConfig, cfg) : NULL;
}

/* The fault's kinds that are no configuration error (3.9.1.2) */
static bool is_translation_fault(SMMUEventType type)
{
    switch (type) {
    case SMMU_EVT_NONE:     /* one that STE.S2R or CD.R does not record */
    case SMMU_EVT_F_TRANSLATION:
    case SMMU_EVT_F_ADDR_SIZE:
    case SMMU_EVT_F_ACCESS:
    case SMMU_EVT_F_PERMISSION:
        return true;
    default:
        return false;
    }
}

static BoardCompletion refuse(SMMUEventInfo *event, hwaddr addr, bool no_write)
{
    event->type = SMMU_EVT_F_BAD_ATS_TREQ;
    event->u.f_transl_forbidden.addr = addr;
    event->u.f_transl_forbidden.rnw = no_write;
    return BOARD_UR;
}

/* Execution only with reading (13.7.1) */
static IOMMUAccessFlags granted(const SMMUTLBEntry *tlbe, uint32_t txn,
                                bool exec)
{
    IOMMUAccessFlags perm = tlbe->entry.perm & tlbe->parent_perm;

    if (exec && perm & IOMMU_RO) {
        perm |= IOMMU_EXEC;
    }
    return perm & ~board_smmu_denied_to(tlbe->x_denied | tlbe->x_denied_s2,
                                        txn);
}

/* The SMMU lets the stream have ATS: what does it get? */
static BoardCompletion translate(SMMUDevice *sdev, SMMUEventInfo *event,
                                 hwaddr addr, bool no_write,
                                 IOMMUTLBEntry *entry)
{
    SMMUTransCfg *cfg = board_smmuv3_any_config(sdev, event);
    bool exec = FIELD_EX32(event->x_txn, BOARD_TXN, EXEC);
    SMMUEventType type;
    SMMUTLBEntry *tlbe;
    IOMMUAccessFlags perm = IOMMU_RW;

    /* Whatever is asked for, without reading there is nothing. */
    event->x_txn = FIELD_DP32(event->x_txn, BOARD_TXN, EXEC, 0);
    if (cfg && cfg->aborted) {
        /* One that is cached, of an STE that no CFGI_STE has followed yet */
        return BOARD_UR;
    }
    if (cfg && cfg->bypassed) {
        /* S1DSS bypasses the only stage (13.6.4). */
        entry->translated_addr = addr & ~STU_MASK;
    } else if (cfg && board_smmuv3_walk(sdev->smmu, addr, cfg, event, IOMMU_RO,
                                        &tlbe, SMMU_CLASS_IN) ==
                      SMMU_TRANS_SUCCESS) {
        entry->translated_addr = tlbe->entry.translated_addr;
        entry->addr_mask = tlbe->entry.addr_mask;
        perm = granted(tlbe, event->x_txn, exec);
    } else {
        type = event->type;
        event->type = SMMU_EVT_NONE;
        return is_translation_fault(type) ? BOARD_SUCCESS : BOARD_CA;
    }
    entry->iova = addr & ~entry->addr_mask;
    entry->perm = no_write ? perm & ~IOMMU_WO : perm;
    return BOARD_SUCCESS;
}

static BoardCompletion request(SMMUDevice *sdev, SMMUEventInfo *event,
                               hwaddr addr, bool no_write,
                               IOMMUTLBEntry *entry)
{
    SMMUv3State *s = sdev->smmu;
    const BoardConfig *ste;

    if (!FIELD_EX32(s->idr[0], IDR0, ATS)) {
        return BOARD_UR;
    }
    if (!smmu_enabled(s)) {
        return refuse(event, addr, no_write);
    }
    ste = ste_config(sdev, event);
    if (!ste) {
        return BOARD_CA;
    }
    if (ste->cfg.aborted) {
        return BOARD_UR;
    }
    if (ste->cfg.bypassed || ste->eats != EATS_FULL) {
        return refuse(event, addr, no_write);
    }
    return translate(sdev, event, addr, no_write, entry);
}

BoardCompletion board_translation_request(PCIDevice *dev, uint32_t txn,
                                          hwaddr addr, bool no_write,
                                          IOMMUTLBEntry *entry)
{
    SMMUDevice *sdev = sdev_of(dev);
    SMMUEventInfo event = { .x_txn = txn };
    BoardCompletion completion;
    SMMUv3State *s;

    *entry = (IOMMUTLBEntry) {
        .target_as = &address_space_memory,
        .iova = addr & ~STU_MASK,
        .addr_mask = STU_MASK,
    };
    if (!sdev) {
        return BOARD_UR;
    }
    s = sdev->smmu;
    event.sid = smmu_get_sid(sdev);
    qemu_mutex_lock(&s->mutex);
    completion = request(sdev, &event, addr, no_write, entry);
    qemu_mutex_unlock(&s->mutex);
    smmuv3_record_event(s, &event);
    return completion;
}

/* Whether it does; the event's type is set if there is one (3.9.1.3) */
static bool passes(SMMUDevice *sdev, SMMUEventInfo *event, hwaddr addr)
{
    SMMUv3State *s = sdev->smmu;
    unsigned oas = oas2bits(FIELD_EX32(s->idr[5], IDR5, OAS));
    const BoardConfig *ste;

    if (!smmu_enabled(s)) {
        event->type = SMMU_EVT_F_TRANS_FORBIDDEN;
        return false;
    }
    if (extract32(s->cr[0], CR0_ATSCHK, 1)) {
        ste = ste_config(sdev, event);
        if (!ste || ste->cfg.aborted) {
            return false;
        }
        if (ste->cfg.bypassed || ste->eats != EATS_FULL) {
            event->type = SMMU_EVT_F_TRANS_FORBIDDEN;
            return false;
        }
        /*
         * Whether a PASID came with it is not known here (IDR3.PASIDTT = 0),
         * so that there is no F_STREAM_DISABLED (7.3.7).
         */
    }
    return !(addr >> oas);
}

bool board_translated(PCIDevice *dev, hwaddr addr, bool write)
{
    SMMUDevice *sdev = sdev_of(dev);
    SMMUEventInfo event = { };
    SMMUv3State *s;
    bool pass;

    if (!sdev) {
        return true;
    }
    s = sdev->smmu;
    event.sid = smmu_get_sid(sdev);
    qemu_mutex_lock(&s->mutex);
    pass = passes(sdev, &event, addr);
    qemu_mutex_unlock(&s->mutex);
    if (event.type == SMMU_EVT_F_TRANS_FORBIDDEN) {
        event.u.f_transl_forbidden.addr = addr;
        event.u.f_transl_forbidden.rnw = !write;
    }
    smmuv3_record_event(s, &event);
    return pass;
}

SMMUCmdError board_smmuv3_atc_inv(SMMUv3State *s, const Cmd *cmd)
{
    unsigned size = ATC_INV_SIZE(cmd);
    SMMUDevice *sdev = smmu_find_sdev(ARM_SMMU(s), CMD_SID(cmd));
    BoardInvalidation inv = {
        .ssv = CMD_SSV(cmd) && FIELD_EX32(s->idr[1], IDR1, SSIDSIZE),
        .ssid = CMD_SSID(cmd),
        .global = ATC_INV_G(cmd),
        .mask = size >= ATC_INV_ALL ? UINT64_MAX : (4096ULL << size) - 1,
    };
    PCIDevice *dev;

    if (!FIELD_EX32(s->idr[0], IDR0, ATS) || size > ATC_INV_ALL) {
        return SMMU_CERROR_ILL;
    }
    if (!smmu_enabled(s) || !sdev) {
        return SMMU_CERROR_NONE;
    }
    dev = sdev->bus->devices[sdev->devfn];
    if (dev && object_dynamic_cast(OBJECT(dev), TYPE_BOARD_ATC)) {
        inv.addr = CMD_ADDR(cmd) & ~inv.mask;
        BOARD_ATC_CLASS(object_get_class(OBJECT(dev)))->invalidate(dev, &inv);
    }
    return SMMU_CERROR_NONE;
}

static const TypeInfo board_atc_info = {
    .name = TYPE_BOARD_ATC,
    .parent = TYPE_INTERFACE,
    .class_size = sizeof(BoardATCClass),
};

static void register_types(void)
{
    type_register_static(&board_atc_info);
}

type_init(register_types)
