/*
 * What the emulated SMMUv3 calls when its translation is done elsewhere
 *
 * smmuv3.c has the registers and calls these at the moments that matter; with
 * no backend each is a test of one pointer. All are called with the BQL held.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_BACKEND_H
#define HW_ARM_SMMUV3_BACKEND_H

#include "exec/memattrs.h"
#include "hw/arm/smmuv3.h"

typedef struct SMMUv3BackendOps {
    /* CR0 has its new value; CR0ACK, which the guest polls, has not */
    void (*cr0)(SMMUv3State *s);
    /* GBPA has its new value; UPDATE reads 1 until this returns */
    void (*gbpa)(SMMUv3State *s);
    /* All registers have their reset values */
    void (*reset)(SMMUv3State *s);
    /* Consume the command queue, which is enabled */
    void (*consume_cmdq)(SMMUv3State *s);
    /* Put a record of 32 bytes, little-endian, into the guest's event queue */
    MemTxResult (*write_eventq)(SMMUv3State *s, const void *evt);
    /* Send @irq as a message if the guest asked for that; else say false */
    bool (*send_irq)(SMMUv3State *s, SMMUIrq irq);
} SMMUv3BackendOps;

static inline void smmuv3_backend_cr0(SMMUv3State *s)
{
    if (s->backend) {
        s->backend->cr0(s);
    }
}

static inline void smmuv3_backend_gbpa(SMMUv3State *s)
{
    if (s->backend) {
        s->backend->gbpa(s);
    }
}

static inline void smmuv3_backend_reset(SMMUv3State *s)
{
    if (s->backend) {
        s->backend->reset(s);
    }
}

/* Returns: whether there was a backend to do it */
static inline bool smmuv3_backend_consume_cmdq(SMMUv3State *s)
{
    if (s->backend) {
        s->backend->consume_cmdq(s);
    }
    return s->backend;
}

/* Returns: whether it has been sent */
static inline bool smmuv3_backend_send_irq(SMMUv3State *s, SMMUIrq irq)
{
    return s->backend && s->backend->send_irq(s, irq);
}

/* smmuv3.c: raise @irq if the guest enabled it; toggle @mask of GERROR first */
void smmuv3_trigger_irq(SMMUv3State *s, SMMUIrq irq, uint32_t mask);

/* device/device.c, or device/stub.c in builds without iommufd */
void smmuv3_accel_instance_init(SMMUv3State *s);
void smmuv3_accel_instance_finalize(Object *obj);
void smmuv3_accel_class_init(ObjectClass *klass);
void smmuv3_accel_realize(SMMUv3State *s, Error **errp);

#endif /* HW_ARM_SMMUV3_BACKEND_H */
