/*
 * vSMMUs whose registers are accessed by several threads, like vCPUs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "block/aio.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "hw/boards.h"
#include "smmuv3-threads.h"
#include "system/address-spaces.h"
#include "system/cpu-timers.h"
#include "tests/conformance/machine.h"

#define QUEUES   0x41000000ULL

#define TLBI_VA  0x12ULL
#define CFGI_STE 0x03ULL
#define SYNC     0x46ULL
/* A message of 0, where the command is */
#define SYNC_MSG 0x1046ULL

/* The vCPU of an unmap, and its number, are in the address */
#define VCPU_SHIFT 40

VSMMU vsmmu[SMMUS];
static uint8_t *ram;

/* --- The host --- */

static VSMMU *vsmmu_of(void *host)
{
    return container_of((FakeHost *)host, VSMMU, host);
}

static void is_issued(void *opaque, const uint64_t cmd[2])
{
    VSMMU *v = opaque;

    if ((cmd[0] & 0xff) == TLBI_VA) {
        qatomic_set(&v->issued[cmd[1] >> VCPU_SHIFT],
                    (uint32_t)(cmd[1] >> 12) & 0xfffffff);
    }
}

/* Never two at a time for one vSMMU: that is what its lock is for */
static int invalidate(void *opaque, uint32_t viommu, const uint64_t (*cmd)[2],
                      uint32_t n, Error **errp)
{
    VSMMU *v = vsmmu_of(opaque);
    int ret = -EIO;

    g_assert_cmpuint(qatomic_fetch_inc(&v->calling), ==, 0);
    v->calls++;
    if (v->enter) {
        v->enter(v);
    }
    /* Three in a row: the call, its entry alone, and the whole TLB */
    if (!v->fail_every || v->calls % v->fail_every >= 3) {
        ret = fake_host_ops.invalidate(opaque, viommu, cmd, n, errp);
    }
    qatomic_dec(&v->calling);
    return ret;
}

static int attach(void *opaque, const SMMUv3HostDevice *dev, uint32_t hwpt,
                  Error **errp)
{
    VSMMU *v = vsmmu_of(opaque);

    g_assert_true(bql_locked());
    g_assert_cmpuint(qatomic_read(&v->calling), ==, 0);
    if (v->attaching) {
        v->attaching(v);
    }
    return fake_host_ops.attach(opaque, dev, hwpt, errp);
}

/* The fake host's, but for these two; not written while threads run */
static SMMUv3HostOps ops;

static uint32_t get_sid(void *opaque, const SMMUv3Stream *st)
{
    FakeHost *host = st->viommu->opaque;
    FakeDevice *dev = st->dev.opaque;

    return vsmmu_of(host)->same_sid ? SID : SID + (dev - host->dev);
}

/* --- The guest --- */

uint32_t vsmmu_read(VSMMU *v, unsigned reg)
{
    uint32_t val = 0;

    address_space_read(&address_space_memory, v->mmio + reg,
                       MEMTXATTRS_UNSPECIFIED, &val, sizeof(val));
    return le32_to_cpu(val);
}

void vsmmu_write(VSMMU *v, unsigned reg, uint32_t val)
{
    val = cpu_to_le32(val);
    address_space_write(&address_space_memory, v->mmio + reg,
                        MEMTXATTRS_UNSPECIFIED, &val, sizeof(val));
}

/* Guest memory is the guest's: ThreadSanitizer does not judge how it is used */
__attribute__((no_sanitize_thread))
static uint64_t load(uint64_t addr)
{
    /* Each time anew: the vSMMU writes it */
    return *(volatile uint64_t *)(ram + (addr - MACHINE_RAM));
}

__attribute__((no_sanitize_thread))
void guest_store(uint64_t addr, uint64_t val)
{
    /* Now: the vSMMU reads it */
    *(volatile uint64_t *)(ram + (addr - MACHINE_RAM)) = val;
}

