/*
 * The state that another QEMU takes over, in bytes
 *
 * A QEMU may be updated from any release that could hand over. So the state of
 * each release is kept here, and loaded for ever.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "io/channel-buffer.h"
#include "migration/cpr.h"
#include "migration/vmstate.h"
#include "migration/qemu-file.h"
#include "smmuv3-machine.h"
#include "smmuv3-handover-rules.h"
#include "smmuv3-register-rules.h"

#define TABLE    0x43100000ULL
#define CDS      0x43200000ULL
#define STE      (TABLE + RULES_SID * 64)
#define SMMUEN   0x1
#define CMDQEN   0x8
#define EVENTQEN 0x4

/* IHI 0070, 5.2: V, Config 0b101, S1ContextPtr; Config 0b000 */
#define STE0_S1    (1 | 5 << 1 | CDS)
#define STE0_ABORT 1

#define CFGI_STE (0x03ULL | (uint64_t)RULES_SID << 32)
#define SYNC     0x46ULL

static FakeHost *host;

static void fault(uint64_t addr)
{
    machine_put_event(RULES_SID, addr);
    smmuv3_accel_read_events(smmu->accel);
}

static FakeDMAKind dma(void)
{
    return fake_host_dma(host, &host->dev[0]).kind;
}

/* What each state below is of: a device in stage 1, and one event was read */
static void setup(void)
{
    host = rules_begin();
    machine_store(STE, STE0_S1);
    machine_store(STE + 8, 0);
    machine_write(STRTAB_BASE, 8, TABLE);
    machine_write(STRTAB_BASE_CFG, 4, 7);
    machine_write(CR0, 4, SMMUEN | CMDQEN | EVENTQEN);
    g_assert_cmpint(dma(), ==, FAKE_TRANSLATED);
    fault(0x1000);
    g_assert_cmphex(machine_read(EVENTQ_PROD, 4), ==, 1);
}

/* --- States, as vmstate_smmuv3_accel writes them --- */

typedef struct State {
    const char *release;
    int version;
    const char *hex;
} State;

/* The last one is today's */
static const State states[] = {
    { "10.2.2+smmuv3-1", 1,
      "0d44301a0273001000000000000000000000000000000054000000010000"
      "000000020000000100000003000000040000000101000000050000000000"
      "01000003e800000041000000030000000000010000000700000041010100"
      "000008000000410000000200000001000000000000000000000000000000"
      "004320000b00000000000000000000000200000001000000000000000000"
      "000000000000004320000b0000000000000000" },
};

static void *bytes_of(const State *st, size_t *size)
{
    uint8_t *bytes;

    *size = strlen(st->hex) / 2;
    bytes = g_malloc(*size);
    for (size_t i = 0; i < *size; i++) {
        bytes[i] = g_ascii_xdigit_value(st->hex[2 * i]) << 4 |
                   g_ascii_xdigit_value(st->hex[2 * i + 1]);
    }
    return bytes;
}

static char *save(void)
{
    g_autoptr(QIOChannelBuffer) buffer = qio_channel_buffer_new(0);
    QEMUFile *f = qemu_file_new_output(QIO_CHANNEL(buffer));
    GString *hex = g_string_new(NULL);

    vmstate_save_state(f, &vmstate_smmuv3_accel, smmu->accel, NULL,
                       &error_abort);
    qemu_fflush(f);
    for (size_t i = 0; i < buffer->usage; i++) {
        g_string_append_printf(hex, "%02x", buffer->data[i]);
    }
    qemu_fclose(f);
    return g_string_free(hex, false);
}

/* The streams as they are in a QEMU that is to take over */
static void forget(void)
{
    SMMUv3Streams *s = &smmu->accel->streams;
    SMMUv3VIOMMU *v = s->viommu;
    SMMUv3Stream *st = QTAILQ_FIRST(&s->list);

    s->held = true;
    g_hash_table_remove_all(v->by_vsid);
    v->id = v->bypass_hwpt = v->abort_hwpt = v->veventq = 0;
    v->has_veventq = false;
    st->attached = SMMUV3_ATTACHED_NOTHING;
    st->has_vdevice = st->has_s1 = st->s1_attached = false;
    st->vdevice = st->s1_hwpt = 0;
    smmu->accel->events.expected = 0;
}

static void load(const State *st)
{
    size_t size;
    g_autofree uint8_t *bytes = bytes_of(st, &size);
    g_autoptr(QIOChannelBuffer) buffer = qio_channel_buffer_new(size + 1);
    SMMUv3Accel *accel = smmu->accel;
    g_autofree char *path = object_get_canonical_path(OBJECT(smmu));
    g_autofree char *name = g_strdup_printf("%s/veventq", path);
    QEMUFile *f;

    /* As the guest has seen them: they come first */
    for (int i = 0; i < SMMUV3_IDR_COUNT; i++) {
        accel->idr[i] = ldl_be_p(bytes + i * 4);
    }
    memcpy(buffer->data, bytes, size);
    /* QEMU_VM_EOF, which ends every state that is sent */
    buffer->data[size] = 0;
    buffer->usage = size + 1;
    f = qemu_file_new_input(QIO_CHANNEL(buffer));
    cpr_save_fd(name, 0, accel->streams.viommu->veventq_fd);
    vmstate_load_state(f, &vmstate_smmuv3_accel, accel, st->version,
                       &error_abort);
    cpr_delete_fd(name, 0);
    qemu_fclose(f);
}

/* --- Rules --- */

static void test_each_releases_state_is_loaded(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        setup();
        forget();
        load(&states[i]);
        g_assert_cmpint(dma(), ==, FAKE_TRANSLATED);
        /* What comes next is neither lost nor taken for a gap */
        fault(0x2000);
        g_assert_cmphex(machine_read(EVENTQ_PROD, 4), ==, 2);
        machine_store(STE, STE0_ABORT);
        rules_command(CFGI_STE, 0);
        g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 1);
        rules_command(SYNC, 0);
        g_assert_cmphex(machine_read(CMDQ_CONS, 4), ==, 2);
        g_assert_cmpint(dma(), ==, FAKE_BLOCKED);
        machine_write(CR0, 4, CMDQEN | EVENTQEN);
        g_assert_cmpint(dma(), ==, FAKE_OPEN);
        rules_end();
    }
}

static void test_what_is_saved_is_the_last_of_them(void)
{
    const State *last = &states[ARRAY_SIZE(states) - 1];
    g_autofree char *is = NULL;

    setup();
    is = save();
    if (strcmp(is, last->hex) != 0) {
        g_error("%s\nis not that of %s. If no released QEMU has written that, "
                "replace it; otherwise raise the version, and keep both", is,
                last->release);
    }
    g_assert_cmpint(vmstate_smmuv3_accel.version_id, ==, last->version);
    rules_end();
}

#define RULES(X) \
    X(each_releases_state_is_loaded) \
    X(what_is_saved_is_the_last_of_them)

void handover_rules_add(void)
{
    RULES(RULE_ADD)
}
