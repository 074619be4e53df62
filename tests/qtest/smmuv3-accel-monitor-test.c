/*
 * What the monitor shows of arm-smmuv3,accel=on, against what a guest programs
 *
 * Needs what smmuv3-accel-test needs. With SMMUV3_TEST_CMDQV the devices are
 * behind a host SMMU with a CMDQV, and that is what is asked for; this needs
 * hugetlb pages of 2 MiB for 128 MiB, too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "qobject/qbool.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qnum.h"
#include "smmuv3-accel-lib.h"

static QDict *stream(QDict *smmu, int i)
{
    QListEntry *e;
    g_autofree char *id = g_strdup_printf("dev%d", i);

    QLIST_FOREACH_ENTRY(qdict_get_qlist(smmu, "streams"), e) {
        QDict *st = qobject_to(QDict, qlist_entry_obj(e));

        if (!strcmp(qdict_get_str(st, "device"), id)) {
            return st;
        }
    }
    g_error("no stream %s", id);
}

/* One of the two words that @dict has under @name */
static uint64_t word(QDict *dict, const char *name, int i)
{
    const QListEntry *e = qlist_first(qdict_get_qlist(dict, name));

    return qnum_get_uint(qobject_to(QNum, qlist_entry_obj(
                         i ? qlist_next(e) : e)));
}

static void assert_stream(Guest *g, int i, const char *wanted,
                          const char *reason, const char *attached,
                          const char *host)
{
    QDict *smmu = guest_query(g);
    QDict *st = stream(smmu, i);

    g_assert_cmpstr(qdict_get_str(st, "wanted"), ==, wanted);
    g_assert_cmpstr(qdict_get_str(st, "reason"), ==, reason);
    g_assert_cmpstr(qdict_get_str(st, "attached"), ==, attached);
    g_assert_cmpstr(qdict_get_str(st, "host-attachment"), ==, host);
    qobject_unref(smmu);
}

static char *hmp(Guest *g)
{
    return qtest_hmp(g->qts, "info smmuv3-accel");
}

static void the_smmu_is_shown_as_resolved(void)
{
    Guest *g = guest_start(1, ",ril=off");
    QDict *smmu = guest_query(g);
    QDict *viommu = qdict_get_qdict(smmu, "viommu");
    QDict *st = stream(smmu, 0);

    g_assert_cmpstr(qdict_get_str(smmu, "id"), ==, "smmu0");
    g_assert_cmpstr(qdict_get_str(smmu, "qom-path"), ==,
                    "/machine/peripheral/smmu0");
    g_assert_cmpstr(qdict_get_str(smmu, "bus"), ==, "pcie.1");
    g_assert_false(qdict_get_bool(smmu, "smmuen"));
    g_assert_cmphex(qdict_get_int(smmu, "gbpa"), ==, smmu_read(g, GBPA));
    g_assert_false(qdict_get_bool(smmu, "ril"));
    g_assert_false(qdict_get_bool(smmu, "ats"));
    g_assert_cmpint(qdict_get_int(smmu, "ssidsize"), ==, 0);
    g_assert_cmpint(qdict_get_int(smmu, "oas"), ==, 44);
    g_assert_cmpuint(qlist_size(qdict_get_qlist(smmu, "granules")), ==, 3);
    g_assert_true(qdict_get_bool(smmu, "host-known"));
    g_assert_cmpstr(qdict_get_str(smmu, "kernel-mode"), ==,
                    guest_host_is_618() ? "no-nested" : "nested");
    g_assert_cmpint(qdict_get_int(viommu, "id"), >, 0);
    g_assert_true(qdict_get_bool(viommu, "veventq"));
    g_assert_cmpstr(qdict_get_str(st, "host-device"), ==,
                    guest_host_device(0));
    g_assert_cmphex(qdict_get_int(st, "sid"), ==, guest_sid(0));
    g_assert_false(qdict_haskey(st, "vdevice"));
    qobject_unref(smmu);
    guest_stop(g);
}

static void without_devices_there_is_no_viommu(void)
{
    Guest *g = guest_start(0, "");
    QDict *smmu = guest_query(g);
    g_autofree char *text = hmp(g);

    g_assert_false(qdict_haskey(smmu, "viommu"));
    g_assert_false(qdict_get_bool(smmu, "host-known"));
    g_assert_cmpstr(qdict_get_str(smmu, "kernel-mode"), ==, "unknown");
    g_assert_true(qlist_empty(qdict_get_qlist(smmu, "streams")));
    g_assert_nonnull(strstr(text, "bus pcie.1, SMMUEN 0"));
    qobject_unref(smmu);
    guest_stop(g);
}

