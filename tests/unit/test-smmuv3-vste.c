/*
 * Every class of Stream table entry, against words taken from the architecture
 *
 * The numbers are written out from IHI 0070 G.b, whose section is beside each
 * row, and not made by the code's own masks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "hw/arm/smmuv3-accel/core/vste.h"

#define NOT_READ UINT64_MAX   /* the walk must not come here */
#define FAULT    (1ULL << 63) /* with an address: not memory */

#define BYPASS_STE 0x9        /* V = 1, Config = 0b100 */

/* One stretch of memory that the walk may read, in this order */
typedef struct Fetch {
    uint64_t addr;
    uint64_t word[2];
    size_t len;               /* the most that may be read at once */
} Fetch;

typedef struct Memory {
    Fetch fetch[2];
    unsigned n, done;
} Memory;

static void expect_fetch(Memory *m, uint64_t addr, uint64_t word0,
                         uint64_t word1, size_t len)
{
    if (addr != NOT_READ) {
        m->fetch[m->n++] = (Fetch) { addr, { word0, word1 }, len };
    }
}

static bool read_expected(void *opaque, uint64_t addr, void *buf, size_t len)
{
    Memory *m = opaque;
    Fetch *f = &m->fetch[m->done];
    uint64_t word[2];

    g_assert_cmpuint(m->done, <, m->n);
    g_assert_cmphex(addr, ==, f->addr & ~FAULT);
    g_assert_cmpuint(len, <=, f->len);
    m->done++;
    if (f->addr & FAULT) {
        return false;
    }
    word[0] = cpu_to_le64(f->word[0]);
    word[1] = cpu_to_le64(f->word[1]);
    memcpy(buf, word, MIN(len, sizeof(word)));
    return true;
}

static bool read_never(void *opaque, uint64_t addr, void *buf, size_t len)
{
    g_test_message("0x%" PRIx64 " was read", addr);
    g_assert_not_reached();
}

static void assert_vste(const SMMUv3VSTE *v, SMMUv3VSTEKind kind,
                        SMMUv3VSTEReason reason, uint64_t word0, uint64_t word1)
{
    g_assert_cmpstr(smmuv3_vste_kind_name(v->kind), ==,
                    smmuv3_vste_kind_name(kind));
    g_assert_cmpstr(smmuv3_vste_reason_name(v->reason), ==,
                    smmuv3_vste_reason_name(reason));
    g_assert_cmphex(v->word[0], ==, word0);
    g_assert_cmphex(v->word[1], ==, word1);
}

/* --- CR0.SMMUEN = 0 --- */

typedef struct DisabledRow {
    const char *name;
    const char *section;
    uint32_t gbpa;
    SMMUv3VSTEKind kind;
    uint64_t word0;
} DisabledRow;

static const DisabledRow disabled_rows[] = {
    { "the reset value of QEMU lets DMA through", "6.3.14",
      0x00001000, SMMUV3_VSTE_BYPASS, 0x9 },
    { "ABORT = 0 lets DMA through", "6.3.14",
      0x00000000, SMMUV3_VSTE_BYPASS, 0x9 },
    { "ABORT = 1 stops DMA", "6.3.14",
      0x00100000, SMMUV3_VSTE_ABORT, 0x1 },
    { "ABORT = 1 stops DMA while UPDATE is 1", "6.3.14",
      0x80100000, SMMUV3_VSTE_ABORT, 0x1 },
    { "attributes mean nothing beside ABORT = 1", "6.3.14",
      0x001f3f1f, SMMUV3_VSTE_ABORT, 0x1 },
    { "no attribute stops DMA", "6.3.14; 6.3.2 ATTR_TYPES_OVR = 0",
      0xffefffff, SMMUV3_VSTE_BYPASS, 0x9 },
};

static void test_disabled(const void *opaque)
{
    const DisabledRow *row = opaque;
    static const uint32_t sid[] = { 0, 1, 0x100, 0xffff, 0xffffffff };
    static const uint32_t cfg[] = { 0, 8, 0x10210, 0xffffffff };

    for (size_t i = 0; i < ARRAY_SIZE(sid) * ARRAY_SIZE(cfg); i++) {
        SMMUv3VSTERegs regs = {
            .gbpa = row->gbpa,
            .strtab_base = 0xffffffffffffffff,
            .strtab_base_cfg = cfg[i % ARRAY_SIZE(cfg)],
            .sidsize = 16,
            .oas = 48,
        };
        SMMUv3VSTE v = smmuv3_vste_resolve(&regs, sid[i / ARRAY_SIZE(cfg)],
                                           read_never, NULL);

        assert_vste(&v, row->kind, SMMUV3_VSTE_GBPA, row->word0, 0);
    }
}

/* --- Where the STE of a StreamID is --- */

