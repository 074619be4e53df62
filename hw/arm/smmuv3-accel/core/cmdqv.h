/*
 * A Tegra241 CMDQV for the guest: command queues beside the SMMU's own
 *
 * Knows the queues: which of them the host's hardware can have, when it gets
 * them, and when QEMU takes them back. It must not know streams.
 *
 * The guest sees one VINTF. Its queues are either all *given*, which means that
 * the host's hardware reads them in guest memory and that the guest has the
 * host's page of registers; or all *kept*: an access to their registers comes
 * here, and QEMU does their commands as it does those of the SMMU's own queue.
 * Whatever keeps the host from taking a queue (no device is plugged, no memory
 * is at its address, no resources) costs the guest time, and nothing else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_CMDQV_H
#define HW_ARM_SMMUV3_ACCEL_CORE_CMDQV_H

#include "viommu.h"

#define SMMUV3_CMDQV_MAX_QUEUES 8
#define SMMUV3_CMDQV_SIDS       16   /* SID_MATCH registers of a VINTF */

/* CONS.ERR of a queue */
typedef enum SMMUv3CmdqvError {
    SMMUV3_CMDQV_NO_ERROR,
    SMMUV3_CMDQV_ILLEGAL,
    SMMUV3_CMDQV_ABORT,
    SMMUV3_CMDQV_ATC_TIMEOUT,
} SMMUv3CmdqvError;

/**
 * SMMUv3CmdqvOwner - what a CMDQV asks of the device that it is part of
 *
 * All are called with SMMUv3Cmdqv.owner.
 *
 * @read: read the command at @gpa; false if there is no memory
 * @stays: if there is memory at @gpa, is it such that the VM never loses? The
 *         host does not let go of memory that a queue is in.
 * @run: do a command, as if it were on the SMMU's own queue
 * @show: let the guest have the host's page @page in place of page 0 of the
 *        VINTF; NULL: no longer
 * @runs: may commands be done? If not, smmuv3_cmdqv_start() comes later.
 * @interrupt: an error has come
 * @more: call smmuv3_cmdqv_go_on() soon
 */
typedef struct SMMUv3CmdqvOwner {
    bool (*read)(void *owner, uint64_t gpa, uint64_t cmd[2]);
    bool (*stays)(void *owner, uint64_t gpa);
    SMMUv3CmdqvError (*run)(void *owner, const uint64_t cmd[2]);
    void (*show)(void *owner, void *page);
    bool (*runs)(void *owner);
    void (*interrupt)(void *owner);
    void (*more)(void *owner);
} SMMUv3CmdqvOwner;

/**
 * SMMUv3CmdqvQueue - a VCMDQ; of one that is given, what it was before
 * @alloc: CMDQ_ALLOC
 * @enabled: STATUS
 */
typedef struct SMMUv3CmdqvQueue {
    uint32_t alloc;
    uint32_t cons;
    uint32_t prod;
    uint32_t gerror;
    uint32_t gerrorn;
    bool en;
    bool enabled;
    uint64_t base;
    uint64_t cons_base;
} SMMUv3CmdqvQueue;

/* A queue that the hardware has, by its number in the VINTF */
typedef struct SMMUv3CmdqvGiven {
    uint32_t id;
    uint64_t base;
    SMMUv3CmdqvQueue *q;
} SMMUv3CmdqvGiven;

typedef struct SMMUv3CmdqvCounters {
    uint64_t gives;          /* of all queues that were set up */
    uint64_t takes;          /* back */
    uint64_t refusals;       /* of the host, or for its sake */
    uint64_t errors;         /* that the guest was told of */
    uint64_t commands;       /* that QEMU did */
} SMMUv3CmdqvCounters;

/* Its registers, which a reset clears */
typedef struct SMMUv3CmdqvRegs {
    uint32_t config;
    uint32_t vintf_config;
    uint32_t int_mask[2];
    uint32_t sid_match[SMMUV3_CMDQV_SIDS];
    uint32_t sid_replace[SMMUV3_CMDQV_SIDS];
    SMMUv3CmdqvQueue queue[SMMUV3_CMDQV_MAX_QUEUES];
} SMMUv3CmdqvRegs;

/**
 * SMMUv3Cmdqv - the guest's CMDQV
 * @n: its queues
 * @log2sids: StreamIDs that its VINTF knows
 * @log2max: of the entries that the guest is told a queue can have
 * @viommu: the host's, of the devices behind the SMMU; or NULL
 * @n_given: so many queues are given, from number 0 on
 * @turn: the first of the queues that are kept, in the next slice
 * @shown: the guest has the host's page
 * @why_kept: why the hardware did not get a queue last, or NULL; owned
 * @told: the user knows of a refusal
 */
