/*
 * Invalidations of adjacent pages, made into ranges for the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/units.h"
#include "hw/arm/smmuv3-accel/core/inval.h"

#define ALL_SIZES (4 * KiB | 16 * KiB | 64 * KiB)
#define OPAQUE ((void *)1)

static uint64_t issued[2 * SMMUV3_INVAL_MAX][2];
static uint32_t n_issued;
static bool refuse;

static int invalidate(void *opaque, uint32_t viommu, const uint64_t (*cmd)[2],
                      uint32_t n, Error **errp)
{
    if (refuse) {
        return -EIO;
    }
    memcpy(&issued[n_issued], cmd, n * sizeof(*cmd));
    n_issued += n;
    return 0;
}

static const SMMUv3HostOps ops = { .invalidate = invalidate };
static SMMUv3VIOMMU viommu = { .ops = &ops, .opaque = OPAQUE, .id = 7 };
static SMMUv3Inval inval;

/* @n commands like the first, each @step further */
static void repeat(uint32_t granules, uint64_t word0, uint64_t word1,
                   uint32_t n, uint64_t step)
{
    n_issued = 0;
    memset(&inval, 0, sizeof(inval));
    inval.granules = granules;
    g_assert_true(smmuv3_inval_add(&inval, &viommu, word0, word1));
    g_assert_true(smmuv3_inval_repeat(&inval, &viommu, n - 1, step));
    g_assert_true(smmuv3_inval_flush(&inval, &viommu));
}

static void assert_issued(uint32_t i, uint64_t word0, uint64_t word1)
{
    g_assert_cmpuint(i, <, n_issued);
    g_assert_cmphex(issued[i][0], ==, word0);
    g_assert_cmphex(issued[i][1], ==, word1);
}

/* Against words written from the tables of IHI 0070, 4.4.1.1 and 4.4.2 */
static void test_words(void)
{
    /* 64 pages of 4 KiB: NUM = 31, SCALE = 1, TG = 1; with ASID 5 and Leaf */
    repeat(4 * KiB, 0x0005000000000012, 0xffff000000001001, 64, 4 * KiB);
    g_assert_cmpuint(n_issued, ==, 1);
    assert_issued(0, 0x000500000011f012, 0xffff000000001401);

    /* 3 of 4 KiB: one range of 3, and one page of any other size */
    repeat(4 * KiB | 64 * KiB, 0x13, 0x10001000, 3, 4 * KiB);
    g_assert_cmpuint(n_issued, ==, 2);
    assert_issued(0, 0x2013, 0x10001400);
    assert_issued(1, 0x13, 0x10000000);

    /* 2 of 64 KiB are 32 of 4 KiB and 8 of 16 KiB; but 3 ranges are more */
    repeat(ALL_SIZES, 0x12, 0x20000000, 2, 64 * KiB);
    g_assert_cmpuint(n_issued, ==, 2);
    assert_issued(0, 0x12, 0x20000000);
    assert_issued(1, 0x12, 0x20010000);
    repeat(ALL_SIZES, 0x12, 0x20000000, 4, 64 * KiB);
    g_assert_cmpuint(n_issued, ==, 3);
    assert_issued(0, 0x0011f012, 0x20000400);
    assert_issued(1, 0x0000f012, 0x20000800);
    assert_issued(2, 0x00003012, 0x20000c00);
}

static void test_without_ranges(void)
{
    repeat(0, 0x0005000000000012, 0x10001001, 200, 4 * KiB);
    g_assert_cmpuint(n_issued, ==, 200);
    for (uint32_t i = 0; i < 200; i++) {
        assert_issued(i, 0x0005000000000012, 0x10001001 + i * 0x1000);
    }
}

