/*
 * The conformance table: read, and run row by row
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "interpreter.h"

#define OAS        44
#define CMD_SIZE   16
#define EVENT_SIZE 32

/* --- Reading the file --- */

static void G_NORETURN G_GNUC_PRINTF(3, 4)
bad_line(const char *file, unsigned line, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%u: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(2);
}

typedef struct Expr {
    const ConfTable *table;
    const ConfStep *step;
    const char *at;
} Expr;

static uint64_t expr_or(Expr *e);

static uint64_t expr_term(Expr *e)
{
    uint64_t val;
    char *end;

    if (*e->at == '~') {
        e->at++;
        return ~expr_term(e);
    }
    if (*e->at == '(') {
        e->at++;
        val = expr_or(e);
        if (*e->at++ != ')') {
            bad_line(e->step->file, e->step->line, "')' is missing");
        }
        return val;
    }
    if (g_ascii_isdigit(*e->at)) {
        val = g_ascii_strtoull(e->at, &end, 0);
        e->at = end;
        return val;
    }
    end = (char *)e->at;
    while (g_ascii_isalnum(*end) || *end == '_') {
        end++;
    }
    {
        g_autofree char *name = g_strndup(e->at, end - e->at);
        uint64_t *known = g_hash_table_lookup(e->table->names, name);

        if (!known) {
            bad_line(e->step->file, e->step->line, "'%s' is not known", name);
        }
        e->at = end;
        return *known;
    }
}

static uint64_t expr_shift(Expr *e)
{
    uint64_t val = expr_term(e);

    while (e->at[0] == '<' && e->at[1] == '<') {
        e->at += 2;
        val <<= expr_term(e);
    }
    return val;
}

static uint64_t expr_sum(Expr *e)
{
    uint64_t val = expr_shift(e);

    while (*e->at == '+' || *e->at == '-') {
        char op = *e->at++;
        uint64_t right = expr_shift(e);

        val = op == '+' ? val + right : val - right;
    }
    return val;
}

static uint64_t expr_or(Expr *e)
{
    uint64_t val = expr_sum(e);

    while (*e->at == '|' || *e->at == '&') {
        char op = *e->at++;
        uint64_t right = expr_sum(e);

        val = op == '|' ? val | right : val & right;
    }
    return val;
}

static uint64_t evaluate(const ConfTable *table, const ConfStep *step,
                         const char *text)
{
    Expr e = { table, step, text };
    uint64_t val = expr_or(&e);

    if (*e.at) {
        bad_line(step->file, step->line, "'%s' is too much", e.at);
    }
    return val;
}

static ConfStep *parse_step(const char *file, unsigned line, const char *text)
{
    ConfStep *step = g_new0(ConfStep, 1);
    g_auto(GStrv) words = g_strsplit_set(text, " \t", 0);

    step->file = file;
    step->line = line;
    for (char **w = words; *w; w++) {
        if (!**w) {
            continue;
        }
        if (step->n == CONF_ARGS) {
            bad_line(file, line, "too many words");
        }
        step->word[step->n++] = g_strdup(*w);
    }
    return step;
}

static void define_name(ConfTable *table, const ConfStep *step)
{
    uint64_t *val = g_new(uint64_t, 1);

    if (step->n != 3) {
        bad_line(step->file, step->line, "let NAME VALUE");
    }
    *val = evaluate(table, step, step->word[2]);
    g_hash_table_insert(table->names, step->word[1], val);
}

static ConfRow *new_row(const char *file, unsigned line, const char *text)
{
    ConfRow *row = g_new0(ConfRow, 1);
    const char *colon = strchr(text, ':');

    if (!colon || colon == text) {
        bad_line(file, line, "SECTION: RULE");
    }
    row->section = g_strndup(text, colon - text);
    row->rule = g_strstrip(g_strdup(colon + 1));
    row->name = g_strdup_printf("%s: %s", row->section, row->rule);
    row->with = row->only = "";
    row->steps = g_ptr_array_new();
    return row;
}

static bool macro_has_dma(ConfTable *table, const char *name);

