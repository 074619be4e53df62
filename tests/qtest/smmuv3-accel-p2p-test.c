/*
 * arm-smmuv3,accel=on: DMA between devices. A test device writes into a BAR
 * of another assigned device and reads from it, in each state of both.
 *
 * Needs what smmuv3-accel-test needs, where the first of SMMUV3_TEST_DEVICES is
 * a test device; and the host's addresses of two devices whose BAR 2 is
 * memory: SMMUV3_TEST_PEER is another test device, and SMMUV3_TEST_NVME an
 * NVMe device with a controller memory buffer, which has power management.
 * SMMUV3_TEST_FAR is a test device, too, behind another SMMU of the host.
 * With SMMUV3_TEST_NO_P2P the host cannot do it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "smmuv3-accel-lib.h"

/* The peer's root port and bus, behind the SMMU of the edu devices or not */
#define PEER_SLOT   4
#define PEER_BUS    0x20
#define SECOND_PXB  0x28
#define SECOND_BUS  0x29
/* Its number in the guest; the first ones are those with root ports */
#define PEER        DEVS

/* Where its BAR 2 is, a second place for it, and that of device 0 */
#define BAR_SIZE    0x100000u
#define BAR_AT      0x20000000u
#define BAR_MOVED   0x20400000u
#define BAR_OWN     0x20800000u
/* What a test device exports: registers, vectors and memory */
#define DMABUFS     3
/* Of these have an address: BAR 0 of device 0, BARs 0 and 2 of the peer */
#define OWN_BARS    1
#define PEER_BARS   2
/* What transfers write, and what they read, in that BAR */
#define SPOT        0x5000
#define SOURCE      0x5800

/* Stage 1, with map_bars(): IOVA x + BAR_OFFSET to x below 1 GiB */
#define BAR_OFFSET  0xc0000000ull

/* What device @from is to reach; BAR 2 is at @at */
typedef struct Peer {
    uint8_t root, slot, bus;
    uint32_t at;
    int from;
} Peer;

static const char *env(const char *name)
{
    const char *value = g_getenv(name);

    if (!value) {
        g_error("%s is not set; the lab sets it", name);
    }
    return value;
}

/* Arguments for a peer behind the SMMU of the edu devices */
static char *peer_args(const char *host, const char *more)
{
    return g_strdup_printf(" -device pcie-root-port,id=peer,bus=pcie.1,"
                           "chassis=20,addr=0x%x -device vfio-pci,host=%s,"
                           "id=peerdev,bus=peer,iommufd=iommufd0,rombar=0%s "
                           "-trace iommufd_backend_map_file_dma ", PEER_SLOT,
                           host, more);
}

static void set_decoding(Guest *g, const Peer *p, bool on)
{
    qtest_writew(g->qts, guest_cfg(p->bus, 0, PCI_COMMAND),
                 on ? PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER : 0);
}

static void set_bar(Guest *g, Peer *p, uint32_t at)
{
    p->at = at;
    qtest_writel(g->qts, guest_cfg(p->bus, 0, PCI_BASE_ADDRESS_2), at);
    qtest_writel(g->qts, guest_cfg(p->bus, 0, PCI_BASE_ADDRESS_3), 0);
}

/* The root port's window of @size bytes, and the BAR at its start */
static void setup_memory(Guest *g, Peer *p, uint32_t at, uint32_t size)
{
    uint64_t port = guest_cfg(p->root, p->slot << 3, 0);

    qtest_writew(g->qts, port + PCI_PREF_MEMORY_BASE, at >> 16);
    qtest_writew(g->qts, port + PCI_PREF_MEMORY_LIMIT, (at + size - 1) >> 16);
    qtest_writel(g->qts, port + PCI_PREF_BASE_UPPER32, 0);
    qtest_writel(g->qts, port + PCI_PREF_LIMIT_UPPER32, 0);
    set_bar(g, p, at);
}

