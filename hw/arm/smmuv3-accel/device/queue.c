/*
 * The command and event queues of an accelerated SMMUv3
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/epoll.h>
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "state.h"
#include "hw/arm/smmuv3-accel/core/command.h"
#include "hw/arm/smmuv3-accel/core/opcodes.h"
#include "hw/arm/smmuv3-accel/core/stale.h"
#include "hw/arm/smmuv3-internal.h"
#include "hw/core/cpu.h"
#include "system/dma.h"
#include "system/runstate.h"
#include "hw/arm/smmuv3-accel/trace.h"

/* Linux puts no more than 64 and a CMD_SYNC into the queue at a time */
#define RUN_MAX 128

/*
 * One write of a register does at most this much of the queue. The main loop
 * does the rest, the same amount at a time. Guests usually queue less than this
 * at once, so that everything is done when the write returns: it is enough for
 * the batches of 72 vCPUs of a Linux guest.
 */
#define SLICE_COMMANDS 4680
/*
 * Without the big lock: only the vCPU waits, and who waits for the vCPU, such
 * as the monitor to stop the VM
 */
#define SLICE_ALONE_NS (20 * SCALE_MS)

/* A queue in registers is refused, for the reason given at read_table() */
static const MemTxAttrs queue_attrs = { .memory = true };

static uint64_t entry_addr(const SMMUv3State *s, const SMMUQueue *q,
                           uint32_t index)
{
    return smmuv3_accel_queue_base(s->accel, q) +
           (uint64_t)q->entry_size * (index & INDEX_MASK(q));
}

/* The entries between the two indices, which a guest can set at will */
static uint32_t count_entries(const SMMUQueue *q)
{
    return (q->prod - q->cons) & WRAP_INDEX_MASK(q);
}

/* @found: by smmuv3_accel_cmdq_memory() */
static bool read_commands(SMMUv3State *s, bool found, uint64_t (*cmd)[2],
                          uint32_t n)
{
    SMMUQueue *q = &s->cmdq;

    if (found) {
        /* As in dma_memory_read(): the read of PROD must come first */
        smp_mb();
        return address_space_read_cached(&s->accel->cmdq_memory.cache,
                                         Q_CONS(q) * sizeof(cmd[0]), cmd,
                                         n * sizeof(cmd[0])) == MEMTX_OK;
    }
    return dma_memory_read(&address_space_memory, entry_addr(s, q, q->cons),
                           cmd, n * sizeof(cmd[0]), queue_attrs) == MEMTX_OK;
}

/*
 * Read a run of commands that are adjacent in memory, up to RUN_MAX. This is a
 * copy, because the guest may change them at any time. If a run cannot be
 * read, only its first command is tried, so that an error is reported at the
 * right command.
 */
static uint32_t read_run(SMMUv3State *s, bool found, uint64_t (*cmd)[2])
{
    SMMUQueue *q = &s->cmdq;
    uint32_t to_end = (1u << q->log2size) - Q_CONS(q);
    uint32_t n = MIN(MIN(count_entries(q), to_end), RUN_MAX);

    if (!read_commands(s, found, cmd, n)) {
        n = 1;
        if (!read_commands(s, found, cmd, n)) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        cmd[i][0] = le64_to_cpu(cmd[i][0]);
        cmd[i][1] = le64_to_cpu(cmd[i][1]);
    }
    return n;
}

/* TTL and TG: a TLBI by address has them if it has a range */
#define CMD1_RANGE MAKE_64BIT_MASK(8, 4)

/*
 * How many commands, from @cmd on, invalidate one page after the other. An
 * unmap looks like this if the guest has no range invalidation.
 */
static uint32_t count_adjacent(const uint64_t (*cmd)[2], uint32_t max,
                               uint64_t *step)
{
    uint8_t opcode = cmd[0][0];
    uint32_t n = 1;

    if ((opcode != SMMUV3_CMD_TLBI_NH_VA && opcode != SMMUV3_CMD_TLBI_NH_VAA) ||
        max == 1 || (cmd[0][1] & CMD1_RANGE)) {
        return 1;
    }
    *step = cmd[1][1] - cmd[0][1];
    if (*step != 4 * KiB && *step != 16 * KiB && *step != 64 * KiB) {
        return 1;
    }
    /* No address follows the highest one: a range does not wrap */
    while (n < max && cmd[n][0] == cmd[0][0] && cmd[n][1] > cmd[n - 1][1] &&
           cmd[n][1] - cmd[n - 1][1] == *step) {
        n++;
    }
    return n;
}

