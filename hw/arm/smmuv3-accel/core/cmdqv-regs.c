/*
 * A Tegra241 CMDQV for the guest: its registers
 *
 * There is no manual. What Linux's driver does with a register is what it is
 * for; bits that the driver does not know are not stored. The guest is told
 * that its VINTF is not the hypervisor's (HYP_OWN reads 0), by which its driver
 * knows the commands that the queues take. The StreamIDs are the host's
 * business: SID_MATCH and SID_REPLACE are stored, and mean nothing.
 *
 * Error maps are functions of GERROR and GERRORN, computed when they are read:
 * nothing need be cleared when the guest acknowledges an error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/host-utils.h"
#include "cmdqv-regs.h"

/* The configuration page */
#define CONFIG           0x00
#define PARAM            0x04
#define STATUS           0x08
#define VINTF_ERR_MAP    0x14        /* two words */
#define VINTF_INT_MASK   0x1c        /* two words */
#define CMDQ_ERR_MAP     0x24        /* four words */
#define CMDQ_ALLOC       0x200
#define VINTF            0x1000
#define VINTF_CONFIG     (VINTF + 0x00)
#define VINTF_STATUS     (VINTF + 0x04)
#define SID_MATCH        (VINTF + 0x40)
#define SID_REPLACE      (VINTF + 0x80)
#define LVCMDQ_ERR_MAP   (VINTF + 0xc0) /* four words */

/* The pages of queues, by VCMDQ and by number in the VINTF */
#define VCMDQ_PAGE0      0x10000
#define VCMDQ_PAGE1      0x20000
#define LVCMDQ_PAGE1     0x40000
/* In page 1 of a queue */
#define BASE             0x00
#define CONS_INDX_BASE   0x08

#define PARAM_VERSION    1
#define CONFIG_FIELDS    MAKE_64BIT_MASK(0, 21)
#define VINTF_FIELDS     MAKE_64BIT_MASK(0, 17)  /* all but HYP_OWN */
#define MATCH_FIELDS     MAKE_64BIT_MASK(0, 21)
#define REPLACE_FIELDS   MAKE_64BIT_MASK(0, 20)
#define BASE_FIELDS      MAKE_64BIT_MASK(0, 48)

/* A queue in error, and the VINTF has one */
#define VINTF_STATUS_ERROR  BIT(1)
#define VINTF_STATUS_QUEUES 16

/* Of VCMDQs, or by their numbers in the VINTF */
static uint32_t errors(SMMUv3Cmdqv *c, bool by_number)
{
    uint32_t map = 0;

    for (unsigned i = 0; i < c->n; i++) {
        SMMUv3CmdqvQueue *q = &c->regs.queue[i];

        if (smmuv3_cmdqv_allocated(q) && smmuv3_cmdqv_in_error(c, q)) {
            map |= BIT(by_number ? smmuv3_cmdqv_number(q) : i);
        }
    }
    return map;
}

static uint32_t param(const SMMUv3Cmdqv *c)
{
    return PARAM_VERSION | ctz32(c->n) << 4 | c->log2sids << 12;
}

static uint32_t vintf_status(SMMUv3Cmdqv *c)
{
    return (smmuv3_cmdqv_enabled(c) ? SMMUV3_CMDQV_EN : 0) |
           (errors(c, true) ? VINTF_STATUS_ERROR : 0) |
           c->n << VINTF_STATUS_QUEUES;
}

