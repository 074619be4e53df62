/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel offers of a Tegra241 CMDQV: a vIOMMU of its own type, with a
 * page of registers and command queues in the "guest memory". Of a board whose
 * VINTFs have two queues, and one StreamID each.
 */

#include "host-abi.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define VA              STAGE1_VA
#define VSID            0x10ULL
#define SID(n)          ((uint64_t)(n) << 32)
#define VMID(n)         ((uint64_t)(n) << 32)
#define ASID(n)         ((uint64_t)(n) << 48)
#define LEAF            1ULL
/* IHI 0070, 4.1: opcodes. */
#define CFGI_ALL        0x04
#define TLBI_NH_ALL     0x10
#define TLBI_NH_ASID    0x11
#define TLBI_NH_VA      0x12
#define ATC_INV         0x40
#define CMD_SYNC        0x46

#define VINTF_PAGE      0x10000
/* A queue's registers in that page, as indices of 32 bits; and its size. */
#define CONS            0
#define PROD            1
#define CONFIG          2
#define STATUS          3
#define GERROR          4
#define GERRORN         5
#define QUEUE_WORDS     (0x80 / 4)
#define CONS_INDEX      0xfffffu
#define CONS_ERR(cons)  ((cons) >> 24)
#define ILLEGAL         1

#define ENTRY           16ULL
#define QUEUE_0         32              /* pages of the "guest memory" */
#define QUEUE_1         33
#define ENTRIES         (PAGE / ENTRY)
/* Not where the "guest memory" is. */
#define TWICE_IPA       0x80000000ULL   /* one page at two addresses */
#define WRITE_ONLY_IPA  0x88000000ULL
#define HUGE_IPA        0x90000000ULL
#define HUGE_SIZE       0x200000ULL
#define VINTFS          3               /* for VMs, of the board's four */
#define EVENT_WAIT_MS   10000

struct queue {
    struct lab *lab;
    volatile uint32_t *regs;
    unsigned page;
    uint32_t id;
    uint32_t prod;
};

