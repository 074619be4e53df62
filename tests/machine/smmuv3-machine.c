/*
 * A machine within this process, with an arm-smmuv3,accel=on in it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include "qemu/main-loop.h"
#include "qemu/memfd.h"
#include "qemu/timer.h"
#include "block/aio.h"
#include "hw/irq.h"
#include "hw/resettable.h"
#include "smmuv3-machine.h"
#include "system/address-spaces.h"
#include "system/cpu-timers.h"

#define RECORD_SIZE (sizeof(struct iommufd_vevent_header) + SMMUV3_EVENT_SIZE)

SMMUv3State *smmu;

static unsigned pulses[WIRES];

/* A file is like a vEVENTQ: where nothing is left, it reads as 0 bytes */
static int veventq = -1;
static unsigned written, lost, event_reads;

uint64_t machine_read(uint64_t offset, unsigned width)
{
    return machine_read_reg(smmu, offset, width);
}

void machine_write(uint64_t offset, unsigned width, uint64_t val)
{
    machine_write_reg(smmu, offset, width, val);
}

uint64_t machine_load(uint64_t addr)
{
    uint64_t le = 0;

    address_space_read(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED,
                       &le, sizeof(le));
    return le64_to_cpu(le);
}

void machine_store(uint64_t addr, uint64_t val)
{
    uint64_t le = cpu_to_le64(val);

    address_space_write(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED,
                        &le, sizeof(le));
}

void machine_reset(void)
{
    resettable_reset(OBJECT(smmu), RESET_TYPE_COLD);
}

void machine_main_loop(void)
{
    aio_poll(qemu_get_aio_context(), false);
}

void machine_pass_time(int64_t ns)
{
    cpus_set_virtual_clock(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + ns);
}

static void wire_changed(void *opaque, int n, int level)
{
    pulses[n] += level;
}

unsigned machine_take_pulses(unsigned wire)
{
    unsigned n = pulses[wire];

    pulses[wire] = 0;
    return n;
}

void machine_new_veventq(void)
{
    SMMUv3VIOMMU *viommu = smmu->accel->streams.viommu;

    if (veventq >= 0) {
        close(veventq);
    }
    veventq = qemu_memfd_create("veventq", 0, false, 0, 0, &error_abort);
    g_assert_cmpint(dup2(veventq, viommu->veventq_fd), >=, 0);
    smmu->accel->events = (SMMUv3EventReader) {};
    written = lost = 0;
}

void machine_put_event_of(uint8_t type, uint32_t sid, uint64_t addr)
{
    struct iommufd_vevent_header header = { .sequence = written + lost };
    uint64_t evt[SMMUV3_EVENT_SIZE / 8] = {
        cpu_to_le64(type | (uint64_t)sid << 32), 0, cpu_to_le64(addr), 0,
    };
    uint8_t record[RECORD_SIZE];

    memcpy(record, &header, sizeof(header));
    memcpy(record + sizeof(header), evt, sizeof(evt));
    g_assert_cmpint(pwrite(veventq, record, RECORD_SIZE,
                           (off_t)written * RECORD_SIZE), ==, RECORD_SIZE);
    written++;
}

/* IHI 0070, 7.3.13 */
#define F_TRANSLATION 0x10

void machine_put_event(uint32_t sid, uint64_t addr)
{
    machine_put_event_of(F_TRANSLATION, sid, addr);
}

void machine_lose_event(void)
{
    lost++;
}

unsigned machine_events_left(void)
{
    return written - lseek(veventq, 0, SEEK_CUR) / RECORD_SIZE;
}

uint32_t __wrap_smmuv3_event_read(SMMUv3EventReader *reader, int fd,
                                  SMMUv3EventSink *sink, void *opaque)
{
    event_reads++;
    return __real_smmuv3_event_read(reader, fd, sink, opaque);
}

unsigned machine_take_event_reads(void)
{
    unsigned n = event_reads;

    event_reads = 0;
    return n;
}

void machine_make(char *self)
{
    qemu_irq *wires;

    machine_start(self, "-device arm-smmuv3,id=smmu0,primary-bus=pcie.0,"
                  "accel=on");
    smmu = machine_smmu("smmu0");
    wires = qemu_allocate_irqs(wire_changed, NULL, WIRES);
    for (int i = 0; i < WIRES; i++) {
        smmu->irq[i] = wires[i];
    }
}
