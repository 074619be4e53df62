/*
 * A hostile guest of arm-smmuv3,accel=on: a million bad commands, queues and
 * tables where there is no memory, tables that change while they are read, and
 * registers written at random
 *
 * After each the vSMMU works as before, nothing is open that should not be,
 * and QEMU has neither grown nor filled the host's logs.
 *
 * With SMMUV3_TEST_DEVICES (see smmuv3-accel-test.c) real DMA is the witness.
 * Without it there is no device, which leaves registers and queues: those run
 * anywhere, and are then run more often. With SMMUV3_TEST_CMDQV the guest has a
 * CMDQV, and its registers are what is written. SMMUV3_TEST_SEED is another
 * seed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/prctl.h>
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "smmuv3-accel-lib.h"

#define SMMU        0x0c000000ull
#define SMMU_SIZE   0x20000
#define RAM         0x40000000ull
#define RAM_SIZE    (128 * MiB)

/* More than an SMMU of this kind ever has: it is cut to 2^19 */
#define TOO_LARGE   31

#define BIGQ        0x44000000ull
#define BIGQ_LOG2   16
#define BIGQ_SIZE   (1u << BIGQ_LOG2)
#define PASSES      16
QEMU_BUILD_BUG_ON(PASSES * BIGQ_SIZE < 1000000);

#define LONGEST_LOG2 19
#define LONGEST     (1u << LONGEST_LOG2)

#define CMD_SYNC    0x46
#define CERROR_ILL  1
#define CERROR_ABT  2

/*
 * What QEMU may grow by, with all of the guest's memory in use before: what its
 * allocator takes for the test's own requests. That is a quarter of what the
 * smallest allocation for each of the commands would be, and a half with the
 * AddressSanitizer, of which GCC 14's takes 8 MB by itself.
 */
#define GROWTH_KB   (g_getenv("ASAN_OPTIONS") ? 16000 : 8000)

/* Messages: one a second is what the manual says, and one at once */
#define MESSAGES(seconds) (1 + (seconds))
/*
 * Of the guest's mistakes the host's kernel says nothing, but for pointers to
 * what is no memory: these are faults of stage 2, which is the host's. Its own
 * limit is ten faults in five seconds, in up to eight lines.
 */
#define STAGE2_MESSAGES(seconds) (8 * (10 + 2 * (seconds)))

typedef struct Victim {
    Guest *g;
    char *messages;         /* what QEMU says on standard error goes here */
    size_t said;            /* of that, before it began */
    int kernel_log;         /* -1 where there is no device: nothing is asked */
    unsigned kernel_lines;
    bool stage2_faults;     /* are to be expected */
    int64_t begin;
    long rss;
    GRand *rand;
    uint64_t cmd[BIGQ_SIZE][2];
} Victim;

static bool have_devices(void)
{
    return g_getenv("SMMUV3_TEST_DEVICES");
}

static uint32_t seed(void)
{
    const char *env = g_getenv("SMMUV3_TEST_SEED");
    unsigned s = 1;

    g_assert_true(!env || qemu_strtoui(env, NULL, 0, &s) == 0);
    return s;
}

static uint64_t rand64(GRand *r)
{
    return (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
}

static uint32_t below(GRand *r, uint32_t n)
{
    return g_rand_int(r) % n;
}

/* QEMU's own memory and the guest's, in KiB; not what is read from files */
static long resident(Victim *v)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status",
                                            qtest_pid(v->g->qts));
    g_autofree char *text = NULL;
    const char *line;
    long kb;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    line = strstr(text, "RssAnon:");
    g_assert_nonnull(line);
    g_assert_cmpint(sscanf(line, "RssAnon: %ld kB", &kb), ==, 1);
    return kb;
}

static unsigned count_messages(Victim *v)
{
    g_autofree char *text = NULL;
    unsigned n = 0;

    g_assert_true(g_file_get_contents(v->messages, &text, NULL, NULL));
    for (const char *p = text + v->said, *end; (end = strchr(p, '\n'));
         p = end + 1) {
        /* Without KVM, VFIO says this at each unplug */
        const char *own = g_strstr_len(p, end - p, "KVM VFIO device isn't");

        n += !own;
    }
    if (n) {
        g_test_message("QEMU said: %s", text + v->said);
    }
    return n;
}

