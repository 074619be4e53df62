/*
 * A Tegra241 CMDQV for the guest: its queues
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "cmdqv.h"
#include "opcodes.h"
#include "hw/arm/smmuv3-accel/trace.h"

#define ENTRY_SIZE      16
#define BASE_LOG2SIZE   MAKE_64BIT_MASK(0, 5)
#define BASE_ADDR       MAKE_64BIT_MASK(5, 43)
/* Of the largest queue's entries, and its index and wrap bit */
#define LOG2SIZE_MAX    19
#define INDEX_FIELDS    MAKE_64BIT_MASK(0, LOG2SIZE_MAX + 1)
#define CONS_ERR        MAKE_64BIT_MASK(24, 7)
#define CONS_ERR_SHIFT  24
#define GERROR_CMDQ     BIT(0)

/*
 * As much of the queues is done at a time; see device/queue.c. Most of a
 * CMD_SYNC's time is the host's.
 */
#define SLICE_COST      8192
#define SYNC_COST       32

/* How often STATUS is read until a queue that was turned off has stopped */
#define STOP_READS      1000

bool smmuv3_cmdqv_allocated(const SMMUv3CmdqvQueue *q)
{
    return q->alloc & SMMUV3_CMDQV_ALLOCATED;
}

unsigned smmuv3_cmdqv_number(const SMMUv3CmdqvQueue *q)
{
    return extract32(q->alloc, 1, 7);
}

SMMUv3CmdqvQueue *smmuv3_cmdqv_find(SMMUv3Cmdqv *c, unsigned l)
{
    for (unsigned i = 0; i < c->n; i++) {
        SMMUv3CmdqvQueue *q = &c->regs.queue[i];

        if (smmuv3_cmdqv_allocated(q) && smmuv3_cmdqv_number(q) == l) {
            return q;
        }
    }
    return NULL;
}

bool smmuv3_cmdqv_enabled(const SMMUv3Cmdqv *c)
{
    return c->regs.config & c->regs.vintf_config & SMMUV3_CMDQV_EN;
}

unsigned smmuv3_cmdqv_log2size(const SMMUv3CmdqvQueue *q)
{
    assert(q);
    return MIN(q->base & BASE_LOG2SIZE, LOG2SIZE_MAX);
}

uint64_t smmuv3_cmdqv_base(const SMMUv3CmdqvQueue *q)
{
    return q->base & BASE_ADDR;
}

/* --- Queues that are given: the host's page --- */

static SMMUv3CmdqvGiven *find_given(SMMUv3Cmdqv *c, const SMMUv3CmdqvQueue *q)
{
    for (unsigned l = 0; l < c->n_given; l++) {
        if (c->given[l].q == q) {
            return &c->given[l];
        }
    }
    return NULL;
}

/*
 * A volatile word, because the page is registers: each access is one of 32
 * bits, and none may be left out or come out of order
 */
typedef volatile uint32_t HostRegister;

static HostRegister *given_reg(SMMUv3Cmdqv *c, const SMMUv3CmdqvGiven *g,
                               unsigned reg)
{
    assert(c->viommu);
    return (HostRegister *)((char *)c->viommu->cmdqv_page +
                            (g - c->given) * SMMUV3_CMDQV_QUEUE_STRIDE + reg);
}

static uint32_t read_given(SMMUv3Cmdqv *c, const SMMUv3CmdqvGiven *g,
                           unsigned reg)
{
    return le32_to_cpu(*given_reg(c, g, reg));
}

static void write_given(SMMUv3Cmdqv *c, const SMMUv3CmdqvGiven *g, unsigned reg,
                        uint32_t val)
{
    *given_reg(c, g, reg) = cpu_to_le32(val);
}

static int give(SMMUv3Cmdqv *c, unsigned l, Error **errp)
{
    SMMUv3VIOMMU *v = c->viommu;
    SMMUv3CmdqvGiven *g = &c->given[l];
    SMMUv3CmdqvQueue *q = smmuv3_cmdqv_find(c, l);
    uint64_t len = ENTRY_SIZE << smmuv3_cmdqv_log2size(q);
    int ret;

    assert(v);
    if (!c->ops->stays(c->owner, smmuv3_cmdqv_base(q))) {
        error_setg(errp, "it is in memory that can be unplugged");
        return -EFAULT;
    }
    ret = v->ops->alloc_hw_queue(v->opaque, v->id, l, smmuv3_cmdqv_base(q), len,
                                 &g->id, errp);
    trace_smmuv3_accel_cmdqv_give(l, q->base, ret);
    if (ret < 0) {
        return ret;
    }
    g->q = q;
    g->base = q->base;
    c->n_given = l + 1;
    c->count.gives++;
    /* The hardware begins with zeros */
    if (q->cons & INDEX_FIELDS) {
        write_given(c, g, SMMUV3_CMDQV_QUEUE_CONS, q->cons & INDEX_FIELDS);
    }
    if (q->prod) {
        write_given(c, g, SMMUV3_CMDQV_QUEUE_PROD, q->prod);
    }
    if (q->enabled) {
        write_given(c, g, SMMUV3_CMDQV_QUEUE_CONFIG, SMMUV3_CMDQV_EN);
    }
    return 0;
}

