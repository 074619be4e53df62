/*
 * Several vCPUs that write STEs and one command queue, judged by the oracle
 *
 * Each vCPU has a device, and nobody else writes the STE of this device. So
 * after the vCPU's own CMD_SYNC the device must be where the STE says, whatever
 * the others have done meanwhile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "smmuv3-threads.h"
#include "system/address-spaces.h"
#include "tests/conformance/machine.h"
#include "tests/unit/smmuv3-oracle.h"

#define WRITERS 2
#define ROUNDS  800

#define CFGI_STE       0x03ULL
#define CFGI_STE_RANGE 0x04ULL
/* Range of CFGI_ALL: all StreamIDs */
#define ALL            31

/* Where an STE's CDs may be, below and above IDR5.OAS */
#define CDS            0x43000000ULL

typedef struct Writer {
    unsigned device;
    OracleRegs regs;
    GRand *rand;
    unsigned kinds[3];
} Writer;

static unsigned running;

static bool oracle_read(void *opaque, uint64_t addr, uint8_t *buf, size_t len)
{
    return addr >= MACHINE_RAM &&
           addr <= MACHINE_RAM + MACHINE_RAM_SIZE - len &&
           address_space_read(&address_space_memory, addr,
                              MEMTXATTRS_UNSPECIFIED, buf, len) == MEMTX_OK;
}

static OracleRegs oracle_regs(VSMMU *v)
{
    static const unsigned oas[8] = { 32, 36, 40, 42, 44, 48, 52 };
    uint32_t idr0 = vsmmu_read(v, 0x0), idr1 = vsmmu_read(v, 0x4);

    return (OracleRegs) {
        .cr0_smmuen = true,
        .strtab_base = v->queue + TABLE,
        .strtab_base_cfg = 8,
        .idr1_sidsize = idr1 % 64,
        .idr1_ssidsize = idr1 / 64 % 32,
        .idr0_ats = idr0 >> 10 & 1,
        .idr0_cd2l = idr0 >> 19 & 1,
        .idr5_oas_bits = oas[vsmmu_read(v, 0x14) % 8],
    };
}

/* The first word: V, Config and S1ContextPtr, more often right than not */
static uint64_t random_ste(GRand *r)
{
    static const uint64_t kinds[] = {
        0x0, 0x1, 0x9, CDS | 0xb, CDS | 0xb, (CDS + 0x40) | 0xb,
        1ULL << 50 | 0xb, CDS | 0xd, CDS | 0xf, CDS | 3ULL << 59 | 0xb,
    };

    return kinds[g_rand_int_range(r, 0, ARRAY_SIZE(kinds))];
}

/* CFGI_STE, CFGI_STE_RANGE or CFGI_ALL */
static void tell_of_ste(VSMMU *v, Writer *w)
{
    uint64_t sid = (uint64_t)(SID + w->device) << 32;

    switch (g_rand_int_range(w->rand, 0, 3)) {
    case 0:
        vsmmu_command(v, CFGI_STE | sid, 1);
        break;
    case 1:
        vsmmu_command(v, CFGI_STE_RANGE | sid, 0);
        break;
    default:
        vsmmu_command(v, CFGI_STE_RANGE, ALL);
        break;
    }
}

/* What the device's DMA meets is as the oracle says */
static void judge(VSMMU *v, Writer *w)
{
    OracleStream should = oracle_stream(&w->regs, SID + w->device, oracle_read,
                                        NULL);
    FakeDMAKind kind = should.says == ORACLE_ABORT ? FAKE_BLOCKED :
                       should.says == ORACLE_BYPASS ? FAKE_OPEN :
                       FAKE_TRANSLATED;
    BQL_LOCK_GUARD();
    SMMUV3_ACCEL_LOCK_GUARD(v->s->accel);
    FakeDMA is = fake_host_dma(&v->host, &v->host.dev[w->device]);

    g_assert_cmpint(is.kind, ==, kind);
    if (kind == FAKE_TRANSLATED) {
        g_assert_cmphex(is.vste[0], ==, should.ste[0]);
        g_assert_cmphex(is.vste[1], ==, should.ste[1]);
        g_assert_cmpuint(is.vsid, ==, SID + w->device);
    }
    w->kinds[kind]++;
}

static void *write_stes(void *opaque)
{
    Writer *w = opaque;
    VSMMU *v = &vsmmu[0];
    uint64_t ste = v->queue + TABLE + (SID + w->device) * 64;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        guest_store(ste, random_ste(w->rand));
        guest_store(ste + 8, g_rand_int(w->rand) & 0xff);
        tell_of_ste(v, w);
        judge(v, w);
        vsmmu_unmap(v, w->device, i);
        /* 4.7.3 */
        g_assert_cmpuint(qatomic_read(&v->issued[w->device]), ==, i);
    }
    qatomic_dec(&running);
    return NULL;
}

/* What changes no stream */
static void something_harmless(unsigned round)
{
    VSMMU *v = &vsmmu[0];

    switch (round % 4) {
    case 0:
        /* SMMUEN is 1 */
        vsmmu_write(v, GBPA, 1u << 31 | (round & 8 ? 1 << 20 : 0));
        break;
    case 1:
        vsmmu_put_event(v);
        break;
    case 2:
        vsmmu_remap(v);
        break;
    default:
        vsmmu_poll(v);
        break;
    }
}

static void two_writers_do_what_the_text_says(void)
{
    VSMMU *v = &vsmmu[0];
    QemuThread thread[WRITERS];
    Writer writer[WRITERS];

    vsmmu_setup(v);
    running = WRITERS;
    for (unsigned i = 0; i < WRITERS; i++) {
        writer[i] = (Writer) { .device = i, .regs = oracle_regs(v),
                               .rand = g_rand_new_with_seed(i + 1) };
        if (i) {
            vsmmu_plug(v, i);
        }
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        vcpu_create(&thread[i], write_stes, &writer[i]);
    }
    for (unsigned round = 0; qatomic_read(&running); round++) {
        bql_unlock();
        g_usleep(100);
        bql_lock();
        something_harmless(round);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        vcpu_join(&thread[i]);
        g_test_message("writer %u: blocked %u, open %u, translated %u times", i,
                       writer[i].kinds[FAKE_BLOCKED],
                       writer[i].kinds[FAKE_OPEN],
                       writer[i].kinds[FAKE_TRANSLATED]);
        for (unsigned kind = 0; kind < ARRAY_SIZE(writer[i].kinds); kind++) {
            g_assert_cmpuint(writer[i].kinds[kind], >, 0);
        }
        g_rand_free(writer[i].rand);
    }
    vsmmu_teardown(v);
}

void threads_add_model(void)
{
    g_test_add_func("/smmuv3/threads/two_writers_do_what_the_text_says",
                    two_writers_do_what_the_text_says);
}