/* CMDQ_CONS.ERR, above the index, keeps its value */
static uint32_t cons_after(const SMMUQueue *q, uint32_t n)
{
    return deposit32(q->cons, 0, q->log2size + 1, q->cons + n);
}

static void show_cons(SMMUv3State *s, uint32_t cons)
{
    /* 6.3.28: bits above the wrap bit read as zero, whatever was written */
    qatomic_store_release(&s->accel->cmdq_cons,
                          cons & (WRAP_INDEX_MASK(&s->cmdq) |
                                  R_CMDQ_CONS_ERR_MASK));
}

static void illegal_command(SMMUv3State *s, const uint64_t cmd[2],
                            const char *why)
{
    trace_smmuv3_accel_illegal_command(cmd[0], cmd[1], why);
    qemu_log_mask(LOG_GUEST_ERROR, "arm-smmuv3: illegal command 0x%016" PRIx64
                  " 0x%016" PRIx64 ": %s\n", cmd[0], cmd[1], why);
    s->accel->illegal = (SMMUv3AccelIllegalCommand) {
        .word = { cmd[0], cmd[1] },
        .why = why,
    };
}

/*
 * 4.7.3: when a CMD_SYNC completes, the events of earlier aborted transactions
 * must be in the queue, or never come. No call waits for the host's own queue,
 * so fetch the events that the host has put into the vEVENTQ.
 */
static void collect_events(SMMUv3State *s)
{
    s->accel->cmdq_synced = false;
    /*
     * Events that arrive while EVENTQEN = 0 are dropped, at the latest when it
     * is set
     */
    if (smmuv3_eventq_enabled(s)) {
        smmuv3_accel_fetch_events(s->accel);
    }
}

/**
 * Slice - the part of the queue that is done at a time
 * @alone: the big lock is not held
 * @stuck: because of that
 * @spent: the slice is over
 * @error: the command at CONS ended in it
 * @asked_host: the last command may have taken long
 * @done: the number of commands done
 * @end: the time when it is over; 0 before the clock has been read. That is
 *       not done before there was work: most queues are short.
 */
typedef struct Slice {
    bool alone;
    bool stuck;
    bool spent;
    SMMUCmdError error;
    bool asked_host;
    uint32_t done;
    int64_t end;
} Slice;

/* Who stops the VM waits for this vCPU, and has stopped the clock below */
static bool is_to_stop(void)
{
    return current_cpu && qatomic_read(&current_cpu->stop);
}

static bool is_spent(Slice *slice)
{
    int64_t now;

    if (slice->done >= SLICE_COMMANDS || is_to_stop()) {
        return true;
    }
    now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    if (!slice->end) {
        slice->end = now + (slice->alone ? SLICE_ALONE_NS
                                         : SMMUV3_ACCEL_SLICE_NS);
    }
    return now >= slice->end;
}

/*
 * Must only be called while commands are left. Returns: true at the end of the
 * slice, or if somebody else is to have the vSMMU's lock
 */
static bool is_over(SMMUv3State *s, Slice *slice)
{
    slice->spent = is_spent(slice);
    return slice->spent ||
           (slice->alone && smmuv3_accel_lock_wanted(s->accel));
}

/*
 * Without the big lock: can @cmd be done? What it has to ask the host for is
 * asked for here, where it still can be given up; doing it again does no harm.
 */
static bool can_do_alone(SMMUv3State *s, const uint64_t cmd[2])
{
    SMMUv3Accel *accel = s->accel;
    SMMUv3SyncSignal signal;
    uint64_t msi_addr;

    if (smmuv3_command_only_invalidates(cmd)) {
        /* do_run() has made room for it */
        return true;
    }
    if (!smmuv3_command_is_sync(cmd, &signal, &msi_addr) ||
        !smmuv3_streams_try(&accel->streams, 0)) {
        return false;
    }
    return signal != SMMUV3_SYNC_IRQ ||
           (smmuv3_accel_sync_is_store(s, msi_addr) &&
            !smmuv3_accel_has_events(accel));
}

