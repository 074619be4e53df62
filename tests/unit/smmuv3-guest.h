/*
 * A guest with an accelerated SMMUv3, for tests without a machine
 *
 * Its registers act as device/device.c lets them act, its Stream table is in a
 * small memory, and the host is the fake one. Each change of a device's
 * attachment is checked: it must act as the old, as the new, or blocked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_SMMUV3_GUEST_H
#define TESTS_UNIT_SMMUV3_GUEST_H

#include "hw/arm/smmuv3-accel/core/command.h"
#include "hw/arm/smmuv3-accel/core/handover.h"
#include "hw/arm/smmuv3-accel/core/opcodes.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "hw/arm/smmuv3-accel/core/stale.h"
#include "hw/arm/smmuv3-accel/core/triggers.h"
#include "smmuv3-fake-host.h"

#define GUEST_MEM_BASE 0x40000000
#define GUEST_MEM_SIZE 0x10000
#define GUEST_SIDS     256 /* of the linear table that it begins with */

#define STE_ABORT   0x1
#define STE_BYPASS  0x9
#define STE_INVALID 0x0
#define STE_S1(ctx) (0xbULL | (ctx))

/**
 * Guest - the guest
 * @sid: StreamID of each device
 * @stream: NULL unless plugged
 * @reads: of the Stream table
 * @unreadable: no access to it succeeds
 * @timer_at: when the timer fires, or SMMUV3_NO_TIMER
 */
typedef struct Guest {
    FakeHost host;
    SMMUv3Streams s;
    SMMUv3Stream *stream[FAKE_DEVICES];
    uint32_t sid[FAKE_DEVICES];
    uint8_t mem[GUEST_MEM_SIZE];
    unsigned reads;
    bool unreadable;
    bool ril;
    int64_t now;         /* in ms; only guest_wait() moves it */
    int64_t timer_at;

    FakeDMA before[FAKE_DEVICES];
    bool check_steps;
} Guest;

/* What was printed for the user since the guest was made, errors and all */
extern GString *guest_messages;

/*
 * Registers at reset, a linear table of invalid STEs, device i at StreamID i.
 * @old_kernel: Linux 6.15 to 6.18, else 7.3
 */
Guest *guest_new(bool old_kernel);

/* Unplug what is plugged, check that nothing is left */
void guest_free(Guest *g);

/* What VFIO and device/pci.c do; false: refused, with an error */
bool guest_plug(Guest *g, unsigned i);
void guest_unplug(Guest *g, unsigned i);

/* Register writes. GBPA: with UPDATE = 1 */
void guest_smmuen(Guest *g, bool on);
void guest_gbpa(Guest *g, bool abort);
/* The bus of device @i gets another number */
void guest_renumber(Guest *g, unsigned i, uint32_t sid);
void guest_reset(Guest *g);
/* loadvm: the machine has written registers, and runs again */
void guest_load(Guest *g, bool smmuen, bool abort);

/* Memory and commands */
void guest_write64(Guest *g, uint64_t addr, uint64_t val);
void guest_ste(Guest *g, uint32_t sid, uint64_t word0, uint64_t word1);
bool guest_command(Guest *g, uint64_t word0, uint64_t word1);
void guest_cfgi_ste(Guest *g, uint32_t sid);
void guest_cfgi_all(Guest *g);
void guest_sync(Guest *g);
/* Does a CMD_SYNC end in CERROR_ATC_INV_SYNC? */
bool guest_sync_fails(Guest *g);

/* Another QEMU takes over the guest, without a host call, and then runs it */
void guest_hand_over(Guest *g);
void guest_continue(Guest *g);
/*
 * The first half: the streams of a new QEMU with the same devices, held, for
 * the caller to free; guest_drop() of the old or of the new ends that process
 */
void guest_new_process(Guest *g, SMMUv3Streams *s);
/* A QEMU is gone, and its host objects are another's */
void guest_drop(SMMUv3Streams *s);
/* The second half: @s has taken over, and the old QEMU is gone */
void guest_taken_over(Guest *g, SMMUv3Streams *s);

/* @ms pass; the timer fires whenever it is time */
void guest_wait(Guest *g, int64_t ms);
/* As VFIO in QEMU, or the guest by its FLR bit, resets device @i */
void guest_device_reset(Guest *g, unsigned i);

/*
 * No stream is more open than what resolve says; with @exact each is as open
 * as that and none is closed.
 */
void guest_assert_safe(Guest *g, bool exact);

FakeDMAKind guest_dma(const Guest *g, unsigned i);

#endif /* TESTS_UNIT_SMMUV3_GUEST_H */
