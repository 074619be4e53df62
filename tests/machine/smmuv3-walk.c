/*
 * Which functions run when the guest does something: a trace of the real ones
 *
 * QEMU's own SMMUv3 with accel=on, in a machine within this process, and one
 * device behind it. All is real down to ioctl(), which answers here as the
 * kernel does. What is compiled with -finstrument-functions is recorded.
 *
 * tests/machine/walk builds it, and compares the trace with the manual's walk.
 * For each part of the walk it prints a line "walk NAME", and then a line for
 * each call: its depth, and the offset of the function in this program, or the
 * name of the ioctl.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "hw/pci/pci_bus.h"
#include "hw/vfio/vfio-device.h"
#include "system/host_iommu_device.h"
#include "system/iommufd.h"
#include "smmuv3-machine.h"
#include "smmuv3-walk.h"

#define CALLS_MAX 4096
#define DEVFN     PCI_DEVFN(1, 0)

/* In guest memory */
#define TABLE  0x41000000ULL
#define CMDQ   0x41010000ULL
#define EVENTQ 0x41020000ULL
#define CDS    0x41030000ULL
#define IRQS   0x41040000ULL

/* IHI 0070, 5.2: V, Config 0b101, S1ContextPtr */
#define STE0_S1 (1 | 5 << 1 | CDS)

#define UPDATE_AND_ABORT (1u << 31 | 1 << 20)
#define SMMUEN   0x1
#define EVENTQEN 0x4
#define CMDQEN   0x8
/* IRQ_CTRL */
#define EVENTQ_IRQEN 0x4

/* 4.4.2.3; and 4.7.3, with a message into the command itself, as by Linux */
#define TLBI_NH_VA 0x12
#define SYNC_IRQ   0x1046
#define IOVA       0x10000ULL

typedef struct Call {
    void *fn;          /* NULL: an ioctl */
    const char *name;
    int depth;
} Call;

static Call calls[CALLS_MAX];
static int n_calls, depth;
static bool recording;

static void UNSEEN add_call(void *fn, const char *name)
{
    if (recording) {
        g_assert_cmpint(n_calls, <, CALLS_MAX);
        calls[n_calls++] = (Call) { .fn = fn, .name = name, .depth = depth };
    }
}

/* Only the main thread runs what is instrumented while this records */
void __cyg_profile_func_enter(void *fn, void *caller)
{
    add_call(fn, NULL);
    depth += recording;
}

void __cyg_profile_func_exit(void *fn, void *caller)
{
    depth -= recording;
}

static void UNSEEN begin(void)
{
    n_calls = depth = 0;
    recording = true;
}

static void UNSEEN end(const char *name)
{
    recording = false;
    g_assert_cmpint(depth, ==, 0);
    printf("walk %s\n", name);
    for (int i = 0; i < n_calls; i++) {
        const Call *c = &calls[i];

        if (c->fn) {
            printf("%d 0x%tx\n", c->depth,
                   (const char *)c->fn - __executable_start);
        } else {
            printf("%d %s\n", c->depth, c->name);
        }
    }
}

/* --- The kernel --- */

/* /dev/iommu and the device's file; the other end of the vEVENTQ */
static int iommu_fd = -1, device_fd = -1, veventq_fd = -1;

static uint32_t new_id(void)
{
    static uint32_t id = 10;

    return ++id;
}

static void make_veventq(struct iommu_veventq_alloc *arg)
{
    int fds[2];

    g_assert_true(g_unix_open_pipe(fds, FD_CLOEXEC, NULL));
    g_assert_cmpint(fcntl(fds[0], F_SETFL, O_NONBLOCK), ==, 0);
    arg->out_veventq_id = new_id();
    arg->out_veventq_fd = fds[0];
    veventq_fd = fds[1];
}

#define ANSWER(request) case request: add_call(NULL, #request)

static void answer(unsigned long request, void *arg)
{
    switch (request) {
    ANSWER(IOMMU_VIOMMU_ALLOC);
        ((struct iommu_viommu_alloc *)arg)->out_viommu_id = new_id();
        break;
    ANSWER(IOMMU_HWPT_ALLOC);
        ((struct iommu_hwpt_alloc *)arg)->out_hwpt_id = new_id();
        break;
    ANSWER(IOMMU_VDEVICE_ALLOC);
        ((struct iommu_vdevice_alloc *)arg)->out_vdevice_id = new_id();
        break;
    ANSWER(IOMMU_VEVENTQ_ALLOC);
        make_veventq(arg);
        break;
    ANSWER(VFIO_DEVICE_ATTACH_IOMMUFD_PT);
        break;
    ANSWER(IOMMU_HWPT_INVALIDATE);
        break;
    ANSWER(IOMMU_DESTROY);
        break;
    default:
        g_error("the host is asked for 0x%lx", request);
    }
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
    if (fd < 0 || (fd != iommu_fd && fd != device_fd)) {
        return __real_ioctl(fd, request, arg);
    }
    answer(request, arg);
    return 0;
}