static uint64_t put(VSMMU *v, uint64_t word0, uint64_t word1)
{
    uint64_t at = v->queue + v->prod % QUEUE_LEN * 16;

    guest_store(at, word0);
    guest_store(at + 8, word1);
    v->prod = (v->prod + 1) % (2 * QUEUE_LEN);
    return at;
}

/* Returns: where the CMD_SYNC is, and where its message will be */
static uint64_t submit(VSMMU *v, uint64_t word0, uint64_t word1)
{
    uint64_t sync;

    put(v, word0, word1);
    /* Where the queue wraps, an entry is long done */
    sync = v->queue + v->prod % QUEUE_LEN * 16;
    put(v, SYNC_MSG, sync);
    /* The commands must be there before they are told of */
    smp_wmb();
    vsmmu_write(v, CMDQ_PROD, v->prod);
    return sync;
}

void vsmmu_command(VSMMU *v, uint64_t word0, uint64_t word1)
{
    uint64_t sync;

    WITH_QEMU_LOCK_GUARD(&v->driver) {
        sync = submit(v, word0, word1);
    }
    while ((uint32_t)load(sync)) {
        g_thread_yield();
    }
    /* What precedes the CMD_SYNC is done */
    smp_rmb();
}

void vsmmu_unmap(VSMMU *v, unsigned vcpu, unsigned n)
{
    vsmmu_command(v, TLBI_VA, (uint64_t)vcpu << VCPU_SHIFT | (uint64_t)n << 12);
}

void vsmmu_put_event(VSMMU *v)
{
    /* As in linux/iommufd.h: a header of two words, and an F_TRANSLATION */
    static unsigned sequence;
    uint32_t record[10] = { 0, sequence++, 0x10, SID };

    g_assert_cmpint(write(v->events[1], record, sizeof(record)), ==,
                    sizeof(record));
}

void vsmmu_remap(VSMMU *v)
{
    MemoryListener *listener = &v->s->accel->cmdq_memory.listener;

    listener->commit(listener);
}

void vsmmu_poll(VSMMU *v)
{
    vsmmu_read(v, CMDQ_CONS);
    aio_poll(qemu_get_aio_context(), false);
}

/* --- Its life --- */

void vsmmu_plug(VSMMU *v, unsigned device)
{
    SMMUv3Accel *accel = v->s->accel;
    FakeDevice *dev = &v->host.dev[device];
    bool first = !accel->streams.viommu;

    SMMUV3_ACCEL_LOCK_GUARD(accel);
    fake_host_open_device(&v->host, dev);
    v->stream[device] = smmuv3_streams_plug(&accel->streams, &ops, &v->host,
                                            &dev->host, FAKE_PARENT,
                                            &error_abort);
    if (first) {
        g_assert_cmpint(dup2(v->events[0], accel->streams.viommu->veventq_fd),
                        >=, 0);
        smmuv3_accel_expect_events(accel);
        accel->events = (SMMUv3EventReader) {};
    }
}

void vsmmu_unplug(VSMMU *v, unsigned device)
{
    SMMUV3_ACCEL_LOCK_GUARD(v->s->accel);
    smmuv3_streams_unplug(&v->s->accel->streams,
                          g_steal_pointer(&v->stream[device]));
    fake_host_close_device(&v->host, &v->host.dev[device]);
}