static bool steps_have_dma(ConfTable *table, GPtrArray *steps)
{
    for (unsigned i = 0; i < steps->len; i++) {
        ConfStep *s = steps->pdata[i];

        if (g_str_equal(s->word[0], "dma") ||
            g_str_equal(s->word[0], "fault") ||
            (g_str_equal(s->word[0], "use") && s->n > 1 &&
             macro_has_dma(table, s->word[1]))) {
            return true;
        }
    }
    return false;
}

static bool macro_has_dma(ConfTable *table, const char *name)
{
    GPtrArray *steps = g_hash_table_lookup(table->macros, name);

    return steps && steps_have_dma(table, steps);
}

/* "with" and "only" are of the row; all else is for later */
static void add_step(ConfRow *row, GPtrArray *steps, ConfStep *step)
{
    if (row && step->n >= 2 && g_str_equal(step->word[0], "with")) {
        row->with = step->word[1];
    } else if (row && step->n >= 2 && g_str_equal(step->word[0], "only")) {
        row->only = step->word[1];
    } else {
        g_ptr_array_add(steps, step);
    }
}

void conf_load(ConfTable *table, const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;
    g_auto(GStrv) lines = NULL;
    char *file = g_path_get_basename(path);
    GPtrArray *steps = NULL;
    ConfRow *row = NULL;

    if (!table->rows) {
        table->rows = g_ptr_array_new();
        table->names = g_hash_table_new(g_str_hash, g_str_equal);
        table->macros = g_hash_table_new(g_str_hash, g_str_equal);
    }
    if (!g_file_get_contents(path, &text, NULL, &err)) {
        bad_line(path, 0, "%s", err->message);
    }
    lines = g_strsplit(text, "\n", 0);
    for (unsigned i = 0; lines[i]; i++) {
        const char *line = lines[i];
        ConfStep *step;

        if (*line == '=' || line[strspn(line, " ")] == '#' ||
            !line[strspn(line, " ")]) {
            continue;
        }
        if (*line != ' ' && !g_str_has_prefix(line, "let ") &&
            !g_str_has_prefix(line, "macro ")) {
            row = new_row(file, i + 1, line);
            steps = row->steps;
            g_ptr_array_add(table->rows, row);
            continue;
        }
        step = parse_step(file, i + 1, line);
        g_assert(step->word[0]);
        if (g_str_equal(step->word[0], "let")) {
            define_name(table, step);
            g_free(step);
        } else if (g_str_equal(step->word[0], "macro")) {
            row = NULL;
            steps = g_ptr_array_new();
            g_hash_table_insert(table->macros, step->word[1], steps);
            g_free(step);
        } else if (!steps) {
            bad_line(file, i + 1, "a step without a row");
        } else {
            add_step(row, steps, step);
        }
    }
    for (unsigned i = 0; i < table->rows->len; i++) {
        ConfRow *r = table->rows->pdata[i];

        r->dma = steps_have_dma(table, r->steps);
        for (unsigned j = 0; j < i; j++) {
            ConfRow *other = table->rows->pdata[j];

            if (g_str_equal(r->name, other->name)) {
                bad_line(file, 0, "two rows are called '%s'", r->name);
            }
        }
    }
}

/* --- Running a row --- */

/* A row in progress; what it wrote to the queues' registers is its own */
typedef struct Run {
    const ConfTable *table;
    const ConfMachine *m;
    const ConfStep *step;
    uint64_t cmdq_base, eventq_base;
    uint32_t cmdq_prod, eventq_cons;
    unsigned depth;
    bool done;
    GString *wrong;
} Run;

typedef struct Register {
    const char *name;
    uint32_t offset;
} Register;

