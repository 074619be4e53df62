/*
 * The emulated SMMUv3's calls to a backend that translates in its place
 *
 * A backend serves the registers and the queues itself. It uses the state of
 * smmuv3.c, which is the state that migrates. Without a backend each call tests
 * one pointer. All but read, write and translate are called with the BQL held.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_BACKEND_H
#define HW_ARM_SMMUV3_BACKEND_H

#include "exec/hwaddr.h"
#include "hw/arm/smmuv3.h"

#define SMMUV3_EVENT_WORDS 8

typedef struct SMMUv3BackendOps {
    /*
     * Access a register; @offset is the one in page 0, aligned to @size, which
     * is 4 or 8 bytes
     */
    uint64_t (*read)(SMMUv3State *s, hwaddr offset, unsigned size);
    void (*write)(SMMUv3State *s, hwaddr offset, uint64_t val, unsigned size);
    /* All registers have their reset values */
    void (*reset)(SMMUv3State *s);
    /*
     * The emulation is about to translate, for a device that the backend does
     * not serve; it holds SMMUv3State.mutex
     */
    void (*translate)(SMMUv3State *s);
    /* Record an event of the emulation's own; words in host byte order */
    void (*record)(SMMUv3State *s, const uint32_t word[SMMUV3_EVENT_WORDS]);
} SMMUv3BackendOps;

/* Each returns whether there is a backend, which has then done it */

static inline bool smmuv3_backend_read(SMMUv3State *s, hwaddr offset,
                                       uint64_t *val, unsigned size)
{
    if (s->backend) {
        *val = s->backend->read(s, offset, size);
    }
    return s->backend;
}

static inline bool smmuv3_backend_write(SMMUv3State *s, hwaddr offset,
                                        uint64_t val, unsigned size)
{
    if (s->backend) {
        s->backend->write(s, offset, val, size);
    }
    return s->backend;
}

static inline bool smmuv3_backend_record(SMMUv3State *s,
                                         const uint32_t *word)
{
    if (s->backend) {
        s->backend->record(s, word);
    }
    return s->backend;
}

static inline void smmuv3_backend_translate(SMMUv3State *s)
{
    if (s->backend) {
        s->backend->translate(s);
    }
}

static inline void smmuv3_backend_reset(SMMUv3State *s)
{
    if (s->backend) {
        s->backend->reset(s);
    }
}

/* device/device.c, or device/stub.c in builds without iommufd */
void smmuv3_accel_instance_init(SMMUv3State *s);
void smmuv3_accel_instance_finalize(Object *obj);
void smmuv3_accel_class_init(ObjectClass *klass);
void smmuv3_accel_realize(SMMUv3State *s, Error **errp);

#endif /* HW_ARM_SMMUV3_BACKEND_H */