void vsmmu_setup(VSMMU *v)
{
    v->enter = NULL;
    v->attaching = NULL;
    v->same_sid = false;
    v->fail_every = v->calls = 0;
    v->prod = 0;
    memset(v->issued, 0, sizeof(v->issued));
    fake_host_init(&v->host);
    g_string_free(g_steal_pointer(&v->host.log), true);
    v->host.issued = is_issued;
    v->host.opaque = v;
    g_assert_cmpint(pipe(v->events), ==, 0);
    fcntl(v->events[0], F_SETFL, O_NONBLOCK);
    fcntl(v->events[1], F_SETFL, O_NONBLOCK);
    vsmmu_write(v, CR0, 0);
    vsmmu_write(v, GERRORN, vsmmu_read(v, GERROR));
    vsmmu_write(v, CMDQ_BASE, (uint32_t)v->queue | QUEUE_LOG2);
    vsmmu_write(v, CMDQ_BASE + 4, 0);
    vsmmu_write(v, CMDQ_PROD, 0);
    vsmmu_write(v, CMDQ_CONS, 0);
    vsmmu_write(v, EVENTQ_BASE, (uint32_t)(v->queue + QUEUE_LEN * 16) | 4);
    vsmmu_write(v, EVENTQ_BASE + 4, 0);
    vsmmu_write(v, EVENTQ_PROD, 0);
    vsmmu_write(v, STRTAB_BASE, (uint32_t)v->queue + TABLE);
    vsmmu_write(v, STRTAB_BASE + 4, 0);
    vsmmu_write(v, STRTAB_BASE_CFG, 8);
    vsmmu_write(v, EVENTQ_CONS, 0);
    vsmmu_plug(v, 0);
    vsmmu_write(v, CR0, 0xd);
}

void vsmmu_teardown(VSMMU *v)
{
    v->enter = NULL;
    v->attaching = NULL;
    v->fail_every = 0;
    vsmmu_write(v, CR0, 0);
    for (unsigned i = 0; i < FAKE_DEVICES; i++) {
        if (v->stream[i]) {
            vsmmu_unplug(v, i);
        }
    }
    fake_host_end(&v->host);
    close(v->events[0]);
    close(v->events[1]);
}

void threads_start_machine(char *self)
{
    g_autoptr(GString) devices = g_string_new("");
    g_autofree char *bios = NULL;
    int fd = g_file_open_tmp("smmuv3-bios-XXXXXX", &bios, NULL);

    /* Any firmware will do: without, QEMU refuses root complexes like these */
    g_assert(fd >= 0 && write(fd, "", 1) == 1);
    close(fd);
    g_string_append_printf(devices, "-bios %s ", bios);
    for (int i = 0; i < SMMUS; i++) {
        g_string_append_printf(devices,
            "-device pxb-pcie,id=pcie.%d,bus_nr=%d,bus=pcie.0 -device "
            "arm-smmuv3,id=smmu%d,primary-bus=pcie.%d,accel=on%s", i + 1,
            16 * (i + 1), i, i + 1, i < SMMUS - 1 ? " " : "");
    }
    machine_start(self, devices->str);
    unlink(bios);
    ram = memory_region_get_ram_ptr(current_machine->ram);
    for (int i = 0; i < SMMUS; i++) {
        g_autofree char *id = g_strdup_printf("smmu%d", i);
        VSMMU *v = &vsmmu[i];

        v->s = machine_smmu(id);
        machine_own_streams(v->s, get_sid);
        v->mmio = machine_address(v->s);
        v->queue = QUEUES + i * 0x200000ULL;
        qemu_mutex_init(&v->driver);
    }
}

typedef struct VCPU {
    void *(*run)(void *);
    void *opaque;
} VCPU;

static void *run_vcpu(void *opaque)
{
    g_autofree VCPU *vcpu = opaque;
    void *ret;

    rcu_register_thread();
    ret = vcpu->run(vcpu->opaque);
    rcu_unregister_thread();
    return ret;
}

void vcpu_create(QemuThread *thread, void *(*run)(void *), void *opaque)
{
    VCPU *vcpu = g_new0(VCPU, 1);

    vcpu->run = run;
    vcpu->opaque = opaque;
    qemu_thread_create(thread, "vcpu", run_vcpu, vcpu, QEMU_THREAD_JOINABLE);
}

void vcpu_join(QemuThread *thread)
{
    bool locked = bql_locked();

    if (locked) {
        bql_unlock();
    }
    qemu_thread_join(thread);
    if (locked) {
        bql_lock();
    }
}

/* --- Tests --- */

/* A host call waits until it may go on; after ten seconds the test fails */
static QemuSemaphore entered, go_on;
static bool gave_up;