static void streams_follow_the_guest(void)
{
    Guest *g = guest_start(2, "");
    QDict *smmu, *st;

    assert_stream(g, 0, "gbpa-bypass", "gbpa", "gbpa-bypass", "bypass");
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    assert_stream(g, 0, "gbpa-abort", "gbpa", "gbpa-abort", "abort");
    assert_stream(g, 1, "gbpa-abort", "gbpa", "gbpa-abort", "abort");

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_BYPASS);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    assert_stream(g, 0, "ste-translate", "ste", "ste-translate", "translate");
    assert_stream(g, 1, "ste-bypass", "ste", "ste-bypass", "bypass");

    smmu = guest_query(g);
    st = stream(smmu, 0);
    g_assert_true(qdict_get_bool(smmu, "smmuen"));
    g_assert_cmphex(qdict_get_int(qdict_get_qdict(st, "vdevice"), "sid"), ==,
                    guest_sid(0));
    g_assert_cmphex(word(st, "vste", 0), ==, STE_S1 | CD);
    /* S1CIR, S1COR, S1CSH; not SHCFG */
    g_assert_cmphex(word(st, "vste", 1), ==, 0xf4);
    g_assert_cmpint(qdict_get_int(st, "hwpts"), ==, 1);
    g_assert_cmpint(qdict_get_int(st, "failures"), ==, 0);
    g_assert_cmpstr(qdict_get_str(st, "closed"), ==, "not-closed");
    g_assert_false(qdict_haskey(st, "last-error"));
    qobject_unref(smmu);

    smmu_set_ste(g, false, guest_sid(1), STE_ABORT);
    smmu_cfgi_ste(g, guest_sid(1));
    assert_stream(g, 1, "ste-abort", "ste", "ste-abort", "abort");
    smmu_set_ste(g, false, guest_sid(1), STE_INVALID);
    smmu_cfgi_ste(g, guest_sid(1));
    assert_stream(g, 1, "ste-abort", "bad-ste", "ste-abort", "abort");
    guest_stop(g);
}

static void assert_explained(Guest *g, int i, const char *reason,
                             const char *explanation)
{
    g_autofree char *line = g_strdup_printf("(%s: %s)", reason, explanation);
    g_autofree char *text = hmp(g);
    QDict *smmu = guest_query(g);
    QDict *st = stream(smmu, i);

    g_assert_cmpstr(qdict_get_str(st, "reason"), ==, reason);
    g_assert_cmpstr(qdict_get_str(st, "explanation"), ==, explanation);
    g_assert_nonnull(strstr(text, line));
    qobject_unref(smmu);
}

static void what_is_wrong_with_an_ste_is_told(void)
{
    Guest *g = guest_start(2, "");
    QDict *smmu;

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S2);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    assert_explained(g, 0, "bad-ste",
                     "Config 0b110 needs stage 2, and IDR0.S2P is 0 (5.2)");
    smmu = guest_query(g);
    g_assert_false(qdict_haskey(stream(smmu, 1), "explanation"));
    qobject_unref(smmu);

    smmu_set_ste(g, false, guest_sid(0), STE_INVALID);
    smmu_cfgi_ste(g, guest_sid(0));
    assert_explained(g, 0, "bad-ste",
                     "V 0 means that the STE is not valid (5.2)");
    smmu_set_l1(g, FIRST_BUS, false);
    smmu_cfgi_ste(g, guest_sid(0));
    assert_explained(g, 0, "ste-fetch",
                     "the STE at 0x60000000 cannot be read (7.3.4)");
    guest_stop(g);
}

