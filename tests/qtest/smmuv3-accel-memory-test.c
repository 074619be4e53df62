/*
 * arm-smmuv3,accel=on: each kind of guest memory. An edu device reaches what
 * the CPU wrote, and the CPU what the device wrote; also in memory that comes
 * and goes while the device is at work.
 *
 * Needs what smmuv3-accel-test needs, hugetlb pages of 2 MiB for 128 MiB, and
 * SMMUV3_TEST_HUGETLBFS, where that file system is mounted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "standard-headers/linux/virtio_mem.h"
#include "smmuv3-accel-virtio.h"

/* 8 MiB of main memory that no table is in */
#define FREE_RAM    0x46000000ull
/* What is added is at the start of the second GiB of memory */
#define ADDED       0x80000000ull
#define ADDED_SIZE  (64 * MiB)
/* Stage 1, with map_added(): IOVA x + MAP_OFFSET to x there, too */
#define SLOT        6
/* The virt machine's registers of DIMMs (docs/specs/acpi_mem_hotplug.rst) */
#define DIMM_REGS   0x09070000
#define DIMM_SELECT (DIMM_REGS + 0x00)
#define DIMM_STATUS (DIMM_REGS + 0x14)
#define DIMM_EJECT  (1u << 3)

#define ROOM_TO_GROW " -m slots=2,maxmem=2G "

static void map_added(Guest *g)
{
    qtest_writeq(g->qts, PGD + 3 * 8, ADDED | 0x741);
}

/* Device 0 translates; later STEs and TLBs need no invalidation */
static void translate(Guest *g)
{
    smmu_setup(g, false);
    map_added(g);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    dma_assert(g, MAPPED, BLOCKED);
}

/* Stop to translate: bypass by GBPA */
static void bypass(Guest *g)
{
    smmu_cr0(g, CR0_QUEUES);
    dma_assert(g, FLAT, BLOCKED);
}

/* What device 0 reads at @iova, or what its buffer held before */
static uint32_t read_by_dma(Guest *g, uint64_t iova, uint64_t ram,
                            uint32_t otherwise)
{
    qtest_writel(g->qts, BUF, otherwise);
    qtest_writel(g->qts, BUF + 0x800, 0);
    dma_load(g, 0, BUF + ram);
    dma_load(g, 0, iova);
    dma_write(g, 0, BUF + 0x800 + ram);
    return qtest_readl(g->qts, BUF + 0x800);
}

/* Does device 0 read what the CPU wrote at @at, at @offset above that? */
static bool reads(Guest *g, uint64_t at, uint64_t offset)
{
    uint32_t is;

    g->stamp += 0x01010101;
    qtest_writel(g->qts, at, g->stamp);
    g_assert_cmphex(qtest_readl(g->qts, at), ==, g->stamp);
    is = read_by_dma(g, at + offset, offset, ~g->stamp);
    if (is != g->stamp) {
        /* Nothing arrived; or memory that is another did, which is a fault */
        g_assert_cmphex(is, ==, ~g->stamp);
    }
    return is == g->stamp;
}

/* Does the CPU read at @at what device 0 wrote? */
static bool writes(Guest *g, uint64_t at, uint64_t offset)
{
    g->stamp += 0x01010101;
    qtest_writel(g->qts, at, 0);
    qtest_writel(g->qts, BUF, g->stamp);
    dma_load(g, 0, BUF + offset);
    dma_write(g, 0, at + offset);
    return qtest_readl(g->qts, at) == g->stamp;
}

static void assert_reached(Guest *g, uint64_t at, uint64_t size,
                           uint64_t offset)
{
    g_assert_true(reads(g, at, offset));
    g_assert_true(writes(g, at + 0x1000, offset));
    g_assert_true(reads(g, at + size - 0x1000, offset));
    g_assert_true(writes(g, at + size - 4, offset));
}

/* No memory: what is read is what was in the buffer, or an error's */
static void assert_gone(Guest *g, uint64_t at, uint64_t offset, uint32_t was)
{
    g_assert_cmphex(read_by_dma(g, at + offset, offset, ~was), !=, was);
}

/* Main memory of @kind, in both ways of the device's DMA */
static void check_kind(const char *kind)
{
    g_autofree char *args =
        g_strdup_printf(" -object %s,id=ram,size=128M "
                        "-machine memory-backend=ram ", kind);
    Guest *g = guest_start(1, args);

    dma_assert(g, FLAT, BLOCKED);
    assert_reached(g, FREE_RAM, 8 * MiB, 0);
    translate(g);
    assert_reached(g, FREE_RAM, 8 * MiB, MAP_OFFSET);
    guest_stop(g);
}

