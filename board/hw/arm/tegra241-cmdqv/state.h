/*
 * Tegra241 CMDQV: command queues beside the SMMU's own, which a VM can have
 *
 * What Linux's driver reads and writes is here, and nothing else. A queue
 * (VCMDQ) belongs to a virtual interface (VINTF), in which it has a logical
 * number (LVCMDQ). VINTFs that the hypervisor does not own are restricted in
 * what they may ask of the SMMU, so that a VM's page of one is harmless.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BOARD_TEGRA241_CMDQV_STATE_H
#define BOARD_TEGRA241_CMDQV_STATE_H

#include "exec/hwaddr.h"
#include "hw/arm/smmuv3.h"
#include "hw/arm/tegra241-cmdqv.h"
#include "hw/qdev-core.h"
#include "hw/registerfields.h"
#include "qom/object.h"
#include "system/memory.h"

OBJECT_DECLARE_SIMPLE_TYPE(CMDQVState, X_TEGRA241_CMDQV)

#define CMDQV_MAX_QUEUES    128     /* CMDQ_ERR_MAP has as many bits */
#define CMDQV_MAX_VINTFS    64      /* and VINTF_ERR_MAP */
#define CMDQV_SIDS          16

#define CMDQV_PAGE          0x10000
#define CMDQV_QUEUE_SIZE    0x80    /* of a queue's registers, in each page */

/* Offsets of the pages */
#define CMDQV_QUEUES_PAGE0  0x10000
#define CMDQV_QUEUES_PAGE1  0x20000
#define CMDQV_VINTFS        0x30000

REG32(CMDQV_CONFIG, 0x00)
    FIELD(CMDQV_CONFIG, EN, 0, 1)
REG32(CMDQV_PARAM, 0x04)
    FIELD(CMDQV_PARAM, VER, 0, 4)
    FIELD(CMDQV_PARAM, LOG2_QUEUES, 4, 4)
    FIELD(CMDQV_PARAM, LOG2_VINTFS, 8, 4)
    FIELD(CMDQV_PARAM, LOG2_SIDS, 12, 4)
REG32(CMDQV_STATUS, 0x08)
REG32(VINTF_ERR_MAP, 0x14)
REG32(VINTF_INT_MASK, 0x1c)
REG32(CMDQ_ERR_MAP, 0x24)
REG32(CMDQ_ALLOC, 0x200)
    FIELD(CMDQ_ALLOC, ALLOCATED, 0, 1)
    FIELD(CMDQ_ALLOC, LVCMDQ, 1, 7)
    FIELD(CMDQ_ALLOC, VINTF, 15, 6)
#define CMDQ_ALLOC_MASK     (R_CMDQ_ALLOC_ALLOCATED_MASK | \
                             R_CMDQ_ALLOC_LVCMDQ_MASK | \
                             R_CMDQ_ALLOC_VINTF_MASK)

#define VINTF_REGS          0x1000
#define VINTF_SIZE          0x100
REG32(VINTF_CONFIG, 0x00)
    FIELD(VINTF_CONFIG, EN, 0, 1)
    FIELD(VINTF_CONFIG, VMID, 1, 16)
    FIELD(VINTF_CONFIG, HYP_OWN, 17, 1)
#define VINTF_CONFIG_MASK   MAKE_64BIT_MASK(0, 18)
REG32(VINTF_STATUS, 0x04)
    FIELD(VINTF_STATUS, ENABLED, 0, 1)
    FIELD(VINTF_STATUS, STATUS, 1, 3)
REG32(VINTF_SID_MATCH, 0x40)
    FIELD(VINTF_SID_MATCH, ENABLE, 0, 1)
    FIELD(VINTF_SID_MATCH, SID, 1, 20)
#define VINTF_SID_MATCH_MASK    MAKE_64BIT_MASK(0, 21)
REG32(VINTF_SID_REPLACE, 0x80)
#define VINTF_SID_REPLACE_MASK  MAKE_64BIT_MASK(0, 20)
REG32(LVCMDQ_ERR_MAP, 0xc0)