static int call(int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int viommu_alloc(struct lab *lab, uint32_t len, void *data,
                        uint32_t *id)
{
    struct iommu_viommu_alloc cmd = {
        .size = sizeof(cmd), .type = IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV,
        .dev_id = lab->dev[0].id, .hwpt_id = lab->parent,
        .data_len = len, .data_uptr = (uintptr_t)data,
    };
    int ret = call(lab->iommufd, IOMMU_VIOMMU_ALLOC, &cmd);

    if (!ret) {
        *id = cmd.out_viommu_id;
    }
    return ret;
}

static int cmdqv_alloc(struct lab *lab, uint32_t *id,
                       struct iommu_viommu_tegra241_cmdqv *out)
{
    return viommu_alloc(lab, sizeof(*out), out, id);
}

static int hw_queue_alloc(struct lab *lab, uint32_t viommu, uint32_t index,
                          uint64_t iova, uint64_t length, uint32_t *id)
{
    struct iommu_hw_queue_alloc cmd = {
        .size = sizeof(cmd), .viommu_id = viommu,
        .type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV, .index = index,
        .nesting_parent_iova = iova, .length = length,
    };
    int ret = call(lab->iommufd, IOMMU_HW_QUEUE_ALLOC, &cmd);

    if (!ret) {
        *id = cmd.out_hw_queue_id;
    }
    return ret;
}

static int map_write_only(struct lab *lab, void *page, uint64_t iova)
{
    struct iommu_ioas_map cmd = {
        .size = sizeof(cmd), .ioas_id = lab->ioas,
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE,
        .user_va = (uintptr_t)page, .length = PAGE, .iova = iova,
    };

    return call(lab->iommufd, IOMMU_IOAS_MAP, &cmd);
}

static int unmap(struct lab *lab, uint64_t iova, uint64_t length)
{
    struct iommu_ioas_unmap cmd = {
        .size = sizeof(cmd), .ioas_id = lab->ioas, .iova = iova,
        .length = length,
    };

    return call(lab->iommufd, IOMMU_IOAS_UNMAP, &cmd);
}

static int hw_info(struct lab *lab, uint32_t type, void *data, uint32_t len,
                   uint32_t *out_type)
{
    struct iommu_hw_info cmd = {
        .size = sizeof(cmd), .flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
        .dev_id = lab->dev[0].id, .data_len = len,
        .data_uptr = (uintptr_t)data, .in_data_type = type,
    };
    int ret = call(lab->iommufd, IOMMU_GET_HW_INFO, &cmd);

    *out_type = cmd.out_data_type;
    return ret;
}

static void check_hw_info(struct lab *lab)
{
    struct iommu_hw_info_tegra241_cmdqv info = { .flags = ~0u };
    uint32_t type = 0;

    tap_result(hw_info(lab, IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV, &info,
                       sizeof(info), &type), 0, "GET_HW_INFO of the CMDQV");
    tap_check(type == IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV && !info.flags,
              "it is of that type (%u), without flags (0x%x)", type,
              info.flags);
    tap_check(info.version == 1, "version 1 (%u)", info.version);
    tap_check(info.log2vcmdqs == 1, "2 queues of a VINTF (log2 %u)",
              info.log2vcmdqs);
    tap_check(info.log2vsids == 0, "1 StreamID of a VINTF (log2 %u)",
              info.log2vsids);
    tap_result(hw_info(lab, 0x7f, &info, sizeof(info), &type), -EOPNOTSUPP,
               "GET_HW_INFO of what is not there");
}

static void check_viommu_alloc(struct lab *lab)
{
    uint64_t data[3] = { 0 };
    struct iommu_viommu_tegra241_cmdqv out;
    uint32_t id[VINTFS + 1] = { 0 };
    unsigned i;

    tap_result(viommu_alloc(lab, 0, NULL, id), -EINVAL,
               "VIOMMU_ALLOC without data");
    tap_result(viommu_alloc(lab, 8, data, id), -EINVAL, "with too few");
    tap_result(viommu_alloc(lab, sizeof(data), data, id), -EINVAL,
               "with more than the kernel knows, even zeros");
    tap_result(viommu_alloc(lab, sizeof(out), (void *)16, id), -EFAULT,
               "with data at an address that is none");
    for (i = 0; i < VINTFS; i++) {
        memset(&out, 0xff, sizeof(out));
        tap_result(cmdqv_alloc(lab, &id[i], &out), 0, "VIOMMU_ALLOC %u", i);
        tap_check(out.out_vintf_mmap_length == VINTF_PAGE &&
                  !(out.out_vintf_mmap_offset % PAGE),
                  "it has a page of 64 KB");
    }
    tap_result(cmdqv_alloc(lab, &id[i], &out), -ENOSPC,
               "there are no more VINTFs");
    lab_destroy(lab, id[1]);
    tap_result(cmdqv_alloc(lab, &id[1], &out), 0, "but again when one is free");
    for (i = 0; i < VINTFS; i++) {
        lab_destroy(lab, id[i]);
    }
}

static int try_mmap(struct lab *lab, uint64_t offset, size_t length, int prot,
                    int flags, void **page)
{
    void *p = mmap(NULL, length, prot, flags, lab->iommufd, offset);

    if (p == MAP_FAILED) {
        return -errno;
    }
    *page = p;
    return 0;
}

static void check_mmap(struct lab *lab)
{
    const int rw = PROT_READ | PROT_WRITE;
    struct iommu_viommu_tegra241_cmdqv out;
    volatile uint32_t *regs;
    void *page = NULL;
    uint64_t at;
    uint32_t id = 0;

    if (cmdqv_alloc(lab, &id, &out)) {
        tap_bail("VIOMMU_ALLOC");
    }
    at = out.out_vintf_mmap_offset;
    tap_result(try_mmap(lab, at, VINTF_PAGE / 2, rw, MAP_SHARED, &page),
               -ENXIO, "mmap of half of the page");
    tap_result(try_mmap(lab, at, 2 * VINTF_PAGE, rw, MAP_SHARED, &page),
               -ENXIO, "of more than the page");
    tap_result(try_mmap(lab, at + VINTF_PAGE, VINTF_PAGE, rw, MAP_SHARED,
                        &page), -ENXIO, "of another");
    tap_result(try_mmap(lab, at, VINTF_PAGE, rw, MAP_PRIVATE, &page), -EINVAL,
               "for oneself alone");
    tap_result(try_mmap(lab, at, VINTF_PAGE, rw | PROT_EXEC, MAP_SHARED,
                        &page), -EPERM, "to execute it");
    tap_result(try_mmap(lab, at, VINTF_PAGE, rw, MAP_SHARED, &page), 0,
               "mmap of the page");
    regs = page;
    if (regs) {
        regs[PROD] = 3;
        regs[CONFIG] = 1;
        tap_check(!regs[PROD] && !regs[CONFIG] && !regs[STATUS],
                  "without a queue it reads 0 and ignores writes");
    }
    tap_result(iommufd_destroy(lab->iommufd, id), -EBUSY,
               "DESTROY of a vIOMMU whose page is mapped");
    munmap(page, VINTF_PAGE);
    tap_result(iommufd_destroy(lab->iommufd, id), 0, "and once it is not");
}

/* What type 1 does, type 2 does too. */
static void check_type_1(struct lab *lab)
{
    struct smmu_command cmd = { .word = { TLBI_NH_ALL } };
    uint32_t id = 0, count = 1, queue = 0;
    int fd = -1;

    tap_result(iommufd_veventq_alloc(lab->iommufd, lab->viommu, 8, &id, &fd),
               0, "a vEVENTQ of faults");
    if (fd >= 0) {
        close(fd);
        lab_destroy(lab, id);
    }
    tap_result(iommufd_invalidate(lab->iommufd, lab->viommu, &cmd, &count), 0,
               "HWPT_INVALIDATE");
    tap_result(iommufd_viommu_alloc(lab->iommufd, lab->dev[0].id, lab->parent,
                                    &id), 0, "a vIOMMU of type 1 beside it");
    tap_result(hw_queue_alloc(lab, id, 0, IPA(QUEUE_0), PAGE, &queue),
               -EOPNOTSUPP, "which has no HW_QUEUE_ALLOC");
    lab_destroy(lab, id);
}

static void check_vdevices(struct lab *lab)
{
    uint32_t id = 0, other = 0;

    tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                     lab->dev[0].id, 0x100000, &id), -EINVAL,
               "a virtual StreamID of 21 bits");
    tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                     lab->dev[0].id, 0xfffff, &id), 0,
               "one of 20");
    tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                     lab->dev[1].id, 0x11, &other), -ENOSPC,
               "more devices than the VINTF has StreamIDs");
    lab_destroy(lab, id);
    tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                     lab->dev[1].id, 0x11, &other), 0,
               "in the first one's place");
    lab_destroy(lab, other);
}

