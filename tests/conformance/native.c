/*
 * The conformance table on QEMU's own SMMUv3, with devices on the fake host
 *
 * The devices' DMA meets a model of the host's SMMU that caches whatever it may
 * until it is told not to: an invalidation that does not reach the host leaves
 * DMA as it was, and the row that asked for it fails.
 *
 * scripts/check/conformance builds it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include "qemu/bitops.h"
#include "qapi/error.h"
#include "hw/irq.h"
#include "hw/resettable.h"
#include "system/address-spaces.h"
#include "hw/arm/smmuv3-accel/core/plug.h"
#include "tests/unit/smmuv3-fake-host.h"
#include "interpreter.h"
#include "machine.h"

#define DEVICES 2
#define TLB_ENTRIES 8

/* Device memory that DMA is tried on, and where stage 1 has it */
#define BUF        0x42000000ULL
#define MAP_OFFSET 0x40000000ULL
#define BLOCK      (1ULL << 30)

/* Events that the host reports (IHI 0070, 7.3) */
enum { F_STREAM_DISABLED = 0x06, C_BAD_CD = 0x0a, F_TRANSLATION = 0x10 };

typedef struct CachedCD {
    bool valid;
    bool legal;
    uint64_t ttb;
    uint16_t asid;
} CachedCD;

/* A 1 GiB block: level 1, granule of 4 KiB */
typedef struct CachedBlock {
    bool valid;
    bool global;
    uint16_t asid;
    uint64_t va, pa;
} CachedBlock;

/* An SMMU and its host */
typedef struct Native {
    const char *with;
    SMMUv3State *smmu;
    FakeHost host;
    CachedCD cd[DEVICES];
    CachedBlock tlb[TLB_ENTRIES];
    unsigned next_tlb;
    int events;
    uint32_t sequence;
    bool pulsed[CONF_IRQS];
} Native;

static const uint32_t sids[DEVICES] = { 0x1100, 0x1200 };

/* --- The host's SMMU --- */

static uint64_t load(uint64_t addr)
{
    uint64_t le = 0;

    address_space_read(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED,
                       &le, sizeof(le));
    return le64_to_cpu(le);
}

static unsigned device_of(uint32_t sid)
{
    unsigned i = 0;

    while (i < DEVICES && sids[i] != sid) {
        i++;
    }
    return i;
}

/* Does a TLBI by address name the block? (4.4.1.1, 4.4.2.3, 4.4.2.4) */
static bool names_block(const uint64_t cmd[2], const CachedBlock *b)
{
    uint64_t addr = cmd[1] & ~0xfffULL;
    unsigned tg = extract64(cmd[1], 10, 2), ttl = extract64(cmd[1], 8, 2);
    uint64_t last;

    if (!tg) {
        return addr - b->va < BLOCK;
    }
    if (tg != 1 || (ttl && ttl != 1)) {
        return false;
    }
    last = addr + ((extract64(cmd[0], 12, 5) + 1)
                   << extract64(cmd[0], 20, 5) << 12) - 1;
    return addr < b->va + BLOCK && last >= b->va;
}

static void invalidate_tlb(Native *n, const uint64_t cmd[2])
{
    uint16_t asid = cmd[0] >> 48;

    for (int i = 0; i < TLB_ENTRIES; i++) {
        CachedBlock *b = &n->tlb[i];

        switch (cmd[0] & 0xff) {
        case 0x10:    /* NH_ALL */
        case 0x30:    /* NSNH_ALL */
            b->valid = false;
            break;
        case 0x11:    /* NH_ASID: not what is global */
            b->valid &= b->global || b->asid != asid;
            break;
        case 0x12:    /* NH_VA */
            b->valid &= !names_block(cmd, b) || (!b->global && b->asid != asid);
            break;
        case 0x13:    /* NH_VAA */
            b->valid &= !names_block(cmd, b);
            break;
        }
    }
}