/*
 * @cfg: FMT in [17:16], SPLIT in [10:6], LOG2SIZE in [5:0]. SPLIT 6, 8 and 10
 * are 0x180, 0x200 and 0x280. The STE, where there is one, says bypass.
 */
typedef struct LocateRow {
    const char *name;
    const char *section;
    uint64_t base;
    uint32_t cfg;
    uint8_t sidsize;
    uint32_t sid;
    uint64_t l1_at;
    uint64_t l1std;
    uint64_t ste_at;
    SMMUv3VSTEReason reason;
} LocateRow;

#define FOUND  SMMUV3_VSTE_STE
#define BADSID SMMUV3_VSTE_BAD_STREAMID
#define FETCH  SMMUV3_VSTE_FETCH

static const LocateRow locate_rows[] = {
    /* Linear */
    { "StreamID 0 is a StreamID", "3.3.1.1",
      0x40000000, 0x00008, 16, 0, NOT_READ, 0, 0x40000000, FOUND },
    { "the last STE of a linear table", "3.3.1.1",
      0x40000000, 0x00008, 16, 0xff, NOT_READ, 0, 0x40003fc0, FOUND },
    { "one past a linear table", "3.3.1.1, 7.3.3",
      0x40000000, 0x00008, 16, 0x100, NOT_READ, 0, NOT_READ, BADSID },
    { "a table of one STE has StreamID 0", "6.3.25",
      0x40000040, 0x00000, 16, 0, NOT_READ, 0, 0x40000040, FOUND },
    { "a table of one STE has no StreamID 1", "6.3.25",
      0x40000040, 0x00000, 16, 1, NOT_READ, 0, NOT_READ, BADSID },
    { "a linear table begins at its own alignment", "6.3.24: [LOG2SIZE+5:0]",
      0x40003fc0, 0x00008, 16, 1, NOT_READ, 0, 0x40000040, FOUND },
    { "STRTAB_BASE.RA and reserved bits are no address", "6.3.24",
      0xfff000004000003f, 0x00008, 16, 2, NOT_READ, 0, 0x40000080, FOUND },
    { "all address bits count", "6.3.24: ADDR[51:6]",
      0x000fffffffffc000, 0x00008, 16, 0, NOT_READ, 0, 0x000fffffffffc000,
      FOUND },
    { "SIDSIZE bounds LOG2SIZE", "6.3.25",
      0x40000000, 0x00014, 16, 0x10000, NOT_READ, 0, NOT_READ, BADSID },
    { "the last StreamID of SIDSIZE", "6.3.25",
      0x40000000, 0x00014, 16, 0xffff, NOT_READ, 0, 0x403fffc0, FOUND },
    { "the table is aligned by LOG2SIZE, not by SIDSIZE", "6.3.24",
      0x4c400000, 0x00014, 16, 1, NOT_READ, 0, 0x4c000040, FOUND },
    { "LOG2SIZE 45 leaves bit 51", "6.3.24",
      0x000fffffffffffc0, 0x0002d, 16, 1, NOT_READ, 0, 0x0008000000000040,
      FOUND },
    { "LOG2SIZE 46 leaves no bit of the base", "6.3.24",
      0x000fffffffffffc0, 0x0002e, 16, 1, NOT_READ, 0, 0x40, FOUND },
    { "LOG2SIZE 57 is more than a word has", "6.3.24",
      0xffffffffffffffff, 0x00039, 16, 1, NOT_READ, 0, 0x40, FOUND },
    { "LOG2SIZE 63 is more than a word has", "6.3.24",
      0xffffffffffffffff, 0x0003f, 16, 0xffff, NOT_READ, 0, 0x3fffc0, FOUND },
    { "LOG2SIZE 32 with SIDSIZE 32", "6.3.24, 6.3.25",
      0x4000000000, 0x00020, 32, 0xffffffff, NOT_READ, 0, 0x7fffffffc0,
      FOUND },
    { "SIDSIZE 0 is one StreamID", "6.3.25",
      0x40000000, 0x00008, 0, 1, NOT_READ, 0, NOT_READ, BADSID },
    { "reserved FMT 0b10 is linear", "6.3.25",
      0x40000000, 0x20208, 16, 3, NOT_READ, 0, 0x400000c0, FOUND },
    { "reserved FMT 0b11 is linear", "6.3.25",
      0x40000000, 0x30208, 16, 3, NOT_READ, 0, 0x400000c0, FOUND },
    { "SPLIT means nothing in a linear table", "6.3.25",
      0x40000000, 0x00188, 16, 0xff, NOT_READ, 0, 0x40003fc0, FOUND },
    { "an STE that cannot be fetched", "7.3.4 F_STE_FETCH",
      0x40000000, 0x00008, 16, 0, NOT_READ, 0, FAULT | 0x40000000, FETCH },

    /* 2-level: which descriptor */
    { "SPLIT 6", "6.3.25, 3.3.1.2",
      0x50000000, 0x10190, 16, 0x1234, 0x50000240, 0x60000007, 0x60000d00,
      FOUND },
    { "SPLIT 8", "6.3.25, 3.3.1.2",
      0x50000000, 0x10210, 16, 0x1234, 0x50000090, 0x60000009, 0x60000d00,
      FOUND },
    { "SPLIT 10", "6.3.25, 3.3.1.2",
      0x50000000, 0x10290, 16, 0x1234, 0x50000020, 0x6000000b, 0x60008d00,
      FOUND },
    { "reserved SPLIT 7 is 6", "6.3.25",
      0x50000000, 0x101d0, 16, 0x1234, 0x50000240, 0x60000007, 0x60000d00,
      FOUND },
    { "reserved SPLIT 0 is 6", "6.3.25",
      0x50000000, 0x10010, 16, 0x1234, 0x50000240, 0x60000007, 0x60000d00,
      FOUND },
    { "reserved SPLIT 31 is 6", "6.3.25",
      0x50000000, 0x107d0, 16, 0x1234, 0x50000240, 0x60000007, 0x60000d00,
      FOUND },
    { "StreamID 0 in a 2-level table", "3.3.1.2",
      0x50000000, 0x10210, 16, 0, 0x50000000, 0x60000009, 0x60000000, FOUND },
    { "one past a 2-level table", "3.3.1.2, 7.3.3",
      0x50000000, 0x1020c, 16, 0x1000, NOT_READ, 0, NOT_READ, BADSID },
    { "SIDSIZE bounds a 2-level table", "6.3.25",
      0x50000000, 0x1023f, 16, 0x10000, NOT_READ, 0, NOT_READ, BADSID },
    { "the last StreamID of SIDSIZE in 2 levels", "6.3.25",
      0x50000000, 0x10214, 16, 0xffff, 0x500007f8, 0x60000009, 0x60003fc0,
      FOUND },
    { "the first level is aligned by LOG2SIZE, not by SIDSIZE", "6.3.24",
      0x5000c000, 0x10214, 16, 0x1234, 0x50008090, 0x60000009, 0x60000d00,
      FOUND },
    { "LOG2SIZE 63 with SPLIT 6 leaves no bit of the base", "6.3.24",
      0xffffffffffffffff, 0x101bf, 16, 0x1234, 0x240, 0x60000007, 0x60000d00,
      FOUND },
    { "LOG2SIZE 55 with SPLIT 6 leaves no bit of the base", "6.3.24",
      0x000fffffffffffc0, 0x101b7, 16, 0x1234, 0x240, 0x60000007, 0x60000d00,
      FOUND },
    { "LOG2SIZE 54 with SPLIT 6 leaves bit 51", "6.3.24",
      0x000fffffffffffc0, 0x101b6, 16, 0x1234, 0x0008000000000240, 0x60000007,
      0x60000d00, FOUND },
    { "the biggest StreamID there is in 2 levels", "6.3.25",
      0x52000000, 0x102a0, 32, 0xffffffff, 0x53fffff8, 0x6000000b, 0x6000ffc0,
      FOUND },
    { "the first level begins at its own alignment",
      "6.3.24: [LOG2SIZE-SPLIT+2:0]",
      0x500007c0, 0x10210, 16, 0x1234, 0x50000090, 0x60000009, 0x60000d00,
      FOUND },
    { "LOG2SIZE = SPLIT + 3 is eight descriptors, aligned to 64 bytes",
      "6.3.24",
      0x50000040, 0x1020b, 16, 0x134, 0x50000048, 0x60000009, 0x60000d00,
      FOUND },
    { "LOG2SIZE = SPLIT + 4 is sixteen descriptors, aligned to 128 bytes",
      "6.3.24",
      0x500000c0, 0x1020c, 16, 0x134, 0x50000088, 0x60000009, 0x60000d00,
      FOUND },
    { "LOG2SIZE = SPLIT is one descriptor, aligned to 64 bytes", "6.3.24",
      0x50000040, 0x10208, 16, 0x34, 0x50000040, 0x60000009, 0x60000d00,
      FOUND },
    { "LOG2SIZE < SPLIT is one descriptor", "6.3.25",
      0x50000040, 0x10204, 16, 0xf, 0x50000040, 0x60000009, 0x600003c0,
      FOUND },
    { "LOG2SIZE < SPLIT bounds the StreamID", "6.3.25",
      0x50000040, 0x10204, 16, 0x10, NOT_READ, 0, NOT_READ, BADSID },

    /* 2-level: what the descriptor says */
    { "Span 0 is no table", "5.1 L1STD.Span, 7.3.3",
      0x50000000, 0x10210, 16, 0, 0x50000000, 0x60000000, NOT_READ, BADSID },
    { "Span 1 is one STE", "5.1 L1STD.Span",
      0x50000000, 0x10210, 16, 0x1200, 0x50000090, 0x60000041, 0x60000040,
      FOUND },
    { "Span 1 has no second STE", "5.1 L1STD.Span",
      0x50000000, 0x10210, 16, 0x1201, 0x50000090, 0x60000041, NOT_READ,
      BADSID },
    { "the last STE within Span", "5.1 L1STD.Span",
      0x50000000, 0x10210, 16, 0x120f, 0x50000090, 0x60000005, 0x600003c0,
      FOUND },
    { "one past Span", "5.1 L1STD.Span",
      0x50000000, 0x10210, 16, 0x1210, 0x50000090, 0x60000005, NOT_READ,
      BADSID },
    { "Span = SPLIT + 1 is all of the second level", "5.1 L1STD.Span",
      0x50000000, 0x10210, 16, 0x12ff, 0x50000090, 0x60000009, 0x60003fc0,
      FOUND },
    { "Span = SPLIT + 2 is no table, SPLIT 6", "5.1.1, 7.3.3",
      0x50000000, 0x10190, 16, 0x1234, 0x50000240, 0x60000008, NOT_READ,
      BADSID },
    { "Span 11 is no table, SPLIT 6", "5.1.1, 7.3.3",
      0x50000000, 0x10190, 16, 0x1234, 0x50000240, 0x6000000b, NOT_READ,
      BADSID },
    { "Span = SPLIT + 2 is no table, SPLIT reserved", "5.1.1, 6.3.25",
      0x50000000, 0x101d0, 16, 0x1234, 0x50000240, 0x60000008, NOT_READ,
      BADSID },
    { "Span = SPLIT + 2 is no table, SPLIT 8", "5.1.1, 7.3.3",
      0x50000000, 0x10210, 16, 0x1234, 0x50000090, 0x6000000a, NOT_READ,
      BADSID },
    { "Span 8 is less than SPLIT + 1, SPLIT 8", "5.1.1",
      0x50000000, 0x10210, 16, 0x1234, 0x50000090, 0x60000008, 0x60000d00,
      FOUND },
    { "reserved Span 12 is no table", "5.1 L1STD.Span",
      0x50000000, 0x10290, 16, 0, 0x50000000, 0x6000000c, NOT_READ, BADSID },
    { "reserved Span 31 is no table", "5.1 L1STD.Span",
      0x50000000, 0x10290, 16, 0, 0x50000000, 0x6000001f, NOT_READ, BADSID },
    { "the second level begins at its own alignment", "5.1 L2Ptr: [Span+4:0]",
      0x50000000, 0x10210, 16, 0x1234, 0x50000090, 0x60003fc9, 0x60000d00,
      FOUND },
    { "reserved bits of the descriptor are no address", "5.1 L2Ptr: [51:6]",
      0x50000000, 0x10210, 16, 0x1234, 0x50000090, 0xfff0000060000029,
      0x60000d00, FOUND },
    { "all address bits of the descriptor count", "5.1 L2Ptr: [51:6]",
      0x50000000, 0x10210, 16, 0x1200, 0x50000090, 0x000fffffffffffc1,
      0x000fffffffffffc0, FOUND },
    { "a descriptor that cannot be fetched", "7.3.4 F_STE_FETCH",
      0x50000000, 0x10210, 16, 0x1234, FAULT | 0x50000090, 0, NOT_READ,
      FETCH },
    { "an STE of the second level that cannot be fetched", "7.3.4 F_STE_FETCH",
      0x50000000, 0x10210, 16, 0x1234, 0x50000090, 0x60000009,
      FAULT | 0x60000d00, FETCH },
};

