/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vEVENTQ: which faults come back, under which StreamID, and overflow. */

#include "host-abi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define VA              STAGE1_VA
#define F_TRANSLATION   0x10
#define C_BAD_CD        0x0a
#define EVENT_WAIT_MS   10000
/* An event that must not come is waited for this long. */
#define SILENCE_MS      150
#define EVENT_HEADER    8

struct queue {
    uint32_t id;
    int fd;
};

static struct queue open_queue(struct lab *lab, uint32_t depth)
{
    struct queue q = { 0 };

    if (iommufd_veventq_alloc(lab->iommufd, lab->viommu, depth, &q.id,
                              &q.fd)) {
        tap_bail("VEVENTQ_ALLOC");
    }
    return q;
}

static void close_queue(struct lab *lab, struct queue *q)
{
    close(q->fd);
    lab_destroy(lab, q->id);
}

static ssize_t wait_read(struct queue *q, void *buf, size_t size, int ms)
{
    struct pollfd p = { .fd = q->fd, .events = POLLIN };
    ssize_t got;

    if (poll(&p, 1, ms) == 0) {
        return 0;
    }
    got = read(q->fd, buf, size);
    return got < 0 ? -errno : got;
}

static unsigned event_type(const struct smmu_event *e)
{
    return e->word[0] & 0xff;
}

static uint32_t event_sid(const struct smmu_event *e)
{
    return e->word[0] >> 32;
}

/* Faults once, and checks the record: type, vSID, address. */
static void check_fault(struct lab *lab, struct queue *q, uint32_t vsid,
                        const char *what)
{
    uint64_t addr = VA + 5 * PAGE + 0x40;
    struct smmu_event e = { 0 };
    ssize_t got;

    lab_check_dma(lab, addr, NOWHERE, what);
    got = wait_read(q, &e, sizeof(e), EVENT_WAIT_MS);
    tap_check(got == sizeof(e) && !e.flags, "%s: one event record (%zd)",
              what, got);
    tap_check(event_type(&e) == F_TRANSLATION, "%s: F_TRANSLATION (0x%x)",
              what, event_type(&e));
    tap_check(event_sid(&e) == vsid, "%s: vSID 0x%x (0x%x)", what, vsid,
              event_sid(&e));
    tap_check(e.word[2] == addr, "%s: the input address (0x%llx)", what,
              (unsigned long long)e.word[2]);
}

static void check_empty(struct lab *lab)
{
    struct queue q = open_queue(lab, 16);
    struct smmu_event e;
    ssize_t got;

    got = read(q.fd, &e, sizeof(e));
    tap_check(got == 0, "read of an empty vEVENTQ returns 0 (%zd)", got);
    fcntl(q.fd, F_SETFL, O_NONBLOCK);
    got = read(q.fd, &e, sizeof(e));
    tap_check(got == 0, "and 0 when non-blocking, too (%zd)", got);
    got = read(q.fd, &e, EVENT_HEADER - 1) < 0 ? -errno : 0;
    tap_result(got, -EINVAL, "read into less than a header");
    close_queue(lab, &q);
}

static void check_vsids(struct lab *lab)
{
    static const struct {
        uint64_t virt_id;
        uint32_t in_events;
        const char *name;
    } ids[] = {
        { 0, 0, "vDEVICE 0" },
        { 0x108, 0x108, "vDEVICE 0x108" },
        { 0xffffffff, 0xffffffff, "vDEVICE 0xffffffff" },
        { 1ULL << 32, 0, "vDEVICE of 33 bits: truncated" },
    };
    struct stage1 s = lab_stage1(lab);
    uint32_t hwpt = lab_nested_stage1(lab, &s);
    struct queue q = open_queue(lab, 16);
    unsigned i;

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        uint32_t vdevice = lab_vdevice(lab, ids[i].virt_id);

        lab_attach(lab, hwpt);
        check_fault(lab, &q, ids[i].in_events, ids[i].name);
        lab_detach(lab);
        lab_destroy(lab, vdevice);
    }
    close_queue(lab, &q);
    lab_destroy(lab, hwpt);
}

/* The vSID of events is that of the last *change* of HWPT. */
static void check_reattach(struct lab *lab)
{
    struct stage1 s = lab_stage1(lab);
    uint32_t hwpt = lab_nested_stage1(lab, &s);
    uint32_t other = lab_nested_stage1(lab, &s);
    struct queue q = open_queue(lab, 16);
    uint32_t vdevice = lab_vdevice(lab, 0x10);

    lab_attach(lab, hwpt);
    lab_destroy(lab, vdevice);
    check_fault(lab, &q, 0x10, "vDEVICE destroyed while attached");
    vdevice = lab_vdevice(lab, 0x20);
    tap_result(vfio_attach(lab->dev[0].fd, hwpt), 0, "attach the same HWPT");
    check_fault(lab, &q, 0x10, "the same HWPT again: new vDEVICE not seen");
    tap_result(vfio_attach(lab->dev[0].fd, other), 0, "attach another HWPT");
    check_fault(lab, &q, 0x20, "another HWPT: new vDEVICE seen");
    lab_detach(lab);
    lab_destroy(lab, vdevice);
    close_queue(lab, &q);
    lab_destroy(lab, hwpt);
    lab_destroy(lab, other);
}

