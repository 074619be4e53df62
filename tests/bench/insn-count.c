/*
 * TCG plugin: instructions executed on the board, and calls made to the host's
 * kernel, between marker instructions
 *
 * Each is counted as one of the host's programs, of the host's kernel or of the
 * guest, which is all that runs at EL1, or at EL0 with HCR_EL2.TGE = 0. A
 * marker is "hint #0x7b": its X0 and X1 are written to out=FILE together with
 * what has been counted until then, ioctls of the host's programs by number
 * among it. With profile=FILE, what each translation block executed between a
 * marker with X1 != 0 and the next one with X1 = 0 is written there.
 *
 * One vCPU only: -icount needs that anyway.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <glib.h>
#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define MARKER 0xd5032f7fu
#define SVC 0xd4000001u
#define SYS_IOCTL 29
/* iommufd: _IO(';', 0x8d), and where entry_num is in its argument */
#define IOMMU_HWPT_INVALIDATE 0x3b8d
#define ENTRY_NUM_OFFSET 24
#define MAX_IOCTLS 256
#define MAX_BLOCKS (1u << 21)
#define HCR_EL2_TGE (1u << 27)

typedef enum Class {
    UNKNOWN,
    HOST_USER,
    HOST_KERNEL,
    GUEST,
    N_CLASSES,
} Class;

/* One for each translation block, in a scoreboard: TCG adds to it inline */
typedef struct Block {
    uint64_t executed;
    uint64_t class;
} Block;

typedef struct Board {
    Block block[MAX_BLOCKS];
} Board;

static struct qemu_plugin_scoreboard *scoreboard;
static Board *board;
static uint32_t n_blocks;
static uint64_t *block_vaddr;
static uint64_t *block_base;
/* Of blocks that are gone */
static uint64_t flushed[N_CLASSES];
static struct {
    uint32_t request;
    uint64_t calls;
} ioctls[MAX_IOCTLS];
static uint64_t entries;
static FILE *out;
static FILE *profile;
static struct qemu_plugin_register *cpsr, *hcr_el2;
static struct qemu_plugin_register *x0, *x1, *x2, *x8;

static uint64_t read_register(struct qemu_plugin_register *handle)
{
    g_autoptr(GByteArray) buf = g_byte_array_new();
    uint64_t value = 0;
    int len = qemu_plugin_read_register(handle, buf);

    memcpy(&value, buf->data, MIN(MAX(len, 0), (int)sizeof(value)));
    return value;
}

static void classify(unsigned int vcpu, void *udata)
{
    Block *b = &board->block[(uintptr_t)udata];

    switch ((read_register(cpsr) >> 2) & 3) {
    case 0:
        b->class = read_register(hcr_el2) & HCR_EL2_TGE ? HOST_USER : GUEST;
        break;
    case 1:
        b->class = GUEST;
        break;
    default:
        b->class = HOST_KERNEL;
        break;
    }
}

static void svc(unsigned int vcpu, void *udata)
{
    uint32_t request;

    if (board->block[(uintptr_t)udata].class != HOST_USER ||
        read_register(x8) != SYS_IOCTL) {
        return;
    }
    request = read_register(x1);
    for (int i = 0; i < MAX_IOCTLS; i++) {
        if (!ioctls[i].calls || ioctls[i].request == request) {
            ioctls[i].request = request;
            ioctls[i].calls++;
            break;
        }
    }
    if (request == IOMMU_HWPT_INVALIDATE) {
        g_autoptr(GByteArray) buf = g_byte_array_new();
        uint32_t n = 0;

        if (qemu_plugin_read_memory_vaddr(read_register(x2) +
                                          ENTRY_NUM_OFFSET, buf, sizeof(n))) {
            memcpy(&n, buf->data, sizeof(n));
        }
        entries += n;
    }
}

static void count(uint64_t total[N_CLASSES])
{
    memcpy(total, flushed, sizeof(flushed));
    for (uint32_t i = 0; i < n_blocks; i++) {
        total[board->block[i].class] += board->block[i].executed;
    }
}

static void write_profile(uint64_t row)
{
    for (uint32_t i = 0; i < n_blocks; i++) {
        uint64_t n = board->block[i].executed - block_base[i];

        if (n) {
            fprintf(profile, "%" PRIu64 " %" PRIu64 " 0x%" PRIx64 " %" PRIu64
                    "\n", row, board->block[i].class, block_vaddr[i], n);
        }
    }
}