static void block(VSMMU *v)
{
    qemu_sem_post(&entered);
    if (qemu_sem_timedwait(&go_on, 10000) < 0) {
        gave_up = true;
    }
}

static void *unmap_once(void *opaque)
{
    vsmmu_unmap(opaque, 1, 1);
    return NULL;
}

/* While one vSMMU's host call lasts, all else of the machine can be had */
static void nobody_waits_for_a_host_call(void)
{
    QemuThread thread;

    vsmmu_setup(&vsmmu[0]);
    vsmmu_setup(&vsmmu[1]);
    gave_up = false;
    vsmmu[0].enter = block;
    bql_unlock();
    vcpu_create(&thread, unmap_once, &vsmmu[0]);
    qemu_sem_wait(&entered);
    bql_lock();
    /* Another device's registers, its commands, and the busy one's registers */
    g_assert_cmphex(vsmmu_read(&vsmmu[1], CR0), ==, 0xd);
    bql_unlock();
    vsmmu_unmap(&vsmmu[1], 2, 7);
    g_assert_cmpuint(qatomic_read(&vsmmu[1].issued[2]), ==, 7);
    g_assert_cmphex(vsmmu_read(&vsmmu[0], CR0), ==, 0xd);
    g_assert_cmphex(vsmmu_read(&vsmmu[0], CMDQ_PROD), ==, vsmmu[0].prod);
    /* Of what is not done nobody is told */
    g_assert_cmphex(vsmmu_read(&vsmmu[0], CMDQ_CONS), ==, 0);
    g_assert_cmpuint(vsmmu[0].issued[1], ==, 0);
    qemu_sem_post(&go_on);
    bql_lock();
    vcpu_join(&thread);
    g_assert_false(gave_up);
    g_assert_cmpuint(qatomic_read(&vsmmu[0].issued[1]), ==, 1);
    vsmmu_teardown(&vsmmu[1]);
    vsmmu_teardown(&vsmmu[0]);
}

#define UNMAPS 1500

typedef struct Work {
    VSMMU *v;
    unsigned vcpu;
    bool attaches;      /* some of its commands need the big lock */
    bool may_fail;
} Work;

static void *unmap_many(void *opaque)
{
    Work *job = opaque;

    for (unsigned i = 1; i <= UNMAPS; i++) {
        if (job->attaches && i % 16 == 0) {
            /* Aborts or translates */
            guest_store(job->v->queue + TABLE + SID * 64,
                        i & 16 ? 0x1 : 0x4300000b);
            vsmmu_command(job->v, CFGI_STE | (uint64_t)SID << 32, 1);
        }
        vsmmu_unmap(job->v, job->vcpu, i);
        /* 4.7.3 */
        g_assert_true(job->may_fail ||
                      qatomic_read(&job->v->issued[job->vcpu]) == i);
    }
    return NULL;
}

static unsigned running;

static void *run_job(void *opaque)
{
    unmap_many(opaque);
    qatomic_dec(&running);
    return NULL;
}

/* @n vCPUs; vCPU i on vSMMU i % @smmus. @meanwhile: with the big lock */
static void run_jobs(unsigned n, unsigned smmus, Work job,
                     void (*meanwhile)(unsigned round))
{
    QemuThread thread[VCPUS];
    Work jobs[VCPUS];
    unsigned rounds = 0;

    running = n;
    for (unsigned i = 0; i < n; i++) {
        jobs[i] = job;
        jobs[i].v = &vsmmu[i % smmus];
        jobs[i].vcpu = i;
    }
    for (unsigned i = 0; i < n; i++) {
        vcpu_create(&thread[i], run_job, &jobs[i]);
    }
    do {
        /* The first time before any vCPU can have had the big lock */
        if (meanwhile) {
            meanwhile(rounds++);
        }
        bql_unlock();
        g_usleep(100);
        bql_lock();
    } while (qatomic_read(&running));
    for (unsigned i = 0; i < n; i++) {
        vcpu_join(&thread[i]);
    }
    g_test_message("%u rounds of the main thread", rounds);
}