static void check_hw_queue_args(struct lab *lab)
{
    static const struct {
        const char *name;
        uint32_t flags, type, index;
        uint64_t iova, length;
        int want;
    } cases[] = {
        { "flags", 1, 1, 0, IPA(QUEUE_0), PAGE, -EOPNOTSUPP },
        { "type 0", 0, 0, 0, IPA(QUEUE_0), PAGE, -EOPNOTSUPP },
        { "type 2", 0, 2, 0, IPA(QUEUE_0), PAGE, -EOPNOTSUPP },
        { "length 0", 0, 1, 0, IPA(QUEUE_0), 0, -EINVAL },
        { "a range that wraps", 0, 1, 0, -PAGE, 2 * PAGE, -EOVERFLOW },
        { "one entry", 0, 1, 0, IPA(QUEUE_0), ENTRY, -EINVAL },
        { "three entries", 0, 1, 0, IPA(QUEUE_0), 3 * ENTRY, -EINVAL },
        { "a base that is not aligned to the length", 0, 1, 0,
          IPA(QUEUE_0) + 2 * ENTRY, 4 * ENTRY, -EINVAL },
        { "an index that is too large", 0, 1, 2, IPA(QUEUE_0), PAGE,
          -EINVAL },
        { "index 1 before 0", 0, 1, 1, IPA(QUEUE_0), PAGE, -EIO },
        { "no memory there", 0, 1, 0, 0x1000, PAGE, -ENOENT },
        { "memory that cannot be read", 0, 1, 0, WRITE_ONLY_IPA, PAGE,
          -EPERM },
        { "pages that are not one run", 0, 1, 0, TWICE_IPA, 2 * PAGE,
          -EFAULT },
    };
    unsigned i;

    for (i = 0; i < 2; i++) {
        if (iommufd_ioas_map(lab->iommufd, lab->ioas,
                             lab->ram + QUEUE_1 * PAGE, PAGE,
                             TWICE_IPA + i * PAGE)) {
            tap_bail("IOAS_MAP");
        }
    }
    if (map_write_only(lab, lab->ram + QUEUE_1 * PAGE, WRITE_ONLY_IPA)) {
        tap_bail("IOAS_MAP");
    }
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct iommu_hw_queue_alloc cmd = {
            .size = sizeof(cmd), .flags = cases[i].flags,
            .viommu_id = lab->viommu, .type = cases[i].type,
            .index = cases[i].index, .nesting_parent_iova = cases[i].iova,
            .length = cases[i].length,
        };

        tap_result(call(lab->iommufd, IOMMU_HW_QUEUE_ALLOC, &cmd),
                   cases[i].want, "HW_QUEUE_ALLOC: %s", cases[i].name);
    }
}