/* Take the last one. The hardware has done what lies before CONS, no more. */
static void take(SMMUv3Cmdqv *c)
{
    SMMUv3CmdqvGiven *g = &c->given[c->n_given - 1];
    SMMUv3VIOMMU *v = c->viommu;
    SMMUv3CmdqvQueue *q = g->q;

    q->en = read_given(c, g, SMMUV3_CMDQV_QUEUE_CONFIG) & SMMUV3_CMDQV_EN;
    /* STATUS may not have followed yet; it lacks nothing while it is given */
    q->enabled = q->en;
    write_given(c, g, SMMUV3_CMDQV_QUEUE_CONFIG, 0);
    for (int i = 0; i < STOP_READS; i++) {
        if (!(read_given(c, g, SMMUV3_CMDQV_QUEUE_STATUS) & SMMUV3_CMDQV_EN)) {
            break;
        }
    }
    /* Until it stood still, an error could come */
    q->gerror = read_given(c, g, SMMUV3_CMDQV_QUEUE_GERROR);
    q->gerrorn = read_given(c, g, SMMUV3_CMDQV_QUEUE_GERRORN);
    q->cons = read_given(c, g, SMMUV3_CMDQV_QUEUE_CONS);
    q->prod = read_given(c, g, SMMUV3_CMDQV_QUEUE_PROD);
    trace_smmuv3_accel_cmdqv_take(c->n_given - 1, q->prod, q->cons);
    v->ops->destroy(v->opaque, g->id);
    c->n_given--;
    c->count.takes++;
}

/* The guest loses the page first, so that it writes to no queue that goes */
static void take_all(SMMUv3Cmdqv *c)
{
    if (c->shown) {
        c->ops->show(c->owner, NULL);
        c->shown = false;
    }
    while (c->n_given) {
        take(c);
    }
}

/* The page is mapped, and takes a queue that is set up */
static bool is_set_up(const SMMUv3CmdqvQueue *q)
{
    return q && smmuv3_cmdqv_log2size(q);
}

/*
 * How many queues the hardware can have. It wants them without a gap. One with
 * an error that the guest has not acknowledged is kept until it has: the
 * hardware would begin without the error.
 */
static unsigned count_wanted(SMMUv3Cmdqv *c)
{
    unsigned n = 0;

    if (!c->viommu || !c->viommu->cmdqv_page || !smmuv3_cmdqv_enabled(c)) {
        return 0;
    }
    while (n < c->n && is_set_up(smmuv3_cmdqv_find(c, n))) {
        n++;
    }
    for (unsigned l = 0; l < c->n; l++) {
        SMMUv3CmdqvQueue *q = smmuv3_cmdqv_find(c, l);

        if (is_set_up(q) && (l >= n || (l >= c->n_given &&
                                        smmuv3_cmdqv_in_error(c, q)))) {
            return 0;
        }
    }
    return n;
}

/*
 * How many of them are given as they should be. A queue keeps its number while
 * it is mapped, so that only the place of its commands can differ.
 */
static unsigned count_unchanged(SMMUv3Cmdqv *c, unsigned wanted)
{
    unsigned n = 0;

    while (n < wanted && n < c->n_given &&
           c->given[n].base == c->given[n].q->base) {
        n++;
    }
    return n;
}

/* What has lost something that it needs is off until it is turned on again */
static void update_enabled(SMMUv3Cmdqv *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        SMMUv3CmdqvQueue *q = &c->regs.queue[i];

        if (!smmuv3_cmdqv_allocated(q) || !smmuv3_cmdqv_enabled(c)) {
            q->enabled = false;
        }
    }
}