static void an_illegal_command_is_told(void)
{
    Guest *g = guest_start(1, "");
    g_autofree char *before = NULL, *text = NULL;
    QDict *smmu, *illegal;

    smmu_setup(g, false);
    before = hmp(g);
    g_assert_null(strstr(before, "illegal"));
    for (int stopped = 1; stopped >= 0; stopped--) {
        if (stopped) {
            g_assert_false(smmu_cmd(g, 0x41, 7));
        } else {
            qtest_writeq(g->qts, CMDQ, 0x46);
            smmu_write(g, GERRORN, smmu_read(g, GERROR));
        }
        smmu = guest_query(g);
        illegal = qdict_get_qdict(smmu, "illegal-command");
        g_assert_cmphex(word(illegal, "words", 0), ==, 0x41);
        g_assert_cmphex(word(illegal, "words", 1), ==, 7);
        g_assert_cmpstr(qdict_get_str(illegal, "explanation"), ==,
                        "it needs PRI, and IDR0.PRI is 0 (4.5.2)");
        g_assert_true(qdict_get_bool(illegal, "stopped") == stopped);
        qobject_unref(smmu);
    }
    text = hmp(g);
    g_assert_nonnull(strstr(text, "illegal command 0x0000000000000041 "
                            "0x0000000000000007: it needs PRI, and IDR0.PRI "
                            "is 0 (4.5.2)"));
    guest_stop(g);
}

static void events_and_invalidations_are_counted(void)
{
    Guest *g = guest_start(2, "");
    uint64_t evt[4];
    QDict *smmu, *inval;
    int64_t entries;

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    dma_write(g, 1, 0x1000);
    g_assert_true(smmu_next_event(g, evt));

    smmu = guest_query(g);
    g_assert_cmpint(qdict_get_int(smmu, "events"), ==, 1);
    g_assert_cmpint(qdict_get_int(smmu, "events-lost"), ==, 0);
    g_assert_cmpint(qdict_get_int(stream(smmu, 0), "events"), ==, 0);
    g_assert_cmpint(qdict_get_int(stream(smmu, 1), "events"), ==, 1);
    entries = qdict_get_int(qdict_get_qdict(smmu, "invalidation"), "entries");
    qobject_unref(smmu);

    smmu_cmd_sync(g, 0x30, 0);
    smmu = guest_query(g);
    inval = qdict_get_qdict(smmu, "invalidation");
    g_assert_cmpint(qdict_get_int(inval, "entries"), ==, entries + 1);
    g_assert_cmpint(qdict_get_int(inval, "failures"), ==, 0);
    qobject_unref(smmu);
    guest_stop(g);
}

static void asking_changes_nothing(void)
{
    Guest *g = guest_start(2, "");

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    /* What the guest did not announce is not to be acted on */
    smmu_set_ste(g, false, guest_sid(0), STE_ABORT);
    smmu_set_ste(g, false, guest_sid(1), STE_BYPASS);
    host_calls(g);
    for (int i = 0; i < 3; i++) {
        qobject_unref(guest_query(g));
        g_free(hmp(g));
    }
    host_calls_assert(g, 0, 0, 0);
    dma_assert(g, MAPPED, BLOCKED);
    guest_stop(g);
}

static bool event_pending(Guest *g)
{
    QDict *event;
    bool found = false;

    /* Any reply brings the events before it */
    qtest_qmp_assert_success(g->qts, "{'execute': 'query-status'}");
    while ((event = qtest_qmp_event_ref(g->qts,
                                        "SMMUV3_ACCEL_STREAM_CLOSED"))) {
        found = true;
        qobject_unref(event);
    }
    return found;
}

/* Two devices of one StreamID cannot both translate */
static Guest *start_with_a_clash(void)
{
    Guest *g = guest_start(2, "");

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    guest_set_bus(g, 1, FIRST_BUS);
    return g;
}

static void a_closed_stream_is_an_event_and_says_why(void)
{
    Guest *g = start_with_a_clash();
    QDict *event, *data, *smmu, *st;
    g_autofree char *text = NULL;
    int closed;

    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    event = qtest_qmp_eventwait_ref(g->qts, "SMMUV3_ACCEL_STREAM_CLOSED");
    data = qdict_get_qdict(event, "data");
    closed = !strcmp(qdict_get_str(data, "device"), "dev1");
    g_assert_cmpstr(qdict_get_str(data, "host-device"), ==,
                    guest_host_device(closed));
    g_assert_cmphex(qdict_get_int(data, "sid"), ==, guest_sid(0));
    g_assert_cmpstr(qdict_get_str(data, "wanted"), ==, "ste-translate");
    g_assert_nonnull(strstr(qdict_get_str(data, "error"),
                            guest_host_device(!closed)));

    smmu = guest_query(g);
    st = stream(smmu, closed);
    g_assert_cmpstr(qdict_get_str(st, "wanted"), ==, "ste-translate");
    g_assert_cmpstr(qdict_get_str(st, "attached"), ==, "closed");
    g_assert_cmpstr(qdict_get_str(st, "host-attachment"), ==, "abort");
    g_assert_cmpstr(qdict_get_str(st, "closed"), ==, "sid-taken");
    g_assert_cmpstr(qdict_get_str(st, "last-error"), ==,
                    qdict_get_str(data, "error"));
    g_assert_cmpint(qdict_get_int(st, "failures"), ==, 1);
    text = hmp(g);
    g_assert_nonnull(strstr(text, "attached closed"));
    g_assert_nonnull(strstr(text, "last error (sid-taken): "));
    g_assert_nonnull(strstr(text, qdict_get_str(data, "error")));
    qobject_unref(smmu);
    qobject_unref(event);

    /* Its bus gets a number of its own again */
    guest_set_bus(g, 1, FIRST_BUS + 1);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cfgi_all(g);
    assert_stream(g, closed, "ste-translate", "ste", "ste-translate",
                  "translate");
    guest_stop(g);
}