static void test_locate(const void *opaque)
{
    const LocateRow *row = opaque;
    SMMUv3VSTERegs regs = {
        .smmuen = true,
        .gbpa = row->reason == FOUND ? 0x00100000 : 0,
        .strtab_base = row->base,
        .strtab_base_cfg = row->cfg,
        .sidsize = row->sidsize,
        .oas = 48,
    };
    Memory m = {};
    SMMUv3VSTE v;

    expect_fetch(&m, row->l1_at, row->l1std, 0, 8);
    expect_fetch(&m, row->ste_at, BYPASS_STE, 0, 64);
    v = smmuv3_vste_resolve(&regs, row->sid, read_expected, &m);

    g_assert_cmpuint(m.done, ==, m.n);
    if (row->reason == FOUND) {
        assert_vste(&v, SMMUV3_VSTE_BYPASS, FOUND, 0x9, 0);
    } else {
        assert_vste(&v, SMMUV3_VSTE_ABORT, row->reason, 0x1, 0);
    }
}

/* --- What an STE says --- */

typedef struct DecodeRow {
    const char *name;
    const char *section;
    uint64_t ste[2];
    uint8_t ssidsize;
    bool ats, cd2l;
    SMMUv3VSTEKind kind;
    SMMUv3VSTEReason reason;
    uint64_t word[2];
    uint8_t oas;              /* 52 if not said */
} DecodeRow;