/* A record a read; EPIPE tells of some that are gone */
static unsigned count_kernel_messages(Victim *v)
{
    char record[8192];
    ssize_t len;

    if (v->kernel_log < 0) {
        return 0;
    }
    while ((len = read(v->kernel_log, record, sizeof(record) - 1)) > 0 ||
           errno == EPIPE) {
        if (len > 0) {
            record[len] = 0;
            g_test_message("the host's kernel said: %s", record);
        }
        v->kernel_lines++;
    }
    g_assert_cmpint(errno, ==, EAGAIN);
    return v->kernel_lines;
}

static void use_all_memory(Victim *v)
{
    for (uint64_t at = 0; at < RAM_SIZE; at += MiB) {
        qtest_memset(v->g->qts, RAM + at, 0, MiB);
    }
}

/* Tables as they should be: device 0 translates, device 1 is blocked */
static void set_up(Victim *v)
{
    Guest *g = v->g;

    smmu_write(g, CR0, 0);
    smmu_write(g, IRQ_CTRL, 0);
    qtest_writeq(g->qts, SMMU + GERROR_IRQ_CFG0, 0);
    qtest_writeq(g->qts, SMMU + EVENTQ_IRQ_CFG0, 0);
    smmu_write(g, GERRORN, smmu_read(g, GERROR));
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_ABORT);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
}

/* Commands are taken and DMA does what the tables say */
static void assert_works(Victim *v)
{
    smmu_cmd_sync(v->g, 0x30, 0);
    dma_assert(v->g, MAPPED, BLOCKED);
}

/* Where a guest might want a CMD_SYNC's message to go */
static uint64_t message_address(GRand *r)
{
    static const uint64_t places[] = {
        SMMU + CMDQ_PROD, SMMU + CR0, SMMU + GERRORN, SMMU + EVENTQ_PROD,
        BIGQ, BIGQ + 16 * BIGQ_SIZE - 4, 0x08000040, RAM + RAM_SIZE - 2,
        0x000ffffffffffffcull,
    };

    return places[below(r, ARRAY_SIZE(places))];
}

/*
 * Opcodes that exist, with any bits in their fields; one in 256 may not exist,
 * or not be had here
 */
static void bad_command(GRand *r, uint64_t cmd[2])
{
    static const uint8_t opcodes[] = {
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30, 0x12,
    };
    uint32_t dice = below(r, 256);

    cmd[0] = rand64(r);
    cmd[1] = rand64(r);
    if (dice == 0) {
        /* But no STE that bypasses, should the Stream table be here */
        cmd[0] &= ~8ull;
        return;
    }
    cmd[0] &= ~0x4ffull;                        /* SSec would be an error */
    if (dice < 8) {
        /* CS = 0b11 would be, too */
        cmd[0] = (cmd[0] & ~(3ull << 12)) | CMD_SYNC |
                 (uint64_t)(dice & 1) << 12;
        cmd[1] = message_address(r);
        return;
    }
    cmd[0] |= opcodes[dice % ARRAY_SIZE(opcodes)];
    if (dice < 64) {
        cmd[0] = (uint32_t)cmd[0] | (uint64_t)guest_sid(dice % 3) << 32;
    }
}

static void fill_queue(Victim *v)
{
    for (uint32_t i = 0; i < BIGQ_SIZE; i++) {
        bad_command(v->rand, v->cmd[i]);
        v->cmd[i][0] = cpu_to_le64(v->cmd[i][0]);
        v->cmd[i][1] = cpu_to_le64(v->cmd[i][1]);
    }
    qtest_bufwrite(v->g->qts, BIGQ, v->cmd, sizeof(v->cmd));
}