/* Page 0 of a queue */
REG32(VCMDQ_CONS, 0x00)
    FIELD(VCMDQ_CONS, INDEX, 0, 20)
    FIELD(VCMDQ_CONS, ERR, 24, 7)
REG32(VCMDQ_PROD, 0x04)
REG32(VCMDQ_CONFIG, 0x08)
    FIELD(VCMDQ_CONFIG, EN, 0, 1)
REG32(VCMDQ_STATUS, 0x0c)
REG32(VCMDQ_GERROR, 0x10)
    FIELD(VCMDQ_GERROR, CMDQ_ERR, 0, 1)
REG32(VCMDQ_GERRORN, 0x14)

/* Page 1 of a queue; both are 64 bits wide */
REG32(VCMDQ_BASE, 0x00)
#define VCMDQ_BASE_MASK         (MAKE_64BIT_MASK(5, 43) | 0x1f)
REG32(VCMDQ_CONS_INDX_BASE, 0x08)

typedef struct CMDQVQueue {
    /* base, prod and cons are the registers of those names */
    SMMUQueue queue;
    uint32_t config;
    /* STATUS: CONFIG.EN was set when all that it needs was there */
    bool enabled;
    uint32_t gerror, gerrorn;
    uint64_t cons_base;
    /* CMDQ_ALLOC */
    uint32_t alloc;
} CMDQVQueue;

typedef struct CMDQVVintf {
    uint32_t config;
    uint32_t match[CMDQV_SIDS];
    uint32_t replace[CMDQV_SIDS];
} CMDQVVintf;

struct CMDQVState {
    DeviceState parent_obj;

    /* Properties */
    SMMUv3State *smmu;
    uint64_t addr;
    uint32_t spi;
    uint8_t log2_queues, log2_vintfs, log2_sids;

    MemoryRegion mmio;
    qemu_irq irq;
    Notifier machine_done;

    uint32_t config;
    uint32_t int_mask[2];
    CMDQVVintf vintf[CMDQV_MAX_VINTFS];
    CMDQVQueue queue[CMDQV_MAX_QUEUES];

    /* The last command that was the SMMU's to do, as a test reads it */
    uint64_t last[2];
};

static inline unsigned cmdqv_queues(const CMDQVState *s)
{
    return 1u << s->log2_queues;
}

static inline unsigned cmdqv_vintfs(const CMDQVState *s)
{
    return 1u << s->log2_vintfs;
}

/* Queues that a VINTF can have */
static inline unsigned cmdqv_lvcmdqs(const CMDQVState *s)
{
    return cmdqv_queues(s) / cmdqv_vintfs(s);
}

static inline uint64_t cmdqv_size(const CMDQVState *s)
{
    return CMDQV_VINTFS + 2ull * CMDQV_PAGE * cmdqv_vintfs(s);
}

static inline bool cmdqv_allocated(const CMDQVQueue *q)
{
    return FIELD_EX32(q->alloc, CMDQ_ALLOC, ALLOCATED);
}

static inline unsigned cmdqv_vintf_of(const CMDQVQueue *q)
{
    return FIELD_EX32(q->alloc, CMDQ_ALLOC, VINTF);
}

static inline bool cmdqv_vintf_enabled(const CMDQVState *s, unsigned v)
{
    return FIELD_EX32(s->config, CMDQV_CONFIG, EN) &&
           FIELD_EX32(s->vintf[v].config, VINTF_CONFIG, EN);
}

static inline bool cmdqv_in_error(const CMDQVQueue *q)
{
    return FIELD_EX32(q->gerror ^ q->gerrorn, VCMDQ_GERROR, CMDQ_ERR);
}

/**
 * cmdqv_lvcmdq: a VINTF's queue by its logical number
 *
 * Returns NULL if no queue is allocated to it.
 */
CMDQVQueue *cmdqv_lvcmdq(CMDQVState *s, unsigned vintf, unsigned lvcmdq);

/* registers.c */
extern const MemoryRegionOps cmdqv_ops;

/**
 * cmdqv_consume: do the commands between a queue's CONS and PROD
 *
 * Does nothing while the queue is off, or in an error that is not acknowledged.
 */
void cmdqv_consume(CMDQVState *s, CMDQVQueue *q);

#endif