#define ABORT SMMUV3_VSTE_ABORT
#define BYPASS SMMUV3_VSTE_BYPASS
#define S1 SMMUV3_VSTE_TRANSLATE
#define STE SMMUV3_VSTE_STE
#define BADSTE SMMUV3_VSTE_BAD_STE

static const DecodeRow decode_rows[] = {
    /* V and Config */
    { "V = 0 whatever else it holds", "5.2 V, 7.3.5",
      { 0xfffffffffffffffe, 0xffffffffffffffff }, 20, true, true,
      ABORT, BADSTE, { 0x1, 0 } },
    { "all zero", "5.2 V, 7.3.5",
      { 0, 0 }, 0, false, false, ABORT, BADSTE, { 0x1, 0 } },
    { "V = 0 with Config bypass", "5.2 V, 7.3.5",
      { 0x8, 0 }, 0, false, false, ABORT, BADSTE, { 0x1, 0 } },
    { "Config 0b000", "5.2 Config",
      { 0x1, 0 }, 0, false, false, ABORT, STE, { 0x1, 0 } },
    { "Config 0b001", "5.2 Config: 0b0xx",
      { 0x3, 0 }, 0, false, false, ABORT, STE, { 0x1, 0 } },
    { "Config 0b010", "5.2 Config: 0b0xx",
      { 0x5, 0 }, 0, false, false, ABORT, STE, { 0x1, 0 } },
    { "Config 0b011", "5.2 Config: 0b0xx",
      { 0x7, 0 }, 0, false, false, ABORT, STE, { 0x1, 0 } },
    { "Config 0b000 ignores all fields", "5.2 Config",
      { 0xfffffffffffffff1, 0xffffffffffffffff }, 20, true, true,
      ABORT, STE, { 0x1, 0 } },
    { "Config 0b100", "5.2 Config",
      { 0x9, 0 }, 0, false, false, BYPASS, STE, { 0x9, 0 } },
    { "Config 0b100 ignores what belongs to stage 1", "5.2 Config, S1STALLD",
      { 0xfffffffffffffff9, 0xffffffffffffffff }, 20, true, true,
      BYPASS, STE, { 0x9, 0 } },
    { "Config 0b101", "5.2 Config",
      { 0x1234500b, 0 }, 0, false, false, S1, STE, { 0x1234500b, 0 } },
    { "Config 0b110 without stage 2", "5.2.2, IDR0.S2P = 0",
      { 0xd, 0 }, 0, false, false, ABORT, BADSTE, { 0x1, 0 } },
    { "Config 0b111 without stage 2", "5.2.2, IDR0.S2P = 0",
      { 0x1234500f, 0 }, 0, false, false, ABORT, BADSTE, { 0x1, 0 } },

    /* S1ContextPtr and attributes */
    { "S1ContextPtr is bits 51 to 6", "5.2 S1ContextPtr",
      { 0x000fffffffffffcb, 0 }, 0, false, false,
      S1, STE, { 0x000fffffffffffcb, 0 } },
    { "reserved bits of word 0 are dropped", "5.2",
      { 0x070000001234500b, 0 }, 0, false, false, S1, STE, { 0x1234500b, 0 } },
    { "S1ContextPtr just within the OAS", "5.2.2, IDR5.OAS",
      { 0x00000fffffffffcb, 0 }, 0, false, false,
      S1, STE, { 0x00000fffffffffcb, 0 }, .oas = 44 },
    { "S1ContextPtr with the bit at the OAS of 44", "5.2.2, IDR5.OAS",
      { 0x000010001234500b, 0 }, 0, false, false,
      ABORT, BADSTE, { 0x1, 0 }, .oas = 44 },
    { "S1ContextPtr with bit 51 and an OAS of 48", "5.2.2, IDR5.OAS",
      { 0x000800001234500b, 0 }, 0, false, false,
      ABORT, BADSTE, { 0x1, 0 }, .oas = 48 },
    { "S1ContextPtr with bit 55 and an OAS of 52", "5.2.2, IDR5.OAS",
      { 0x008000001234500b, 0 }, 0, false, false,
      ABORT, BADSTE, { 0x1, 0 } },
    { "Config 0b100 ignores S1ContextPtr beyond the OAS", "5.2 Config",
      { 0x00ffffffffffffc9, 0 }, 0, false, false,
      BYPASS, STE, { 0x9, 0 }, .oas = 44 },
    { "reserved S1CSH 0b01 is 0b00", "5.2 S1CSH",
      { 0x1234500b, 0x7c }, 0, false, false, S1, STE, { 0x1234500b, 0x3c } },
    { "S1CSH 0b10 is kept", "5.2 S1CSH",
      { 0x1234500b, 0x80 }, 0, false, false, S1, STE, { 0x1234500b, 0x80 } },
    { "S1CIR, S1COR and S1CSH are kept", "5.2 S1CIR [67:66] to S1CSH [71:70]",
      { 0x1234500b, 0xfc }, 0, false, false, S1, STE, { 0x1234500b, 0xfc } },
    { "SHCFG = use incoming, as Linux sets it, is dropped",
      "5.2 SHCFG [109:108]",
      { 0x1234500b, 0x00001000000000d4 }, 0, false, false,
      S1, STE, { 0x1234500b, 0xd4 } },
    { "MEV, STRW, MTCFG, ALLOCCFG, PRIVCFG and all others are dropped", "5.2",
      { 0x1234500b, 0xffffffffc7ffffff }, 0, false, false,
      S1, STE, { 0x1234500b, 0xfc } },

    /* Stalls */
    { "S1STALLD without stalls is ILLEGAL", "5.2 S1STALLD, IDR0.STALL_MODEL",
      { 0x1234500b, 0x08000000 }, 0, false, false, ABORT, BADSTE, { 0x1, 0 } },

    /* ATS */
    { "EATS 0b01 without ATS is dropped", "5.2 EATS, IDR0.ATS = 0",
      { 0x1234500b, 0x10000000 }, 0, false, false,
      S1, STE, { 0x1234500b, 0 } },
    { "EATS 0b10 without ATS is dropped", "5.2 EATS, IDR0.ATS = 0",
      { 0x1234500b, 0x20000000 }, 0, false, false,
      S1, STE, { 0x1234500b, 0 } },
    { "EATS 0b11 without ATS is dropped", "5.2 EATS, IDR0.ATS = 0",
      { 0x1234500b, 0x30000000 }, 0, false, false,
      S1, STE, { 0x1234500b, 0 } },
    { "EATS 0b01 with ATS is kept", "5.2 EATS",
      { 0x1234500b, 0x10000000 }, 0, true, false,
      S1, STE, { 0x1234500b, 0x10000000 } },
    { "EATS 0b10 needs stage 2", "5.2 EATS",
      { 0x1234500b, 0x20000000 }, 0, true, false, ABORT, BADSTE, { 0x1, 0 } },
    { "EATS 0b11 without DPT is 0b00", "5.2 EATS, IDR3.DPT = 0",
      { 0x1234500b, 0x30000000 }, 0, true, false,
      S1, STE, { 0x1234500b, 0 } },

    /* SubstreamIDs */
    { "without SubstreamIDs their fields are dropped",
      "5.2 S1CDMax, SSIDSIZE = 0",
      { 0xf80000001234503b, 0x3 }, 0, false, false,
      S1, STE, { 0x1234500b, 0 } },
    { "with S1CDMax = 0 S1Fmt and S1DSS are dropped", "5.2 S1CDMax",
      { 0x000000001234503b, 0x3 }, 5, false, false,
      S1, STE, { 0x1234500b, 0 } },
    { "a linear CD table", "5.2 S1CDMax, S1Fmt, S1DSS",
      { 0x080000001234500b, 0x2 }, 5, false, false,
      S1, STE, { 0x080000001234500b, 0x2 } },
    { "S1CDMax = SSIDSIZE", "5.2 S1CDMax",
      { 0x280000001234500b, 0x1 }, 5, false, false,
      S1, STE, { 0x280000001234500b, 0x1 } },
    { "S1CDMax > SSIDSIZE is ILLEGAL", "5.2 S1CDMax",
      { 0x300000001234500b, 0 }, 5, false, false,
      ABORT, BADSTE, { 0x1, 0 } },
    { "S1CDMax 31 is ILLEGAL whatever SSIDSIZE", "5.2 S1CDMax",
      { 0xf80000001234500b, 0 }, 20, true, true, ABORT, BADSTE, { 0x1, 0 } },
    { "a 2-level CD table of 4KB", "5.2 S1Fmt 0b01, IDR0.CD2L",
      { 0x280000001234501b, 0 }, 5, false, true,
      S1, STE, { 0x280000001234501b, 0 } },
    { "a 2-level CD table of 64KB", "5.2 S1Fmt 0b10, IDR0.CD2L",
      { 0x280000001234502b, 0 }, 5, false, true,
      S1, STE, { 0x280000001234502b, 0 } },
    { "a 2-level CD table needs CD2L", "5.2 S1Fmt, IDR0.CD2L = 0",
      { 0x280000001234501b, 0 }, 5, false, false,
      ABORT, BADSTE, { 0x1, 0 } },
    { "a 2-level CD table of 64KB needs CD2L", "5.2 S1Fmt, IDR0.CD2L = 0",
      { 0x280000001234502b, 0 }, 5, false, false,
      ABORT, BADSTE, { 0x1, 0 } },
    { "S1Fmt 0b11 is 0b00", "5.2 S1Fmt, 5.2.2",
      { 0x280000001234503b, 0 }, 5, false, true,
      S1, STE, { 0x280000001234500b, 0 } },
    { "S1Fmt 0b11 is 0b00 without CD2L, too", "5.2 S1Fmt, 5.2.2",
      { 0x280000001234503b, 0 }, 5, false, false,
      S1, STE, { 0x280000001234500b, 0 } },
    { "S1DSS 0b11 is 0b00", "5.2 S1DSS",
      { 0x280000001234500b, 0x3 }, 5, false, false,
      S1, STE, { 0x280000001234500b, 0 } },
    { "all that a vSMMU can offer at once", "5.2",
      { 0xa00fffffffffffeb, 0xffffffffd7fffffe }, 20, true, true,
      S1, STE, { 0xa00fffffffffffeb, 0x100000fe } },
};

