/*
 * The device as a part of its machine
 *
 * What is fixed once the machine is there, what can no longer be plugged, and
 * what happens when the VM starts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-misc.h"
#include "qapi/qapi-commands-smmuv3-accel.h"
#include "qemu/memfd.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "hw/qdev-core.h"
#include "smmuv3-device-rules.h"
#include "smmuv3-machine.h"
#include "smmuv3-register-rules.h"
#include "system/runstate.h"

#define CMDQEN     0x8
#define ILLEGAL    0xffULL
#define GBPA_ABORT (1u << 20)

static FakeHost *host;

static void setup(void)
{
    host = rules_begin();
}

static void teardown(void)
{
    rules_end();
}

static FakeDMAKind dma(void)
{
    return fake_host_dma(host, &host->dev[0]).kind;
}

static void assert_says(Error *err, const char *text)
{
    g_assert_nonnull(err);
    g_assert_nonnull(strstr(error_get_pretty(err), text));
    error_free(err);
}

/* --- What comes too late --- */

static void properties_are_fixed(void)
{
    static const char *const property[][2] = {
        { "accel", "off" }, { "ats", "on" }, { "ril", "off" },
        { "cmdqv", "off" }, { "ssidsize", "5" }, { "pasid", "off" },
        { "oas", "48" }, { "x-msi-doorbell", "0" }, { "x-guest-vfio", "on" },
    };
    const SMMUv3Accel *accel = smmu->accel;
    const SMMUv3IdrProps was = accel->props;
    const OnOffAuto cmdqv = accel->cmdqv;
    const uint64_t doorbell = accel->doorbell;

    for (size_t i = 0; i < ARRAY_SIZE(property); i++) {
        Error *err = NULL;

        object_property_parse(OBJECT(smmu), property[i][0], property[i][1],
                              &err);
        assert_says(err, "after it was realized");
    }
    g_assert_true(accel->on);
    g_assert_cmpmem(&accel->props, sizeof(was), &was, sizeof(was));
    g_assert_cmpint(accel->cmdqv, ==, cmdqv);
    g_assert_cmphex(accel->doorbell, ==, doorbell);
    g_assert_false(accel->guest_vfio);
}

static void a_bridge_is_not_hot_plugged(void)
{
    Error *err = NULL;

    qdev_realize_and_unref(qdev_new("pcie-pci-bridge"),
                           BUS(smmu->smmu_state.primary_bus), &err);
    assert_says(err, "a bridge (pcie-pci-bridge) cannot be hot-plugged");
}

/* --- What starts with the VM --- */

/* Of what was loaded no register's write tells */
static void what_was_loaded_is_in_force_when_the_vm_runs(void)
{
    g_assert_cmpint(dma(), ==, FAKE_OPEN);
    vm_stop(RUN_STATE_PAUSED);
    smmu->gbpa = GBPA_ABORT;
    g_assert_cmpint(dma(), ==, FAKE_OPEN);
    vm_start();
    g_assert_cmpint(dma(), ==, FAKE_BLOCKED);
}

/* Not every kernel tells of events */
static void a_vm_runs_without_events(void)
{
    SMMUv3Streams *s = &smmu->accel->streams;
    SMMUv3Stream *stream;

    rules_unplug();
    host->no_veventq = true;
    fake_host_open_device(host, &host->dev[0]);
    stream = smmuv3_streams_plug(s, &fake_host_ops, host, &host->dev[0].host,
                                 FAKE_PARENT, &error_abort);
    g_assert_false(s->viommu->has_veventq);
    vm_stop(RUN_STATE_PAUSED);
    smmu->gbpa = GBPA_ABORT;
    vm_start();
    g_assert_cmpint(dma(), ==, FAKE_BLOCKED);
    smmuv3_streams_unplug(s, stream);
    fake_host_close_device(host, &host->dev[0]);
}

