/*
 * Random programs, and how to make a failing one short
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "qemu/cutils.h"
#include "qemu/rcu.h"
#include "smmuv3-program.h"

/* A program that takes longer hangs; so it fails */
#define PROGRAM_SECONDS 100

/* splitmix64: a few lines, and the same everywhere */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static unsigned weight(const ProgramOp *op, bool failures)
{
    return op->failing && !failures ? 0 : op->weight;
}

static unsigned random_op(const ProgramKind *kind, uint64_t random,
                          bool failures)
{
    unsigned total = 0, at, op;

    for (op = 0; op < kind->ops; op++) {
        total += weight(&kind->op[op], failures);
    }
    g_assert(total);
    at = random % total;
    for (op = 0; at >= weight(&kind->op[op], failures); op++) {
        at -= weight(&kind->op[op], failures);
    }
    return op;
}

/* The program of @seed: always the same */
static void program_random(const ProgramKind *kind, Program *p, uint64_t seed)
{
    uint64_t state = seed;
    uint64_t first = next_random(&state);
    bool failures = first % 3;

    p->n = PROGRAM_STEPS;
    p->step[0] = (Step) { 0, first >> 32 & 0xffff, first >> 48 };
    for (unsigned i = 1; i < p->n; i++) {
        uint64_t r = next_random(&state);

        p->step[i] = (Step) {
            .op = random_op(kind, r >> 48, failures),
            .a = r & 0xffff,
            .b = r >> 16 & 0xffff,
        };
    }
}

static char *program_text(const ProgramKind *kind, const Program *p)
{
    GString *s = g_string_new(NULL);

    for (unsigned i = 0; i < p->n; i++) {
        g_string_append_printf(s, "    { %s, 0x%x, 0x%x },\n",
                               kind->op[p->step[i].op].name, p->step[i].a,
                               p->step[i].b);
    }
    return g_string_free(s, false);
}

/* --- Each step may abort, so programs run in children --- */

typedef struct Run {
    const ProgramKind *kind;
    const Program *program;
    bool verbose;
} Run;

/* Its exit status, as waitpid() has it; 0 if it is good */
static int in_child(void (*run)(void *opaque), void *opaque, bool silent)
{
    pid_t pid;
    int status;

    /*
     * RCU's thread has started, here and before the child ends: the arguments
     * of one that has not, or that fork() leaves behind, look lost to ASan.
     */
    drain_call_rcu();
    fflush(NULL);
    pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (!pid) {
        struct rlimit no_core = {};

        setrlimit(RLIMIT_CORE, &no_core);
        if (silent) {
            int fd = open("/dev/null", O_WRONLY);

            dup2(fd, STDOUT_FILENO);
            dup2(fd, STDERR_FILENO);
        }
        run(opaque);
        drain_call_rcu();
        /* Not _exit(), which would lose what gcov has counted */
        exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    return status;
}

static void run_one(void *opaque)
{
    const Run *r = opaque;

    alarm(PROGRAM_SECONDS);
    r->kind->run(r->program, r->verbose);
}

static bool fails(const ProgramKind *kind, const Program *p)
{
    Run r = { kind, p };

    return in_child(run_one, &r, true) != 0;
}

bool program_passes(const ProgramKind *kind, const Program *p)
{
    Run r = { kind, p, true };

    return !fails(kind, p) || in_child(run_one, &r, false) == 0;
}

/* --- What is left of a program that fails --- */

static Program without(const Program *p, unsigned from, unsigned n)
{
    Program q = { .n = p->n - n };

    memcpy(q.step, p->step, from * sizeof(Step));
    memcpy(q.step + from, p->step + from + n,
           (p->n - from - n) * sizeof(Step));
    return q;
}

static bool remove_chunks(const ProgramKind *kind, Program *p, unsigned n)
{
    bool any = false;

    for (unsigned from = 0; from + n <= p->n; ) {
        Program q = without(p, from, n);

        if (fails(kind, &q)) {
            *p = q;
            any = true;
        } else {
            from += n;
        }
    }
    return any;
}

static void program_shrink(const ProgramKind *kind, Program *p)
{
    for (unsigned n = p->n / 2; n; ) {
        if (!remove_chunks(kind, p, n)) {
            n /= 2;
        }
    }
}

/* --- Many of them --- */

typedef struct Progress {
    const ProgramKind *kind;
    uint64_t seed;       /* of the program that runs */
    uint64_t programs;
} Progress;

static void run_many(void *opaque)
{
    Progress *progress = opaque;
    Program p;

    for (; progress->programs; progress->programs--, progress->seed++) {
        program_random(progress->kind, &p, progress->seed);
        alarm(PROGRAM_SECONDS);
        progress->kind->run(&p, false);
    }
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
    const char *val = getenv(name);
    uint64_t n = otherwise;

    g_assert_cmpint(val ? qemu_strtou64(val, NULL, 0, &n) : 0, ==, 0);
    return n;
}

static void report_failure(const ProgramKind *kind, uint64_t seed, int status)
{
    g_autofree char *text = NULL;
    Program p;

    g_test_fail();
    g_test_message("SMMUV3_MODEL_SEED=%" PRIu64 " fails", seed);
    /* To shrink one that hangs would take its time again for each step */
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        g_test_message("It takes more than %d s", PROGRAM_SECONDS);
        return;
    }
    program_random(kind, &p, seed);
    if (!fails(kind, &p)) {
        g_test_message("Not when it is the first: something is left of those "
                       "before it");
        return;
    }
    program_shrink(kind, &p);
    program_passes(kind, &p);
    text = program_text(kind, &p);
    g_test_message("%u steps are left of it:", p.n);
    g_test_message("%s", text);
}

void program_test_random(const ProgramKind *kind, uint64_t steps)
{
    uint64_t seed = from_env("SMMUV3_MODEL_SEED", 1);
    Progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int64_t start = g_get_monotonic_time();
    double seconds;
    int status;

    steps = from_env("SMMUV3_MODEL_STEPS", steps);
    g_assert_true(progress != MAP_FAILED);
    progress->kind = kind;
    progress->seed = seed;
    progress->programs = DIV_ROUND_UP(steps, PROGRAM_STEPS);
    steps = progress->programs * PROGRAM_STEPS;
    status = in_child(run_many, progress, false);
    if (status == 0) {
        seconds = (g_get_monotonic_time() - start) / 1e6;
        g_test_message("%" PRIu64 " steps from seed %" PRIu64 ", %.0f a "
                       "second", steps, seed, steps / seconds);
    } else {
        report_failure(kind, progress->seed, status);
    }
    munmap(progress, sizeof(*progress));
}