static SMMUv3VSTE decode(const DecodeRow *row)
{
    SMMUv3VSTERegs regs = {
        .smmuen = true,
        .gbpa = row->kind == ABORT ? 0 : 0x00100000,
        .strtab_base = 0x40000000,
        .strtab_base_cfg = 8,
        .sidsize = 16,
        .ssidsize = row->ssidsize,
        .oas = row->oas ?: 52,
        .ats = row->ats,
        .cd2l = row->cd2l,
    };
    Memory m = {};

    expect_fetch(&m, 0x40000000, row->ste[0], row->ste[1], 64);
    return smmuv3_vste_resolve(&regs, 0, read_expected, &m);
}

static void test_decode(const void *opaque)
{
    const DecodeRow *row = opaque;
    SMMUv3VSTE v = decode(row);

    assert_vste(&v, row->kind, row->reason, row->word[0], row->word[1]);
}

/* --- What the user is told of it --- */

typedef struct ExplainRow {
    const char *text;
    uint32_t cfg, sid;
    uint64_t l1std;           /* 0 with a linear table; FAULT: not readable */
    uint64_t ste[2];          /* FAULT: not readable */
    bool guest_error;
} ExplainRow;

/* LOG2SIZE 8; SSIDSIZE 5, OAS 44, ATS; a second level begins at 0x40000000 */
#define LINEAR 0x8
#define TWO    0x10188