static void setup_smmus(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        vsmmu_setup(&vsmmu[i]);
    }
}

static void teardown_smmus(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        vsmmu_teardown(&vsmmu[i]);
    }
}

static void several_vcpus_write_one_queue(void)
{
    setup_smmus(1);
    run_jobs(VCPUS, 1, (Work) {}, NULL);
    teardown_smmus(1);
}

static void several_vcpus_write_several_queues(void)
{
    setup_smmus(3);
    run_jobs(6, 3, (Work) { .attaches = true }, NULL);
    teardown_smmus(3);
}

/* All else that can happen to a vSMMU */
static void something_else(unsigned round)
{
    VSMMU *v = &vsmmu[round % 2];

    switch (round / 2 % 7) {
    case 0:
        vsmmu_write(v, CR0, 0xd);
        break;
    case 1:
        vsmmu_write(v, CR0, 0xc);
        break;
    case 2:
        vsmmu_write(v, GBPA, 1u << 31 | (round & 8 ? 1 << 20 : 0));
        break;
    case 3:
        vsmmu_unplug(v, 0);
        vsmmu_plug(v, 0);
        break;
    case 4:
        vsmmu_put_event(v);
        if (round & 16) {
            smmuv3_accel_read_events(v->s->accel);
        }
        break;
    case 5:
        vsmmu_remap(v);
        break;
    default:
        vsmmu_poll(v);
        break;
    }
}

static void all_else_can_happen_meanwhile(void)
{
    setup_smmus(2);
    run_jobs(4, 2, (Work) { .attaches = true, .may_fail = true },
             something_else);
    teardown_smmus(2);
}

/* By the VM's clock: of an update the main loop has to do a part */
static void takes_long(VSMMU *v)
{
    cpus_set_virtual_clock(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                           400 * SCALE_US);
}

static void all_else_can_happen_while_devices_follow(void)
{
    setup_smmus(2);
    for (int i = 0; i < 2; i++) {
        for (unsigned device = 1; device < 8; device++) {
            vsmmu_plug(&vsmmu[i], device);
        }
        vsmmu[i].attaching = takes_long;
    }
    run_jobs(4, 2, (Work) { .attaches = true, .may_fail = true },
             something_else);
    teardown_smmus(2);
}

static void sometimes_slow(VSMMU *v)
{
    if (v->calls % 8 == 0) {
        g_usleep(200);
    }
}

static void a_host_that_fails_is_slow_and_fails(void)
{
    setup_smmus(2);
    for (int i = 0; i < 2; i++) {
        vsmmu[i].fail_every = 11 + i;
        vsmmu[i].enter = sometimes_slow;
    }
    run_jobs(4, 2, (Work) { .attaches = true, .may_fail = true },
             something_else);
    teardown_smmus(2);
}

static unsigned invalidations(VSMMU *v)
{
    unsigned sum = 0;

    for (unsigned vcpu = 0; vcpu < VCPUS; vcpu++) {
        sum += qatomic_read(&v->issued[vcpu]);
    }
    return sum;
}

/*
 * What a device_add does that keeps the big lock: for as long as vCPUs work.
 * The memory map changes once a vSMMU's first command is done, because the
 * change would find the queue for it.
 */
static void keep_the_big_lock(unsigned round)
{
    int64_t end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    for (; qatomic_read(&running); round++) {
        VSMMU *v = &vsmmu[round % 2];

        if (g_get_monotonic_time() > end) {
            gave_up = true;
            return;
        }
        if (round & 2 && invalidations(v)) {
            vsmmu_remap(v);
        } else {
            vsmmu_write(v, EVENTQ_CONS, 0);
        }
    }
}