/* IHI 0070, 6.2 */
static const Register registers[] = {
    { "IDR0", 0x0 }, { "IDR1", 0x4 }, { "IDR2", 0x8 }, { "IDR3", 0xc },
    { "IDR4", 0x10 }, { "IDR5", 0x14 }, { "IIDR", 0x18 }, { "AIDR", 0x1c },
    { "CR0", 0x20 }, { "CR0ACK", 0x24 }, { "CR1", 0x28 }, { "CR2", 0x2c },
    { "STATUSR", 0x40 }, { "GBPA", 0x44 }, { "AGBPA", 0x48 },
    { "IRQ_CTRL", 0x50 }, { "IRQ_CTRLACK", 0x54 }, { "GERROR", 0x60 },
    { "GERRORN", 0x64 }, { "GERROR_IRQ_CFG0", 0x68 },
    { "GERROR_IRQ_CFG1", 0x70 }, { "GERROR_IRQ_CFG2", 0x74 },
    { "STRTAB_BASE", 0x80 }, { "STRTAB_BASE_CFG", 0x88 },
    { "CMDQ_BASE", 0x90 }, { "CMDQ_PROD", 0x98 }, { "CMDQ_CONS", 0x9c },
    { "EVENTQ_BASE", 0xa0 }, { "EVENTQ_PROD", 0x100a8 },
    { "EVENTQ_CONS", 0x100ac }, { "EVENTQ_IRQ_CFG0", 0xb0 },
    { "EVENTQ_IRQ_CFG1", 0xb8 }, { "EVENTQ_IRQ_CFG2", 0xbc },
    { "S_IDR0", 0x8000 }, { "S_CR0", 0x8020 }, { "S_INIT", 0x803c },
};

enum {
    GERROR = 0x60, GERRORN = 0x64, CMDQ_PROD = 0x98, CMDQ_CONS = 0x9c,
    CMDQ_BASE = 0x90, EVENTQ_BASE = 0xa0, EVENTQ_PROD = 0x100a8,
    EVENTQ_CONS = 0x100ac,
};

static void G_GNUC_PRINTF(2, 3) wrong(Run *r, const char *fmt, ...)
{
    va_list ap;

    if (r->wrong) {
        return;
    }
    r->wrong = g_string_new(NULL);
    g_string_append_printf(r->wrong, "%s:%u: ", r->step->file, r->step->line);
    va_start(ap, fmt);
    g_string_append_vprintf(r->wrong, fmt, ap);
    va_end(ap);
}

static const char *word(Run *r, unsigned i)
{
    if (i >= r->step->n) {
        bad_line(r->step->file, r->step->line, "a word is missing");
    }
    return r->step->word[i];
}

static uint64_t value(Run *r, unsigned i)
{
    return evaluate(r->table, r->step, word(r, i));
}

/* "NAME", "NAME+4", or an offset */
static uint32_t reg_offset(Run *r, unsigned i)
{
    const char *text = word(r, i);
    g_auto(GStrv) part = g_strsplit(text, "+", 2);

    for (size_t j = 0; j < ARRAY_SIZE(registers); j++) {
        if (g_str_equal(part[0], registers[j].name)) {
            return registers[j].offset +
                   (part[1] ? evaluate(r->table, r->step, part[1]) : 0);
        }
    }
    return value(r, i);
}

static uint32_t read32(Run *r, uint32_t reg)
{
    return r->m->reg_read(r->m->opaque, reg, 4);
}

static void write32(Run *r, uint32_t reg, uint32_t val)
{
    r->m->reg_write(r->m->opaque, reg, 4, val);
}

static unsigned log2size(uint64_t base)
{
    return base & 0x1f;
}

static uint32_t index_mask(uint64_t base)
{
    return (2u << log2size(base)) - 1;
}

/* The queue as the SMMU places it (6.3.26, 6.3.29) */
static uint64_t queue_address(uint64_t base, unsigned entry)
{
    uint64_t size = MAX((uint64_t)entry << log2size(base), 32);

    return base & ((1ULL << OAS) - 1) & ~(size - 1);
}

