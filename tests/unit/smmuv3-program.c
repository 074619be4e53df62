/*
 * Random guest programs, and how to make a failing one short
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-program.h"

typedef struct OpInfo {
    const char *name;
    unsigned weight;
} OpInfo;

static const OpInfo ops[STEP_OPS] = {
    [STEP_FEATURES] = { "STEP_FEATURES", 0 },
    [STEP_SMMUEN] = { "STEP_SMMUEN", 12 },
    [STEP_GBPA] = { "STEP_GBPA", 8 },
    [STEP_RESET] = { "STEP_RESET", 2 },
    [STEP_PLUG] = { "STEP_PLUG", 6 },
    [STEP_RENUMBER] = { "STEP_RENUMBER", 6 },
    [STEP_SWAP] = { "STEP_SWAP", 4 },
    [STEP_STE] = { "STEP_STE", 40 },
    [STEP_L1STD] = { "STEP_L1STD", 3 },
    [STEP_TABLE] = { "STEP_TABLE", 2 },
    [STEP_UNREADABLE] = { "STEP_UNREADABLE", 1 },
    [STEP_CFGI_STE] = { "STEP_CFGI_STE", 30 },
    [STEP_CFGI_RANGE] = { "STEP_CFGI_RANGE", 8 },
    [STEP_CFGI_ALL] = { "STEP_CFGI_ALL", 8 },
    [STEP_CFGI_CD] = { "STEP_CFGI_CD", 8 },
    [STEP_TLBI] = { "STEP_TLBI", 15 },
    [STEP_TLBI_MANY] = { "STEP_TLBI_MANY", 2 },
    [STEP_TLBI_RUN] = { "STEP_TLBI_RUN", 8 },
    [STEP_ATC_INV] = { "STEP_ATC_INV", 5 },
    [STEP_SYNC] = { "STEP_SYNC", 15 },
    [STEP_ILLEGAL] = { "STEP_ILLEGAL", 2 },
    [STEP_FAIL] = { "STEP_FAIL", 8 },
    [STEP_HEAL] = { "STEP_HEAL", 5 },
};

/* splitmix64: a few lines, and the same everywhere */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static StepOp random_op(uint64_t random, bool failures)
{
    unsigned total = 0, at;
    StepOp op;

    for (op = 0; op < STEP_OPS; op++) {
        total += ops[op].weight;
    }
    at = random % total;
    for (op = 0; at >= ops[op].weight; op++) {
        at -= ops[op].weight;
    }
    return !failures && (op == STEP_FAIL || op == STEP_HEAL) ? STEP_CFGI_STE
                                                             : op;
}

void program_random(Program *p, uint64_t seed)
{
    uint64_t state = seed;
    uint64_t first = next_random(&state);
    /* In one program of three the host does all that it is asked */
    bool failures = first % 3;

    p->n = PROGRAM_STEPS;
    p->step[0] = (Step) { STEP_FEATURES, first >> 32 };
    for (unsigned i = 1; i < p->n; i++) {
        uint64_t r = next_random(&state);

        p->step[i] = (Step) {
            .op = random_op(r >> 48, failures),
            .a = r & 0xffff,
            .b = r >> 16 & 0xffff,
        };
    }
}

char *program_text(const Program *p)
{
    GString *s = g_string_new(NULL);

    for (unsigned i = 0; i < p->n; i++) {
        g_string_append_printf(s, "    { %s, 0x%x, 0x%x },\n",
                               ops[p->step[i].op].name, p->step[i].a,
                               p->step[i].b);
    }
    return g_string_free(s, false);
}

static Program without(const Program *p, unsigned from, unsigned n)
{
    Program q = { .n = p->n - n };

    memcpy(q.step, p->step, from * sizeof(Step));
    memcpy(q.step + from, p->step + from + n,
           (p->n - from - n) * sizeof(Step));
    return q;
}

static bool remove_chunks(Program *p, unsigned n,
                          bool (*fails)(const Program *))
{
    bool any = false;

    for (unsigned from = 0; from + n <= p->n; ) {
        Program q = without(p, from, n);

        if (fails(&q)) {
            *p = q;
            any = true;
        } else {
            from += n;
        }
    }
    return any;
}

void program_shrink(Program *p, bool (*fails)(const Program *))
{
    for (unsigned n = p->n / 2; n; ) {
        if (!remove_chunks(p, n, fails)) {
            n /= 2;
        }
    }
}
