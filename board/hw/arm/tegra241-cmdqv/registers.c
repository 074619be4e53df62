/*
 * Tegra241 CMDQV: its registers
 *
 * All are 32 bits wide, or two halves that do not mind being written one after
 * the other. Error maps are functions of GERROR and GERRORN, so they are
 * computed when they are read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "hw/arm/smmuv3.h"
#include "hw/arm/smmuv3-internal.h"
#include "state.h"

#define PARAM_VERSION   1

static void complain(const char *what, hwaddr offset, uint32_t val)
{
    qemu_log_mask(LOG_GUEST_ERROR, "cmdqv: %s: 0x%x to 0x%" HWADDR_PRIx "\n",
                  what, val, offset);
}

CMDQVQueue *cmdqv_lvcmdq(CMDQVState *s, unsigned vintf, unsigned lvcmdq)
{
    uint32_t wanted = R_CMDQ_ALLOC_ALLOCATED_MASK;

    wanted = FIELD_DP32(wanted, CMDQ_ALLOC, LVCMDQ, lvcmdq);
    wanted = FIELD_DP32(wanted, CMDQ_ALLOC, VINTF, vintf);
    for (unsigned i = 0; i < cmdqv_queues(s); i++) {
        if (s->queue[i].alloc == wanted) {
            return &s->queue[i];
        }
    }
    return NULL;
}

/* 32 bits of the map of a VINTF's queues in error */
static uint32_t lvcmdq_errors(CMDQVState *s, unsigned vintf, unsigned first)
{
    uint32_t map = 0;

    for (unsigned i = first; i < MIN(first + 32, cmdqv_lvcmdqs(s)); i++) {
        CMDQVQueue *q = cmdqv_lvcmdq(s, vintf, i);

        if (q && cmdqv_in_error(q)) {
            map |= BIT(i - first);
        }
    }
    return map;
}

static bool vintf_in_error(CMDQVState *s, unsigned vintf)
{
    for (unsigned i = 0; i < cmdqv_lvcmdqs(s); i += 32) {
        if (lvcmdq_errors(s, vintf, i)) {
            return true;
        }
    }
    return false;
}

static uint32_t vintf_errors(CMDQVState *s, unsigned first)
{
    uint32_t map = 0;

    for (unsigned i = first; i < MIN(first + 32, cmdqv_vintfs(s)); i++) {
        if (vintf_in_error(s, i)) {
            map |= BIT(i - first);
        }
    }
    return map;
}

static uint32_t queue_errors(CMDQVState *s, unsigned first)
{
    uint32_t map = 0;

    for (unsigned i = first; i < MIN(first + 32, cmdqv_queues(s)); i++) {
        if (cmdqv_in_error(&s->queue[i])) {
            map |= BIT(i - first);
        }
    }
    return map;
}

/* Queues that have lost something that they need are off until set again */
static void update_enabled(CMDQVState *s)
{
    for (unsigned i = 0; i < cmdqv_queues(s); i++) {
        CMDQVQueue *q = &s->queue[i];

        if (!cmdqv_allocated(q) || !cmdqv_vintf_enabled(s, cmdqv_vintf_of(q))) {
            q->enabled = false;
        }
    }
}

/*
 * The driver disables the CMDQV before it assigns the queues anew, in ascending
 * order, whatever a kernel before it had mapped. So a disabled one has none.
 */
static void write_config(CMDQVState *s, uint32_t val)
{
    s->config = val;
    if (!FIELD_EX32(val, CMDQV_CONFIG, EN)) {
        for (unsigned i = 0; i < cmdqv_queues(s); i++) {
            s->queue[i].alloc &= ~R_CMDQ_ALLOC_ALLOCATED_MASK;
        }
    }
    update_enabled(s);
}