static Victim *victim_start(void)
{
    Victim *v = g_new0(Victim, 1);
    int own = dup(STDERR_FILENO);
    g_autofree char *text = NULL;
    int fd = g_file_open_tmp("smmuv3-messages-XXXXXX", &v->messages, NULL);

    /* Of g_assert_cmpint() GCC 14 does not know that it may end it all */
    g_assert(fd >= 0 && own >= 0);
    dup2(fd, STDERR_FILENO);
    /* Which makes QEMU larger by and by, where it is on for all */
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    v->g = guest_start_untraced(have_devices() ? 2 : 0);
    dup2(own, STDERR_FILENO);
    close(own);
    close(fd);
    v->rand = g_rand_new_with_seed(seed());
    g_test_message("SMMUV3_TEST_SEED=%u", seed());
    /* What QEMU needs for being asked by this test is no growth */
    use_all_memory(v);
    fill_queue(v);
    fill_queue(v);
    set_up(v);
    assert_works(v);
    v->kernel_log = -1;
    if (have_devices()) {
        v->kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
        g_assert_cmpint(v->kernel_log, >=, 0);
        lseek(v->kernel_log, 0, SEEK_END);
    }
    g_assert_true(g_file_get_contents(v->messages, &text, &v->said, NULL));
    v->begin = g_get_monotonic_time();
    v->rss = resident(v);
    return v;
}

/* QEMU is as large as it was, and nobody's log is fuller than it may be */
static void assert_flat(Victim *v)
{
    long rss = resident(v);
    unsigned seconds = (g_get_monotonic_time() - v->begin) / G_USEC_PER_SEC;
    unsigned messages = count_messages(v);
    unsigned kernel = count_kernel_messages(v);

    g_test_message("%u s: RssAnon %ld kB, at first %ld kB; "
                   "messages: %u of QEMU, %u of the host's kernel",
                   seconds, rss, v->rss, messages, kernel);
    g_assert_cmpint(rss, <=, v->rss + GROWTH_KB);
    g_assert_cmpuint(messages, <=, MESSAGES(seconds));
    g_assert_cmpuint(kernel, <=,
                     v->stage2_faults ? STAGE2_MESSAGES(seconds) : 0);
}

static void victim_stop(Victim *v)
{
    assert_flat(v);
    guest_stop(v->g);
    if (v->kernel_log >= 0) {
        close(v->kernel_log);
    }
    unlink(v->messages);
    g_free(v->messages);
    g_rand_free(v->rand);
    g_free(v);
}

/* --- A million bad commands --- */

/* As Linux does it: a CMD_SYNC in the command's place, then acknowledge */
static void acknowledge_command(Victim *v, uint32_t index, uint32_t *gerrorn)
{
    uint64_t entry = BIGQ + index * 16;

    qtest_writeq(v->g->qts, entry, CMD_SYNC);
    *gerrorn ^= GERROR_CMDQ_ERR;
    smmu_write(v->g, GERRORN, *gerrorn);
    /* It is there again in the next pass */
    qtest_bufwrite(v->g->qts, entry, v->cmd[index], 16);
}

/*
 * Until all commands are done or one is an error; a long queue is done in parts
 * (see no_doorbell_keeps_the_monitor_waiting()). Returns: CMDQ_CONS
 */
static uint32_t await_commands(Victim *v, uint32_t prod, uint32_t mask)
{
    uint32_t cons;

    do {
        cons = smmu_read(v->g, CMDQ_CONS);
    } while ((cons & mask) != prod &&
             !((smmu_read(v->g, GERROR) ^ smmu_read(v->g, GERRORN)) &
               GERROR_CMDQ_ERR));
    /* It may have gone on between the last two reads */
    return smmu_read(v->g, CMDQ_CONS);
}

/* Ring the bell, acknowledge each error; returns how many */
static unsigned consume_all(Victim *v, uint32_t prod)
{
    const uint32_t mask = 2 * BIGQ_SIZE - 1;
    uint32_t gerrorn = smmu_read(v->g, GERRORN);
    uint32_t cons, last = ~0u;
    unsigned errors = 0;

    smmu_write(v->g, CMDQ_PROD, prod);
    while (((cons = await_commands(v, prod, mask)) & mask) != prod) {
        g_assert_cmphex(cons >> 24, ==, CERROR_ILL);
        g_assert_cmphex(cons, !=, last);
        last = cons;
        errors++;
        acknowledge_command(v, cons & (BIGQ_SIZE - 1), &gerrorn);
    }
    g_assert_cmphex((smmu_read(v->g, GERROR) ^ gerrorn) & GERROR_CMDQ_ERR,
                    ==, 0);
    return errors;
}