static void issued(void *opaque, const uint64_t cmd[2])
{
    Native *n = opaque;
    unsigned dev = device_of(cmd[0] >> 32);

    switch (cmd[0] & 0xff) {
    case 0x05:        /* CFGI_CD */
    case 0x06:        /* CFGI_CD_ALL */
        if (dev < DEVICES) {
            n->cd[dev].valid = false;
        }
        break;
    default:
        invalidate_tlb(n, cmd);
    }
}

static void changed(void *opaque, FakeDevice *dev)
{
    Native *n = opaque;

    n->cd[dev - n->host.dev].valid = false;
}

static void report(Native *n, unsigned dev, uint64_t type, uint64_t iova)
{
    struct {
        struct iommufd_vevent_header header;
        uint64_t evt[4];
    } record = {
        .header = { .sequence = n->sequence++ & INT32_MAX },
        .evt = {
            cpu_to_le64(type | (uint64_t)sids[dev] << 32), 0,
            cpu_to_le64(iova), 0,
        },
    };

    g_assert_cmpint(write(n->events, &record, sizeof(record)), ==,
                    sizeof(record));
}

static void read_cd(const uint64_t vste[2], CachedCD *cd)
{
    uint64_t at = vste[0] & MAKE_64BIT_MASK(6, 46);

    *cd = (CachedCD) { .valid = true };
    /* 5.3: two levels if there are several CDs and S1Fmt says so */
    if (extract64(vste[0], 59, 5) && extract64(vste[0], 4, 2)) {
        uint64_t l1cd = load(at);

        if (!(l1cd & 1)) {
            return;
        }
        at = l1cd & MAKE_64BIT_MASK(12, 40);
    }
    cd->legal = load(at) >> 31 & 1;
    cd->asid = load(at) >> 48;
    cd->ttb = load(at + 8) & MAKE_64BIT_MASK(4, 48);
}

static CachedBlock *find_block(Native *n, const CachedCD *cd, uint64_t iova)
{
    uint64_t va = iova & -BLOCK;
    uint64_t desc;
    CachedBlock *b;

    for (int i = 0; i < TLB_ENTRIES; i++) {
        b = &n->tlb[i];
        if (b->valid && b->va == va && (b->global || b->asid == cd->asid)) {
            return b;
        }
    }
    /* T0SZ is 25: the walk begins at level 1, with 512 blocks */
    desc = iova >> 39 ? 0 : load(cd->ttb + (iova >> 30) * 8);
    if ((desc & 3) != 1) {
        return NULL;
    }
    b = &n->tlb[n->next_tlb++ % TLB_ENTRIES];
    *b = (CachedBlock) {
        .valid = true,
        .global = !(desc >> 11 & 1),
        .asid = cd->asid,
        .va = va,
        .pa = desc & MAKE_64BIT_MASK(30, 18),
    };
    return b;
}

/* Where a transaction without a SubstreamID goes; UINT64_MAX if nowhere */
static uint64_t translate(Native *n, unsigned dev, uint64_t iova)
{
    FakeDMA dma = fake_host_dma(&n->host, &n->host.dev[dev]);
    CachedCD *cd = &n->cd[dev];
    CachedBlock *b;

    if (dma.kind != FAKE_TRANSLATED) {
        return dma.kind == FAKE_OPEN ? iova : UINT64_MAX;
    }
    /* S1DSS, if there are several CDs (3.9, 5.2) */
    if (extract64(dma.vste[0], 59, 5) && extract64(dma.vste[1], 0, 2) != 2) {
        if (extract64(dma.vste[1], 0, 2) == 1) {
            return iova;
        }
        report(n, dev, F_STREAM_DISABLED, 0);
        return UINT64_MAX;
    }
    if (!cd->valid) {
        read_cd(dma.vste, cd);
    }
    if (!cd->legal) {
        report(n, dev, C_BAD_CD, 0);
        return UINT64_MAX;
    }
    b = find_block(n, cd, iova);
    if (!b) {
        report(n, dev, F_TRANSLATION, iova);
        return UINT64_MAX;
    }
    return b->pa + iova % BLOCK;
}