static void remember(Run *r, uint32_t reg, unsigned width, uint64_t val)
{
    if (width == 8 && reg == CMDQ_BASE) {
        r->cmdq_base = val;
    } else if (width == 4 && reg == CMDQ_BASE) {
        r->cmdq_base = deposit64(r->cmdq_base, 0, 32, val);
    } else if (width == 4 && reg == CMDQ_BASE + 4) {
        r->cmdq_base = deposit64(r->cmdq_base, 32, 32, val);
    } else if (width == 8 && reg == EVENTQ_BASE) {
        r->eventq_base = val;
    } else if (width == 4 && reg == EVENTQ_BASE) {
        r->eventq_base = deposit64(r->eventq_base, 0, 32, val);
    } else if (width == 4 && reg == EVENTQ_BASE + 4) {
        r->eventq_base = deposit64(r->eventq_base, 32, 32, val);
    } else if (width == 4 && reg == CMDQ_PROD) {
        r->cmdq_prod = val;
    } else if (width == 4 && (reg | 0x10000) == EVENTQ_CONS) {
        r->eventq_cons = val;
    }
}

static void do_reg_write(Run *r, unsigned width)
{
    uint32_t reg = reg_offset(r, 1);
    uint64_t val = value(r, 2);

    remember(r, reg, width, val);
    r->m->reg_write(r->m->opaque, reg, width, val);
}

/* r32 REG VALUE [MASK] */
static void do_reg_read(Run *r, unsigned width)
{
    uint64_t mask = r->step->n > 3 ? value(r, 3) : UINT64_MAX;
    uint64_t want = value(r, 2);
    uint64_t is = r->m->reg_read(r->m->opaque, reg_offset(r, 1), width);

    if ((is & mask) != (want & mask)) {
        wrong(r, "%s reads 0x%" PRIx64 ", not 0x%" PRIx64, word(r, 1),
              is & mask, want & mask);
    }
}

static void do_mem_write(Run *r, unsigned width)
{
    uint64_t le = cpu_to_le64(value(r, 2));

    r->m->mem_write(r->m->opaque, value(r, 1), &le, width);
}

static void do_mem_read(Run *r, unsigned width)
{
    uint64_t mask = r->step->n > 3 ? value(r, 3) : UINT64_MAX;
    uint64_t want = value(r, 2), is = 0;

    r->m->mem_read(r->m->opaque, value(r, 1), &is, width);
    is = le64_to_cpu(is);
    if ((is & mask) != (want & mask)) {
        wrong(r, "memory at %s is 0x%" PRIx64 ", not 0x%" PRIx64, word(r, 1),
              is & mask, want & mask);
    }
}

static void do_zero(Run *r)
{
    size_t len = value(r, 2);
    g_autofree void *buf = g_malloc0(len);

    r->m->mem_write(r->m->opaque, value(r, 1), buf, len);
}

/* The STE at an address: word 0 last, as 3.21.3.1 has it */
static void do_ste(Run *r)
{
    uint64_t addr = value(r, 1);
    uint64_t le[2] = {
        cpu_to_le64(value(r, 2)),
        cpu_to_le64(r->step->n > 3 ? value(r, 3) : 0),
    };

    r->m->mem_write(r->m->opaque, addr + 8, &le[1], 8);
    r->m->mem_write(r->m->opaque, addr, &le[0], 8);
}

static void put_command(Run *r, uint64_t word0, uint64_t word1)
{
    uint64_t le[2] = { cpu_to_le64(word0), cpu_to_le64(word1) };
    uint32_t mask = index_mask(r->cmdq_base);
    uint32_t index = r->cmdq_prod & (mask >> 1);

    r->m->mem_write(r->m->opaque, queue_address(r->cmdq_base, CMD_SIZE) +
                    index * CMD_SIZE, le, sizeof(le));
    r->cmdq_prod = (r->cmdq_prod + 1) & mask;
}

static void put(Run *r, unsigned first)
{
    put_command(r, value(r, first),
                r->step->n > first + 1 ? value(r, first + 1) : 0);
}

static void ring(Run *r)
{
    write32(r, CMDQ_PROD, r->cmdq_prod);
}

static void check_consumed(Run *r)
{
    uint32_t cons = read32(r, CMDQ_CONS);
    uint32_t mask = index_mask(r->cmdq_base);

    if ((read32(r, GERROR) ^ read32(r, GERRORN)) & 1) {
        wrong(r, "CERROR %u at index 0x%x", cons >> 24 & 0x7f, cons & mask);
    } else if ((cons & mask) != (r->cmdq_prod & mask)) {
        wrong(r, "CMDQ_CONS is 0x%x, not 0x%x", cons & mask,
              r->cmdq_prod & mask);
    }
}