static uint32_t read_config_page(SMMUv3Cmdqv *c, uint64_t offset)
{
    switch (offset) {
    case CONFIG:
        return c->regs.config;
    case PARAM:
        return param(c);
    case STATUS:
        return c->regs.config & SMMUV3_CMDQV_EN;
    case VINTF_ERR_MAP:
        return !!errors(c, true);
    case VINTF_INT_MASK:
    case VINTF_INT_MASK + 4:
        return c->regs.int_mask[(offset - VINTF_INT_MASK) / 4];
    case CMDQ_ERR_MAP:
        return errors(c, false);
    case CMDQ_ALLOC ... CMDQ_ALLOC + 4 * SMMUV3_CMDQV_MAX_QUEUES - 1:
        return c->regs.queue[(offset - CMDQ_ALLOC) / 4].alloc;
    case VINTF_CONFIG:
        return c->regs.vintf_config;
    case VINTF_STATUS:
        return vintf_status(c);
    case SID_MATCH ... SID_MATCH + 4 * SMMUV3_CMDQV_SIDS - 1:
        return c->regs.sid_match[(offset - SID_MATCH) / 4];
    case SID_REPLACE ... SID_REPLACE + 4 * SMMUV3_CMDQV_SIDS - 1:
        return c->regs.sid_replace[(offset - SID_REPLACE) / 4];
    case LVCMDQ_ERR_MAP:
        return errors(c, true);
    default:
        return 0;
    }
}

/*
 * The next owner begins with zeros: neither with an error that the last one did
 * not acknowledge, nor with a base that the hardware would be given.
 */
static void free_queue(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q, uint32_t alloc)
{
    q->alloc = alloc;
    smmuv3_cmdqv_update(c);
    *q = (SMMUv3CmdqvQueue) { .alloc = alloc };
}

/*
 * Whoever enables the CMDQV assigns all queues anew, whatever another kernel
 * has left: a disabled one has none assigned.
 */
static void write_config(SMMUv3Cmdqv *c, uint32_t val)
{
    c->regs.config = val & CONFIG_FIELDS;
    smmuv3_cmdqv_update(c);
    for (unsigned i = 0; i < c->n && !(val & SMMUV3_CMDQV_EN); i++) {
        SMMUv3CmdqvQueue *q = &c->regs.queue[i];

        if (smmuv3_cmdqv_allocated(q)) {
            free_queue(c, q, q->alloc & ~SMMUV3_CMDQV_ALLOCATED);
        }
    }
}

/* One VINTF, which has as many queues as there are */
static bool is_place(SMMUv3Cmdqv *c, uint32_t alloc)
{
    return !extract32(alloc, 15, 6) && extract32(alloc, 1, 7) < c->n &&
           !smmuv3_cmdqv_find(c, extract32(alloc, 1, 7));
}

static void write_alloc(SMMUv3Cmdqv *c, unsigned i, uint32_t val)
{
    SMMUv3CmdqvQueue *q = i < c->n ? &c->regs.queue[i] : NULL;
    bool allocates = val & SMMUV3_CMDQV_ALLOCATED;

    if (!q || val == q->alloc ||
        (allocates && (smmuv3_cmdqv_allocated(q) || !is_place(c, val)))) {
        return;
    }
    val &= SMMUV3_CMDQV_ALLOC_FIELDS;
    if (smmuv3_cmdqv_allocated(q)) {
        free_queue(c, q, val);
        return;
    }
    q->alloc = val;
    smmuv3_cmdqv_update(c);
}

static void write_config_page(SMMUv3Cmdqv *c, uint64_t offset, uint32_t val)
{
    switch (offset) {
    case CONFIG:
        write_config(c, val);
        break;
    case VINTF_INT_MASK:
    case VINTF_INT_MASK + 4:
        c->regs.int_mask[(offset - VINTF_INT_MASK) / 4] = val;
        break;
    case CMDQ_ALLOC ... CMDQ_ALLOC + 4 * SMMUV3_CMDQV_MAX_QUEUES - 1:
        write_alloc(c, (offset - CMDQ_ALLOC) / 4, val);
        break;
    case VINTF_CONFIG:
        c->regs.vintf_config = val & VINTF_FIELDS;
        smmuv3_cmdqv_update(c);
        break;
    case SID_MATCH ... SID_MATCH + 4 * SMMUV3_CMDQV_SIDS - 1:
        c->regs.sid_match[(offset - SID_MATCH) / 4] = val & MATCH_FIELDS;
        break;
    case SID_REPLACE ... SID_REPLACE + 4 * SMMUV3_CMDQV_SIDS - 1:
        c->regs.sid_replace[(offset - SID_REPLACE) / 4] = val & REPLACE_FIELDS;
        break;
    }
}

