/*
 * Random programs, and how to make a failing one short
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_SMMUV3_PROGRAM_H
#define TESTS_UNIT_SMMUV3_PROGRAM_H

#define PROGRAM_STEPS 200

/* @a and @b: 16 random bits each; what they mean is the operation's */
typedef struct Step {
    unsigned op;
    uint32_t a, b;
} Step;

typedef struct Program {
    unsigned n;
    Step step[PROGRAM_STEPS];
} Program;

/* @failing: makes the host fail; one program of three has none of these */
typedef struct ProgramOp {
    const char *name;
    unsigned weight;
    bool failing;
} ProgramOp;

/**
 * ProgramKind - what programs are made of, and how one is run
 * @op: the operations; the first one is each program's first step
 * @run: aborts at what is wrong
 */
typedef struct ProgramKind {
    const ProgramOp *op;
    unsigned ops;
    void (*run)(const Program *p, bool verbose);
} ProgramKind;

/* Does it run to its end, in a child? If not, it runs again and verbosely */
bool program_passes(const ProgramKind *kind, const Program *p);

/*
 * A GLib test: random programs of @steps steps in all. One that fails is
 * printed, short, as C that can be pasted into a table of permanent cases.
 *
 * SMMUV3_MODEL_STEPS: how many steps instead
 * SMMUV3_MODEL_SEED:  the first program's seed
 */
void program_test_random(const ProgramKind *kind, uint64_t steps);

#endif /* TESTS_UNIT_SMMUV3_PROGRAM_H */