static void do_cmd(Run *r)
{
    put(r, 1);
    ring(r);
    check_consumed(r);
}

static unsigned cerror_code(Run *r, unsigned i)
{
    static const char *const name[] = { "NONE", "ILL", "ABT", "ATC_INV_SYNC" };

    for (unsigned j = 0; j < ARRAY_SIZE(name); j++) {
        if (g_str_equal(word(r, i), name[j])) {
            return j;
        }
    }
    bad_line(r->step->file, r->step->line, "which error?");
}

static void check_cerror(Run *r, unsigned code, uint32_t at)
{
    uint32_t cons = read32(r, CMDQ_CONS);
    uint32_t mask = index_mask(r->cmdq_base);

    if (!((read32(r, GERROR) ^ read32(r, GERRORN)) & 1)) {
        wrong(r, "CMDQ_ERR is not active");
    } else if ((cons >> 24 & 0x7f) != code) {
        wrong(r, "CMDQ_CONS.ERR is %u, not %u", cons >> 24 & 0x7f, code);
    } else if ((cons & mask) != (at & mask)) {
        wrong(r, "CMDQ_CONS is 0x%x, not 0x%x", cons & mask, at & mask);
    }
}

/* bad ERROR WORD0 [WORD1]: the command is refused, and CONS stays on it */
static void do_bad(Run *r)
{
    uint32_t at = r->cmdq_prod;

    put(r, 2);
    ring(r);
    check_cerror(r, cerror_code(r, 1), at);
}

/* CERROR_ILL is right, too, and then there is nothing more to see */
static void do_may_refuse(Run *r)
{
    put(r, 1);
    ring(r);
    if ((read32(r, GERROR) ^ read32(r, GERRORN)) & 1) {
        check_cerror(r, 1, r->cmdq_prod - 1);
        r->done = true;
    }
}

/* Linux's way: the command becomes a CMD_SYNC, and the error is acknowledged */
static void do_repair(Run *r)
{
    uint64_t le[2] = { cpu_to_le64(0x46), 0 };
    uint32_t index = read32(r, CMDQ_CONS) & (index_mask(r->cmdq_base) >> 1);

    r->m->mem_write(r->m->opaque, queue_address(r->cmdq_base, CMD_SIZE) +
                    index * CMD_SIZE, le, sizeof(le));
    write32(r, GERRORN, read32(r, GERROR));
    check_consumed(r);
}

static void do_ack(Run *r)
{
    write32(r, GERRORN, read32(r, GERROR));
}

/* An error is active if GERROR and GERRORN differ */
static void do_active(Run *r, bool want)
{
    uint32_t bits = value(r, 1);
    uint32_t is = (read32(r, GERROR) ^ read32(r, GERRORN)) & bits;

    if (is != (want ? bits : 0)) {
        wrong(r, "of GERROR, 0x%x is active", is);
    }
}

/* dma DEVICE KIND, or !KIND */
static void do_dma(Run *r)
{
    static const char *const name[] = { "blocked", "flat", "mapped" };
    ConfDMA is = r->m->dma(r->m->opaque, value(r, 1));
    const char *want = word(r, 2);
    bool not = *want == '!';

    if (g_str_equal(name[is], want + not) == not) {
        wrong(r, "DMA of device %s is %s, not %s", word(r, 1), name[is],
              word(r, 2));
    }
}

static bool next_event(Run *r, uint64_t evt[4])
{
    uint32_t mask = index_mask(r->eventq_base);
    uint32_t ahead = read32(r, EVENTQ_PROD) ^ r->eventq_cons;

    if (!(ahead & mask)) {
        return false;
    }
    r->m->mem_read(r->m->opaque, queue_address(r->eventq_base, EVENT_SIZE) +
                   (r->eventq_cons & (mask >> 1)) * EVENT_SIZE, evt,
                   EVENT_SIZE);
    for (int i = 0; i < 4; i++) {
        evt[i] = le64_to_cpu(evt[i]);
    }
    r->eventq_cons = (r->eventq_cons & ~mask) | ((r->eventq_cons + 1) & mask);
    write32(r, EVENTQ_CONS, r->eventq_cons);
    return true;
}