/* A guest can make the host refuse at will, also after a reset: one message */
static void refused(SMMUv3Cmdqv *c, unsigned l, Error *err)
{
    c->count.refusals++;
    g_free(c->why_kept);
    c->why_kept = g_strdup(error_get_pretty(err));
    if (!c->told) {
        c->told = true;
        warn_reportf_err(err, "arm-smmuv3: the hardware does not get the "
                         "guest's command queue %u, so QEMU does its commands, "
                         "as without a CMDQV: ", l);
    } else {
        error_free(err);
    }
}

/*
 * A queue may have been taken back before the host told of its error, and the
 * host tells nothing of queues that it no longer has.
 */
static void tell_of_errors(SMMUv3Cmdqv *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        SMMUv3CmdqvQueue *q = &c->regs.queue[i];

        if (smmuv3_cmdqv_allocated(q) && !find_given(c, q) &&
            smmuv3_cmdqv_in_error(c, q)) {
            smmuv3_cmdqv_host_error(c);
            break;
        }
    }
}

void smmuv3_cmdqv_update(SMMUv3Cmdqv *c)
{
    unsigned wanted = count_wanted(c);
    unsigned unchanged = count_unchanged(c, wanted);
    uint64_t takes = c->count.takes;
    Error *err = NULL;

    if (!wanted || (unchanged < wanted && unchanged < c->n_given)) {
        take_all(c);
        /* One of them may be in error */
        wanted = count_wanted(c);
    }
    while (c->n_given > wanted) {
        take(c);
    }
    update_enabled(c);
    while (c->n_given < wanted) {
        unsigned l = c->n_given;

        if (give(c, l, &err) < 0) {
            refused(c, l, err);
            take_all(c);
            wanted = 0;
        }
    }
    if (wanted && !c->shown) {
        g_clear_pointer(&c->why_kept, g_free);
        c->shown = true;
        c->ops->show(c->owner, c->viommu->cmdqv_page);
    }
    if (c->count.takes != takes) {
        tell_of_errors(c);
    }
    smmuv3_cmdqv_go_on(c);
}

/* --- Queues that are kept --- */

static uint32_t index_mask(const SMMUv3CmdqvQueue *q)
{
    return MAKE_64BIT_MASK(0, smmuv3_cmdqv_log2size(q) + 1);
}

static void raise_error(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q,
                        SMMUv3CmdqvError error)
{
    q->cons = (q->cons & INDEX_FIELDS) | error << CONS_ERR_SHIFT;
    q->gerror ^= GERROR_CMDQ;
    smmuv3_cmdqv_host_error(c);
}

/*
 * Of a VINTF that is not the hypervisor's, hardware does these only, which
 * is what the guest's driver believes, too
 */
static bool is_allowed(const uint64_t cmd[2])
{
    switch (cmd[0] & SMMUV3_CMD0_OPCODE) {
    case SMMUV3_CMD_TLBI_NH_ASID:
    case SMMUV3_CMD_TLBI_NH_VA:
    case SMMUV3_CMD_ATC_INV:
        return true;
    case SMMUV3_CMD_SYNC:
        return !extract64(cmd[0], 12, 2);
    default:
        return false;
    }
}

static SMMUv3CmdqvError do_one(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q, int *left)
{
    uint32_t i = q->cons & (index_mask(q) >> 1);
    uint64_t cmd[2];

    if (!c->ops->read(c->owner, smmuv3_cmdqv_base(q) + i * ENTRY_SIZE, cmd)) {
        return SMMUV3_CMDQV_ABORT;
    }
    *left -= (cmd[0] & SMMUV3_CMD0_OPCODE) == SMMUV3_CMD_SYNC ? SYNC_COST : 1;
    return is_allowed(cmd) ? c->ops->run(c->owner, cmd) : SMMUV3_CMDQV_ILLEGAL;
}

/* Indices further apart than the queue is long mean nothing (3.5.1) */
static bool has_commands(const SMMUv3CmdqvQueue *q)
{
    uint32_t n = (q->prod - q->cons) & index_mask(q);

    return q->enabled && n && n <= 1u << smmuv3_cmdqv_log2size(q) &&
           q->gerror == q->gerrorn;
}

static void consume(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q, int *left)
{
    while (*left > 0 && has_commands(q)) {
        SMMUv3CmdqvError error = do_one(c, q, left);

        if (error) {
            raise_error(c, q, error);
            return;
        }
        c->count.commands++;
        q->cons = (q->cons & ~INDEX_FIELDS) |
                  ((q->cons + 1) & index_mask(q));
    }
}