static void check_hw_queue_life(struct lab *lab)
{
    uint32_t first = 0, second = 0, again = 0;

    tap_result(hw_queue_alloc(lab, lab->viommu, 0, IPA(QUEUE_0), PAGE,
                              &first), 0, "HW_QUEUE_ALLOC 0");
    tap_result(hw_queue_alloc(lab, lab->viommu, 0, IPA(QUEUE_1), PAGE,
                              &again), -EEXIST, "a second time");
    tap_result(hw_queue_alloc(lab, lab->viommu, 1, IPA(QUEUE_1), 2 * ENTRY,
                              &second), 0, "HW_QUEUE_ALLOC 1, two entries");
    tap_result(iommufd_destroy(lab->iommufd, first), -EBUSY,
               "DESTROY of queue 0 before 1");
    tap_result(unmap(lab, RAM_IPA, RAM_PAGES * PAGE), -EBUSY,
               "IOAS_UNMAP of what has a queue in it");
    tap_result(iommufd_destroy(lab->iommufd, lab->viommu), -EBUSY,
               "DESTROY of a vIOMMU that has queues");
    tap_result(iommufd_destroy(lab->iommufd, second), 0,
               "DESTROY of queue 1");
    tap_result(iommufd_destroy(lab->iommufd, first), 0, "and then of 0");
}

/* A run of 512 pages: the largest that 2 MB pages are sure to have. */
static void check_huge_queue(struct lab *lab)
{
    void *mem = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE,
                     -1, 0);
    uint32_t id = 0;

    if (mem == MAP_FAILED ||
        iommufd_ioas_map(lab->iommufd, lab->ioas, mem, HUGE_SIZE, HUGE_IPA)) {
        tap_bail("no huge page");
    }
    tap_result(hw_queue_alloc(lab, lab->viommu, 0, HUGE_IPA, HUGE_SIZE, &id),
               0, "a queue as large as a huge page");
    lab_destroy(lab, id);
    tap_result(unmap(lab, HUGE_IPA, HUGE_SIZE), 0, "unmapped again");
    munmap(mem, HUGE_SIZE);
}

static struct queue queue_start(struct lab *lab, void *page, unsigned index,
                                unsigned memory)
{
    struct queue q = {
        .lab = lab, .page = memory,
        .regs = (volatile uint32_t *)page + index * QUEUE_WORDS,
    };

    if (hw_queue_alloc(lab, lab->viommu, index, IPA(memory), PAGE, &q.id)) {
        tap_bail("HW_QUEUE_ALLOC %u", index);
    }
    q.regs[CONFIG] = 1;
    return q;
}

static uint64_t *entry_at(struct queue *q, uint32_t index)
{
    return (uint64_t *)(q->lab->ram + q->page * PAGE +
                        index % ENTRIES * ENTRY);
}

/* Returns CONS after the command and a CMD_SYNC. */
static uint32_t put(struct queue *q, uint64_t word0, uint64_t word1)
{
    const uint64_t commands[2][2] = { { word0, word1 }, { CMD_SYNC, 0 } };
    unsigned i;

    for (i = 0; i < 2; i++) {
        memcpy(entry_at(q, q->prod), commands[i], ENTRY);
        q->prod = (q->prod + 1) % (2 * ENTRIES);
    }
    __sync_synchronize();
    q->regs[PROD] = q->prod;
    return q->regs[CONS];
}