static void a_million_bad_commands_change_nothing(void)
{
    Victim *v = victim_start();
    Guest *g = v->g;
    uint32_t prod = 0;
    unsigned errors = 0;

    smmu_cr0(g, CR0_EVENTQEN | CR0_SMMUEN);
    qtest_writeq(g->qts, SMMU + CMDQ_BASE, BIGQ | BIGQ_LOG2);
    smmu_write(g, CMDQ_PROD, 0);
    smmu_write(g, CMDQ_CONS, 0);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    for (int i = 0; i < PASSES; i++) {
        prod ^= BIGQ_SIZE;
        errors += consume_all(v, prod);
        dma_assert(g, MAPPED, BLOCKED);
        assert_flat(v);
    }
    g_test_message("%u commands, %u errors acknowledged", PASSES * BIGQ_SIZE,
                   errors);
    g_assert_cmpuint(errors, >, PASSES * BIGQ_SIZE / 400);
    set_up(v);
    assert_works(v);
    victim_stop(v);
}

/* --- A queue that is as long as can be --- */

/* 2^19 commands: has the monitor answered before all of them are done? */
static bool monitor_answers_meanwhile(Victim *v)
{
    Guest *g = v->g;
    uint32_t at_answer;

    smmu_cr0(g, CR0_EVENTQEN | CR0_SMMUEN);
    smmu_write(g, CMDQ_CONS, 0);
    smmu_write(g, CMDQ_PROD, LONGEST);
    smmu_write(g, CR0, CR0_QUEUES | CR0_SMMUEN);
    qtest_qmp_assert_success(g->qts, "{ 'execute': 'query-status' }");
    at_answer = smmu_read(g, CMDQ_CONS) & (2 * LONGEST - 1);
    g_test_message("%u of %u commands were done at the answer", at_answer,
                   LONGEST);
    g_assert_cmphex(await_commands(v, LONGEST, 2 * LONGEST - 1), ==, LONGEST);
    return at_answer < LONGEST;
}

/*
 * One write tells of 2^19 commands, and does no more than a part of them. That
 * the monitor answers before the rest is done is counted in commands, because
 * time here depends on what else is running. This test may be kept from running
 * until all are done; but not each time.
 */
static void no_doorbell_keeps_the_monitor_waiting(void)
{
    Victim *v = victim_start();
    unsigned attempts = 1;

    smmu_cr0(v->g, CR0_EVENTQEN | CR0_SMMUEN);
    qtest_writeq(v->g->qts, SMMU + CMDQ_BASE, BIGQ | LONGEST_LOG2);
    /* CMD_PREFETCH_CONFIG, with reserved bits */
    qtest_memset(v->g->qts, BIGQ, 0x01, 16 * LONGEST);
    while (!monitor_answers_meanwhile(v)) {
        g_assert_cmpuint(attempts++, <, 100);
    }
    set_up(v);
    assert_works(v);
    victim_stop(v);
}

/* --- Queues and tables where there is none --- */

typedef struct Place {
    const char *name;
    uint64_t addr;
} Place;

static const Place places[] = {
    { "odd", CMDQ + 0x3e },
    { "the last page of memory", RAM + RAM_SIZE - 0x1000 },
    { "beyond memory", RAM + RAM_SIZE },
    { "far beyond memory", 0x000fffffffffffe0ull },
    { "all ones", 0xffffffffffffffe0ull },
    { "the SMMU's own registers", SMMU },
    { "the SMMU's own queue pointers", SMMU + 0x10000 },
    { "the interrupt controller", 0x08000000 },
    { "the flash", 0x100000 },
    { "the serial port", 0x09000000 },
    { "configuration space", 0x4010000000ull },
    { "the device's registers", 0x10000000 },
};

/* Those of them that no queue can be at, whatever the guest has done */
static bool has_no_memory(uint64_t addr)
{
    static const uint64_t no_memory[] = {
        SMMU, SMMU + 0x10000, RAM + RAM_SIZE, 0x08000000, 0x09000000,
    };

    for (int i = 0; i < ARRAY_SIZE(no_memory); i++) {
        if (addr == no_memory[i]) {
            return true;
        }
    }
    return false;
}