static void events_come_once_a_second_at_most(void)
{
    Guest *g = start_with_a_clash();
    QDict *smmu;
    int64_t failures = 0;

    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    qtest_qmp_eventwait(g->qts, "SMMUV3_ACCEL_STREAM_CLOSED");
    /* Closed as it was is no news */
    for (int i = 0; i < 20; i++) {
        smmu_cfgi_all(g);
    }
    qtest_clock_step(g->qts, 1100 * SCALE_MS);
    g_assert_false(event_pending(g));

    /* Opened and closed again is */
    for (int i = 0; i < 20; i++) {
        smmu_set_ste(g, false, guest_sid(0), STE_ABORT);
        smmu_cfgi_all(g);
        smmu_set_ste(g, false, guest_sid(0), STE_S1);
        smmu_cfgi_all(g);
    }
    qtest_qmp_eventwait(g->qts, "SMMUV3_ACCEL_STREAM_CLOSED");
    smmu = guest_query(g);
    for (int i = 0; i < 2; i++) {
        failures += qdict_get_int(stream(smmu, i), "failures");
    }
    g_assert_cmpint(failures, ==, 41);
    qobject_unref(smmu);
    g_assert_false(event_pending(g));

    /* Under qtest the monitor's second is one of virtual time */
    qtest_clock_step(g->qts, 1100 * SCALE_MS);
    qtest_qmp_eventwait(g->qts, "SMMUV3_ACCEL_STREAM_CLOSED");
    g_assert_false(event_pending(g));
    guest_stop(g);
}

/* --- A CMDQV's queues --- */

#define CMD_SYNC  0x46
#define ILLEGAL   0xff
/* A queue with more commands than QEMU does in one go */
#define LONG_LOG2 10
#define LONG      1000

typedef struct Queue {
    const char *owner;
    int prod, cons, error;
    bool in_error;
} Queue;

static void assert_queue(Guest *g, int l, Queue q)
{
    QDict *smmu = guest_query(g);
    QDict *cmdqv = qdict_get_qdict(smmu, "cmdqv");
    const QListEntry *e = qlist_first(qdict_get_qlist(cmdqv, "queues"));
    QDict *is = qobject_to(QDict, qlist_entry_obj(l ? qlist_next(e) : e));

    g_assert_cmpint(qdict_get_int(is, "index"), ==, l);
    g_assert_cmpstr(qdict_get_str(is, "owner"), ==, q.owner);
    g_assert_true(qdict_get_bool(is, "enabled"));
    g_assert_cmphex(qdict_get_int(is, "base"), ==, VCMDQ(l));
    g_assert_cmpint(qdict_get_int(is, "entries"), ==, 1 << VCMDQ_LOG2);
    g_assert_cmpint(qdict_get_int(is, "prod"), ==, q.prod);
    g_assert_cmpint(qdict_get_int(is, "cons"), ==, q.cons);
    g_assert_cmpint(qdict_get_int(is, "error"), ==, q.error);
    g_assert_true(qdict_get_bool(is, "in-error") == q.in_error);
    qobject_unref(smmu);
}

static int64_t cmdqv_count(Guest *g, const char *what)
{
    QDict *smmu = guest_query(g);
    int64_t n = qdict_get_int(qdict_get_qdict(smmu, "cmdqv"), what);

    qobject_unref(smmu);
    return n;
}

static void cmdqv_wait(Guest *g, const char *what, int64_t least)
{
    while (cmdqv_count(g, what) < least) {
        g_usleep(10 * 1000);
    }
}