/* --- What rows do --- */

static void do_reset(void *opaque)
{
    Native *n = opaque;

    resettable_reset(OBJECT(n->smmu), RESET_TYPE_COLD);
    smmuv3_accel_read_events(n->smmu->accel);
    memset(n->tlb, 0, sizeof(n->tlb));
    memset(n->pulsed, 0, sizeof(n->pulsed));
}

static uint64_t reg_read(void *opaque, uint32_t reg, unsigned width)
{
    return machine_read_reg(((Native *)opaque)->smmu, reg, width);
}

static void reg_write(void *opaque, uint32_t reg, unsigned width, uint64_t val)
{
    machine_write_reg(((Native *)opaque)->smmu, reg, width, val);
}

static void mem_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    address_space_read(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED,
                       buf, len);
}

static void mem_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
    address_space_write(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED,
                        buf, len);
}

static void settle(void *opaque)
{
    smmuv3_accel_read_events(((Native *)opaque)->smmu->accel);
}

static ConfDMA dma(void *opaque, unsigned dev)
{
    uint64_t flat = translate(opaque, dev, BUF);
    uint64_t mapped = translate(opaque, dev, BUF + MAP_OFFSET);

    settle(opaque);
    g_assert_false(flat == BUF && mapped == BUF);
    return flat == BUF ? CONF_FLAT : mapped == BUF ? CONF_MAPPED : CONF_BLOCKED;
}

static void pending(void *opaque, unsigned dev, uint64_t iova)
{
    uint64_t val = cpu_to_le64(0x600d600d600d600dULL);
    uint64_t to = translate(opaque, dev, iova);

    if (to != UINT64_MAX) {
        mem_write(opaque, to, &val, sizeof(val));
    }
}

static bool was_pulsed(void *opaque, ConfIRQ irq)
{
    Native *n = opaque;
    bool was = n->pulsed[irq];

    n->pulsed[irq] = false;
    return was;
}

static const ConfMachine machine = {
    .reset = do_reset,
    .reg_read = reg_read,
    .reg_write = reg_write,
    .mem_read = mem_read,
    .mem_write = mem_write,
    .dma = dma,
    .write_to = pending,
    .pending = pending,
    .irq = was_pulsed,
    .settle = settle,
};

/* --- The SMMUs --- */

static void pulse(void *opaque, int irq, int level)
{
    static const ConfIRQ which[] = {
        [SMMU_IRQ_EVTQ] = CONF_IRQ_EVENTQ,
        [SMMU_IRQ_CMD_SYNC] = CONF_IRQ_SYNC,
        [SMMU_IRQ_GERROR] = CONF_IRQ_GERROR,
    };
    Native *n = opaque;

    if (level && irq != SMMU_IRQ_PRIQ) {
        n->pulsed[which[irq]] = true;
    }
}

static uint32_t get_sid(void *opaque, const SMMUv3Stream *st)
{
    return sids[((FakeDevice *)st->dev.opaque)->host.dev_id - 1000];
}

/* As the lab's host has it, and with what only other hosts have */
static void set_host(SMMUv3Accel *accel, bool rich)
{
    accel->host_known = true;
    accel->host = (SMMUv3HostInfo) {
        .idr = {
            /* S2P, S1P, AArch64, COHACC, ASID16, little-endian, TERM_MODEL */
            [0] = 0x3 | 2 << 2 | 1 << 4 | 1 << 12 | 2 << 21 | 1 << 24 |
                  1 << 26 | (rich ? 1 << 10 | 1 << 19 : 0),
            [1] = 16 | (rich ? 8 << 6 : 0),
            /* HAD, RIL, BBML 2 */
            [3] = 1 << 2 | 1 << 10 | 2 << 11,
            /* 44 bits; 4K, 16K, 64K */
            [5] = 4 | 7 << 4,
        },
        .oas = 44,
        .ats = rich,
    };
    smmuv3_accel_update_idr(accel);
}