static const ExplainRow explain_rows[] = {
    { NULL, LINEAR, 0, 0, { 0x1, 0 } },
    { NULL, LINEAR, 0, 0, { 0x9, 0 } },
    { NULL, LINEAR, 0, 0, { 0x1234500b, 0 } },
    { NULL, TWO, 0, 0x40000007, { 0x1234500b, 0 } },
    { "StreamID 0x100 is beyond the Stream table (6.3.25, 7.3.3)",
      LINEAR, 0x100 },
    { "L1STD.Span 0 means that there is no second level (5.1)",
      TWO, 0x41, 0x40000000 },
    { "L1STD.Span 8 is above SPLIT + 1 (5.1.1, 7.3.3)",
      TWO, 0x41, 0x40000008, .guest_error = true },
    { "L1STD.Span 31 is above SPLIT + 1 (5.1.1, 7.3.3)",
      TWO, 0x41, 0x4000001f, .guest_error = true },
    { "StreamID 0x41 is beyond its L1STD.Span (5.1, 7.3.3)",
      TWO, 0x41, 0x40000001 },
    { "the L1STD at 0x40000008 cannot be read (7.3.4)",
      TWO, 0x41, FAULT, .guest_error = true },
    { "the STE at 0x40000040 cannot be read (7.3.4)",
      TWO, 0x41, 0x40000007, { FAULT }, .guest_error = true },
    { "the STE at 0x40000080 cannot be read (7.3.4)",
      LINEAR, 2, 0, { FAULT }, .guest_error = true },
    { "V 0 means that the STE is not valid (5.2)", LINEAR, 0, 0, { 0xa, 0 } },
    { "Config 0b110 needs stage 2, and IDR0.S2P is 0 (5.2)",
      LINEAR, 0, 0, { 0xd, 0 }, .guest_error = true },
    { "Config 0b111 needs stage 2, and IDR0.S2P is 0 (5.2)",
      LINEAR, 0, 0, { 0xf, 0 }, .guest_error = true },
    { "EATS 0b10 needs Config 0b111 (5.2)",
      LINEAR, 0, 0, { 0x1234500b, 0x20000000 }, .guest_error = true },
    { "S1STALLD 1 is ILLEGAL, as IDR0.STALL_MODEL is 0b01 (5.2)",
      LINEAR, 0, 0, { 0x1234500b, 0x08000000 }, .guest_error = true },
    { "S1CDMax 6 is above IDR1.SSIDSIZE (5.2)",
      LINEAR, 0, 0, { 0x300000001234500b, 0 }, .guest_error = true },
    { "S1Fmt 0b01 needs IDR0.CD2L, which is 0 (5.2)",
      LINEAR, 0, 0, { 0x280000001234501b, 0 }, .guest_error = true },
    { "S1ContextPtr 0x100012345000 is beyond the output address size, "
      "IDR5.OAS (5.2.2)",
      LINEAR, 0, 0, { 0x000010001234500b, 0 }, .guest_error = true },
};