static bool all_done(struct queue *q)
{
    return (q->regs[CONS] & CONS_INDEX) == q->prod &&
           q->regs[GERROR] == q->regs[GERRORN];
}

/* As a guest's driver does: a CMD_SYNC in its place, and go on. */
static void skip_error(struct queue *q)
{
    const uint64_t sync[2] = { CMD_SYNC, 0 };

    memcpy(entry_at(q, q->regs[CONS] & CONS_INDEX), sync, ENTRY);
    __sync_synchronize();
    q->regs[GERRORN] = q->regs[GERROR];
}

/* Translations are cached until the guest's own queue invalidates them. */
static void check_tlbi_acts(struct lab *lab, struct queue *q)
{
    struct stage1 s = lab_stage1(lab);
    uint32_t vdevice = lab_vdevice(lab, VSID), hwpt;

    stage1_map(&s, VA, IPA(TARGET_B));
    hwpt = lab_nested_stage1(lab, &s);
    lab_attach(lab, hwpt);
    lab_check_dma(lab, VA, IPA(TARGET_B), "before the change");
    stage1_map(&s, VA, IPA(TARGET_C));
    lab_check_dma(lab, VA, IPA(TARGET_B), "changed, not invalidated");
    put(q, TLBI_NH_VA | VMID(0x7777) | ASID(s.asid), VA | LEAF);
    tap_check(all_done(q), "TLBI_NH_VA in the queue, of another VMID");
    lab_check_dma(lab, VA, IPA(TARGET_C), "changed and invalidated");
    stage1_map(&s, VA, IPA(TARGET_B));
    lab_check_dma(lab, VA, IPA(TARGET_C), "changed back, not invalidated");
    put(q, TLBI_NH_ASID | ASID(s.asid + 1), 0);
    lab_check_dma(lab, VA, IPA(TARGET_C), "after TLBI_NH_ASID of another ASID");
    put(q, TLBI_NH_ASID | ASID(s.asid), 0);
    lab_check_dma(lab, VA, IPA(TARGET_B), "after TLBI_NH_ASID");
    lab_detach(lab);
    lab_destroy(lab, hwpt);
    lab_destroy(lab, vdevice);
}

/* Errors of queues that the kernel was told of by an interrupt */
struct events {
    uint32_t id;
    int fd;
    uint32_t next;
};

static struct events events_start(struct lab *lab)
{
    struct iommu_veventq_alloc cmd = {
        .size = sizeof(cmd), .viommu_id = lab->viommu,
        .type = IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV, .veventq_depth = 8,
    };

    tap_result(call(lab->iommufd, IOMMU_VEVENTQ_ALLOC, &cmd), 0,
               "a vEVENTQ of errors");
    return (struct events) { cmd.out_veventq_id, cmd.out_veventq_fd, 0 };
}

/*
 * The next event has this map. Each error waits for its event, so that no two
 * interrupts become one.
 */
static void expect_event(struct events *ev, uint64_t want)
{
    struct pollfd p = { .fd = ev->fd, .events = POLLIN };
    struct {
        struct iommufd_vevent_header header;
        struct iommu_vevent_tegra241_cmdqv data;
    } e = { .header = { .flags = ~0u } };

    if (poll(&p, 1, EVENT_WAIT_MS) == 1 &&
        read(ev->fd, &e, sizeof(e)) != sizeof(e)) {
        e.header.flags = ~0u;
    }
    tap_check(!e.header.flags && e.header.sequence == ev->next,
              "event %u comes (%u, flags 0x%x)", ev->next, e.header.sequence,
              e.header.flags);
    tap_check(e.data.lvcmdq_err_map[0] == want && !e.data.lvcmdq_err_map[1],
              "with the map 0x%llx (0x%llx)", (unsigned long long)want,
              (unsigned long long)e.data.lvcmdq_err_map[0]);
    ev->next++;
}