static void complete_sync(SMMUv3State *s, const SMMUv3CommandEffect *effect,
                          bool alone)
{
    if (effect->signal != SMMUV3_SYNC_IRQ) {
        s->accel->cmdq_synced = true;
        return;
    }
    if (!alone) {
        collect_events(s);
    }
    s->accel->cmdq_synced = false;
    /* 3.18: who sees the interrupt finds the CMD_SYNC consumed */
    show_cons(s, cons_after(&s->cmdq, 1));
    smmuv3_accel_signal_sync(s, effect->msi_addr, effect->msi_data);
}

/*
 * Do the first of @max commands, or several; returns how many. 0 at an error,
 * or if the big lock is needed. Inlined, because each unmap has two of them.
 */
static inline QEMU_ALWAYS_INLINE uint32_t
do_commands(SMMUv3State *s, const uint64_t (*cmds)[2], uint32_t max,
            Slice *slice)
{
    const uint64_t *cmd = cmds[0];
    QEMU_UNINITIALIZED SMMUv3CommandEffect effect;
    uint64_t step = 0;
    uint32_t n;

    if (slice->alone && !can_do_alone(s, cmd)) {
        slice->stuck = true;
        return 0;
    }
    trace_smmuv3_accel_command(cmd[0], cmd[1]);
    if (!smmuv3_command(&s->accel->streams, cmd, smmuv3_idr_ril(s->accel->idr),
                        &effect)) {
        if (slice->alone) {
            slice->stuck = true;
            return 0;
        }
        illegal_command(s, cmd, smmuv3_command_explain(effect.illegal));
        slice->error = SMMU_CERROR_ILL;
        return 0;
    }
    if (effect.atc_failed) {
        slice->error = SMMU_CERROR_ATC_INV_SYNC;
        return 0;
    }
    slice->asked_host = effect.sync || effect.configs;
    if (effect.sync) {
        complete_sync(s, &effect, slice->alone);
        return 1;
    }
    n = count_adjacent(cmds, max, &step);
    if (n > 1) {
        trace_smmuv3_accel_repeat(n - 1, step);
        smmuv3_streams_repeat(&s->accel->streams, n - 1, step);
    }
    return n;
}

int smmuv3_accel_do_command(SMMUv3State *s, const uint64_t cmd[2])
{
    Slice slice = {};

    g_assert(bql_locked());
    smmuv3_accel_finish_update(s->accel);
    do_commands(s, (const uint64_t (*)[2])cmd, 1, &slice);
    if (!slice.error && s->accel->cmdq_synced) {
        collect_events(s);
    }
    return slice.error;
}

static bool is_active(SMMUv3State *s, uint32_t error)
{
    return (s->gerror ^ s->gerrorn) & error;
}

/*
 * Is there a command to be done? There is none while the indices are further
 * apart than the queue is long, because such indices mean nothing (3.5.1). Nor
 * is there one while the guest moves the queue: Arm's ACS and FreeBSD write
 * CMDQ_BASE, PROD and CONS, in this order, with CMDQEN as they find it. Between
 * the last two writes PROD is the new queue's index and CONS the old one's.
 *
 * Nor while streams are updated: a CFGI would have to wait until the stream
 * that it names has followed, and a CMD_SYNC until the CFGI has.
 */
static bool has_commands(SMMUv3State *s)
{
    SMMUQueue *q = &s->cmdq;
    uint32_t n;

    if (q->prod == q->cons) {
        /* Each write of PROD ends here */
        return false;
    }
    n = count_entries(q);
    return smmuv3_cmdq_enabled(s) && n && n <= 1u << q->log2size &&
           !s->accel->cmdq_moved && !s->accel->updating &&
           !is_active(s, R_GERROR_CMDQ_ERR_MASK);
}

/* Do one run. Returns: false if nothing more must be done now */
static bool do_run(SMMUv3State *s, Slice *slice)
{
    SMMUQueue *q = &s->cmdq;
    QEMU_UNINITIALIZED uint64_t cmd[RUN_MAX][2];
    bool found = smmuv3_accel_cmdq_memory(s);
    uint32_t n;

    if (slice->alone &&
        (!found ||
         !smmuv3_streams_try(&s->accel->streams, RUN_MAX))) {
        slice->stuck = true;
        return false;
    }
    n = read_run(s, found, cmd);
    if (!n) {
        slice->error = SMMU_CERROR_ABT;
    }
    for (uint32_t i = 0, done; i < n; i += done) {
        if (i && slice->asked_host && is_over(s, slice)) {
            return false;
        }
        done = do_commands(s, &cmd[i], n - i, slice);
        if (!done) {
            return false;
        }
        slice->done += done;
        q->cons = cons_after(q, done);
    }
    return n > 0;
}