/* A VINTF's queues are mapped in ascending order and unmapped in descending */
static const char *refuse_alloc(CMDQVState *s, CMDQVQueue *q, uint32_t val)
{
    unsigned vintf = FIELD_EX32(val, CMDQ_ALLOC, VINTF);
    unsigned lvcmdq = FIELD_EX32(val, CMDQ_ALLOC, LVCMDQ);

    if (cmdqv_allocated(q)) {
        if (val == q->alloc) {
            return NULL;
        }
        if (FIELD_EX32(val, CMDQ_ALLOC, ALLOCATED)) {
            return "a mapped queue is mapped elsewhere";
        }
        return cmdqv_lvcmdq(s, cmdqv_vintf_of(q),
                            FIELD_EX32(q->alloc, CMDQ_ALLOC, LVCMDQ) + 1) ?
               "a queue is unmapped before the next one is" : NULL;
    }
    if (!FIELD_EX32(val, CMDQ_ALLOC, ALLOCATED)) {
        return NULL;
    }
    if (vintf >= cmdqv_vintfs(s) || lvcmdq >= cmdqv_lvcmdqs(s)) {
        return "there is no such LVCMDQ";
    }
    if (cmdqv_lvcmdq(s, vintf, lvcmdq)) {
        return "another queue has this place";
    }
    return lvcmdq && !cmdqv_lvcmdq(s, vintf, lvcmdq - 1) ?
           "a queue is mapped before the one below it is" : NULL;
}

static void write_alloc(CMDQVState *s, unsigned n, hwaddr offset, uint32_t val)
{
    CMDQVQueue *q = &s->queue[n];
    const char *why;

    val &= CMDQ_ALLOC_MASK;
    why = refuse_alloc(s, q, val);
    if (why) {
        complain(why, offset, val);
        return;
    }
    q->alloc = val;
    update_enabled(s);
}

static uint32_t read_vintf(CMDQVState *s, unsigned n, hwaddr reg)
{
    CMDQVVintf *v = &s->vintf[n];
    uint32_t val;

    switch (reg) {
    case A_VINTF_CONFIG:
        return v->config;
    case A_VINTF_STATUS:
        val = FIELD_DP32(0, VINTF_STATUS, ENABLED, cmdqv_vintf_enabled(s, n));
        return FIELD_DP32(val, VINTF_STATUS, STATUS, vintf_in_error(s, n));
    case A_VINTF_SID_MATCH ... A_VINTF_SID_MATCH + 4 * CMDQV_SIDS - 1:
        return v->match[(reg - A_VINTF_SID_MATCH) / 4];
    case A_VINTF_SID_REPLACE ... A_VINTF_SID_REPLACE + 4 * CMDQV_SIDS - 1:
        return v->replace[(reg - A_VINTF_SID_REPLACE) / 4];
    case A_LVCMDQ_ERR_MAP ... A_LVCMDQ_ERR_MAP + 15:
        return lvcmdq_errors(s, n, (reg - A_LVCMDQ_ERR_MAP) * 8);
    default:
        return 0;
    }
}

static void write_vintf(CMDQVState *s, unsigned n, hwaddr reg, uint32_t val)
{
    CMDQVVintf *v = &s->vintf[n];
    unsigned i;

    switch (reg) {
    case A_VINTF_CONFIG:
        v->config = val & VINTF_CONFIG_MASK;
        update_enabled(s);
        break;
    case A_VINTF_SID_MATCH ... A_VINTF_SID_MATCH + 4 * CMDQV_SIDS - 1:
        i = (reg - A_VINTF_SID_MATCH) / 4;
        if (i < 1u << s->log2_sids) {
            v->match[i] = val & VINTF_SID_MATCH_MASK;
        }
        break;
    case A_VINTF_SID_REPLACE ... A_VINTF_SID_REPLACE + 4 * CMDQV_SIDS - 1:
        i = (reg - A_VINTF_SID_REPLACE) / 4;
        if (i < 1u << s->log2_sids) {
            v->replace[i] = val & VINTF_SID_REPLACE_MASK;
        }
        break;
    }
}