static void check_bad_cd(struct lab *lab)
{
    struct stage1 s = lab_stage1(lab);
    struct queue q = open_queue(lab, 16);
    uint32_t vdevice = lab_vdevice(lab, 0x10), hwpt;
    struct smmu_event e = { 0 };
    ssize_t got;

    memset(lab->ram + PAGE_CD * PAGE, 0, 64);
    hwpt = lab_nested_stage1(lab, &s);
    lab_attach(lab, hwpt);
    lab_check_dma(lab, VA, NOWHERE, "invalid CD");
    got = wait_read(&q, &e, sizeof(e), EVENT_WAIT_MS);
    tap_check(got == sizeof(e) && event_type(&e) == C_BAD_CD &&
              event_sid(&e) == 0x10, "invalid CD: C_BAD_CD (0x%x)",
              event_type(&e));
    lab_detach(lab);
    close_queue(lab, &q);
    lab_destroy(lab, vdevice);
    lab_destroy(lab, hwpt);
}

/* What fails in stage 2 is the host's matter. */
static void check_silence(struct lab *lab)
{
    uint32_t vdevice = lab_vdevice(lab, 0x10);
    uint32_t bypass = lab_nested(lab, VSTE_BYPASS);
    uint32_t abort = lab_nested(lab, VSTE_ABORT);
    struct queue q = open_queue(lab, 16);
    struct smmu_event e;
    ssize_t got;

    lab_attach(lab, bypass);
    lab_check_dma(lab, IPA(RAM_PAGES), NOWHERE, "bypass, beyond memory");
    got = wait_read(&q, &e, sizeof(e), SILENCE_MS);
    tap_check(got == 0, "a stage 2 fault is no guest event (%zd)", got);
    lab_attach(lab, abort);
    lab_check_dma(lab, IPA(TARGET_A), NOWHERE, "abort");
    got = wait_read(&q, &e, sizeof(e), SILENCE_MS);
    tap_check(got == 0, "a Config=abort vSTE makes no event (%zd)", got);
    lab_detach(lab);
    close_queue(lab, &q);
    lab_destroy(lab, vdevice);
    lab_destroy(lab, bypass);
    lab_destroy(lab, abort);
}

static void fault_only(struct lab *lab)
{
    lab_witness(lab, VA + 6 * PAGE);
    /* The record comes by an interrupt of its own. */
    usleep(400000);
}

static void check_overflow(struct lab *lab)
{
    struct stage1 s = lab_stage1(lab);
    uint32_t hwpt = lab_nested_stage1(lab, &s);
    uint32_t vdevice = lab_vdevice(lab, 0x10);
    struct queue q = open_queue(lab, 1);
    struct smmu_event e[3] = { 0 };
    ssize_t got;
    uint32_t first;

    lab_attach(lab, hwpt);
    fault_only(lab);
    fault_only(lab);
    fault_only(lab);
    got = read(q.fd, e, EVENT_HEADER + 8) < 0 ? -errno : 0;
    tap_result(got, -EINVAL, "read into less than a record");
    got = wait_read(&q, e, sizeof(e), EVENT_WAIT_MS);
    tap_check(got == (ssize_t)sizeof(e[0]) + EVENT_HEADER,
              "full vEVENTQ: a record and a lone header (%zd bytes)", got);
    first = e[0].sequence;
    tap_check(!e[0].flags && e[1].flags == IOMMU_VEVENTQ_FLAG_LOST_EVENTS,
              "full vEVENTQ: the header says LOST_EVENTS (%u)", e[1].flags);
    tap_check(e[1].sequence > first, "full vEVENTQ: its sequence is later");

    /* A later event that fits takes the place of the header. */
    fault_only(lab);
    wait_read(&q, e, sizeof(e), EVENT_WAIT_MS);
    first = e[0].sequence;
    fault_only(lab);
    fault_only(lab);
    got = read(q.fd, e, sizeof(e[0]));
    tap_check(got == sizeof(e[0]) && e[0].sequence == first + 1,
              "the record before the loss, alone (%zd)", got);
    fault_only(lab);
    got = wait_read(&q, e, sizeof(e), EVENT_WAIT_MS);
    tap_check(got == sizeof(e[0]) && !e[0].flags,
              "the header is dropped when a later event fits (%zd)", got);
    tap_check(e[0].sequence > first + 2,
              "only the jump in sequence shows the loss (%u to %u)",
              first + 1, e[0].sequence);
    lab_detach(lab);
    close_queue(lab, &q);
    lab_destroy(lab, vdevice);
    lab_destroy(lab, hwpt);
}

void check_events(struct lab *lab)
{
    check_empty(lab);
    check_vsids(lab);
    check_reattach(lab);
    check_bad_cd(lab);
    check_silence(lab);
    check_overflow(lab);
}