static bool read_explained(void *opaque, uint64_t addr, void *buf, size_t len)
{
    const ExplainRow *row = opaque;
    const uint64_t l1std = cpu_to_le64(row->l1std);
    const uint64_t ste[2] = { cpu_to_le64(row->ste[0]),
                              cpu_to_le64(row->ste[1]) };

    memcpy(buf, len == 8 ? &l1std : ste, len);
    return (len == 8 ? row->l1std : row->ste[0]) != FAULT;
}

static void test_explain(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(explain_rows); i++) {
        const ExplainRow *row = &explain_rows[i];
        SMMUv3VSTERegs regs = {
            .smmuen = true,
            .strtab_base = 0x40000000,
            .strtab_base_cfg = row->cfg,
            .sidsize = 16,
            .ssidsize = 5,
            .oas = 44,
            .ats = true,
        };
        SMMUv3VSTE v = smmuv3_vste_resolve(&regs, row->sid, read_explained,
                                           (void *)row);
        g_autofree char *text = smmuv3_vste_explain(&v);

        g_assert_cmpstr(text, ==, row->text);
        g_assert_true(smmuv3_vste_is_guest_error(&v) == row->guest_error);
    }
}

/*
 * linux/iommufd.h, iommu_hwpt_arm_smmuv3: any other bit, Config or EATS makes
 * the host refuse the vSTE, which would close a stream that need not be.
 */