static void marker(unsigned int vcpu, void *udata)
{
    uint64_t row = read_register(x0), ops = read_register(x1);
    uint64_t total[N_CLASSES];

    count(total);
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
            " entries:%" PRIu64, row, ops, total[HOST_USER],
            total[HOST_KERNEL], total[GUEST], entries);
    for (int i = 0; i < MAX_IOCTLS && ioctls[i].calls; i++) {
        fprintf(out, " 0x%x:%" PRIu64, ioctls[i].request, ioctls[i].calls);
    }
    fprintf(out, "\n");
    fflush(out);
    if (profile && !ops) {
        write_profile(row);
    }
    if (profile) {
        for (uint32_t i = 0; i < n_blocks; i++) {
            block_base[i] = board->block[i].executed;
        }
    }
}

static void flush(qemu_plugin_id_t id)
{
    for (uint32_t i = 0; i < n_blocks; i++) {
        flushed[board->block[i].class] += board->block[i].executed;
    }
    memset(board->block, 0, n_blocks * sizeof(board->block[0]));
    memset(block_base, 0, n_blocks * sizeof(block_base[0]));
    n_blocks = 0;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    uint32_t i = n_blocks++;
    qemu_plugin_u64 executed, class;

    if (i >= MAX_BLOCKS) {
        fprintf(stderr, "insn-count: too many translation blocks\n");
        abort();
    }
    block_vaddr[i] = qemu_plugin_tb_vaddr(tb);
    executed = (qemu_plugin_u64) {
        scoreboard, offsetof(Board, block[i].executed),
    };
    class = (qemu_plugin_u64) { scoreboard, offsetof(Board, block[i].class) };
    qemu_plugin_register_vcpu_tb_exec_cond_cb(
        tb, classify, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_EQ, class,
        UNKNOWN, (void *)(uintptr_t)i);
    /*
     * Not the whole block at once: a block that an exception leaves, or that
     * starts again after a device access, would count twice.
     */
    for (size_t k = 0; k < n; k++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, k);
        uint32_t word = 0;

        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
            insn, QEMU_PLUGIN_INLINE_ADD_U64, executed, 1);
        qemu_plugin_insn_data(insn, &word, sizeof(word));
        if (word == SVC) {
            qemu_plugin_register_vcpu_insn_exec_cb(
                insn, svc, QEMU_PLUGIN_CB_R_REGS, (void *)(uintptr_t)i);
        }
        if (word == MARKER) {
            qemu_plugin_register_vcpu_insn_exec_cb(
                insn, marker, QEMU_PLUGIN_CB_R_REGS, NULL);
        }
    }
}

static void vcpu_init(qemu_plugin_id_t id, unsigned int vcpu)
{
    g_autoptr(GArray) regs = qemu_plugin_get_registers();
    const struct {
        const char *name;
        struct qemu_plugin_register **handle;
    } want[] = {
        { "cpsr", &cpsr }, { "HCR_EL2", &hcr_el2 }, { "x0", &x0 },
        { "x1", &x1 }, { "x2", &x2 }, { "x8", &x8 },
    };

    for (size_t w = 0; w < G_N_ELEMENTS(want); w++) {
        for (guint i = 0; i < regs->len; i++) {
            qemu_plugin_reg_descriptor *r =
                &g_array_index(regs, qemu_plugin_reg_descriptor, i);

            if (!g_ascii_strcasecmp(r->name, want[w].name)) {
                *want[w].handle = r->handle;
                break;
            }
        }
        if (!*want[w].handle) {
            fprintf(stderr, "insn-count: no register %s\n", want[w].name);
            abort();
        }
    }
    board = qemu_plugin_scoreboard_find(scoreboard, vcpu);
}

static FILE *open_file(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f) {
        perror(path);
        abort();
    }
    return f;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info, int argc,
                                           char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (g_str_has_prefix(argv[i], "out=")) {
            out = open_file(argv[i] + 4);
        } else if (g_str_has_prefix(argv[i], "profile=")) {
            profile = open_file(argv[i] + 8);
        }
    }
    if (!out) {
        fprintf(stderr, "insn-count: out=FILE is missing\n");
        return -1;
    }
    scoreboard = qemu_plugin_scoreboard_new(sizeof(Board));
    block_vaddr = g_new0(uint64_t, MAX_BLOCKS);
    block_base = g_new0(uint64_t, MAX_BLOCKS);
    qemu_plugin_register_vcpu_init_cb(id, vcpu_init);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_flush_cb(id, flush);
    return 0;
}