/* event TYPE STREAMID [ADDRESS]: it is the queue's next; now: no waiting */
static void do_event(Run *r)
{
    uint64_t type = value(r, 1), sid = value(r, 2);
    uint64_t evt[4];

    if (!next_event(r, evt)) {
        wrong(r, "there is no event");
    } else if ((evt[0] & 0xff) != type || evt[0] >> 32 != sid) {
        wrong(r, "the event is 0x%" PRIx64 " of 0x%" PRIx64 ", not 0x%"
              PRIx64 " of 0x%" PRIx64, evt[0] & 0xff, evt[0] >> 32, type, sid);
    } else if (r->step->n > 3 && evt[2] != value(r, 3)) {
        wrong(r, "the event's address is 0x%" PRIx64, evt[2]);
    }
}

static void do_noevent(Run *r)
{
    uint64_t evt[4];

    if (next_event(r, evt)) {
        wrong(r, "there is an event, 0x%" PRIx64 " of 0x%" PRIx64,
              evt[0] & 0xff, evt[0] >> 32);
    }
}

static void do_irq(Run *r, bool want)
{
    static const char *const name[] = { "eventq", "sync", "gerror" };

    for (unsigned i = 0; i < CONF_IRQS; i++) {
        if (g_str_equal(word(r, 1), name[i])) {
            if (r->m->irq(r->m->opaque, i) != want) {
                wrong(r, "the %s interrupt was %spulsed", name[i],
                      want ? "not " : "");
            }
            return;
        }
    }
    bad_line(r->step->file, r->step->line, "which interrupt?");
}

static void run_steps(Run *r, GPtrArray *steps);

static void do_use(Run *r)
{
    GPtrArray *steps = g_hash_table_lookup(r->table->macros, word(r, 1));

    if (!steps) {
        bad_line(r->step->file, r->step->line, "no macro %s", word(r, 1));
    }
    if (++r->depth > 8) {
        bad_line(r->step->file, r->step->line, "macros go in circles");
    }
    run_steps(r, steps);
    r->depth--;
}

static void do_reset(Run *r)
{
    r->m->reset(r->m->opaque);
}

static void do_fault(Run *r)
{
    r->m->write_to(r->m->opaque, value(r, 1), value(r, 2));
    r->m->settle(r->m->opaque);
}

static void do_pending(Run *r)
{
    r->m->pending(r->m->opaque, value(r, 1), value(r, 2));
}

static void do_settle(Run *r)
{
    r->m->settle(r->m->opaque);
}

static void do_cerror(Run *r)
{
    check_cerror(r, cerror_code(r, 1), value(r, 2));
}

static void do_w8(Run *r) { do_reg_write(r, 1); }
static void do_w16(Run *r) { do_reg_write(r, 2); }
static void do_w32(Run *r) { do_reg_write(r, 4); }
static void do_w64(Run *r) { do_reg_write(r, 8); }
static void do_r32(Run *r) { do_reg_read(r, 4); }
static void do_r64(Run *r) { do_reg_read(r, 8); }
static void do_m32(Run *r) { do_mem_write(r, 4); }
static void do_m64(Run *r) { do_mem_write(r, 8); }
static void do_see32(Run *r) { do_mem_read(r, 4); }
static void do_see64(Run *r) { do_mem_read(r, 8); }
static void do_put(Run *r) { put(r, 1); }
static void do_active_yes(Run *r) { do_active(r, true); }
static void do_active_no(Run *r) { do_active(r, false); }
static void do_irq_yes(Run *r) { do_irq(r, true); }
static void do_irq_no(Run *r) { do_irq(r, false); }