/* As firmware would: bus number, windows, BARs, decoding */
static void setup_peer(Guest *g, Peer *p)
{
    uint64_t port = guest_cfg(p->root, p->slot << 3, 0);
    uint32_t registers = guest_bar(PEER);

    qtest_writel(g->qts, port + PCI_PRIMARY_BUS,
                 p->root | p->bus << 8 | p->bus << 16);
    qtest_writew(g->qts, port + PCI_MEMORY_BASE, registers >> 16);
    qtest_writew(g->qts, port + PCI_MEMORY_LIMIT, registers >> 16);
    setup_memory(g, p, BAR_AT, BAR_MOVED + BAR_SIZE - BAR_AT);
    qtest_writew(g->qts, port + PCI_COMMAND,
                 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    qtest_writel(g->qts, guest_cfg(p->bus, 0, PCI_BASE_ADDRESS_0), registers);
    set_decoding(g, p, true);
}

static Guest *start(Peer *p, const char *host, const char *more)
{
    g_autofree char *args = peer_args(host, more);
    Guest *g = guest_start(1, args);

    *p = (Peer) { PXB_BUS, PEER_SLOT, PEER_BUS };
    setup_peer(g, p);
    return g;
}

static Guest *start_with_peer(Peer *p)
{
    return start(p, env("SMMUV3_TEST_PEER"), "");
}

static void map_bars(Guest *g)
{
    qtest_writeq(g->qts, PGD + 3 * 8, 0x741);
}

/*
 * Does the device reach the peer's BAR at @iova, writing and reading, if it
 * reaches memory at @ram above memory's own addresses? Looked at by CPU, for
 * which decoding has to be on: with @decoding false it is off in between.
 */
static bool reaches(Guest *g, const Peer *p, uint64_t iova, uint64_t ram,
                    bool decoding)
{
    uint32_t written, read;

    g->stamp += 0x01010101;
    qtest_writel(g->qts, p->at + SPOT, 0);
    qtest_writel(g->qts, p->at + SOURCE, ~g->stamp);
    g_assert_cmphex(qtest_readl(g->qts, p->at + SOURCE), ==, ~g->stamp);
    qtest_writel(g->qts, BUF, g->stamp);
    qtest_writel(g->qts, BUF + 0x800, 0);
    if (!decoding) {
        set_decoding(g, p, false);
    }
    dma_load(g, p->from, BUF + ram);
    dma_write(g, p->from, iova + SPOT);
    dma_load(g, p->from, iova + SOURCE);
    dma_write(g, p->from, BUF + 0x800 + ram);
    if (!decoding) {
        set_decoding(g, p, true);
    }
    written = qtest_readl(g->qts, p->at + SPOT);
    read = qtest_readl(g->qts, BUF + 0x800);
    if (!written && read != ~g->stamp) {
        return false;
    }
    /* Reached: then by the right number, and both ways */
    g_assert_cmphex(written, ==, g->stamp);
    g_assert_cmphex(read, ==, ~g->stamp);
    return true;
}

static bool reaches_flat(Guest *g, const Peer *p)
{
    return reaches(g, p, p->at, 0, true);
}

static bool reaches_mapped(Guest *g, const Peer *p)
{
    return reaches(g, p, p->at + BAR_OFFSET, MAP_OFFSET, true);
}

/* Device 0 translates, and so do both of its ways */
static void translate(Guest *g)
{
    smmu_setup(g, false);
    map_bars(g);
    smmu_set_ste(g, false, guest_sid(0), STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
    dma_assert(g, MAPPED, BLOCKED);
}

/* How often BARs were mapped until now, successfully */
static unsigned count_maps(Guest *g)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    unsigned n = 0;

    g_assert_true(g_file_get_contents(g->trace_path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", 0);
    for (int i = 0; lines[i]; i++) {
        n += strstr(lines[i], "iommufd_backend_map_file_dma") &&
             strstr(lines[i], "(0)");
    }
    return n;
}

static void in_each_state_of_the_stream(void)
{
    Peer p;
    Guest *g = start_with_peer(&p);

    g_assert_true(reaches_flat(g, &p));
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    g_assert_false(reaches_flat(g, &p));
    smmu_gbpa(g, GBPA_RESET);
    g_assert_true(reaches_flat(g, &p));

    translate(g);
    g_assert_true(reaches_mapped(g, &p));
    g_assert_false(reaches_flat(g, &p));
    smmu_set_ste(g, false, guest_sid(0), STE_ABORT);
    smmu_cfgi_ste(g, guest_sid(0));
    g_assert_false(reaches_mapped(g, &p));
    g_assert_false(reaches_flat(g, &p));
    smmu_set_ste(g, false, guest_sid(0), STE_BYPASS);
    smmu_cfgi_ste(g, guest_sid(0));
    g_assert_true(reaches_flat(g, &p));
    guest_stop(g);
}

/* The peer's SMMU is the guest's second: it translates, too */
static void translate_second(Guest *g)
{
    const uint32_t sid = SECOND_BUS << 8;

    smmu_setup(g, false);
    map_bars(g);
    smmu_set_l1(g, SECOND_BUS, true);
    smmu_set_ste(g, false, sid, STE_S1);
    smmu_cr0(g, CR0_QUEUES | CR0_SMMUEN);
}

/* Each SMMU decides for its own device, wherever that one's DMA goes */
static void both_ways(const char *host)
{
    g_autofree char *args =
        g_strdup_printf(" -device pxb-pcie,id=pcie.2,bus_nr=%d,bus=pcie.0 "
                        "-device arm-smmuv3,primary-bus=pcie.2,accel=on "
                        "-device pcie-root-port,id=peer,bus=pcie.2,chassis=20,"
                        "addr=0 -device vfio-pci,host=%s,id=peerdev,bus=peer,"
                        "iommufd=iommufd0,rombar=0 ", SECOND_PXB, host);
    Guest *g = guest_start(1, args);
    Peer p = { SECOND_PXB, 0, SECOND_BUS };
    Peer own = { PXB_BUS, 0, FIRST_BUS, .from = PEER };

    setup_peer(g, &p);
    setup_memory(g, &own, BAR_OWN, BAR_SIZE);
    g->testdev[PEER] = true;
    g_assert_true(reaches_flat(g, &p));
    g_assert_true(reaches_flat(g, &own));

    g->smmu = 1;
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    g_assert_true(reaches_flat(g, &p));
    g_assert_false(reaches_flat(g, &own));
    smmu_gbpa(g, GBPA_RESET);
    g_assert_true(reaches_flat(g, &own));
    translate_second(g);
    g_assert_true(reaches_flat(g, &p));
    g_assert_false(reaches_mapped(g, &p));
    g_assert_true(reaches_mapped(g, &own));
    g_assert_false(reaches_flat(g, &own));

    g->smmu = 0;
    translate(g);
    g_assert_true(reaches_mapped(g, &p));
    g_assert_false(reaches_flat(g, &p));
    g_assert_true(reaches_mapped(g, &own));
    guest_stop(g);
}

static void behind_two_smmus(void)
{
    both_ways(env("SMMUV3_TEST_PEER"));
}

static void behind_two_of_the_host(void)
{
    both_ways(env("SMMUV3_TEST_FAR"));
}

static void not_while_decoding_is_off(void)
{
    Peer p;
    Guest *g = start_with_peer(&p);

    for (int i = 0; i < 3; i++) {
        g_assert_true(reaches_flat(g, &p));
        g_assert_false(reaches(g, &p, p.at, 0, false));
    }
    translate(g);
    g_assert_true(reaches_mapped(g, &p));
    g_assert_false(reaches(g, &p, p.at + BAR_OFFSET, MAP_OFFSET, false));
    g_assert_true(reaches_mapped(g, &p));
    guest_stop(g);
}

static uint8_t find_cap(Guest *g, const Peer *p, uint8_t id)
{
    uint8_t at = qtest_readb(g->qts, guest_cfg(p->bus, 0,
                                               PCI_CAPABILITY_LIST));

    while (qtest_readb(g->qts, guest_cfg(p->bus, 0, at)) != id) {
        at = qtest_readb(g->qts, guest_cfg(p->bus, 0, at + 1));
        g_assert_cmphex(at, !=, 0);
    }
    return at;
}

/* The guest's own reset of the function, with decoding left on */
static void function_level_reset(Guest *g, const Peer *p)
{
    uint8_t exp = find_cap(g, p, PCI_CAP_ID_EXP);

    qtest_writew(g->qts, guest_cfg(p->bus, 0, exp + PCI_EXP_DEVCTL),
                 PCI_EXP_DEVCTL_BCR_FLR);
}

static void after_a_function_level_reset(void)
{
    Peer p;
    Guest *g = start_with_peer(&p);

    g_assert_true(reaches_flat(g, &p));
    for (int i = 0; i < 3; i++) {
        function_level_reset(g, &p);
        g_assert_true(reaches_flat(g, &p));
    }
    translate(g);
    function_level_reset(g, &p);
    g_assert_true(reaches_mapped(g, &p));
    guest_stop(g);
}

/* The buffer of an NVMe device, which is asleep in between, and reset */
static void after_d3hot(void)
{
    Peer p;
    Guest *g = start(&p, env("SMMUV3_TEST_NVME"), "");
    uint64_t pmcsr = guest_cfg(p.bus, 0, find_cap(g, &p, PCI_CAP_ID_PM) +
                                         PCI_PM_CTRL);

    g_assert_true(reaches_flat(g, &p));
    function_level_reset(g, &p);
    g_assert_true(reaches_flat(g, &p));
    qtest_writew(g->qts, pmcsr, 3);
    qtest_writew(g->qts, pmcsr, 0);
    g_assert_true(reaches_flat(g, &p));
    guest_stop(g);
}

/* Of its bus, by the root port */
static void after_a_hot_reset(void)
{
    Peer p;
    Guest *g = start_with_peer(&p);
    uint64_t control = guest_cfg(p.root, p.slot << 3, PCI_BRIDGE_CONTROL);

    g_assert_true(reaches_flat(g, &p));
    qtest_writew(g->qts, control, PCI_BRIDGE_CTL_BUS_RESET);
    qtest_writew(g->qts, control, 0);
    setup_peer(g, &p);
    g_assert_true(reaches_flat(g, &p));
    guest_stop(g);
}

/* Of all devices */
static void after_a_reset_of_the_machine(void)
{
    Peer p;
    Guest *g = start_with_peer(&p);

    g_assert_true(reaches_flat(g, &p));
    qtest_qmp_assert_success(g->qts, "{'execute': 'system_reset'}");
    qtest_qmp_eventwait(g->qts, "RESET");
    guest_enumerate(g);
    setup_peer(g, &p);
    g_assert_true(reaches_flat(g, &p));
    guest_stop(g);
}

static void set_power(Guest *g, const Peer *p, bool on)
{
    guest_set_slot_power(g, guest_cfg(p->root, p->slot << 3, 0), on);
}

static void unplug(Guest *g, const Peer *p)
{
    qtest_qmp_device_del_send(g->qts, "peerdev");
    set_power(g, p, false);
    qtest_qmp_eventwait(g->qts, "DEVICE_DELETED");
}

static void plug(Guest *g, Peer *p)
{
    qtest_qmp_assert_success(g->qts, "{'execute': 'device_add', 'arguments': {"
                             "'driver': 'vfio-pci', 'id': 'peerdev', "
                             "'host': %s, 'bus': 'peer', 'rombar': 0, "
                             "'iommufd': 'iommufd0'}}",
                             env("SMMUV3_TEST_PEER"));
    set_power(g, p, true);
    setup_peer(g, p);
}

/* What device 0 reads at @iova, or what its buffer held before */
static uint32_t read_at(Guest *g, uint64_t iova, uint32_t otherwise)
{
    qtest_writel(g->qts, BUF, otherwise);
    dma_load(g, 0, BUF);
    dma_load(g, 0, iova);
    dma_write(g, 0, BUF + 0x800);
    return qtest_readl(g->qts, BUF + 0x800);
}

static void unplugged_and_plugged(void)
{
    Peer p;
    Guest *g = start_with_peer(&p);

    for (int i = 0; i < 3; i++) {
        uint32_t there = 0xbeef0000 + i;

        g_assert_true(reaches_flat(g, &p));
        qtest_writel(g->qts, p.at + SOURCE, there);
        g_assert_cmphex(read_at(g, p.at + SOURCE, i + 1), ==, there);
        unplug(g, &p);
        g_assert_cmphex(read_at(g, p.at + SOURCE, i + 1), !=, there);
        plug(g, &p);
    }
    g_assert_true(reaches_flat(g, &p));
    guest_stop(g);
}

static void where_the_bar_was_moved_to(void)
{
    Peer p;
    Guest *g = start_with_peer(&p);

    g_assert_true(reaches_flat(g, &p));
    set_bar(g, &p, BAR_MOVED);
    g_assert_true(reaches_flat(g, &p));
    g_assert_false(reaches(g, &p, BAR_AT, 0, true));
    set_bar(g, &p, BAR_AT);
    g_assert_true(reaches_flat(g, &p));
    g_assert_false(reaches(g, &p, BAR_MOVED, 0, true));
    guest_stop(g);
}

/* The same addresses in another VM are not this one's BAR */
static void never_from_another_vm(void)
{
    Peer p, none = { PXB_BUS, PEER_SLOT, PEER_BUS, BAR_AT };
    Guest *g = start_with_peer(&p);
    Guest *other = guest_start(0, "");

    guest_hotplug(other, 1);
    qtest_writel(g->qts, p.at + SPOT, 0);
    g_assert_true(reaches_flat(g, &p));
    qtest_writel(g->qts, p.at + SPOT, 0);
    qtest_writel(other->qts, BUF, 0x55aa55aa);
    dma_load(other, 1, BUF);
    for (uint32_t at = BAR_AT; at <= BAR_MOVED; at += BAR_MOVED - BAR_AT) {
        dma_write(other, 1, at + SPOT);
    }
    dma_write(other, 1, BUF + 0x800);
    g_assert_cmphex(qtest_readl(other->qts, BUF + 0x800), ==, 0x55aa55aa);
    g_assert_cmphex(qtest_readl(g->qts, none.at + SPOT), ==, 0);
    g_assert_true(reaches_flat(g, &p));
    guest_stop(other);
    guest_stop(g);
}

static void not_with_the_property_off(void)
{
    Peer p;
    Guest *g = start(&p, env("SMMUV3_TEST_PEER"), ",x-p2p=off");

    g_assert_false(reaches_flat(g, &p));
    translate(g);
    g_assert_false(reaches_mapped(g, &p));
    guest_stop(g);
}

/* One call for each BAR, and no other for what changes nothing of it */
static void each_bar_is_mapped_once(void)
{
    Peer p;
    Guest *g = start(&p, env("SMMUV3_TEST_PEER"), ",x-p2p=on");
    unsigned was = count_maps(g);

    g_assert_true(reaches_flat(g, &p));
    set_decoding(g, &p, false);
    g_assert_cmpuint(count_maps(g), ==, was);
    set_decoding(g, &p, true);
    g_assert_cmpuint(count_maps(g), ==, was + PEER_BARS);
    set_decoding(g, &p, true);
    g_assert_cmpuint(count_maps(g), ==, was + PEER_BARS);
    translate(g);
    smmu_gbpa(g, GBPA_RESET | GBPA_ABORT);
    g_assert_cmpuint(count_maps(g), ==, was + PEER_BARS);
    guest_stop(g);
}

/* A copy of the descriptor of /dev/iommu that QEMU has */
static int iommufd_of(Guest *g)
{
    int pid = qtest_pid(g->qts);
    int pidfd = syscall(SYS_pidfd_open, pid, 0);
    int fd;

    for (int i = 0;; i++) {
        g_autofree char *path = g_strdup_printf("/proc/%d/fd/%d", pid, i);
        g_autofree char *name = g_file_read_link(path, NULL);

        g_assert_cmpint(i, <, 1000);
        if (!g_strcmp0(name, "/dev/iommu")) {
            fd = syscall(SYS_pidfd_getfd, pidfd, i, 0);
            g_assert_cmpint(fd, >=, 0);
            close(pidfd);
            return fd;
        }
    }
}

/* The Linux of the host counts dma-bufs, and who has attached to each */
static void assert_dmabufs(unsigned bufs, unsigned attached)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    unsigned is = 0, users = 0, n;

    g_assert_true(g_file_get_contents("/sys/kernel/debug/dma_buf/bufinfo",
                                      &text, NULL, NULL));
    lines = g_strsplit(text, "\n", 0);
    for (int i = 0; lines[i]; i++) {
        if (sscanf(lines[i], "Total %u", &n) == 1) {
            *(strstr(lines[i], "devices") ? &users : &is) += n;
        }
    }
    g_assert_cmpuint(is, ==, bufs);
    g_assert_cmpuint(users, ==, attached);
}

/*
 * The lowest number that no object of QEMU's iommufd has: Linux gives it to the
 * next, so that objects which are lost push it up.
 */
static uint32_t next_object(Guest *g)
{
    struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
    struct iommu_destroy destroy = { .size = sizeof(destroy) };
    int fd = iommufd_of(g);

    g_assert_cmpint(ioctl(fd, IOMMU_IOAS_ALLOC, &alloc), ==, 0);
    destroy.id = alloc.out_ioas_id;
    g_assert_cmpint(ioctl(fd, IOMMU_DESTROY, &destroy), ==, 0);
    close(fd);
    return alloc.out_ioas_id;
}

/* Unmap all that QEMU's devices reach; returns how many bytes that was */
static uint64_t unmap_all(Guest *g)
{
    int fd = iommufd_of(g);
    uint64_t bytes = 0;

    /* Of these numbers only an address space's can be unmapped */
    for (uint32_t id = 1; id < 100; id++) {
        struct iommu_ioas_unmap unmap = {
            .size = sizeof(unmap), .ioas_id = id, .length = UINT64_MAX,
        };

        bytes += ioctl(fd, IOMMU_IOAS_UNMAP, &unmap) ? 0 : unmap.length;
    }
    close(fd);
    return bytes;
}

static void nothing_stays_mapped(void)
{
    const char *rounds = g_getenv("SMMUV3_P2P_ROUNDS");
    int n = rounds ? atoi(rounds) : 5;
    uint64_t bytes;
    uint32_t objects;
    int fds;
    Peer p;
    Guest *g;

    assert_dmabufs(0, 0);
    /* A VM without a peer, to compare with */
    g = guest_start(1, "");
    assert_dmabufs(DMABUFS, OWN_BARS);
    bytes = unmap_all(g);
    g_assert_cmpuint(bytes, >, 0);
    guest_stop(g);

    g = start_with_peer(&p);
    assert_dmabufs(2 * DMABUFS, OWN_BARS + PEER_BARS);
    fds = guest_fds(g);
    objects = next_object(g);
    for (int i = 0; i < n; i++) {
        uint64_t control = guest_cfg(p.root, p.slot << 3, PCI_BRIDGE_CONTROL);

        unplug(g, &p);
        assert_dmabufs(DMABUFS, OWN_BARS);
        plug(g, &p);
        assert_dmabufs(2 * DMABUFS, OWN_BARS + PEER_BARS);
        qtest_writew(g->qts, control, PCI_BRIDGE_CTL_BUS_RESET);
        qtest_writew(g->qts, control, 0);
        assert_dmabufs(2 * DMABUFS, OWN_BARS);
        setup_peer(g, &p);
        assert_dmabufs(2 * DMABUFS, OWN_BARS + PEER_BARS);
        g_assert_cmpint(guest_fds(g), ==, fds);
        g_assert_cmpuint(next_object(g), ==, objects);
    }
    g_assert_true(reaches_flat(g, &p));
    unplug(g, &p);
    g_assert_cmpuint(unmap_all(g), ==, bytes);
    g_test_message("%d times unplugged, plugged and reset: %d dma-bufs, each "
                   "BAR mapped once, %d descriptors, and iommufd's next object "
                   "is number %u, as before; without the peer %" PRIu64 " KiB "
                   "are mapped, as if it had never been", n, 2 * DMABUFS, fds,
                   objects, bytes >> 10);
    guest_stop(g);
    assert_dmabufs(0, 0);
}

/* The new QEMU maps it when it runs the VM and its main loop has its turn */
static bool reaches_soon(Guest *g, const Peer *p,
                         bool (*reaches_it)(Guest *g, const Peer *p))
{
    for (int i = 0; i < 1000; i++) {
        if (reaches_it(g, p)) {
            return true;
        }
        g_usleep(10 * 1000);
    }
    return false;
}

static Peer handed_over;

static void reaches_nothing(Guest *g)
{
    for (int i = 0; i < 3; i++) {
        g_assert_false(reaches_flat(g, &handed_over));
    }
}

/* An address space of its own, into which BARs are mapped at once */
static void reaches_nothing_beside_another(Guest *g)
{
    qtest_qmp_assert_success(g->qts, "{'execute': 'object-add', 'arguments': {"
                             "'qom-type': 'iommufd', 'id': 'other'}}");
    qtest_qmp_assert_success(g->qts, "{'execute': 'device_add', 'arguments': {"
                             "'driver': 'vfio-pci', 'iommufd': 'other',"
                             "'bus': 'plain', 'host': %s}}",
                             env("SMMUV3_TEST_NVME"));
    reaches_nothing(g);
}

/* The kernel gives another QEMU no memory that is a BAR: it is unmapped */
static void after_another_qemu_took_over(void)
{
    g_autofree char *args = peer_args(env("SMMUV3_TEST_PEER"),
                                      " -device pcie-root-port,id=plain,"
                                      "bus=pcie.0,chassis=30");
    Guest *g = guest_start_shared_with(1, args);
    Peer p = { PXB_BUS, PEER_SLOT, PEER_BUS };

    setup_peer(g, &p);
    handed_over = p;
    g_assert_true(reaches_flat(g, &p));
    g_assert_true(guest_hand_over(g, NULL, NULL, NULL));
    g_assert_true(reaches_soon(g, &p, reaches_flat));
    /* The new one does not run the VM at once */
    g_assert_true(guest_hand_over(g, NULL, NULL, reaches_nothing));
    g_assert_true(reaches_soon(g, &p, reaches_flat));
    /* The old one did not run it either */
    qtest_qmp_assert_success(g->qts, "{'execute': 'stop'}");
    g_assert_true(guest_hand_over(g, NULL, NULL, reaches_nothing));
    g_assert_true(reaches_soon(g, &p, reaches_flat));
    /* And goes on with it, as the new one cannot */
    qtest_qmp_assert_success(g->qts, "{'execute': 'stop'}");
    g_assert_false(guest_hand_over(g, "accel=on", "accel=on,ril=off", NULL));
    qtest_qmp_assert_success(g->qts, "{'execute': 'cont'}");
    g_assert_true(reaches_soon(g, &p, reaches_flat));
    translate(g);
    g_assert_true(reaches_mapped(g, &p));
    g_assert_true(guest_hand_over(g, NULL, NULL, NULL));
    g_assert_true(reaches_soon(g, &p, reaches_mapped));
    g_assert_true(guest_hand_over(g, NULL, NULL,
                                  reaches_nothing_beside_another));
    g_assert_true(reaches_soon(g, &p, reaches_mapped));
    guest_stop(g);
}

/* A host that cannot: all else is as it was */
static void nothing_on_a_host_without(void)
{
    Peer p;
    Guest *g = start_with_peer(&p);

    dma_assert(g, FLAT, BLOCKED);
    g_assert_false(reaches_flat(g, &p));
    translate(g);
    g_assert_false(reaches_mapped(g, &p));
    guest_stop(g);
}

#define TEST(name) qtest_add_func("smmuv3-accel-p2p/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (g_getenv("SMMUV3_TEST_NO_P2P")) {
        TEST(nothing_on_a_host_without);
        return g_test_run();
    }
    TEST(in_each_state_of_the_stream);
    TEST(behind_two_smmus);
    TEST(behind_two_of_the_host);
    TEST(not_while_decoding_is_off);
    TEST(after_a_function_level_reset);
    TEST(after_d3hot);
    TEST(after_a_hot_reset);
    TEST(after_a_reset_of_the_machine);
    TEST(unplugged_and_plugged);
    TEST(where_the_bar_was_moved_to);
    TEST(never_from_another_vm);
    TEST(not_with_the_property_off);
    TEST(each_bar_is_mapped_once);
    TEST(nothing_stays_mapped);
    TEST(after_another_qemu_took_over);
    return g_test_run();
}