/* Returns: whether commands are left */
static bool do_slice(SMMUv3State *s, Slice *slice)
{
    while (has_commands(s)) {
        if ((slice->done && is_over(s, slice)) || !do_run(s, slice)) {
            return true;
        }
    }
    return false;
}

void smmuv3_accel_show_cons(SMMUv3State *s)
{
    show_cons(s, s->cmdq.cons);
}

static void leave_the_rest(SMMUv3Accel *accel, const Slice *slice)
{
    trace_smmuv3_accel_slice(slice->done);
    accel->cmdq_unfinished = true;
    qemu_bh_schedule(accel->cmdq_bh);
}

void smmuv3_accel_consume_cmdq(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;
    Slice slice = {};

    g_assert(bql_locked());
    if (smmuv3_cmdq_enabled(s)) {
        /* From now on vCPUs find it without the big lock */
        smmuv3_accel_find_cmdq_memory(s);
    }
    do_slice(s, &slice);
    if (accel->cmdq_synced) {
        collect_events(s);
    }
    if (slice.error) {
        /* 7.1: CONS stays at the command, which is fetched again later */
        smmu_write_cmdq_err(s, slice.error);
    }
    smmuv3_accel_show_cons(s);
    if (slice.error) {
        smmuv3_accel_error(s, R_GERROR_CMDQ_ERR_MASK);
    }
    accel->cmdq_unfinished = false;
    if (has_commands(s)) {
        leave_the_rest(accel, &slice);
    }
}

bool smmuv3_accel_consume_cmdq_alone(SMMUv3State *s)
{
    SMMUv3Accel *accel = s->accel;
    Slice slice = { .alone = true };
    bool left;

    for (;;) {
        left = do_slice(s, &slice);
        if (slice.stuck || slice.error ||
            (accel->cmdq_synced && smmuv3_accel_has_events(accel))) {
            return false;
        }
        accel->cmdq_synced = false;
        smmuv3_accel_show_cons(s);
        if (!left) {
            return true;
        }
        if (slice.spent) {
            /* Not here: whoever has the big lock can keep it for seconds */
            leave_the_rest(accel, &slice);
            return true;
        }
        smmuv3_accel_unlock(accel);
        smmuv3_accel_lock_alone(accel);
    }
}

/*
 * What happened meanwhile is in the registers: after a reset, with CMDQEN = 0
 * or while an error is active there are no commands (6.3.9.3). A stopped VM's
 * memory does not change; smmuv3_accel_resume_cmdq() goes on.
 */
static void go_on(void *opaque)
{
    SMMUv3Accel *accel = opaque;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    if (runstate_is_running()) {
        smmuv3_accel_go_on_update(accel);
        smmuv3_accel_consume_cmdq(accel->smmu);
    }
}

void smmuv3_accel_resume_cmdq(SMMUv3Accel *accel)
{
    if (accel->cmdq_unfinished) {
        qemu_bh_schedule(accel->cmdq_bh);
    }
}

void smmuv3_accel_cmdq_realize(SMMUv3Accel *accel)
{
    accel->cmdq_bh = qemu_bh_new(go_on, accel);
    smmuv3_accel_cmdq_memory_realize(accel);
    accel->events_ready = -1;
}

void smmuv3_accel_cmdq_finalize(SMMUv3Accel *accel)
{
    if (accel->cmdq_bh) {
        qemu_bh_delete(accel->cmdq_bh);
        if (accel->events_ready >= 0) {
            close(accel->events_ready);
        }
    }
    smmuv3_accel_cmdq_memory_finalize(accel);
}

/* 7.4: OVFLG toggles once, until the guest acknowledges it in OVACKFLG */
static void overflow(SMMUv3State *s)
{
    SMMUQueue *q = &s->eventq;

    if (smmuv3_eventq_enabled(s) &&
        !is_active(s, R_GERROR_EVENTQ_ABT_ERR_MASK) &&
        !((q->prod ^ q->cons) & EVT_Q_OVERFLOW)) {
        q->prod ^= EVT_Q_OVERFLOW;
    }
}