static void queues_of_a_cmdqv_are_shown(void)
{
    Guest *g = guest_start(1, ",cmdqv=on");
    QDict *smmu = guest_query(g);
    QDict *cmdqv = qdict_get_qdict(smmu, "cmdqv");
    g_autofree char *text = NULL;

    g_assert_true(qdict_get_bool(cmdqv, "host"));
    g_assert_cmpint(qdict_get_int(cmdqv, "max-entries"), ==, 1 << VCMDQ_LOG2);
    g_assert_cmpint(qdict_get_int(cmdqv, "max-devices"), ==, 16);
    g_assert_true(qlist_empty(qdict_get_qlist(cmdqv, "queues")));
    qobject_unref(smmu);

    smmu_setup(g, false);
    cmdqv_setup(g);
    assert_queue(g, 0, (Queue) { "hardware" });
    assert_queue(g, 1, (Queue) { "hardware" });
    cmdqv_cmd(g, 1, CMD_SYNC, 0);
    assert_queue(g, 0, (Queue) { "hardware" });
    assert_queue(g, 1, (Queue) { "hardware", .prod = 1, .cons = 1 });
    cmdqv_cmd(g, 1, ILLEGAL, 0);
    assert_queue(g, 1, (Queue) { "hardware", 2, 1, 1, true });
    cmdqv_wait(g, "errors", 1);
    text = hmp(g);
    g_assert_nonnull(strstr(text, "queue 1: done by hardware, on, 256 entries "
                            "at 0x41301000, PROD 0x2, CONS 0x1, last error 1; "
                            "the queue waits for GERRORN"));

    /* The last device goes: they are QEMU's, with the error */
    guest_unplug(g, 0);
    assert_queue(g, 0, (Queue) { "qemu" });
    assert_queue(g, 1, (Queue) { "qemu", 2, 1, 1, true });
    qtest_writeq(g->qts, VCMDQ(1) + 16, CMD_SYNC);
    cmdqv_write(g, CMDQV_PAGE0(1) + VCMDQ_GERRORN,
                cmdqv_read(g, CMDQV_PAGE0(1) + VCMDQ_GERROR));
    assert_queue(g, 1, (Queue) { "qemu", 2, 2, 1 });
    g_assert_cmpint(cmdqv_count(g, "commands"), ==, 1);
    /* A full queue, past its wrap */
    for (int i = 0; i < 1 << VCMDQ_LOG2; i++) {
        qtest_writeq(g->qts, VCMDQ(1) + i * 16, CMD_SYNC);
    }
    cmdqv_write(g, CMDQV_PAGE0(1) + VCMDQ_PROD, 258);
    cmdqv_wait(g, "commands", 257);
    assert_queue(g, 1, (Queue) { "qemu", 258, 258, 1 });
    g_assert_cmpint(cmdqv_count(g, "given"), ==, 2);
    guest_hotplug(g, 0);
    assert_queue(g, 1, (Queue) { "hardware", 258, 258 });
    g_assert_cmpint(cmdqv_count(g, "given"), ==, 4);
    g_assert_cmpint(cmdqv_count(g, "refused"), ==, 0);
    guest_stop(g);
}

static void set_queue_base(Guest *g, int l, uint64_t base)
{
    cmdqv_write(g, CMDQV_PAGE0(l) + VCMDQ_CONFIG, 0);
    qtest_writeq(g->qts, guest_cmdqv(g) + CMDQV_PAGE1(l), base | VCMDQ_LOG2);
    cmdqv_write(g, CMDQV_PAGE0(l) + VCMDQ_CONFIG, 1);
}

#define DIMM 0x80000000ULL

/* The host would not let go of it, if it were unplugged */
static void a_queue_in_a_dimm_is_qemus(void)
{
    Guest *g = guest_start(1, ",cmdqv=on -m 128M,slots=1,maxmem=1G "
                           "-object memory-backend-ram,id=ram1,size=128M "
                           "-device pc-dimm,memdev=ram1,addr=0x80000000 ");

    smmu_setup(g, false);
    cmdqv_setup(g);
    assert_queue(g, 0, (Queue) { "hardware" });
    set_queue_base(g, 1, DIMM);
    assert_queue(g, 0, (Queue) { "qemu" });
    g_assert_cmpint(cmdqv_count(g, "refused"), ==, 1);
    qtest_writeq(g->qts, DIMM, CMD_SYNC);
    cmdqv_write(g, CMDQV_PAGE0(1) + VCMDQ_PROD, 1);
    g_assert_cmphex(cmdqv_read(g, CMDQV_PAGE0(1) + VCMDQ_CONS), ==, 1);
    set_queue_base(g, 1, VCMDQ(1));
    assert_queue(g, 0, (Queue) { "hardware" });
    g_assert_cmpint(cmdqv_count(g, "refused"), ==, 1);
    guest_stop(g);
}

