/*
 * What IHI 0070 says of the registers' values: of its own
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-register-model.h"

/* 6.3.2: IDR1.CMDQS and EVENTQS */
#define QS_MAX 19

static uint64_t bits(unsigned high, unsigned low)
{
    return (~0ULL >> (63 - high)) & (~0ULL << low);
}

static bool smmuen(const RegisterModel *m)
{
    return m->cr0 & 1;
}

static bool eventqen(const RegisterModel *m)
{
    return m->cr0 >> 2 & 1;
}

static bool cmdqen(const RegisterModel *m)
{
    return m->cr0 >> 3 & 1;
}

/* 6.3.26, 6.3.29: uses of LOG2SIZE are capped */
static unsigned queue_log2(uint64_t base)
{
    unsigned log2 = base % 32;

    return log2 < QS_MAX ? log2 : QS_MAX;
}

/* 6.3.11: TABLE_* with SMMUEN = 0, QUEUE_* with no queue enabled */
static void write_cr1(RegisterModel *m, uint32_t val)
{
    if (!smmuen(m)) {
        m->cr1 = (m->cr1 & 0x03f) | (val & 0xfc0);
    }
    if (!eventqen(m) && !cmdqen(m)) {
        m->cr1 = (m->cr1 & 0xfc0) | (val & 0x03f);
    }
}

static void set_half(uint64_t *reg, bool upper, uint32_t val, uint64_t fields)
{
    uint64_t shift = upper ? 32 : 0;

    *reg = ((*reg & ~(0xffffffffULL << shift)) | (uint64_t)val << shift) &
           fields;
}

static void write_half(RegisterModel *m, uint32_t offset, uint32_t val)
{
    const uint64_t base = 1ULL << 62 | bits(55, 5);
    bool upper = offset & 4;

    switch (offset & ~4) {
    case 0x68:
        set_half(&m->gerror_irq_cfg0, upper, val, bits(55, 2));
        break;
    case 0x80:
        if (!smmuen(m)) {
            set_half(&m->strtab_base, upper, val, 1ULL << 62 | bits(55, 6));
        }
        break;
    case 0x90:
        set_half(&m->cmdq_base, upper, val, base | bits(4, 0));
        m->cmdq_held = cmdqen(m);
        break;
    case 0xa0:
        set_half(&m->eventq_base, upper, val, base | bits(4, 0));
        break;
    case 0xb0:
        set_half(&m->eventq_irq_cfg0, upper, val, bits(55, 2));
        break;
    }
}

static void write_word(RegisterModel *m, uint32_t offset, uint32_t val)
{
    switch (offset) {
    case 0x20:
        /* SMMUEN, EVENTQEN, CMDQEN, and ATSCHK if there is ATS */
        m->cr0 = val & (m->ats ? 0x1d : 0x0d);
        m->cmdq_held = false;
        break;
    case 0x28:
        write_cr1(m, val);
        break;
    case 0x2c:
        /* 6.3.12: RECINVSID; E2H, PTM, REC_CFG_ATS are of what is not there */
        m->cr2 = smmuen(m) ? m->cr2 : val & 2;
        break;
    case 0x44:
        m->gbpa = val >> 31 ? val & (bits(20, 16) | bits(13, 8) | bits(4, 0))
                            : m->gbpa;
        break;
    case 0x50:
        m->irq_ctrl = val & 5;
        break;
    case 0x64:
        m->gerrorn = val & 0x1b5;
        break;
    case 0x70:
        m->gerror_irq_cfg1 = val;
        break;
    case 0x74:
        m->gerror_irq_cfg2 = val & 0x3f;
        break;
    case 0x88:
        m->strtab_base_cfg = smmuen(m) ? m->strtab_base_cfg
                             : val & (bits(17, 16) | bits(10, 0));
        break;
    case 0x98:
        m->cmdq_prod = val & bits(19, 0);
        break;
    case 0x9c:
        m->cmdq_cons = val & (bits(30, 24) | bits(19, 0));
        m->cmdq_held = false;
        break;
    case 0xa8:
        m->eventq_prod = val & (bits(31, 31) | bits(19, 0));
        break;
    case 0xac:
        m->eventq_cons = val & (bits(31, 31) | bits(19, 0));
        break;
    case 0xb8:
        m->eventq_irq_cfg1 = val;
        break;
    case 0xbc:
        m->eventq_irq_cfg2 = val & 0x3f;
        break;
    default:
        write_half(m, offset, val);
        break;
    }
}