void smmuv3_cmdqv_go_on(SMMUv3Cmdqv *c)
{
    int left = SLICE_COST;

    if (!c->ops->runs(c->owner)) {
        return;
    }
    for (unsigned n = 0; n < c->n && left > 0; n++) {
        SMMUv3CmdqvQueue *q = &c->regs.queue[c->turn];

        c->turn = (c->turn + 1) % c->n;
        if (!find_given(c, q)) {
            consume(c, q, &left);
        }
    }
    if (left <= 0) {
        c->ops->more(c->owner);
    }
}

/* --- Registers of a queue --- */

uint32_t smmuv3_cmdqv_queue_read(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q,
                                 unsigned reg)
{
    SMMUv3CmdqvGiven *g = find_given(c, q);

    if (g) {
        return read_given(c, g, reg);
    }
    switch (reg) {
    case SMMUV3_CMDQV_QUEUE_CONS:
        return q->cons;
    case SMMUV3_CMDQV_QUEUE_PROD:
        return q->prod;
    case SMMUV3_CMDQV_QUEUE_CONFIG:
        return q->en;
    case SMMUV3_CMDQV_QUEUE_STATUS:
        return q->enabled;
    case SMMUV3_CMDQV_QUEUE_GERROR:
        return q->gerror;
    case SMMUV3_CMDQV_QUEUE_GERRORN:
        return q->gerrorn;
    default:
        return 0;
    }
}

void smmuv3_cmdqv_queue_write(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q, unsigned reg,
                              uint32_t val)
{
    SMMUv3CmdqvGiven *g = find_given(c, q);

    if (g) {
        write_given(c, g, reg, val);
        return;
    }
    switch (reg) {
    case SMMUV3_CMDQV_QUEUE_CONS:
        if (!q->enabled) {
            q->cons = val & (INDEX_FIELDS | CONS_ERR);
        }
        break;
    case SMMUV3_CMDQV_QUEUE_PROD:
        q->prod = val & INDEX_FIELDS;
        smmuv3_cmdqv_go_on(c);
        break;
    case SMMUV3_CMDQV_QUEUE_CONFIG:
        q->en = val & SMMUV3_CMDQV_EN;
        q->enabled = q->en && smmuv3_cmdqv_allocated(q) &&
                     smmuv3_cmdqv_enabled(c);
        smmuv3_cmdqv_go_on(c);
        break;
    case SMMUV3_CMDQV_QUEUE_GERRORN:
        /* Who acknowledges what is not there makes no error of it */
        q->gerrorn ^= (q->gerrorn ^ val) & (q->gerrorn ^ q->gerror);
        /* Perhaps it was this error for which the queues were kept */
        smmuv3_cmdqv_update(c);
        break;
    }
}

bool smmuv3_cmdqv_in_error(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q)
{
    return smmuv3_cmdqv_queue_read(c, q, SMMUV3_CMDQV_QUEUE_GERROR) !=
           smmuv3_cmdqv_queue_read(c, q, SMMUV3_CMDQV_QUEUE_GERRORN);
}

/* --- Its life --- */

void smmuv3_cmdqv_host_error(SMMUv3Cmdqv *c)
{
    c->count.errors++;
    if (!(c->regs.int_mask[0] & BIT(0))) {
        c->ops->interrupt(c->owner);
    }
}

void smmuv3_cmdqv_start(SMMUv3Cmdqv *c)
{
    tell_of_errors(c);
    smmuv3_cmdqv_update(c);
}

void smmuv3_cmdqv_set_viommu(SMMUv3Cmdqv *c, SMMUv3VIOMMU *viommu)
{
    if (!viommu) {
        take_all(c);
        tell_of_errors(c);
    }
    c->viommu = viommu;
    smmuv3_cmdqv_update(c);
}

void smmuv3_cmdqv_reset(SMMUv3Cmdqv *c)
{
    take_all(c);
    c->regs = (SMMUv3CmdqvRegs) {};
    g_clear_pointer(&c->why_kept, g_free);
}

void smmuv3_cmdqv_init(SMMUv3Cmdqv *c, const SMMUv3CmdqvOwner *ops, void *owner,
                       unsigned n, unsigned log2sids, unsigned log2max)
{
    g_assert(n && n <= SMMUV3_CMDQV_MAX_QUEUES && is_power_of_2(n));
    g_assert(log2sids <= ctz32(SMMUV3_CMDQV_SIDS));
    *c = (SMMUv3Cmdqv) {
        .ops = ops,
        .owner = owner,
        .n = n,
        .log2sids = log2sids,
        .log2max = log2max,
    };
}

void smmuv3_cmdqv_cleanup(SMMUv3Cmdqv *c)
{
    take_all(c);
    g_clear_pointer(&c->why_kept, g_free);
}