static void nobody_waits_for_who_keeps_the_big_lock(void)
{
    setup_smmus(2);
    gave_up = false;
    for (int i = 0; i < 2; i++) {
        vsmmu[i].enter = sometimes_slow;
    }
    run_jobs(4, 2, (Work) {}, keep_the_big_lock);
    g_assert_false(gave_up);
    teardown_smmus(2);
}

/* As many commands as a slice has, and a run; see device/queue.c */
#define SLICE (4680 + 128)

static void *ring_once(void *opaque)
{
    VSMMU *v = opaque;

    vsmmu_write(v, CMDQ_PROD, v->prod);
    qatomic_set(&running, 0);
    return NULL;
}

/* The rest waits for whoever has the big lock; the vCPU does not */
static void a_doorbell_does_a_slice(void)
{
    VSMMU *v = &vsmmu[0];
    QemuThread thread;
    unsigned done;
    uint32_t cons;

    setup_smmus(2);
    /* So that somebody waits for it, and interrupts the slice */
    v->enter = sometimes_slow;
    for (unsigned i = 1; i < QUEUE_LEN / 2; i++) {
        put(v, TLBI_VA, (uint64_t)i << 12);
        put(v, SYNC, 0);
    }
    running = 1;
    vcpu_create(&thread, ring_once, v);
    /* However slow the machine is, as long as the vCPU gets on */
    do {
        gave_up = false;
        done = invalidations(v);
        keep_the_big_lock(0);
    } while (gave_up && invalidations(v) != done);
    g_assert_false(gave_up);
    vcpu_join(&thread);
    cons = vsmmu_read(v, CMDQ_CONS);
    g_assert_cmpuint(cons, >, 0);
    g_assert_cmpuint(cons, <=, SLICE);
    v->enter = NULL;
    while (vsmmu_read(v, CMDQ_CONS) != v->prod) {
        vsmmu_poll(v);
    }
    g_assert_cmpuint(v->issued[0], ==, QUEUE_LEN / 2 - 1);
    teardown_smmus(2);
}

#define EVENTS 8 /* as many as the queue has at once, and no error */

static void *put_and_sync(void *opaque)
{
    VSMMU *v = opaque;

    for (unsigned i = 1; i <= EVENTS; i++) {
        vsmmu_put_event(v);
        vsmmu_unmap(v, 0, i);
        g_assert_cmphex(vsmmu_read(v, EVENTQ_PROD), ==, i);
    }
    return NULL;
}

/* 4.7.3: also where the big lock need not be taken for the commands */
static void an_event_is_there_when_a_sync_completes(void)
{
    VSMMU *v = &vsmmu[0];
    QemuThread thread;

    setup_smmus(1);
    vcpu_create(&thread, put_and_sync, v);
    vcpu_join(&thread);
    teardown_smmus(1);
}

/* 3.18: also where nobody has the big lock */
static void a_sync_whose_message_is_there_is_consumed(void)
{
    VSMMU *v = &vsmmu[0];
    QemuThread thread;

    setup_smmus(1);
    put(v, SYNC_MSG, v->queue);
    put(v, TLBI_VA, 0x1000);
    put(v, SYNC, 0);
    gave_up = false;
    v->enter = block;
    bql_unlock();
    vcpu_create(&thread, ring_once, v);
    qemu_sem_wait(&entered);
    g_assert_cmphex((uint32_t)load(v->queue), ==, 0);
    g_assert_cmphex(vsmmu_read(v, CMDQ_CONS), ==, 1);
    qemu_sem_post(&go_on);
    bql_lock();
    vcpu_join(&thread);
    g_assert_false(gave_up);
    g_assert_cmphex(vsmmu_read(v, CMDQ_CONS), ==, 3);
    teardown_smmus(1);
}

/* Behind the Stream table, and in the same vSMMU's part of memory */
#define MESSAGE (TABLE + 0x10000)
#define MOVED   0x180000
/* Commands */
#define MANY    2000