static void acknowledge(Victim *v)
{
    smmu_write(v->g, GERRORN, smmu_read(v->g, GERROR));
}

/* Commands there are done or are an error; nothing else becomes of them */
static void command_queue_at(Victim *v, uint64_t base, uint32_t prod)
{
    Guest *g = v->g;
    uint32_t size = 1u << MIN(base & 31, 19);
    uint32_t cons;

    /* An error that is acknowledged while the queue runs is one again */
    smmu_cr0(g, CR0_EVENTQEN | CR0_SMMUEN);
    acknowledge(v);
    qtest_writeq(g->qts, SMMU + CMDQ_BASE, base);
    smmu_write(g, CMDQ_PROD, 0);
    smmu_write(g, CMDQ_CONS, 0);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    smmu_write(g, CMDQ_PROD, prod);
    cons = (prod & (2 * size - 1)) > size ? smmu_read(g, CMDQ_CONS) :
           await_commands(v, prod & (2 * size - 1), 2 * size - 1);
    if ((smmu_read(g, GERROR) ^ smmu_read(g, GERRORN)) & GERROR_CMDQ_ERR) {
        g_assert_true(cons >> 24 == CERROR_ILL || cons >> 24 == CERROR_ABT);
    } else {
        /* 3.5.1: of more commands than fit, none is done */
        prod &= 2 * size - 1;
        g_assert_cmphex(cons & (2 * size - 1), ==, prod > size ? 0 : prod);
    }
}

static void command_queues_anywhere_do_no_harm(void)
{
    /* All of the smaller queue; more than it has, and bits that are RES0 */
    static const uint32_t prod[] = { 1, 1 << 8, 0xffffffff };
    Victim *v = victim_start();

    for (int i = 0; i < ARRAY_SIZE(places); i++) {
        g_test_message("a command queue at %s", places[i].name);
        for (int j = 0; j < ARRAY_SIZE(prod); j++) {
            command_queue_at(v, places[i].addr | 8, prod[j]);
            command_queue_at(v, places[i].addr | TOO_LARGE, prod[j]);
        }
        set_up(v);
        assert_works(v);
    }
    victim_stop(v);
}

/* Where there is no memory, each command is an error that says so */
static void a_queue_over_registers_is_not_read(void)
{
    Victim *v = victim_start();

    for (int i = 0; i < ARRAY_SIZE(places); i++) {
        if (has_no_memory(places[i].addr)) {
            command_queue_at(v, places[i].addr | 8, 1);
            g_assert_cmphex(smmu_read(v->g, CMDQ_CONS), ==, CERROR_ABT << 24);
        }
    }
    set_up(v);
    assert_works(v);
    victim_stop(v);
}

/* Only with a device: only DMA makes events */
static void event_queues_anywhere_do_no_harm(void)
{
    Victim *v = victim_start();
    Guest *g = v->g;

    for (int i = 0; i < ARRAY_SIZE(places); i++) {
        uint64_t before = qtest_readq(g->qts, SMMU + STRTAB_BASE);

        g_test_message("an event queue at %s", places[i].name);
        for (int log2 = 3; log2 <= TOO_LARGE; log2 += TOO_LARGE - 3) {
            smmu_cr0(g, CR0_CMDQEN | CR0_SMMUEN);
            qtest_writeq(g->qts, SMMU + EVENTQ_BASE, places[i].addr | log2);
            smmu_write(g, EVENTQ_PROD, 0);
            smmu_write(g, EVENTQ_CONS, 0);
            smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
            dma_write(g, 0, BUF);
            dma_write(g, 0, BUF + 0x1000);
            /* The event is there, or that there is none for it */
            for (int tries = 0; smmu_read(g, EVENTQ_PROD) == 0 &&
                 smmu_read(g, GERROR) == smmu_read(g, GERRORN); tries++) {
                g_assert_cmpint(tries, <, 1000);
                g_usleep(20000);
            }
            if (has_no_memory(places[i].addr)) {
                g_assert_cmphex((smmu_read(g, GERROR) ^ smmu_read(g, GERRORN)) &
                                GERROR_EVENTQ_ABT, !=, 0);
                g_assert_cmphex(smmu_read(g, EVENTQ_PROD), ==, 0);
                g_assert_cmphex(smmu_read(g, CR0), ==, CR0_QUEUES | CR0_SMMUEN);
            }
            acknowledge(v);
        }
        g_assert_cmphex(qtest_readq(g->qts, SMMU + STRTAB_BASE), ==, before);
        /* An event that hit the guest's own page tables was the guest's wish */
        set_up(v);
        assert_works(v);
    }
    victim_stop(v);
}