#define MSI_CMDQ_ABT_ERR 0x10

/* Of the SMMU, which is at work then; to QEMU the host's page is memory */
static void no_message_goes_to_a_cmdqvs_registers(void)
{
    Guest *g = guest_start(1, ",cmdqv=on");

    smmu_setup(g, false);
    smmu_cr0(g, CR0_QUEUES);
    cmdqv_setup(g);
    assert_queue(g, 1, (Queue) { "hardware" });
    smmu_cmd(g, CMD_SYNC | 1 << 12 | 5ULL << 32,
             guest_cmdqv(g) + CMDQV_PAGE0(1) + VCMDQ_PROD);
    g_assert_cmphex(smmu_read(g, GERROR), ==, MSI_CMDQ_ABT_ERR);
    assert_queue(g, 1, (Queue) { "hardware" });
    guest_stop(g);
}

/* A queue can be that long only in guest memory of large pages */
static void qemu_does_a_long_queue_to_its_end(void)
{
    Guest *g = guest_start(1, ",cmdqv=on -machine memory-backend=ram "
                           "-object memory-backend-memfd,id=ram,size=128M,"
                           "hugetlb=on,hugetlbsize=2M ");
    const uint32_t page0 = CMDQV_PAGE0(0);

    smmu_setup(g, false);
    cmdqv_setup(g);
    guest_unplug(g, 0);
    cmdqv_write(g, page0 + VCMDQ_CONFIG, 0);
    qtest_writeq(g->qts, guest_cmdqv(g) + CMDQV_PAGE1(0),
                 VCMDQ(0) | LONG_LOG2);
    cmdqv_write(g, page0 + VCMDQ_CONFIG, 1);
    for (int i = 0; i < LONG; i++) {
        qtest_writeq(g->qts, VCMDQ(0) + i * 16, CMD_SYNC);
    }
    cmdqv_write(g, page0 + VCMDQ_PROD, LONG);
    cmdqv_wait(g, "commands", LONG);
    g_assert_cmpint(cmdqv_read(g, page0 + VCMDQ_CONS), ==, LONG);
    guest_stop(g);
}

static void a_queue_that_the_host_refuses_is_explained(void)
{
    Guest *g = guest_start(1, ",cmdqv=on");
    QDict *smmu;
    const char *why;

    cmdqv_write(g, CMDQV_CONFIG, 1);
    cmdqv_write(g, CMDQV_VINTF_CONFIG, 1);
    cmdqv_write(g, CMDQV_ALLOC(0), 1);
    qtest_writeq(g->qts, guest_cmdqv(g) + CMDQV_PAGE1(0),
                 NO_MEMORY | VCMDQ_LOG2);
    g_assert_cmpint(cmdqv_count(g, "refused"), ==, 1);
    smmu = guest_query(g);
    why = qdict_get_str(qdict_get_qdict(smmu, "cmdqv"), "refusal");
    g_test_message("%s", why);
    g_assert_nonnull(strstr(why, "No such file or directory"));
    qobject_unref(smmu);
    guest_stop(g);
}

#define TEST(name) qtest_add_func("/smmuv3-accel/monitor/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    if (g_getenv("SMMUV3_TEST_CMDQV")) {
        TEST(queues_of_a_cmdqv_are_shown);
        TEST(a_queue_in_a_dimm_is_qemus);
        TEST(no_message_goes_to_a_cmdqvs_registers);
        TEST(qemu_does_a_long_queue_to_its_end);
        TEST(a_queue_that_the_host_refuses_is_explained);
        return g_test_run();
    }
    TEST(the_smmu_is_shown_as_resolved);
    TEST(without_devices_there_is_no_viommu);
    TEST(streams_follow_the_guest);
    TEST(what_is_wrong_with_an_ste_is_told);
    TEST(an_illegal_command_is_told);
    TEST(events_and_invalidations_are_counted);
    TEST(asking_changes_nothing);
    TEST(a_closed_stream_is_an_event_and_says_why);
    TEST(events_come_once_a_second_at_most);
    return g_test_run();
}