typedef struct SMMUv3Cmdqv {
    const SMMUv3CmdqvOwner *ops;
    void *owner;
    unsigned n;
    unsigned log2sids;
    unsigned log2max;

    SMMUv3VIOMMU *viommu;
    SMMUv3CmdqvRegs regs;

    unsigned n_given;
    SMMUv3CmdqvGiven given[SMMUV3_CMDQV_MAX_QUEUES];
    unsigned turn;
    bool shown;
    char *why_kept;
    bool told;
    SMMUv3CmdqvCounters count;
} SMMUv3Cmdqv;

/* CMDQ_ALLOC, CONFIG of the CMDQV and of the VINTF, a queue's page 0 */
#define SMMUV3_CMDQV_EN              BIT(0)
#define SMMUV3_CMDQV_ALLOCATED       BIT(0)
#define SMMUV3_CMDQV_ALLOC_FIELDS    0x1f80ff
#define SMMUV3_CMDQV_QUEUE_CONS      0x00
#define SMMUV3_CMDQV_QUEUE_PROD      0x04
#define SMMUV3_CMDQV_QUEUE_CONFIG    0x08
#define SMMUV3_CMDQV_QUEUE_STATUS    0x0c
#define SMMUV3_CMDQV_QUEUE_GERROR    0x10
#define SMMUV3_CMDQV_QUEUE_GERRORN   0x14
#define SMMUV3_CMDQV_QUEUE_STRIDE    0x80

/**
 * smmuv3_cmdqv_init - reset values
 * @n: queues, a power of two up to SMMUV3_CMDQV_MAX_QUEUES
 */
void smmuv3_cmdqv_init(SMMUv3Cmdqv *c, const SMMUv3CmdqvOwner *ops, void *owner,
                       unsigned n, unsigned log2sids, unsigned log2max);

/* Take all queues back; nothing of the host's is left */
void smmuv3_cmdqv_cleanup(SMMUv3Cmdqv *c);
void smmuv3_cmdqv_reset(SMMUv3Cmdqv *c);

/*
 * The first device was plugged, or (NULL) the last one is about to go. A vIOMMU
 * without a CMDQV can be given nothing.
 */
void smmuv3_cmdqv_set_viommu(SMMUv3Cmdqv *c, SMMUv3VIOMMU *viommu);

/*
 * After CMDQV, VINTF, CMDQ_ALLOC or BASE have changed: give the hardware what
 * it can have, and take what it has to lose.
 */
void smmuv3_cmdqv_update(SMMUv3Cmdqv *c);

/* Does the guest's CMDQV, with its VINTF, have EN = 1? */
bool smmuv3_cmdqv_enabled(const SMMUv3Cmdqv *c);
/* The VCMDQ that is number @l of the VINTF, or NULL */
SMMUv3CmdqvQueue *smmuv3_cmdqv_find(SMMUv3Cmdqv *c, unsigned l);
/* Which number of the VINTF @q has; it is allocated */
unsigned smmuv3_cmdqv_number(const SMMUv3CmdqvQueue *q);
bool smmuv3_cmdqv_allocated(const SMMUv3CmdqvQueue *q);
/* The entries of a queue, and where they begin */
unsigned smmuv3_cmdqv_log2size(const SMMUv3CmdqvQueue *q);
uint64_t smmuv3_cmdqv_base(const SMMUv3CmdqvQueue *q);

/* A register in page 0 of a queue, wherever it is now */
uint32_t smmuv3_cmdqv_queue_read(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q,
                                 unsigned reg);
void smmuv3_cmdqv_queue_write(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q, unsigned reg,
                              uint32_t val);
/* Is there an error that the guest has not acknowledged? */
bool smmuv3_cmdqv_in_error(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q);

/*
 * The VM starts, perhaps in another process than before: give the hardware what
 * it can have, and tell the guest of errors that it may not have been told of.
 */
void smmuv3_cmdqv_start(SMMUv3Cmdqv *c);

/* Do commands of queues that are kept, a limited number */
void smmuv3_cmdqv_go_on(SMMUv3Cmdqv *c);

/* The host says that a queue is in error */
void smmuv3_cmdqv_host_error(SMMUv3Cmdqv *c);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_CMDQV_H */