/* What one command reaches, of translations with pages of @size */
static bool reaches(const uint64_t cmd[2], uint64_t size, uint64_t addr)
{
    static const uint64_t granule[] = { 0, 4 * KiB, 16 * KiB, 64 * KiB };
    uint64_t start = cmd[1] & MAKE_64BIT_MASK(12, 52);
    unsigned tg = extract64(cmd[1], 10, 2);
    uint64_t pages = (extract64(cmd[0], 12, 5) + 1) <<
                     extract64(cmd[0], 20, 5);

    if (!tg) {
        g_assert_cmphex(extract64(cmd[0], 12, 13), ==, 0);
        return (addr & -size) == (start & -size);
    }
    /* Reserved: a range of one page, without a level */
    g_assert_cmpuint(pages, >, 1);
    g_assert_cmphex(start & (granule[tg] - 1), ==, 0);
    return size == granule[tg] && addr - start < pages * size;
}

static bool all_reach(uint64_t size, uint64_t addr)
{
    for (uint32_t i = 0; i < n_issued; i++) {
        if (reaches(issued[i], size, addr)) {
            return true;
        }
    }
    return false;
}

/* Nothing that the guest's commands reach is missed, and little more is hit */
static void test_cover(void)
{
    static const uint64_t sizes[] = { 4 * KiB, 16 * KiB, 64 * KiB };

    for (int k = 0; k < 2000; k++) {
        uint64_t step = sizes[g_test_rand_int_range(0, 3)];
        uint32_t n = g_test_rand_int_range(2, 129);
        uint64_t first = (uint64_t)g_test_rand_int() << 12;
        uint64_t slack = MAX(n * step / 16, 64 * KiB);

        first &= -step;
        repeat(ALL_SIZES, 0x12, first, n, step);
        g_assert_cmpuint(n_issued, <=, MIN(n, 3));
        for (int s = 0; s < 3; s++) {
            for (uint32_t i = 0; i < n; i++) {
                g_assert_true(all_reach(sizes[s], first + i * step));
            }
            g_assert_false(all_reach(sizes[s], first + n * step + slack));
            g_assert_false(all_reach(sizes[s], first - slack));
        }
    }
}

static void test_refused(void)
{
    refuse = true;
    n_issued = 0;
    memset(&inval, 0, sizeof(inval));
    inval.granules = 4 * KiB;
    smmuv3_inval_add(&inval, &viommu, 0x12, 0x1000);
    smmuv3_inval_repeat(&inval, &viommu, 63, 4 * KiB);
    g_assert_cmpuint(inval.n, ==, 1);
    g_assert_false(smmuv3_inval_flush(&inval, &viommu));
    refuse = false;

    smmuv3_inval_add(&inval, &viommu, 0x12, 0x1000);
    smmuv3_inval_repeat(&inval, &viommu, 63, 4 * KiB);
    g_assert_true(smmuv3_inval_flush(&inval, &viommu));
    g_assert_cmpuint(n_issued, ==, 64);
}

/* Ranges fit where single commands would not, and the other way round */
static void test_full(void)
{
    n_issued = 0;
    memset(&inval, 0, sizeof(inval));
    inval.granules = ALL_SIZES;
    for (int i = 0; i < SMMUV3_INVAL_MAX - 1; i++) {
        smmuv3_inval_add(&inval, &viommu, 0x11, 0);
    }
    smmuv3_inval_add(&inval, &viommu, 0x12, 0x10000);
    smmuv3_inval_repeat(&inval, &viommu, 63, 4 * KiB);
    g_assert_cmpuint(n_issued, ==, SMMUV3_INVAL_MAX);
    g_assert_true(smmuv3_inval_flush(&inval, &viommu));
    g_assert_cmpuint(n_issued, ==, SMMUV3_INVAL_MAX + 2);
    g_assert_true(all_reach(64 * KiB, 0x4f000));
    g_assert_cmpuint(inval.count.calls, ==, 2);
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/range/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("words are those of the architecture", test_words);
    ADD("a host without ranges gets each page", test_without_ranges);
    ADD("each size of pages is covered, and little more", test_cover);
    ADD("a kernel that refuses ranges gets no more of them", test_refused);
    ADD("a full batch is issued in between", test_full);
    return g_test_run();
}