/* Nothing that the guest wrote would reach its devices */
static void a_vm_without_its_streams_does_not_run(void)
{
    RunState state = RUN_STATE_RUNNING;

    vm_stop(RUN_STATE_PAUSED);
    smmu->gbpa = GBPA_ABORT;
    smmu->accel->streams.held = true;
    fake_host_take_calls(host);
    vm_start();
    g_assert_true(qemu_vmstop_requested(&state));
    g_assert_cmpint(state, ==, RUN_STATE_INTERNAL_ERROR);
    g_assert_cmpuint(fake_host_take_calls(host), ==, 0);
    smmu->accel->streams.held = false;
}

/* What tells another QEMU that it has run is no reason to stop */
static void a_vm_runs_although_nobody_can_be_told(void)
{
    SMMUv3Accel *accel = smmu->accel;
    const int fd = accel->fence_fd;
    const uint64_t last = accel->fence_last;

    vm_stop(RUN_STATE_PAUSED);
    accel->fence_fd = qemu_memfd_create("fence", 0, false, 0, F_SEAL_WRITE,
                                        &error_abort);
    accel->fence_last = 0;
    vm_start();
    g_assert_true(runstate_is_running());
    g_assert_cmphex(accel->fence_last, ==, 0);
    vm_stop(RUN_STATE_PAUSED);
    close(accel->fence_fd);
    accel->fence_fd = fd;
    accel->fence_last = last;
    vm_start();
    g_assert_cmphex(accel->fence_last, ==, accel->fence_id);
}

/* Another QEMU that has the state of the first start may not run the VM */
static void each_start_of_the_vm_is_told_apart(void)
{
    SMMUv3Accel *accel = smmu->accel;
    uint64_t last = accel->fence_last, now;

    vm_stop(RUN_STATE_PAUSED);
    vm_start();
    g_assert_cmpint(pread(accel->fence_fd, &now, sizeof(now), 0), ==,
                    sizeof(now));
    g_assert_cmphex(now, !=, last);
    g_assert_cmphex(now, ==, accel->fence_last);
}

/* --- What the monitor shows --- */

static SMMUv3AccelInfoList *query(void)
{
    return qmp_x_query_smmuv3_accel(&error_abort);
}

static void assert_printed(const char *text)
{
    g_autofree char *all = qmp_human_monitor_command("info smmuv3-accel", false,
                                                     0, &error_abort);

    g_assert_nonnull(strstr(all, text));
}

static void the_monitor_shows_what_was_illegal(void)
{
    SMMUv3AccelInfoList *list;
    const SMMUv3AccelIllegal *illegal;

    machine_write(CR0, 4, CMDQEN);
    rules_command(ILLEGAL, 0x1234);
    /* Of streams the monitor shows VFIO's devices, and here are none */
    rules_unplug();
    list = query();
    illegal = list->value->illegal_command;
    g_assert_nonnull(illegal);
    g_assert_cmphex(illegal->words->value, ==, ILLEGAL);
    g_assert_cmphex(illegal->words->next->value, ==, 0x1234);
    g_assert_true(illegal->stopped);
    assert_printed("illegal command 0x00000000000000ff 0x0000000000001234: ");
    assert_printed("; the queue waits for GERRORN");
    qapi_free_SMMUv3AccelInfoList(list);
    /* Acknowledged, and not met again */
    machine_write(CR0, 4, 0);
    machine_write(GERRORN, 4, machine_read(GERROR, 4));
    list = query();
    g_assert_nonnull(list->value->illegal_command);
    g_assert_false(list->value->illegal_command->stopped);
    assert_printed("illegal command 0x00000000000000ff 0x0000000000001234: ");
    qapi_free_SMMUv3AccelInfoList(list);
}

#define RULES(X) \
    X(properties_are_fixed) \
    X(a_bridge_is_not_hot_plugged) \
    X(what_was_loaded_is_in_force_when_the_vm_runs) \
    X(a_vm_runs_without_events) \
    X(a_vm_without_its_streams_does_not_run) \
    X(a_vm_runs_although_nobody_can_be_told) \
    X(each_start_of_the_vm_is_told_apart) \
    X(the_monitor_shows_what_was_illegal)

RULES(RULE_TEST)

void device_rules_add(void)
{
    RULES(RULE_ADD)
}