static void stream_table_at(Victim *v, uint64_t base, uint32_t cfg)
{
    Guest *g = v->g;

    smmu_cr0(g, CR0_QUEUES);
    qtest_writeq(g->qts, SMMU + STRTAB_BASE, base);
    smmu_write(g, STRTAB_BASE_CFG, cfg);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    smmu_cfgi_all(g);
}

static void stream_tables_anywhere_open_nothing(void)
{
    static const uint32_t cfg[] = {
        16, 1 << 16 | 8 << 6 | 16, 63, 1 << 16 | 31 << 6 | 63, 3 << 16 | 16,
    };
    Victim *v = victim_start();

    for (int i = 0; i < ARRAY_SIZE(places); i++) {
        g_test_message("a Stream table at %s", places[i].name);
        for (int j = 0; j < ARRAY_SIZE(cfg); j++) {
            stream_table_at(v, places[i].addr, cfg[j]);
            dma_assert(v->g, BLOCKED, BLOCKED);
        }
        /* And a second level there, under a first one that is as it should */
        set_up(v);
        qtest_writeq(v->g->qts, STRTAB + (guest_sid(0) >> 8) * 8,
                     (places[i].addr & 0x000fffffffffffc0ull) | 9);
        smmu_cfgi_all(v->g);
        dma_assert(v->g, BLOCKED, BLOCKED);
        set_up(v);
        assert_works(v);
    }
    victim_stop(v);
}

/* The host's SMMU is what reads these, so the guest's memory is all it gets */
static void context_descriptors_anywhere_open_nothing(void)
{
    Victim *v = victim_start();

    v->stage2_faults = true;
    for (int i = 0; i < ARRAY_SIZE(places); i++) {
        g_test_message("a CD at %s", places[i].name);
        smmu_set_ste(v->g, false, guest_sid(0), STE_ABORT);
        smmu_cfgi_ste(v->g, guest_sid(0));
        smmu_set_ste(v->g, false, guest_sid(0),
                     0xb | (places[i].addr & 0x000fffffffffffc0ull));
        smmu_cfgi_ste(v->g, guest_sid(0));
        dma_assert(v->g, BLOCKED, BLOCKED);
    }
    set_up(v);
    assert_works(v);
    /* Where its log may grow it does: what counts it can count */
    assert_flat(v);
    g_assert_cmpuint(v->kernel_lines, >, 0);
    victim_stop(v);
}

/*
 * --- Tables that change while they are read ---
 *
 * That each is read once is for the unit tests to see; that what was written
 * while it was read counts in the end, for this.
 */

static void tables_rewritten_by_dma_are_read_once(void)
{
    Victim *v = victim_start();
    Guest *g = v->g;
    const uint64_t ste1 = L2TAB + (2 << 8) * 64;
    unsigned seen[3] = {};

    /* Of device 1's DMA when it is tried and its STE says bypass */
    v->stage2_faults = true;
    /* Device 0 writes the STE of device 1 while that is being looked at */
    for (int i = 0; i < 100; i++) {
        Dma is;

        qtest_writel(g->qts, BUF, i & 1 ? STE_ABORT : STE_BYPASS);
        dma_load(g, 0, BUF + MAP_OFFSET);
        dma_write(g, 0, BUF + 0x100 + MAP_OFFSET);
        dma_write_again(g, 0, ste1 + MAP_OFFSET);
        smmu_cfgi_ste(g, guest_sid(1));
        dma_write_wait(g, 0);
        /* As the table was before, or as it is: both are what it said */
        is = dma_probe(g, 1);
        seen[is]++;
        g_assert_true(is == BLOCKED || is == FLAT);
        smmu_cfgi_ste(g, guest_sid(1));
        dma_assert(g, MAPPED, i & 1 ? BLOCKED : FLAT);
    }
    g_test_message("while it was written: %u times blocked, %u flat",
                   seen[BLOCKED], seen[FLAT]);
    smmu_set_ste(g, false, guest_sid(1), STE_ABORT);
    smmu_cfgi_ste(g, guest_sid(1));
    assert_works(v);
    victim_stop(v);
}