static void main_memory(gconstpointer kind)
{
    check_kind(kind);
}

static void main_memory_of_a_file(gconstpointer more)
{
    g_autofree char *path = g_strdup_printf("/dev/shm/smmuv3-%d", getpid());
    g_autofree char *kind = g_strdup_printf("memory-backend-file,mem-path=%s%s",
                                            path, (const char *)more);

    check_kind(kind);
    unlink(path);
}

static void main_memory_of_hugetlbfs(void)
{
    const char *path = g_getenv("SMMUV3_TEST_HUGETLBFS");
    g_autofree char *kind = NULL;

    if (!path) {
        g_error("SMMUV3_TEST_HUGETLBFS is not set; the lab sets it");
    }
    kind = g_strdup_printf("memory-backend-file,mem-path=%s", path);
    check_kind(kind);
}

static void add_dimm(Guest *g)
{
    qtest_qmp_assert_success(g->qts, "{'execute': 'device_add', 'arguments': {"
                             "'driver': 'pc-dimm', 'id': 'dimm', 'memdev': "
                             "'added', 'addr': %" PRIu64 ", 'slot': 0}}",
                             (uint64_t)ADDED);
}

/* As the guest's ACPI would, asked to by QEMU */
static void remove_dimm(Guest *g)
{
    qtest_qmp_device_del_send(g->qts, "dimm");
    qtest_writel(g->qts, DIMM_SELECT, 0);
    qtest_writeb(g->qts, DIMM_STATUS, DIMM_EJECT);
    qtest_qmp_eventwait(g->qts, "DEVICE_DELETED");
}

static void dimm_comes_and_goes(void)
{
    Guest *g = guest_start(1, ROOM_TO_GROW
                           "-object memory-backend-ram,id=added,size=64M ");

    for (int i = 0; i < 2; i++) {
        uint64_t offset = i ? MAP_OFFSET : 0;

        if (i) {
            translate(g);
        }
        add_dimm(g);
        assert_reached(g, ADDED, ADDED_SIZE, offset);
        qtest_writel(g->qts, ADDED, 0xd1d1d1d1);
        remove_dimm(g);
        assert_gone(g, ADDED, offset, 0xd1d1d1d1);
        /* Nor is it written: the same memory returns as it was */
        qtest_writel(g->qts, BUF, 0x77777777);
        dma_load(g, 0, BUF + offset);
        dma_write(g, 0, ADDED + offset);
        add_dimm(g);
        g_assert_cmphex(qtest_readl(g->qts, ADDED), ==, 0xd1d1d1d1);
        assert_reached(g, ADDED, ADDED_SIZE, offset);
        remove_dimm(g);
    }
    bypass(g);
    guest_stop(g);
}

/* Memory that the guest may not write: nor does a device of its */
static void read_only(void)
{
    static uint32_t content[2 * MiB / sizeof(uint32_t)];
    g_autofree char *path = NULL;
    g_autofree char *args = NULL;
    int fd = g_file_open_tmp("smmuv3-XXXXXX", &path, NULL);
    Guest *g;

    content[0] = cpu_to_le32(0x12345678);
    g_assert_cmpint(write(fd, content, sizeof(content)), ==, sizeof(content));
    close(fd);
    args = g_strdup_printf(ROOM_TO_GROW "-object memory-backend-file,id=added,"
                           "size=2M,mem-path=%s,readonly=on,rom=on ", path);
    g = guest_start(1, args);
    for (int i = 0; i < 2; i++) {
        uint64_t offset = i ? MAP_OFFSET : 0;

        if (i) {
            translate(g);
        }
        add_dimm(g);
        g_assert_cmphex(read_by_dma(g, ADDED + offset, offset, 1), ==,
                        0x12345678);
        g_assert_false(writes(g, ADDED, offset));
        g_assert_cmphex(qtest_readl(g->qts, ADDED), ==, 0x12345678);
        remove_dimm(g);
        assert_gone(g, ADDED, offset, 0x12345678);
    }
    guest_stop(g);
    unlink(path);
}

/* Have virtio-mem plug or unplug 8 MiB at @at */
static void request(Virtio *v, uint16_t type, uint64_t at, uint64_t block)
{
    struct virtio_mem_req req = {
        .type = cpu_to_le16(type),
        .u.plug.addr = cpu_to_le64(at),
        .u.plug.nb_blocks = cpu_to_le16(8 * MiB / block),
    };
    struct virtio_mem_resp resp = { .type = 0xffff };

    virtio_send(v, &req, sizeof(req), &resp, sizeof(resp));
    g_assert_cmpuint(le16_to_cpu(resp.type), ==, VIRTIO_MEM_RESP_ACK);
}