static void test_host_accepts(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    for (int i = 0; i < 200000; i++) {
        uint64_t word0 = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
        uint64_t word1 = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
        uint32_t features = g_rand_int(rand);
        DecodeRow row = {
            /* Stage 1 more often than by chance, and less often ILLEGAL */
            .ste = { features & 1 ? (word0 & ~0xfULL) | 0xb : word0,
                     features & 2 ? word1 & ~0x28000000ULL : word1 },
            .ssidsize = features & 4 ? (features >> 8) % 21 : 0,
            .ats = features & 8,
            .cd2l = features & 16,
        };
        SMMUv3VSTE v = decode(&row);
        unsigned config = v.word[0] >> 1 & 7;

        g_assert_cmphex(v.word[0] & ~0xf80fffffffffffffULL, ==, 0);
        g_assert_cmphex(v.word[1] & ~0x380000ffULL, ==, 0);
        g_assert_cmphex(v.word[0] & 1, ==, 1);
        g_assert_true(config == 0 || config == 4 || config == 5);
        g_assert_cmpuint(v.word[1] >> 28 & 3, <, 2);
        g_assert_true(v.kind == (config == 0 ? ABORT :
                                 config == 4 ? BYPASS : S1));
    }
}

/* GBPA's bypass and an STE's are one vSTE, so that one HWPT serves both */
static void test_same(void)
{
    SMMUv3VSTE gbpa = smmuv3_vste_fixed(BYPASS, SMMUV3_VSTE_GBPA);
    SMMUv3VSTE ste = decode(&(DecodeRow) {
        .ste = { 0x9, 0x0000100000000000 }, .kind = BYPASS });
    SMMUv3VSTE s1 = decode(&(DecodeRow) {
        .ste = { 0x1234500b, 0 }, .kind = S1 });
    SMMUv3VSTE attr = decode(&(DecodeRow) {
        .ste = { 0x1234500b, 0x4 }, .kind = S1 });
    SMMUv3VSTE incoming = decode(&(DecodeRow) {
        .ste = { 0x1234500b, 0x0000100000000000 }, .kind = S1 });

    g_assert_true(smmuv3_vste_same(&gbpa, &ste));
    g_assert_false(smmuv3_vste_same(&ste, &s1));
    g_assert_false(smmuv3_vste_same(&s1, &attr));
    g_assert_true(smmuv3_vste_same(&s1, &incoming));
}

#define ADD_ROWS(group, rows, test)                                         \
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {                         \
        g_autofree char *path = g_strdup_printf("/smmuv3/vste/" group       \
            "/%s (%s)", rows[i].name, rows[i].section);                     \
        g_strdelimit(path + strlen("/smmuv3/vste/" group "/"), "/", '|');   \
        g_test_add_data_func(path, &rows[i], test);                         \
    }

#define ADD(sentence, test) g_test_add_func("/smmuv3/vste/all/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_ROWS("disabled", disabled_rows, test_disabled);
    ADD_ROWS("locate", locate_rows, test_locate);
    ADD_ROWS("decode", decode_rows, test_decode);
    ADD("the host accepts whatever is made of an STE", test_host_accepts);
    ADD("the field, its value and section are told", test_explain);
    ADD("same words are one vSTE", test_same);
    return g_test_run();
}
