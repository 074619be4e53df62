/*
 * Random guest programs, and how to make a failing one short
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_SMMUV3_PROGRAM_H
#define TESTS_UNIT_SMMUV3_PROGRAM_H

#define PROGRAM_STEPS 200

/* What a step does with its operands a and b */
typedef enum StepOp {
    STEP_FEATURES,    /* a: what host and vSMMU can do; comes first */
    STEP_SMMUEN,      /* a: on */
    STEP_GBPA,        /* a: ABORT */
    STEP_RESET,
    STEP_PLUG,        /* a: device, plugged or unplugged */
    STEP_RENUMBER,    /* a: device, b: StreamID */
    STEP_SWAP,        /* a, b: devices whose StreamIDs are swapped */
    STEP_STE,         /* a: StreamID, b: class */
    STEP_L1STD,       /* a: descriptor, b: class */
    STEP_TABLE,       /* a: which table the registers point at */
    STEP_UNREADABLE,  /* a: no access to memory succeeds */
    STEP_CFGI_STE,    /* a: StreamID */
    STEP_CFGI_RANGE,  /* a: StreamID, b: Range */
    STEP_CFGI_ALL,
    STEP_CFGI_CD,     /* a: StreamID, b: all of its CDs */
    STEP_TLBI,        /* a: which */
    STEP_TLBI_MANY,   /* a: how many hundreds */
    STEP_TLBI_RUN,    /* a: first page, b: size and number of pages */
    STEP_ATC_INV,     /* a: StreamID */
    STEP_SYNC,
    STEP_ILLEGAL,     /* a: which */
    STEP_FAIL,        /* a: kinds of calls, b: when, how often, errno */
    STEP_HEAL,
    STEP_OPS,
} StepOp;

typedef struct Step {
    StepOp op;
    uint32_t a, b;
} Step;

typedef struct Program {
    unsigned n;
    Step step[PROGRAM_STEPS];
} Program;

/* The program of @seed: always the same */
void program_random(Program *p, uint64_t seed);

/* As C that can be pasted into a table of permanent cases */
char *program_text(const Program *p);

/* Leave out what is not needed for @fails to be true */
void program_shrink(Program *p, bool (*fails)(const Program *p));

#endif /* TESTS_UNIT_SMMUV3_PROGRAM_H */