/* @evt in the byte order of memory: little-endian */
static void record(SMMUv3State *s, const void *evt)
{
    SMMUQueue *q = &s->eventq;
    bool was_empty = smmuv3_q_empty(q);

    /*
     * 7.2.1: while an error is not acknowledged, not even an overflow is
     * recorded
     */
    if (!smmuv3_eventq_enabled(s) ||
        is_active(s, R_GERROR_EVENTQ_ABT_ERR_MASK)) {
        return;
    }
    if (count_entries(q) >= 1u << q->log2size) {
        overflow(s);
        return;
    }
    if (dma_memory_write(&address_space_memory, entry_addr(s, q, q->prod), evt,
                         SMMUV3_EVENT_SIZE, queue_attrs) != MEMTX_OK) {
        smmuv3_accel_error(s, R_GERROR_EVENTQ_ABT_ERR_MASK);
        return;
    }
    /* EVENTQ_PROD.OVFLG, above the index, keeps its value */
    q->prod = deposit32(q->prod, 0, q->log2size + 1, q->prod + 1);
    if (was_empty) {
        smmuv3_accel_raise_eventq(s);
    }
}

void smmuv3_accel_record(SMMUv3State *s,
                         const uint32_t word[SMMUV3_EVENT_WORDS])
{
    uint32_t evt[SMMUV3_EVENT_WORDS];

    SMMUV3_ACCEL_LOCK_GUARD(s->accel);
    QEMU_BUILD_BUG_ON(sizeof(evt) != SMMUV3_EVENT_SIZE);
    for (int i = 0; i < SMMUV3_EVENT_WORDS; i++) {
        evt[i] = cpu_to_le32(word[i]);
    }
    record(s, evt);
}

static void deliver(void *opaque, const uint8_t evt[SMMUV3_EVENT_SIZE])
{
    SMMUv3State *s = opaque;
    SMMUv3Stream *st = smmuv3_streams_find(&s->accel->streams,
                                           ldl_le_p(evt + 4));

    trace_smmuv3_accel_guest_event(ldq_le_p(evt), ldq_le_p(evt + 16));
    if (evt[0] == SMMU_EVT_C_BAD_SUBSTREAMID &&
        !(st && st->attached == SMMUV3_ATTACHED_TRANSLATE)) {
        /*
         * Of a stream that bypasses the host tells only if it translated
         * before, and with the StreamID of then, even while SMMUEN is 0
         */
        return;
    }
    if (st) {
        st->count.events++;
    }
    record(s, evt);
}

void smmuv3_accel_read_events(void *opaque)
{
    SMMUv3Accel *accel = opaque;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    if (smmuv3_event_read(&accel->events, accel->streams.viommu->veventq_fd,
                          deliver, accel->smmu)) {
        /*
         * The host lost these events; for the guest they are lost all the same
         */
        overflow(accel->smmu);
    }
}

/* To ask by poll() instead would cost the kernel 410 instructions more */
void smmuv3_accel_expect_events(SMMUv3Accel *accel)
{
    struct epoll_event in = { .events = EPOLLIN };

    if (accel->events_ready < 0) {
        accel->events_ready = epoll_create1(EPOLL_CLOEXEC);
    }
    if (accel->events_ready >= 0 &&
        epoll_ctl(accel->events_ready, EPOLL_CTL_ADD,
                  accel->streams.viommu->veventq_fd, &in) < 0 &&
        errno != EEXIST) {
        close(accel->events_ready);
        accel->events_ready = -1;
    }
}

/*
 * None is on its way from the vEVENTQ to the guest's queue: whoever brings one
 * holds the lock, too.
 */
bool smmuv3_accel_has_events(SMMUv3Accel *accel)
{
    SMMUv3VIOMMU *viommu = accel->streams.viommu;
    struct epoll_event event;

    if (!viommu || !viommu->has_veventq ||
        !smmuv3_eventq_enabled(accel->smmu)) {
        return false;
    }
    /* Where it cannot be asked, whoever has the big lock looks */
    return accel->events_ready < 0 ||
           epoll_wait(accel->events_ready, &event, 1, 0) != 0;
}

void smmuv3_accel_fetch_events(SMMUv3Accel *accel)
{
    SMMUv3VIOMMU *viommu = accel->streams.viommu;

    if (viommu && viommu->has_veventq) {
        smmuv3_accel_read_events(accel);
    }
}