static void *need_the_big_lock(void *opaque)
{
    VSMMU *v = opaque;
    const uint64_t at[] = { v->queue - 16, v->queue + MESSAGE };

    /* A wire, and messages to each side of the queue */
    vsmmu_command(v, SYNC_MSG, 0);
    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        vsmmu_command(v, SYNC_MSG | 0x77ULL << 32, at[i]);
        g_assert_cmphex((uint32_t)load(at[i]), ==, 0x77);
    }
    /* A queue that is elsewhere */
    v->queue += MOVED;
    vsmmu_write(v, CMDQ_BASE, (uint32_t)v->queue | QUEUE_LOG2);
    vsmmu_write(v, CMDQ_CONS, v->prod);
    put(v, TLBI_VA, 0x1000);
    put(v, SYNC, 0);
    vsmmu_write(v, CMDQ_PROD, v->prod);
    g_assert_cmphex(vsmmu_read(v, CMDQ_CONS), ==, v->prod);
    g_assert_cmpuint(v->issued[0], ==, 1);
    /* An event of before a CMD_SYNC: 4.7.3 */
    vsmmu_put_event(v);
    put(v, SYNC, 0);
    vsmmu_write(v, CMDQ_PROD, v->prod);
    g_assert_cmphex(vsmmu_read(v, EVENTQ_PROD), ==, 1);
    /* More than fits into one call of a host that fails, and no CMD_SYNC */
    v->fail_every = 1;
    v->calls = 0;
    for (unsigned i = 0; i < MANY; i++) {
        put(v, TLBI_VA, (uint64_t)i << 13);
    }
    vsmmu_write(v, CMDQ_PROD, v->prod);
    v->fail_every = 0;
    g_assert_cmphex(vsmmu_read(v, CMDQ_CONS), ==, v->prod);
    g_assert_cmpuint(v->calls, >, 0);
    /* No events, and then no device either */
    vsmmu_write(v, CR0, 0x9);
    vsmmu_unmap(v, 0, 2);
    g_assert_cmpuint(v->issued[0], ==, 2);
    WITH_QEMU_LOCK_GUARD(&v->driver) {
        BQL_LOCK_GUARD();
        vsmmu_unplug(v, 0);
    }
    vsmmu_unmap(v, 0, 3);
    /* What no SMMU knows */
    put(v, 0xff, 0);
    vsmmu_write(v, CMDQ_PROD, v->prod);
    g_assert_cmphex(vsmmu_read(v, GERROR) ^ vsmmu_read(v, GERRORN), ==, 1);
    g_assert_cmphex(vsmmu_read(v, CMDQ_CONS) >> 24, ==, 1);
    v->queue -= MOVED;
    return NULL;
}

static void what_needs_the_big_lock_is_done_with_it(void)
{
    QemuThread thread;

    setup_smmus(1);
    vcpu_create(&thread, need_the_big_lock, &vsmmu[0]);
    vcpu_join(&thread);
    teardown_smmus(1);
}

/* Linked as main(), with the emulator's own left aside */
int threads_main(int argc, char **argv)
{
#define TEST(name) g_test_add_func("/smmuv3/threads/" #name, name)
    g_test_init(&argc, &argv, NULL);
    qemu_sem_init(&entered, 0);
    qemu_sem_init(&go_on, 0);
    ops = fake_host_ops;
    ops.invalidate = invalidate;
    ops.attach = attach;
    threads_start_machine(argv[0]);
    TEST(nobody_waits_for_a_host_call);
    TEST(several_vcpus_write_one_queue);
    TEST(several_vcpus_write_several_queues);
    TEST(all_else_can_happen_meanwhile);
    TEST(all_else_can_happen_while_devices_follow);
    TEST(a_host_that_fails_is_slow_and_fails);
    TEST(nobody_waits_for_who_keeps_the_big_lock);
    TEST(a_doorbell_does_a_slice);
    TEST(an_event_is_there_when_a_sync_completes);
    TEST(a_sync_whose_message_is_there_is_consumed);
    TEST(what_needs_the_big_lock_is_done_with_it);
    threads_add_model();
    threads_add_benchmarks();
    return g_test_run();
}