/* --- The device --- */

static void plug(void)
{
    static IOMMUFDBackend backend;
    static VFIODevice device;
    static HostIOMMUDevice hiod = { .agent = &device, .aliased_devfn = DEVFN };
    SMMUv3HostDevice host = { .name = "dev0", .dev_id = 1, .opaque = &hiod };
    SMMUv3Accel *accel = smmu->accel;

    iommu_fd = backend.fd = qemu_open_old("/dev/null", O_RDWR);
    device_fd = device.fd = qemu_open_old("/dev/null", O_RDWR);
    hiod.aliased_bus = ARM_SMMU(smmu)->primary_bus;
    smmuv3_streams_plug(&accel->streams, &smmuv3_host_iommufd, &backend, &host,
                        2, &error_abort);
    /* As device/pci.c does after the first */
    qemu_set_fd_handler(accel->streams.viommu->veventq_fd,
                        smmuv3_accel_read_events, NULL, accel);
}

/* What a driver does before it sets SMMUEN; the device is to translate */
static void set_up(void)
{
    machine_store(TABLE + DEVFN * 64, STE0_S1);
    machine_store(TABLE + DEVFN * 64 + 8, 0);
    machine_write(STRTAB_BASE, 8, TABLE);
    machine_write(STRTAB_BASE_CFG, 4, 8);
    machine_write(CMDQ_BASE, 8, CMDQ | 4);
    machine_write(EVENTQ_BASE, 8, EVENTQ | 4);
    machine_write(EVENTQ_IRQ_CFG0, 8, IRQS);
    machine_write(EVENTQ_IRQ_CFG1, 4, 1);
    machine_write(IRQ_CTRL, 4, EVENTQ_IRQEN);
    machine_write(CR0, 4, EVENTQEN | CMDQEN);
}

static void report_fault(void)
{
    struct {
        struct iommufd_vevent_header header;
        uint64_t evt[4];
    } record = {
        /* F_TRANSLATION */
        .evt = { cpu_to_le64(0x10 | (uint64_t)DEVFN << 32), 0,
                 cpu_to_le64(IOVA), 0 },
    };

    g_assert_cmpint(write(veventq_fd, &record, sizeof(record)), ==,
                    sizeof(record));
    main_loop_wait(true);
}

/* One page, the way Linux does it: TLBI and CMD_SYNC in one go */
static void put_unmap(void)
{
    machine_store(CMDQ, TLBI_NH_VA);
    machine_store(CMDQ + 8, IOVA | 1);
    machine_store(CMDQ + 16, SYNC_IRQ);
    machine_store(CMDQ + 24, CMDQ + 16);
}

/* What has to have come of it: a walk of what failed would be of no use */
static void check(SMMUv3Attachment attached)
{
    SMMUv3Stream *st = QTAILQ_FIRST(&smmu->accel->streams.list);

    g_assert_cmpint(st->attached, ==, attached);
    g_assert_cmpint(st->closed, ==, SMMUV3_NOT_CLOSED);
}

int walk_main(int argc, char **argv)
{
    machine_make(argv[0]);
    plug();
    set_up();
    check(SMMUV3_ATTACHED_BYPASS);

    begin();
    machine_write(GBPA, 4, UPDATE_AND_ABORT);
    end("GBPA");
    check(SMMUV3_ATTACHED_ABORT);

    begin();
    machine_write(CR0, 4, SMMUEN | EVENTQEN | CMDQEN);
    end("SMMUEN");
    check(SMMUV3_ATTACHED_TRANSLATE);
    g_assert_cmpint(machine_read(CR0ACK, 4), ==, SMMUEN | EVENTQEN | CMDQEN);

    put_unmap();
    begin();
    machine_write(CMDQ_PROD, 4, 2);
    end("unmap");
    g_assert_cmpint(machine_read(CMDQ_CONS, 4), ==, 2);

    machine_take_pulses(WIRE_EVENTQ);
    begin();
    report_fault();
    end("fault");
    g_assert_cmpint(machine_read(EVENTQ_PROD, 4), ==, 1);
    g_assert_cmpint(machine_take_pulses(WIRE_EVENTQ), ==, 1);
    g_assert_cmpint(machine_load(IRQS), ==, 1);
    return 0;
}