/* --- Registers --- */

static uint64_t random_offset(GRand *r)
{
    static const uint32_t regs[] = {
        CR0, CR1, CR2, GBPA, IRQ_CTRL, GERRORN, GERROR_IRQ_CFG0, STRTAB_BASE,
        STRTAB_BASE_CFG, CMDQ_BASE, CMDQ_PROD, CMDQ_CONS, EVENTQ_BASE,
        EVENTQ_PROD, EVENTQ_CONS, EVENTQ_IRQ_CFG0,
    };

    switch (below(r, 8)) {
    case 0:
        return below(r, SMMU_SIZE);
    case 1:
        return below(r, 0x100);
    default:
        return regs[below(r, ARRAY_SIZE(regs))];
    }
}

static uint64_t random_value(GRand *r)
{
    switch (below(r, 6)) {
    case 0:
        return rand64(r);
    case 1:
        return 1ull << below(r, 64);
    case 2:
        return places[below(r, ARRAY_SIZE(places))].addr |
               below(r, 32);
    case 3:
        return BIGQ | below(r, 20);
    case 4:
        return below(r, 16);
    default:
        return CR0_QUEUES | CR0_SMMUEN | g_rand_int(r) << 10;
    }
}

static void random_access(Victim *v, uint64_t addr, uint64_t val)
{
    QTestState *qts = v->g->qts;

    switch (below(v->rand, 12)) {
    case 0:
        qtest_writeb(qts, addr, val);
        break;
    case 1:
        qtest_writew(qts, addr, val);
        break;
    case 2:
    case 3:
    case 4:
        qtest_writeq(qts, addr, val);
        break;
    case 5:
        qtest_readb(qts, addr);
        break;
    case 6:
        qtest_readw(qts, addr);
        break;
    case 7:
        qtest_readl(qts, addr);
        break;
    case 8:
        qtest_readq(qts, addr);
        break;
    default:
        qtest_writel(qts, addr, val);
        break;
    }
}

/*
 * DMA is as open as the registers now read: with SMMUEN = 1 no table that the
 * Stream table's registers could have hit has a stream that bypasses
 */
static void assert_as_registers_read(Victim *v, unsigned seen[3])
{
    Guest *g = v->g;
    Dma is[DEVS_MAX];
    bool enabled = smmu_read(g, CR0ACK) & CR0_SMMUEN;
    bool aborts = smmu_read(g, GBPA) & GBPA_ABORT;

    dma_probe_all(g, is);
    for (int i = 0; i < DEVS; i++) {
        seen[is[i]]++;
        if (enabled) {
            g_assert_cmpint(is[i], !=, FLAT);
        } else {
            g_assert_cmpint(is[i], ==, aborts ? BLOCKED : FLAT);
        }
    }
}

static void registers_written_at_random_do_no_harm(void)
{
    int rounds = have_devices() ? 4 : 200;
    Victim *v = victim_start();
    unsigned seen[3] = {};

    /* What bypasses can ask for an address without memory */
    v->stage2_faults = true;
    for (int i = 0; i < rounds; i++) {
        for (int j = 0; j < 1000; j++) {
            random_access(v, SMMU + random_offset(v->rand),
                          random_value(v->rand));
            if (have_devices() && j % 20 == 0) {
                assert_as_registers_read(v, seen);
            }
        }
        set_up(v);
        assert_works(v);
    }
    g_test_message("in between devices were %u times blocked, %u flat, %u "
                   "mapped", seen[BLOCKED], seen[FLAT], seen[MAPPED]);
    g_assert_true(!have_devices() ||
                  (seen[BLOCKED] && seen[FLAT] && seen[MAPPED]));
    victim_stop(v);
}