/* The CPU's number in what is not plugged stays out of the device's reach */
static void assert_not_plugged(Guest *g, uint64_t at, uint64_t offset)
{
    qtest_writel(g->qts, at, 0xd1d1d1d1);
    assert_gone(g, at, offset, 0xd1d1d1d1);
}

static void virtio_mem_comes_and_goes(void)
{
    const uint64_t block = 2 * MiB;
    Guest *g = guest_start(1, ROOM_TO_GROW
                           "-object memory-backend-ram,id=added,size=64M "
                           "-device virtio-mem-pci,id=vmem,bus=pcie.0,addr=6,"
                           "memdev=added,memaddr=0x80000000,block-size=2M ");
    Virtio v;

    virtio_start(&v, g, SLOT, 1u << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE);
    qtest_qmp_assert_success(g->qts, "{'execute': 'qom-set', 'arguments': {"
                             "'path': 'vmem', 'property': 'requested-size',"
                             "'value': %" PRIu64 "}}", (uint64_t)ADDED_SIZE);
    for (int i = 0; i < 2; i++) {
        uint64_t offset = i ? MAP_OFFSET : 0;

        if (i) {
            translate(g);
        }
        assert_not_plugged(g, ADDED, offset);
        request(&v, VIRTIO_MEM_REQ_PLUG, ADDED, block);
        assert_reached(g, ADDED, 8 * MiB, offset);
        request(&v, VIRTIO_MEM_REQ_PLUG, ADDED + 16 * MiB, block);
        assert_reached(g, ADDED + 16 * MiB, 8 * MiB, offset);
        /* Between them nothing is plugged */
        assert_not_plugged(g, ADDED + 8 * MiB, offset);

        request(&v, VIRTIO_MEM_REQ_UNPLUG, ADDED, block);
        assert_not_plugged(g, ADDED, offset);
        assert_reached(g, ADDED + 16 * MiB, 8 * MiB, offset);
        request(&v, VIRTIO_MEM_REQ_UNPLUG, ADDED + 16 * MiB, block);
        assert_not_plugged(g, ADDED + 16 * MiB, offset);
    }
    guest_stop(g);
}

/*
 * A page that is in the balloon would be another after its return, and DMA
 * would reach the first. So QEMU keeps it while a device is assigned.
 */
static void balloon_keeps_pages(void)
{
    const uint64_t page = BUF + MiB;
    uint32_t pfn = cpu_to_le32(page >> 12);
    Guest *g = guest_start(0, " -device virtio-balloon-pci,bus=pcie.0,"
                           "addr=6 ");
    Virtio v;

    virtio_start(&v, g, SLOT, 0);
    qtest_writel(g->qts, page, 0xba110000);
    virtio_send(&v, &pfn, sizeof(pfn), NULL, 0);
    /* Without devices the page is given back, and a new one is empty */
    g_assert_cmphex(qtest_readl(g->qts, page), ==, 0);

    guest_hotplug(g, 0);
    for (int i = 0; i < 2; i++) {
        if (i) {
            translate(g);
        }
        qtest_writel(g->qts, page, 0xba110001 + i);
        virtio_send(&v, &pfn, sizeof(pfn), NULL, 0);
        g_assert_cmphex(qtest_readl(g->qts, page), ==, 0xba110001 + i);
        assert_reached(g, page, 8 * KiB, i ? MAP_OFFSET : 0);
    }
    guest_stop(g);
}

#define KIND(name, kind) \
    qtest_add_data_func("smmuv3-accel-memory/" name, kind, main_memory)
#define FILE_KIND(name, more) \
    qtest_add_data_func("smmuv3-accel-memory/" name, more, \
                        main_memory_of_a_file)
#define TEST(name) qtest_add_func("smmuv3-accel-memory/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (g_test_slow()) {
        KIND("ram-shared", "memory-backend-ram,share=on");
        KIND("ram-prealloc", "memory-backend-ram,prealloc=on");
        KIND("memfd-prealloc", "memory-backend-memfd,prealloc=on");
        FILE_KIND("file-shared", ",share=on");
        FILE_KIND("file-private", ",share=off");
    }
    KIND("memfd-shared", "memory-backend-memfd");
    KIND("memfd-private", "memory-backend-memfd,share=off");
    KIND("memfd-hugetlb", "memory-backend-memfd,hugetlb=on,hugetlbsize=2M,"
         "prealloc=on");
    TEST(main_memory_of_hugetlbfs);
    TEST(dimm_comes_and_goes);
    TEST(read_only);
    TEST(virtio_mem_comes_and_goes);
    TEST(balloon_keeps_pages);
    return g_test_run();
}