static const struct {
    const char *name;
    void (*run)(Run *r);
} verbs[] = {
    { "w8", do_w8 }, { "w16", do_w16 }, { "w32", do_w32 }, { "w64", do_w64 },
    { "r32", do_r32 }, { "r64", do_r64 }, { "m32", do_m32 },
    { "m64", do_m64 }, { "see32", do_see32 }, { "see64", do_see64 },
    { "zero", do_zero }, { "ste", do_ste }, { "put", do_put },
    { "ring", ring }, { "cmd", do_cmd }, { "bad", do_bad },
    { "may-refuse", do_may_refuse }, { "cerror", do_cerror },
    { "consumed", check_consumed },
    { "repair", do_repair }, { "ack", do_ack }, { "active", do_active_yes },
    { "inactive", do_active_no }, { "dma", do_dma }, { "fault", do_fault },
    { "pending", do_pending }, { "settle", do_settle }, { "event", do_event },
    { "noevent", do_noevent }, { "irq", do_irq_yes }, { "noirq", do_irq_no },
    { "use", do_use }, { "reset", do_reset },
};

static void run_step(Run *r, const ConfStep *step)
{
    r->step = step;
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (g_str_equal(step->word[0], verbs[i].name)) {
            verbs[i].run(r);
            return;
        }
    }
    bad_line(step->file, step->line, "no step is called '%s'", step->word[0]);
}

static void run_steps(Run *r, GPtrArray *steps)
{
    for (unsigned i = 0; i < steps->len && !r->wrong && !r->done; i++) {
        run_step(r, steps->pdata[i]);
    }
}

char *conf_run(const ConfTable *table, const ConfRow *row,
               const ConfMachine *machine)
{
    Run r = { .table = table, .m = machine };

    machine->reset(machine->opaque);
    run_steps(&r, row->steps);
    return r.wrong ? g_string_free(r.wrong, false) : NULL;
}

/* --- Rows that are expected to fail --- */

struct ConfList {
    char *file;
    GHashTable *why;
};

ConfList *conf_list_load(const char *path)
{
    ConfList *list = g_new0(ConfList, 1);
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;
    g_auto(GStrv) lines = NULL;
    GString *why = NULL;

    list->file = g_strdup(path);
    list->why = g_hash_table_new(g_str_hash, g_str_equal);
    if (!g_file_get_contents(path, &text, NULL, &err)) {
        bad_line(path, 0, "%s", err->message);
    }
    lines = g_strsplit(text, "\n", 0);
    for (unsigned i = 0; lines[i]; i++) {
        const char *line = lines[i];

        if (g_str_has_prefix(line, "= ")) {
            why = g_string_new(NULL);
            g_hash_table_insert(list->why, g_strdup(line + 2), why);
        } else if (*line && *line != '#') {
            if (!why) {
                bad_line(path, i + 1, "a reason without a row");
            }
            g_string_append_printf(why, "%s%s", why->len ? " " : "",
                                   g_strstrip(lines[i]));
        }
    }
    return list;
}

const char *conf_list_find(ConfList *list, const ConfRow *row)
{
    GString *why = g_hash_table_lookup(list->why, row->name);

    return why ? why->str : NULL;
}

void conf_list_check(ConfList *list, const ConfTable *table)
{
    GHashTableIter it;
    gpointer name, why;

    g_hash_table_iter_init(&it, list->why);
    while (g_hash_table_iter_next(&it, &name, &why)) {
        bool found = false;

        for (unsigned i = 0; i < table->rows->len; i++) {
            found |= g_str_equal(((ConfRow *)table->rows->pdata[i])->name,
                                 name);
        }
        if (!found) {
            bad_line(list->file, 0, "no row is called '%s'", (char *)name);
        }
        if (!((GString *)why)->len) {
            bad_line(list->file, 0, "'%s' has no reason", (char *)name);
        }
    }
}

bool conf_point(const ConfTable *table, const ConfRow *row,
                const ConfMachine *machine, ConfList *expected,
                unsigned number)
{
    const char *why = conf_list_find(expected, row);
    g_autofree char *is = conf_run(table, row, machine);
    bool good = !is == !why;

    if (is) {
        printf("# %s\n", is);
    }
    if (why) {
        printf("# %s: %s\n", is ? "expected" : "it was to fail", why);
    }
    printf("%sok %u - %s\n", good ? "" : "not ", number, row->name);
    fflush(stdout);
    return good;
}