void register_model_write(RegisterModel *m, uint32_t offset, unsigned width,
                          uint64_t val)
{
    if (width == 8) {
        write_word(m, offset + 4, val >> 32);
    }
    if (width >= 4) {
        write_word(m, offset, val);
    }
}

bool register_model_read(const RegisterModel *m, uint32_t offset,
                         uint32_t *val)
{
    uint64_t wide = 0;

    switch (offset) {
    case 0x20:
    case 0x24:
        *val = m->cr0;
        return true;
    case 0x28:
        *val = m->cr1;
        return true;
    case 0x2c:
        *val = m->cr2;
        return true;
    case 0x44:
        *val = m->gbpa;
        return true;
    case 0x50:
    case 0x54:
        *val = m->irq_ctrl;
        return true;
    case 0x60:
        *val = m->gerror;
        return true;
    case 0x64:
        *val = m->gerrorn;
        return true;
    case 0x70:
        *val = m->gerror_irq_cfg1;
        return true;
    case 0x74:
        *val = m->gerror_irq_cfg2;
        return true;
    case 0x88:
        *val = m->strtab_base_cfg;
        return true;
    case 0x98:
        *val = m->cmdq_prod;
        return true;
    case 0x9c:
        /* Above the wrap bit: zero */
        *val = m->cmdq_cons & (bits(30, 24) |
                               bits(queue_log2(m->cmdq_base), 0));
        return true;
    case 0xa8:
        *val = m->eventq_prod & (bits(31, 31) |
                                 bits(queue_log2(m->eventq_base), 0));
        return true;
    case 0xac:
        *val = m->eventq_cons;
        return true;
    case 0xb8:
        *val = m->eventq_irq_cfg1;
        return true;
    case 0xbc:
        *val = m->eventq_irq_cfg2;
        return true;
    }
    switch (offset & ~4) {
    case 0x68:
        wide = m->gerror_irq_cfg0;
        break;
    case 0x80:
        wide = m->strtab_base;
        break;
    case 0x90:
        wide = m->cmdq_base;
        break;
    case 0xa0:
        wide = m->eventq_base;
        break;
    case 0xb0:
        wide = m->eventq_irq_cfg0;
        break;
    default:
        /* 6.2: reserved; STATUSR and AGBPA, of which there is nothing */
        *val = 0;
        return (offset >= 0x30 && offset < 0xfd0) || offset >= 0x1000;
    }
    *val = offset & 4 ? wide >> 32 : wide;
    return true;
}

/* CR0, GERRORN, CMDQ_PROD; by 64 bits also as the upper of two */
bool register_model_rings(uint32_t offset, unsigned width)
{
    return (width == 4 && (offset == 0x20 || offset == 0x64 ||
                           offset == 0x98)) ||
           (width == 8 && (offset == 0x20 || offset == 0x60 ||
                           offset == 0x98));
}

static ModelQueue queue(uint64_t reg, unsigned entry, uint32_t prod,
                        uint32_t cons, unsigned oas)
{
    uint64_t entries = 1ULL << queue_log2(reg);
    uint64_t size = entries * entry;

    /* Aligned to the larger of its size and 32 bytes; no bits above the OAS */
    return (ModelQueue) {
        .base = (reg & bits(55, 5) & bits(oas - 1, 0)) /
                (size > 32 ? size : 32) * (size > 32 ? size : 32),
        .entries = entries,
        .rd = cons % entries,
        .wr = prod % entries,
        .used = (prod - cons) % (2 * entries),
    };
}

ModelQueue register_model_cmdq(const RegisterModel *m, unsigned oas)
{
    return queue(m->cmdq_base, 16, m->cmdq_prod, m->cmdq_cons, oas);
}

ModelQueue register_model_eventq(const RegisterModel *m, unsigned oas)
{
    return queue(m->eventq_base, 32, m->eventq_prod, m->eventq_cons, oas);
}

uint32_t register_model_errors(const RegisterModel *m)
{
    return m->gerror ^ m->gerrorn;
}

bool register_model_has_commands(const RegisterModel *m)
{
    ModelQueue q = register_model_cmdq(m, 64);

    return cmdqen(m) && !m->cmdq_held && q.used && q.used <= q.entries &&
           !(register_model_errors(m) & 1);
}