static void check_streams(struct lab *lab, struct queue *q, struct events *ev)
{
    uint32_t vdevice = lab_vdevice(lab, VSID);

    put(q, ATC_INV | SID(VSID), 52);
    tap_check(all_done(q), "ATC_INV of a vDEVICE");
    tap_check(CONS_ERR(put(q, ATC_INV | SID(VSID + 1), 52)) == ILLEGAL,
              "ATC_INV of a StreamID without one is refused");
    expect_event(ev, 2);
    skip_error(q);
    tap_check(all_done(q), "and passed");
    lab_destroy(lab, vdevice);
    tap_check(CONS_ERR(put(q, ATC_INV | SID(VSID), 52)) == ILLEGAL,
              "ATC_INV of a vDEVICE that is gone");
    expect_event(ev, 2);
    skip_error(q);
    tap_check(all_done(q), "is passed, too");
}

static void check_errors(struct queue *q, struct events *ev)
{
    tap_check(CONS_ERR(put(&q[0], CFGI_ALL, 0)) == ILLEGAL,
              "queue 0 refuses what is the host's");
    expect_event(ev, 1);
    tap_check(CONS_ERR(put(&q[1], TLBI_NH_ALL, 0)) == ILLEGAL,
              "queue 1, too");
    expect_event(ev, 3);
    skip_error(&q[0]);
    tap_check(all_done(&q[0]), "queue 0 goes on");
    skip_error(&q[1]);
    tap_check(all_done(&q[1]), "queue 1 goes on");
    put(&q[0], CFGI_ALL, 0);
    expect_event(ev, 1);
}

/* Queue 0 is in error when it goes. */
static void check_reuse(struct lab *lab, struct queue *q, void *page)
{
    tap_check(q[0].regs[GERROR] != q[0].regs[GERRORN],
              "queue 0 is in error");
    lab_destroy(lab, q[1].id);
    lab_destroy(lab, q[0].id);
    tap_check(!q[0].regs[STATUS] && !q[0].regs[CONS],
              "DESTROY takes it out of the page");
    q[0] = queue_start(lab, page, 0, QUEUE_0);
    tap_check(q[0].regs[STATUS] == 1 && all_done(&q[0]),
              "the next one begins without its error");
    put(&q[0], TLBI_NH_ASID, 0);
    tap_check(all_done(&q[0]), "and works");
    lab_destroy(lab, q[0].id);
}

static void check_queues(struct lab *lab, uint64_t offset)
{
    struct events ev;
    struct queue q[2];
    void *page = NULL;

    if (try_mmap(lab, offset, VINTF_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
                 &page)) {
        tap_bail("mmap");
    }
    q[0] = queue_start(lab, page, 0, QUEUE_0);
    q[1] = queue_start(lab, page, 1, QUEUE_1);
    tap_check(q[0].regs[STATUS] == 1 && q[1].regs[STATUS] == 1,
              "EN in the page starts a queue");
    check_tlbi_acts(lab, &q[0]);
    ev = events_start(lab);
    check_streams(lab, &q[1], &ev);
    check_errors(q, &ev);
    close(ev.fd);
    lab_destroy(lab, ev.id);
    check_reuse(lab, q, page);
    munmap(page, VINTF_PAGE);
}

void check_cmdqv(struct lab *lab)
{
    struct iommu_viommu_tegra241_cmdqv out;

    check_hw_info(lab);
    check_viommu_alloc(lab);
    check_mmap(lab);
    if (cmdqv_alloc(lab, &lab->viommu, &out)) {
        tap_bail("VIOMMU_ALLOC");
    }
    check_type_1(lab);
    check_vdevices(lab);
    check_hw_queue_args(lab);
    check_hw_queue_life(lab);
    check_huge_queue(lab);
    check_queues(lab, out.out_vintf_mmap_offset);
    lab_destroy(lab, lab->viommu);
}

void check_no_cmdqv(struct lab *lab)
{
    struct iommu_hw_info_tegra241_cmdqv info;
    struct iommu_viommu_tegra241_cmdqv out;
    uint32_t type, id;

    tap_result(hw_info(lab, IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV, &info,
                       sizeof(info), &type), -EOPNOTSUPP,
               "GET_HW_INFO of a CMDQV that is not there");
    tap_result(cmdqv_alloc(lab, &id, &out), -EOPNOTSUPP,
               "VIOMMU_ALLOC of a CMDQV that is not there");
}