/* Page 1 of a queue: returns the register, and what of it is stored */
static uint64_t *page1_register(SMMUv3CmdqvQueue *q, uint64_t reg,
                                uint64_t *fields)
{
    switch (reg & ~7ULL) {
    case BASE:
        *fields = BASE_FIELDS;
        return &q->base;
    case CONS_INDX_BASE:
        *fields = BASE_FIELDS;
        return &q->cons_base;
    default:
        return NULL;
    }
}

static uint64_t read_page1(SMMUv3CmdqvQueue *q, uint64_t reg, unsigned size)
{
    uint64_t fields, *val = page1_register(q, reg, &fields);

    return val ? extract64(*val, reg % 8 * 8, size * 8) : 0;
}

/* A queue that is on does not let itself be moved */
static void write_page1(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q, uint64_t reg,
                        uint64_t val, unsigned size)
{
    uint64_t fields, *to = page1_register(q, reg, &fields);

    if (!to || smmuv3_cmdqv_queue_read(c, q, SMMUV3_CMDQV_QUEUE_STATUS)) {
        return;
    }
    *to = deposit64(*to, reg % 8 * 8, size * 8, val) & fields;
    if (to == &q->base) {
        smmuv3_cmdqv_update(c);
    }
}

/* The queue whose registers are there, with the page of them; or NULL */
static SMMUv3CmdqvQueue *queue_at(SMMUv3Cmdqv *c, uint64_t offset,
                                  unsigned *page)
{
    unsigned i = offset % SMMUV3_CMDQV_PAGE / SMMUV3_CMDQV_QUEUE_STRIDE;

    if (offset < VCMDQ_PAGE0) {
        *page = 0;
        return NULL;
    }
    *page = offset >= LVCMDQ_PAGE1 ||
            (offset >= VCMDQ_PAGE1 && offset < SMMUV3_CMDQV_VINTF_PAGE0);
    if (i >= c->n) {
        return NULL;
    }
    return offset < SMMUV3_CMDQV_VINTF_PAGE0 ? &c->regs.queue[i]
                                             : smmuv3_cmdqv_find(c, i);
}

/* In the configuration page, or in page 0 of @q */
static uint32_t read_word(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q, uint64_t offset)
{
    if (offset < VCMDQ_PAGE0) {
        return read_config_page(c, offset);
    }
    return q ? smmuv3_cmdqv_queue_read(c, q,
                                       offset % SMMUV3_CMDQV_QUEUE_STRIDE) : 0;
}

uint64_t smmuv3_cmdqv_read(SMMUv3Cmdqv *c, uint64_t offset, unsigned size)
{
    unsigned page;
    SMMUv3CmdqvQueue *q = queue_at(c, offset, &page);
    uint64_t val;

    if (page) {
        return q ? read_page1(q, offset % SMMUV3_CMDQV_QUEUE_STRIDE, size) : 0;
    }
    val = read_word(c, q, offset);
    if (size == 8) {
        val |= (uint64_t)read_word(c, q, offset + 4) << 32;
    }
    return val;
}

static void write_word(SMMUv3Cmdqv *c, SMMUv3CmdqvQueue *q, uint64_t offset,
                       uint32_t val)
{
    if (offset < VCMDQ_PAGE0) {
        write_config_page(c, offset, val);
    } else if (q) {
        smmuv3_cmdqv_queue_write(c, q, offset % SMMUV3_CMDQV_QUEUE_STRIDE, val);
    }
}

void smmuv3_cmdqv_write(SMMUv3Cmdqv *c, uint64_t offset, uint64_t val,
                        unsigned size)
{
    unsigned page;
    SMMUv3CmdqvQueue *q = queue_at(c, offset, &page);

    if (page) {
        if (q) {
            write_page1(c, q, offset % SMMUV3_CMDQV_QUEUE_STRIDE, val, size);
        }
        return;
    }
    write_word(c, q, offset, val);
    if (size == 8) {
        write_word(c, q, offset + 4, val >> 32);
    }
}