/* --- A CMDQV's registers --- */

static uint64_t random_cmdqv_offset(GRand *r)
{
    static const uint32_t pages[] = { 0x10000, 0x20000, 0x30000, 0x40000 };
    uint32_t page = pages[below(r, ARRAY_SIZE(pages))];

    switch (below(r, 16)) {
    case 0:
        return below(r, CMDQV_SIZE);
    case 1:
        return CMDQV_VINTF_CONFIG + below(r, 0x100);
    case 2:
        return below(r, 4) ? CMDQV_ALLOC(below(r, 4)) : below(r, 0x30);
    case 3:
        return below(r, 2) ? CMDQV_CONFIG : CMDQV_VINTF_CONFIG;
    default:
        return page + 0x80 * below(r, 3) + 4 * below(r, 6);
    }
}

static uint64_t random_cmdqv_value(GRand *r)
{
    switch (below(r, 4)) {
    case 0:
        return BIGQ | below(r, 12);
    case 1:
        return VCMDQ(below(r, 2)) | VCMDQ_LOG2;
    default:
        return random_value(r);
    }
}

/* Queues of bad commands at work, the last device goes, the machine is reset */
static void random_cmdqv_event(Victim *v)
{
    Guest *g = v->g;
    int i = below(v->rand, 2);

    switch (below(v->rand, 100)) {
    case 0:
        if (g->plugged[i]) {
            guest_unplug(g, i);
        } else {
            guest_hotplug(g, i);
        }
        break;
    case 1:
        qtest_system_reset(g->qts);
        guest_enumerate(g);
        set_up(v);
        break;
    case 2 ... 9:
        cmdqv_setup(g);
        qtest_bufwrite(g->qts, VCMDQ(i),
                       v->cmd[below(v->rand, BIGQ_SIZE - 256)], 16 * 256);
        cmdqv_write(g, CMDQV_PAGE0(i) + VCMDQ_PROD, 256);
        break;
    default:
        random_access(v, guest_cmdqv(g) + random_cmdqv_offset(v->rand),
                      random_cmdqv_value(v->rand));
        break;
    }
}

/* All that its queues can be told is to invalidate */
static void a_cmdqvs_registers_written_at_random_change_no_dma(void)
{
    Victim *v = victim_start();
    Guest *g = v->g;

    /* Which tells of each queue in error, and of each reset of a device */
    close(v->kernel_log);
    v->kernel_log = -1;
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 1000; j++) {
            random_cmdqv_event(v);
            if (j % 20 == 0) {
                dma_assert(g, MAPPED, BLOCKED);
            }
        }
        for (int d = 0; d < DEVS; d++) {
            if (!g->plugged[d]) {
                guest_hotplug(g, d);
            }
        }
        set_up(v);
        assert_works(v);
        cmdqv_setup(g);
        for (int l = 0; l < VCMDQS; l++) {
            cmdqv_cmd(g, l, CMD_SYNC, 0);
            g_assert_cmphex(cmdqv_read(g, CMDQV_PAGE0(l) + VCMDQ_CONS), ==, 1);
        }
        assert_flat(v);
    }
    victim_stop(v);
}

#define TEST(name) qtest_add_func("/smmuv3-accel/hostile/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    if (g_getenv("SMMUV3_TEST_CMDQV")) {
        TEST(a_cmdqvs_registers_written_at_random_change_no_dma);
        return g_test_run();
    }
    TEST(a_million_bad_commands_change_nothing);
    TEST(no_doorbell_keeps_the_monitor_waiting);
    TEST(command_queues_anywhere_do_no_harm);
    TEST(a_queue_over_registers_is_not_read);
    TEST(registers_written_at_random_do_no_harm);
    if (have_devices()) {
        TEST(stream_tables_anywhere_open_nothing);
        TEST(event_queues_anywhere_do_no_harm);
        TEST(context_descriptors_anywhere_open_nothing);
        TEST(tables_rewritten_by_dma_are_read_once);
    }
    return g_test_run();
}