static uint32_t read_global(CMDQVState *s, hwaddr reg)
{
    uint32_t val = 0;

    switch (reg) {
    case A_CMDQV_CONFIG:
        return s->config;
    case A_CMDQV_PARAM:
        val = FIELD_DP32(val, CMDQV_PARAM, VER, PARAM_VERSION);
        val = FIELD_DP32(val, CMDQV_PARAM, LOG2_QUEUES, s->log2_queues);
        val = FIELD_DP32(val, CMDQV_PARAM, LOG2_VINTFS, s->log2_vintfs);
        return FIELD_DP32(val, CMDQV_PARAM, LOG2_SIDS, s->log2_sids);
    case A_CMDQV_STATUS:
        return FIELD_EX32(s->config, CMDQV_CONFIG, EN);
    case A_VINTF_ERR_MAP ... A_VINTF_ERR_MAP + 7:
        return vintf_errors(s, (reg - A_VINTF_ERR_MAP) * 8);
    case A_VINTF_INT_MASK ... A_VINTF_INT_MASK + 7:
        return s->int_mask[(reg - A_VINTF_INT_MASK) / 4];
    case A_CMDQ_ERR_MAP ... A_CMDQ_ERR_MAP + 15:
        return queue_errors(s, (reg - A_CMDQ_ERR_MAP) * 8);
    case A_CMDQ_ALLOC ... A_CMDQ_ALLOC + 4 * CMDQV_MAX_QUEUES - 1:
        return s->queue[(reg - A_CMDQ_ALLOC) / 4].alloc;
    default:
        return 0;
    }
}

static void write_global(CMDQVState *s, hwaddr reg, uint32_t val)
{
    unsigned n;

    switch (reg) {
    case A_CMDQV_CONFIG:
        write_config(s, val);
        break;
    case A_VINTF_INT_MASK ... A_VINTF_INT_MASK + 7:
        s->int_mask[(reg - A_VINTF_INT_MASK) / 4] = val;
        break;
    case A_CMDQ_ALLOC ... A_CMDQ_ALLOC + 4 * CMDQV_MAX_QUEUES - 1:
        n = (reg - A_CMDQ_ALLOC) / 4;
        if (n < cmdqv_queues(s)) {
            write_alloc(s, n, reg, val);
        }
        break;
    }
}

static uint32_t read_queue0(CMDQVQueue *q, hwaddr reg)
{
    switch (reg) {
    case A_VCMDQ_CONS:
        return q->queue.cons;
    case A_VCMDQ_PROD:
        return q->queue.prod;
    case A_VCMDQ_CONFIG:
        return q->config;
    case A_VCMDQ_STATUS:
        return q->enabled;
    case A_VCMDQ_GERROR:
        return q->gerror;
    case A_VCMDQ_GERRORN:
        return q->gerrorn;
    default:
        return 0;
    }
}

static void write_queue_config(CMDQVState *s, CMDQVQueue *q, uint32_t val)
{
    q->config = val & R_VCMDQ_CONFIG_EN_MASK;
    q->enabled = q->config && cmdqv_allocated(q) &&
                 cmdqv_vintf_enabled(s, cmdqv_vintf_of(q));
    cmdqv_consume(s, q);
}

static void write_queue0(CMDQVState *s, CMDQVQueue *q, hwaddr offset,
                         uint32_t val)
{
    switch (offset % CMDQV_QUEUE_SIZE) {
    case A_VCMDQ_CONS:
        if (q->enabled) {
            complain("CONS of a queue that is on", offset, val);
            break;
        }
        q->queue.cons = val & (R_VCMDQ_CONS_INDEX_MASK |
                               R_VCMDQ_CONS_ERR_MASK);
        break;
    case A_VCMDQ_PROD:
        q->queue.prod = val & R_VCMDQ_CONS_INDEX_MASK;
        cmdqv_consume(s, q);
        break;
    case A_VCMDQ_CONFIG:
        write_queue_config(s, q, val);
        break;
    case A_VCMDQ_GERRORN:
        /* Who acknowledges what is not there makes no error of it */
        q->gerrorn ^= (q->gerrorn ^ val) & (q->gerrorn ^ q->gerror);
        cmdqv_consume(s, q);
        break;
    }
}

