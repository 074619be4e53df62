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

/* --- States, as the releases write them --- */

typedef struct State {
    const char *release;
    int version;
    const char *hex;
} State;

/* Of vmstate_smmuv3_accel; the last one is today's */
static const State states[] = {
    { "10.2.2+smmuv3-1", 1,
      "0d44301a0273001000000000000000000000000000000054000000010000"
      "000000020000000100000003000000040000000101000000050000000000"
      "01000003e800000041000000030000000000010000000700000041010100"
      "000008000000410000000200000001000000000000000000000000000000"
      "004320000b00000000000000000000000200000001000000000000000000"
      "000000000000004320000b0000000000000000" },
};

/* Of vmstate_smmuv3_accel_cmdqv */
static const State cmdqv_states[] = {
    { "10.2.2+smmuv3-1", 1,
      "000000020000000400000008010000000123450000000000000001000000"
      "000009000100010001fff100000021000000220000003100000032000000"
      "330000003400000035000000360000003700000038000000390000003a00"
      "00003b0000003c0000003d0000003e0000003f0000004000000051000000"
      "520000005300000054000000550000005600000057000000580000005900"
      "00005a0000005b0000005c0000005d0000005e0000005f00000060000000"
      "710000008100000091000000a1000000b10000000000c1000000c1000000"
      "d1000000d1000000720000008200000092000000a2000000b20100000000"
      "c2000000c2000000d2000000d2000000730000008300000093000000a300"
      "0000b30001000000c3000000c3000000d3000000d3000000740000008400"
      "000094000000a4000000b40101000000c4000000c4000000d4000000d400"
      "0000750000008500000095000000a5000000b50000000000c5000000c500"
      "0000d5000000d5000000760000008600000096000000a6000000b6010000"
      "0000c6000000c6000000d6000000d6000000770000008700000097000000"
      "a7000000b70001000000c7000000c7000000d7000000d700000078000000"
      "8800000098000000a8000000b80101000000c8000000c8000000d8000000"
      "d8" },
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

static char *save(const VMStateDescription *vmsd)
{
    g_autoptr(QIOChannelBuffer) buffer = qio_channel_buffer_new(0);
    QEMUFile *f = qemu_file_new_output(QIO_CHANNEL(buffer));
    GString *hex = g_string_new(NULL);

    vmstate_save_state(f, vmsd, smmu->accel, NULL, &error_abort);
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

static int load_bytes(const void *bytes, size_t size, int version,
                      const VMStateDescription *vmsd, Error **errp)
{
    g_autoptr(QIOChannelBuffer) buffer = qio_channel_buffer_new(size + 1);
    QEMUFile *f;
    int ret;

    memcpy(buffer->data, bytes, size);
    /* QEMU_VM_EOF, which ends every state that is sent */
    buffer->data[size] = 0;
    buffer->usage = size + 1;
    f = qemu_file_new_input(QIO_CHANNEL(buffer));
    ret = vmstate_load_state(f, vmsd, smmu->accel, version, errp);
    qemu_fclose(f);
    return ret;
}

static void load(const State *st, const VMStateDescription *vmsd)
{
    size_t size;
    g_autofree void *bytes = bytes_of(st, &size);

    load_bytes(bytes, size, st->version, vmsd, &error_abort);
}

/* As the guest has seen them: they come first */
static void show_idr_of(const uint8_t *bytes)
{
    for (int i = 0; i < SMMUV3_IDR_COUNT; i++) {
        smmu->accel->idr[i] = ldl_be_p(bytes + i * 4);
    }
}

static void load_streams(const State *st)
{
    size_t size;
    g_autofree uint8_t *bytes = bytes_of(st, &size);
    SMMUv3Accel *accel = smmu->accel;
    g_autofree char *path = object_get_canonical_path(OBJECT(smmu));
    g_autofree char *name = g_strdup_printf("%s/veventq", path);

    show_idr_of(bytes);
    cpr_save_fd(name, 0, accel->streams.viommu->veventq_fd);
    load(st, &vmstate_smmuv3_accel);
    cpr_delete_fd(name, 0);
}

/* What each state below is of: no two fields have one value */
static void fill_cmdqv(SMMUv3HandoverCmdqv *h)
{
    *h = (SMMUv3HandoverCmdqv) {
        .n = 2,
        .log2sids = 4,
        .log2max = 8,
        .has_page = true,
        .page_offset = 0x123450000,
        .page_len = 0x10000,
        .veventq = 9,
        .regs.config = 0x10001,
        .regs.vintf_config = 0x1fff1,
        .regs.int_mask = { 0x21, 0x22 },
    };
    for (uint32_t i = 0; i < SMMUV3_CMDQV_SIDS; i++) {
        h->regs.sid_match[i] = 0x31 + i;
        h->regs.sid_replace[i] = 0x51 + i;
    }
    for (uint32_t i = 0; i < SMMUV3_CMDQV_MAX_QUEUES; i++) {
        h->regs.queue[i] = (SMMUv3CmdqvQueue) {
            .alloc = 0x71 + i,
            .cons = 0x81 + i,
            .prod = 0x91 + i,
            .gerror = 0xa1 + i,
            .gerrorn = 0xb1 + i,
            .en = i & 1,
            .enabled = i & 2,
            .base = 0x100000001 * (0xc1 + i),
            .cons_base = 0x100000001 * (0xd1 + i),
        };
    }
}

/* --- Rules --- */

static void test_each_releases_state_is_loaded(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        setup();
        forget();
        load_streams(&states[i]);
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

static void assert_saved(const VMStateDescription *vmsd, const State *last)
{
    g_autofree char *is = save(vmsd);

    if (strcmp(is, last->hex) != 0) {
        g_error("%s\nis not that of %s. If no released QEMU has written that, "
                "replace it; otherwise raise the version, and keep both", is,
                last->release);
    }
    g_assert_cmpint(vmsd->version_id, ==, last->version);
}

static void test_what_is_saved_is_the_last_of_them(void)
{
    setup();
    assert_saved(&vmstate_smmuv3_accel, &states[ARRAY_SIZE(states) - 1]);
    rules_end();
}

static void test_each_releases_cmdqv_is_loaded(void)
{
    const State *last = &cmdqv_states[ARRAY_SIZE(cmdqv_states) - 1];
    SMMUv3HandoverCmdqv *h = &smmu->accel->handover.cmdqv;

    fill_cmdqv(h);
    assert_saved(&vmstate_smmuv3_accel_cmdqv, last);
    for (size_t i = 0; i < ARRAY_SIZE(cmdqv_states); i++) {
        *h = (SMMUv3HandoverCmdqv) {};
        load(&cmdqv_states[i], &vmstate_smmuv3_accel_cmdqv);
        /* Each field is what it was, or what is saved would be other bytes */
        assert_saved(&vmstate_smmuv3_accel_cmdqv, last);
    }
    *h = (SMMUv3HandoverCmdqv) {};
}

static void assert_refused(const void *bytes, size_t size, int version,
                           const char *says)
{
    Error *err = NULL;

    g_assert_cmpint(load_bytes(bytes, size, version, &vmstate_smmuv3_accel,
                               &err), <, 0);
    g_assert_nonnull(strstr(error_get_pretty(err), says));
    error_free(err);
    g_assert_true(smmu->accel->streams.held);
}

/* As an older QEMU does, whose guest goes on with the newer one */
static void test_a_later_releases_state_is_refused(void)
{
    static const char sub[] = "\5\026arm-smmuv3-accel/later\0\0\0\1";
    const State *last = &states[ARRAY_SIZE(states) - 1];
    size_t size;
    g_autofree char *bytes = bytes_of(last, &size);

    setup();
    forget();
    assert_refused(bytes, size, last->version + 1, "is too new");
    /* A subsection of which it does not know */
    bytes = g_realloc(bytes, size + sizeof(sub) - 1);
    memcpy(bytes + size, sub, sizeof(sub) - 1);
    assert_refused(bytes, size + sizeof(sub) - 1, last->version,
                   "arm-smmuv3-accel/later");
    load_streams(last);
    rules_end();
}

/* Of a snapshot, which QEMU's mode cpr-transfer does not keep anybody from */
static void test_what_nobody_hands_over_is_refused(void)
{
    const State *last = &states[ARRAY_SIZE(states) - 1];
    size_t size;
    g_autofree void *bytes = bytes_of(last, &size);
    Error *err = NULL;

    setup();
    g_assert_cmpint(load_bytes(bytes, size, last->version,
                               &vmstate_smmuv3_accel, &err), <, 0);
    g_assert_nonnull(strstr(error_get_pretty(err), "no other QEMU hands over"));
    error_free(err);
    rules_end();
}

/* The guest does not read them again */
static void test_other_id_registers_are_refused(void)
{
    const State *last = &states[ARRAY_SIZE(states) - 1];
    size_t size;
    g_autofree uint8_t *bytes = bytes_of(last, &size);

    setup();
    forget();
    for (int i = 0; i < SMMUV3_IDR_COUNT; i++) {
        g_autofree char *says = g_strdup_printf("cannot take over: IDR%d is 0x",
                                                i);

        show_idr_of(bytes);
        smmu->accel->idr[i] ^= 1;
        assert_refused(bytes, size, last->version, says);
    }
    load_streams(last);
    rules_end();
}

static void test_another_device_is_refused(void)
{
    const State *last = &states[ARRAY_SIZE(states) - 1];
    size_t size;
    g_autofree uint8_t *bytes = bytes_of(last, &size);

    setup();
    forget();
    show_idr_of(bytes);
    /* dev_id of the only stream, behind the IDs and vmstate_streams' fields */
    g_assert_cmphex(ldl_be_p(bytes + 61), ==, 1000);
    stl_be_p(bytes + 61, 1001);
    assert_refused(bytes, size, last->version,
                   "is not the device with number 0");
    load_streams(last);
    rules_end();
}

static void test_a_cmdqv_is_refused_where_there_is_none(void)
{
    static const char sub[] = "\5\026arm-smmuv3-accel/cmdqv\0\0\0\1";
    const State *last = &states[ARRAY_SIZE(states) - 1];
    const State *cmdqv = &cmdqv_states[ARRAY_SIZE(cmdqv_states) - 1];
    size_t size, more;
    g_autofree uint8_t *bytes = bytes_of(last, &size);
    g_autofree void *regs = bytes_of(cmdqv, &more);

    setup();
    forget();
    bytes = g_realloc(bytes, size + sizeof(sub) - 1 + more);
    memcpy(bytes + size, sub, sizeof(sub) - 1);
    memcpy(bytes + size + sizeof(sub) - 1, regs, more);
    assert_refused(bytes, size + sizeof(sub) - 1 + more, last->version,
                   "the guest has a CMDQV, and would have none here");
    load_streams(last);
    rules_end();
}

static void describe(GString *s, const VMStateDescription *vmsd)
{
    g_string_append_printf(s, "%s %d:", vmsd->name, vmsd->version_id);
    for (const VMStateField *f = vmsd->fields; f->name; f++) {
        g_string_append_printf(s, " %s %zu*%d", f->name, f->size,
                               MAX(f->num, 1));
        if (f->vmsd) {
            g_string_append(s, " (");
            describe(s, f->vmsd);
            g_string_append(s, ")");
        }
    }
    for (int i = 0; vmsd->subsections && vmsd->subsections[i]; i++) {
        g_string_append(s, "; ");
        describe(s, vmsd->subsections[i]);
    }
}

/* VMs with accel=off go to QEMU 10.2.2 and come from there */
static void test_the_emulated_state_is_that_of_10_2_2(void)
{
    g_autoptr(GString) is = g_string_new(NULL);
    static const char queue[] =
        "(smmuv3_queue 1: base 8*1 prod 4*1 cons 4*1 log2size 1*1)";
    g_autofree char *should_be = g_strdup_printf(
        "smmuv3 1: features 4*1 sid_size 1*1 sid_split 1*1 cr 4*3 cr0ack 4*1 "
        "statusr 4*1 irq_ctrl 4*1 gerror 4*1 gerrorn 4*1 gerror_irq_cfg0 8*1 "
        "gerror_irq_cfg1 4*1 gerror_irq_cfg2 4*1 strtab_base 8*1 "
        "strtab_base_cfg 4*1 eventq_irq_cfg0 8*1 eventq_irq_cfg1 4*1 "
        "eventq_irq_cfg2 4*1 cmdq %zu*1 %s eventq %zu*1 %s; "
        "smmuv3/gbpa 1: gbpa 4*1", sizeof(SMMUQueue), queue, sizeof(SMMUQueue),
        queue);

    describe(is, DEVICE_GET_CLASS(smmu)->vmsd);
    g_assert_cmpstr(is->str, ==, should_be);
}

#define RULES(X) \
    X(each_releases_state_is_loaded) \
    X(what_is_saved_is_the_last_of_them) \
    X(each_releases_cmdqv_is_loaded) \
    X(a_later_releases_state_is_refused) \
    X(what_nobody_hands_over_is_refused) \
    X(other_id_registers_are_refused) \
    X(another_device_is_refused) \
    X(a_cmdqv_is_refused_where_there_is_none) \
    X(the_emulated_state_is_that_of_10_2_2)

void handover_rules_add(void)
{
    RULES(RULE_ADD)
}