/* Events come by a pipe in place of the vEVENTQ */
static void connect_events(Native *n)
{
    int fds[2];

    g_assert_true(g_unix_open_pipe(fds, FD_CLOEXEC, NULL));
    g_assert_cmpint(fcntl(fds[0], F_SETFL, O_NONBLOCK), ==, 0);
    dup2(fds[0], n->smmu->accel->streams.viommu->veventq_fd);
    close(fds[0]);
    n->events = fds[1];
}

static void make_smmu(Native *n, const char *id, const char *with)
{
    bool rich = g_str_equal(with, "rich");

    n->with = with;
    n->smmu = machine_smmu(id);
    fake_host_init(&n->host);
    g_string_free(g_steal_pointer(&n->host.log), true);
    n->host.issued = issued;
    n->host.changed = changed;
    n->host.opaque = n;
    for (int i = 0; i < ARRAY_SIZE(n->smmu->irq); i++) {
        n->smmu->irq[i] = qemu_allocate_irq(pulse, n, i);
    }
    machine_own_streams(n->smmu, get_sid);
    set_host(n->smmu->accel, rich);
    for (int i = 0; i < DEVICES; i++) {
        n->host.dev[i].host.ats = rich;
        fake_host_open_device(&n->host, &n->host.dev[i]);
        smmuv3_streams_plug(&n->smmu->accel->streams, &fake_host_ops, &n->host,
                            &n->host.dev[i].host, FAKE_PARENT, &error_abort);
    }
    connect_events(n);
}

/*
 * FIRMWARE LIST TABLE...: run all rows of the tables; those on LIST have to
 * fail. Linked as main(), with the emulator's own left aside.
 */
int conformance_main(int argc, char **argv)
{
    static const char devices[] =
        "-bios %s "
        "-device pxb-pcie,id=pcie.1,bus_nr=16,bus=pcie.0 "
        "-device pxb-pcie,id=pcie.2,bus_nr=32,bus=pcie.0 "
        "-device pxb-pcie,id=pcie.3,bus_nr=48,bus=pcie.0 "
        "-device arm-smmuv3,id=smmu0,primary-bus=pcie.1,accel=on "
        "-device arm-smmuv3,id=smmu1,primary-bus=pcie.2,accel=on,ril=off "
        "-device arm-smmuv3,id=smmu2,primary-bus=pcie.3,accel=on";
    static Native smmus[3];
    static const char *const with[] = { "", "noril", "rich" };
    g_autofree char *args = NULL;
    ConfTable table = {};
    ConfList *known;
    unsigned number = 0;
    bool good = true;

    g_assert_cmpint(argc, >, 3);
    for (int i = 3; i < argc; i++) {
        conf_load(&table, argv[i]);
    }
    known = conf_list_load(argv[2]);
    conf_list_check(known, &table);
    args = g_strdup_printf(devices, argv[1]);
    machine_start(argv[0], args);
    for (size_t i = 0; i < ARRAY_SIZE(smmus); i++) {
        g_autofree char *id = g_strdup_printf("smmu%zu", i);

        make_smmu(&smmus[i], id, with[i]);
    }
    printf("TAP version 13\n");
    for (unsigned i = 0; i < table.rows->len; i++) {
        const ConfRow *row = table.rows->pdata[i];

        for (size_t j = 0; j < ARRAY_SIZE(smmus); j++) {
            ConfMachine m = machine;

            m.opaque = &smmus[j];
            if (g_str_equal(row->with, smmus[j].with) &&
                !g_str_equal(row->only, "off") &&
                !g_str_equal(row->only, "lab")) {
                good &= conf_point(&table, row, &m, known, ++number);
            }
        }
    }
    printf("1..%u\n", number);
    return !good;
}