static uint32_t read_queue1(CMDQVQueue *q, hwaddr reg)
{
    switch (reg) {
    case A_VCMDQ_BASE:
    case A_VCMDQ_BASE + 4:
        return q->queue.base >> (reg - A_VCMDQ_BASE) * 8;
    case A_VCMDQ_CONS_INDX_BASE:
    case A_VCMDQ_CONS_INDX_BASE + 4:
        return q->cons_base >> (reg - A_VCMDQ_CONS_INDX_BASE) * 8;
    default:
        return 0;
    }
}

static void write_queue1(CMDQVQueue *q, hwaddr offset, uint32_t val)
{
    hwaddr reg = offset % CMDQV_QUEUE_SIZE;
    unsigned shift = reg % 8 * 8;

    if (q->enabled) {
        complain("a base of a queue that is on", offset, val);
        return;
    }
    switch (reg & ~7) {
    case A_VCMDQ_BASE:
        q->queue.base = deposit64(q->queue.base, shift, 32, val) &
                        VCMDQ_BASE_MASK;
        q->queue.log2size = MIN(extract64(q->queue.base, 0, 5), SMMU_CMDQS);
        break;
    case A_VCMDQ_CONS_INDX_BASE:
        q->cons_base = deposit64(q->cons_base, shift, 32, val);
        break;
    }
}

/* The queue whose registers are there, with the page of them; or none */
static CMDQVQueue *queue_at(CMDQVState *s, hwaddr offset, unsigned *page)
{
    unsigned n = offset % CMDQV_PAGE / CMDQV_QUEUE_SIZE;

    if (offset < CMDQV_VINTFS) {
        *page = offset >= CMDQV_QUEUES_PAGE1;
        return n < cmdqv_queues(s) ? &s->queue[n] : NULL;
    }
    *page = (offset - CMDQV_VINTFS) / CMDQV_PAGE % 2;
    return n < cmdqv_lvcmdqs(s) ?
           cmdqv_lvcmdq(s, (offset - CMDQV_VINTFS) / (2 * CMDQV_PAGE), n) :
           NULL;
}

static bool vintf_at(CMDQVState *s, hwaddr offset, unsigned *n)
{
    *n = (offset - VINTF_REGS) / VINTF_SIZE;
    return offset >= VINTF_REGS && *n < cmdqv_vintfs(s);
}

static uint64_t cmdqv_read(void *opaque, hwaddr offset, unsigned size)
{
    CMDQVState *s = opaque;
    CMDQVQueue *q;
    unsigned n;

    if (offset < CMDQV_PAGE) {
        return vintf_at(s, offset, &n) ? read_vintf(s, n, offset % VINTF_SIZE)
                                       : read_global(s, offset);
    }
    q = queue_at(s, offset, &n);
    if (!q) {
        return 0;
    }
    return n ? read_queue1(q, offset % CMDQV_QUEUE_SIZE)
             : read_queue0(q, offset % CMDQV_QUEUE_SIZE);
}

static void cmdqv_write(void *opaque, hwaddr offset, uint64_t val,
                        unsigned size)
{
    CMDQVState *s = opaque;
    CMDQVQueue *q;
    unsigned n;

    if (offset < CMDQV_PAGE) {
        if (vintf_at(s, offset, &n)) {
            write_vintf(s, n, offset % VINTF_SIZE, val);
        } else {
            write_global(s, offset, val);
        }
        return;
    }
    q = queue_at(s, offset, &n);
    if (!q) {
        return;
    }
    if (n) {
        write_queue1(q, offset, val);
    } else {
        write_queue0(s, q, offset, val);
    }
}

const MemoryRegionOps cmdqv_ops = {
    .read = cmdqv_read,
    .write = cmdqv_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};
