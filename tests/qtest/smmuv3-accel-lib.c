/*
 * A bare-metal guest for arm-smmuv3,accel=on: PCI, the SMMU, and DMA to see
 * what it does
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/bswap.h"
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "smmuv3-accel-lib.h"

/* The virt machine's map */
#define ECAM        0x4010000000ull
#define SMMU_BASE   0x0c000000ull
#define SMMU_SIZE   0x00020000
#define MMIO_BASE   0x10000000u
#define MMIO_WINDOW 0x00200000u

/* edu's registers; its buffer is at 0x40000 in its own address space */
#define EDU_DMA_SRC     0x80
#define EDU_DMA_DST     0x88
#define EDU_DMA_CNT     0x90
#define EDU_DMA_CMD     0x98
#define EDU_DMA_RUN     1
#define EDU_DMA_TO_MEM  2
#define EDU_BUFFER      0x40000
/* Virtual time that a transfer takes */
#define EDU_DMA_NS      (100 * 1000 * 1000)

/* The test device's first request; its buffer is the start of its own memory */
#define TESTDEV_SOURCE  0x100
#define TESTDEV_TARGET  0x108
#define TESTDEV_LENGTH  0x110
#define TESTDEV_FLAGS   0x118
#define TESTDEV_CONTROL 0x120
#define TESTDEV_RUN     1
#define TESTDEV_SOURCE_OWN 1
#define TESTDEV_TARGET_OWN 2

/* Vendor and device, and the byte that a register of theirs starts with */
#define EDU             0x11e81234
#define EDU_ID          0xed
#define TESTDEV         0xda7a1234
#define TESTDEV_ID      'D'

#define TIMEOUT_US      (10 * G_USEC_PER_SEC)

#define CMDQ_LOG2       8
#define STE_SIZE        64
#define L2_SPLIT        8
#define STRTAB_LOG2     16
#define LINEAR_LOG2     13

const char *guest_host_device(int i)
{
    static char **names;

    if (!names) {
        const char *env = g_getenv("SMMUV3_TEST_DEVICES");

        if (!env) {
            g_error("SMMUV3_TEST_DEVICES names the devices to assign, "
                    "e.g. \"0000:01:00.0 0000:02:00.0\"; the lab sets it");
        }
        names = g_strsplit(env, " ", 0);
    }
    g_assert_cmpuint(i, <, g_strv_length(names));
    return names[i];
}

bool guest_host_is_618(void)
{
    return !g_strcmp0(g_getenv("SMMUV3_TEST_KERNEL"), "6.18");
}

uint64_t guest_cfg(uint8_t bus, uint8_t devfn, uint32_t reg)
{
    return ECAM + (bus << 20) + (devfn << 12) + reg;
}

uint32_t guest_sid(int i)
{
    return (FIRST_BUS + i) << 8;
}

uint32_t guest_bar(int i)
{
    return MMIO_BASE + i * MMIO_WINDOW;
}

static int ports(const Guest *g)
{
    return g->ports ?: DEVS;
}

/* The number of the bus that root port @i is on */
static uint8_t root_bus(const Guest *g, int i)
{
    return g->smmus > 1 ? FIRST_PXB + i : PXB_BUS;
}

static uint64_t port_cfg(const Guest *g, int i)
{
    return guest_cfg(root_bus(g, i), g->smmus > 1 ? 0 : i << 3, 0);
}

void guest_set_bus(Guest *g, int i, uint8_t bus)
{
    qtest_writel(g->qts, port_cfg(g, i) + PCI_PRIMARY_BUS,
                 root_bus(g, i) | bus << 8 | bus << 16);
}

bool guest_try_setup_device(Guest *g, int i)
{
    uint64_t dev = guest_cfg(FIRST_BUS + i, 0, 0);
    uint32_t id = qtest_readl(g->qts, dev);

    g->testdev[i] = id == TESTDEV;
    g_assert_cmphex(id, ==, g->testdev[i] ? TESTDEV : EDU);
    qtest_writel(g->qts, dev + PCI_BASE_ADDRESS_0, guest_bar(i));
    qtest_writew(g->qts, dev + PCI_COMMAND,
                 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    return (qtest_readl(g->qts, guest_bar(i)) & 0xff) ==
           (g->testdev[i] ? TESTDEV_ID : EDU_ID);
}

void guest_setup_device(Guest *g, int i)
{
    g_assert_true(guest_try_setup_device(g, i));
}

void guest_enumerate(Guest *g)
{
    for (int i = 0; i < ports(g); i++) {
        uint64_t port = port_cfg(g, i);
        uint32_t window = guest_bar(i) >> 16;

        guest_set_bus(g, i, FIRST_BUS + i);
        qtest_writew(g->qts, port + PCI_MEMORY_BASE, window);
        qtest_writew(g->qts, port + PCI_MEMORY_LIMIT,
                     window + (MMIO_WINDOW >> 16) - 0x10);
        qtest_writew(g->qts, port + PCI_COMMAND,
                     PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
        if (g->plugged[i]) {
            guest_setup_device(g, i);
        }
    }
}

static char *temp_file(const char *content)
{
    char *path;
    int fd = g_file_open_tmp("smmuv3-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_assert_true(g_file_set_contents(path, content, -1, NULL));
    return path;
}

/* Root complexes with an SMMU each, and root ports on them, all in turn */
static void add_buses(Guest *g, GString *args, const char *smmu)
{
    for (int i = 0; i < g->smmus; i++) {
        g_string_append_printf(args, "-device pxb-pcie,id=pcie.%d,bus_nr=%d,"
                               "bus=pcie.0 -device arm-smmuv3,id=smmu%d,"
                               "primary-bus=pcie.%d%s ", i + 1,
                               root_bus(g, i), i, i + 1, smmu);
    }
    for (int i = 0; i < ports(g); i++) {
        g_string_append_printf(args, "-device pcie-root-port,id=rp%d,"
                               "bus=pcie.%d,chassis=%d,addr=0x%x ", i,
                               i % g->smmus + 1, i + 1, i / g->smmus);
    }
}

static Guest *start_on(int nports, int smmus, int ndevs, bool emulated,
                       bool trace, bool shared, const char *smmu,
                       const char *(*device)(int))
{
    Guest *g = g_new0(Guest, 1);
    g_autoptr(GString) args = g_string_new(NULL);

    g_assert_cmpint(nports, <=, DEVS_MAX);
    g->emulated = emulated;
    g->ports = nports;
    g->smmus = smmus;
    g->trace_path = temp_file("");
    g->firmware_path = temp_file("none");
    /*
     * What the firmware is does not matter, as no CPU runs; that there is one
     * makes the machine describe more than pcie.0, by ACPI.
     */
    g_string_printf(args, "-machine virt,gic-version=3%s -cpu cortex-a57 "
                    "-m 128M -nodefaults -bios %s -object iommufd,id=iommufd0 ",
                    shared ? ",memory-backend=ram,aux-ram-share=on -object "
                    "memory-backend-memfd,id=ram,size=128M,share=on" : "",
                    g->firmware_path);
    add_buses(g, args, smmu);
    for (int i = 0; i < ndevs; i++) {
        g_autofree char *dev = g_strdup(device(i));

        g_string_append_printf(args, "-device %s,id=dev%d,bus=rp%d ",
                               dev, i, i);
        g->plugged[i] = true;
    }
    if (trace) {
        g_string_append(args, "-trace iommufd_viommu_call "
                        "-trace smmuv3_accel_*");
    }
    g->args = g_strdup(args->str);
    g_string_append_printf(args, " -D %s", g->trace_path);
    g->qts = qtest_init(args->str);
    guest_enumerate(g);
    if (ndevs && !emulated &&
        !g_strcmp0(g_getenv("SMMUV3_TEST_CMDQV"), "live")) {
        cmdqv_setup(g);
    }
    return g;
}

static Guest *start(int ndevs, bool emulated, bool trace, const char *smmu,
                    const char *(*device)(int))
{
    return start_on(DEVS, 1, ndevs, emulated, trace, false, smmu, device);
}

static const char *assigned_device(int i)
{
    static char *arg;

    g_free(arg);
    arg = g_strdup_printf("vfio-pci,host=%s,iommufd=iommufd0,rombar=0",
                          guest_host_device(i));
    return arg;
}

static const char *emulated_device(int i)
{
    return "edu,dma_mask=0xffffffffffffffff";
}

static Guest *start_accel(int ndevs, bool trace, const char *smmu)
{
    const char *fault = g_getenv("SMMUV3_TEST_FAULT");
    g_autofree char *props = NULL;

    /* Only the wrong build has x-fault: see scripts/build/build-faulty */
    props = g_strdup_printf(",accel=on%s%s%s", smmu, fault ? ",x-fault=" : "",
                            fault ?: "");
    return start(ndevs, false, trace, props, assigned_device);
}

Guest *guest_start(int ndevs, const char *smmu)
{
    return start_accel(ndevs, true, smmu);
}

Guest *guest_start_untraced(int ndevs)
{
    return start_accel(ndevs, false, "");
}

Guest *guest_start_many(int ndevs, bool one_smmu)
{
    return start_on(ndevs, one_smmu ? 1 : ndevs, ndevs, false, false, false,
                    ",accel=on", assigned_device);
}

Guest *guest_start_shared(int ndevs, bool one_smmu)
{
    return start_on(ndevs, one_smmu ? 1 : ndevs, ndevs, false, true, true,
                    ",accel=on", assigned_device);
}

Guest *guest_start_shared_with(int ndevs, const char *smmu)
{
    g_autofree char *props = g_strdup_printf(",accel=on%s", smmu);

    return start_on(DEVS, 1, ndevs, false, true, true, props, assigned_device);
}

Guest *guest_start_emulated(int ndevs)
{
    return start(ndevs, true, false, "", emulated_device);
}

void guest_stop(Guest *g)
{
    qtest_quit(g->qts);
    unlink(g->trace_path);
    unlink(g->firmware_path);
    g_free(g->trace_path);
    g_free(g->firmware_path);
    g_free(g->args);
    g_free(g);
}

/* Wait until the migration has come to an end; was it a success? */
static bool wait_migrated(QTestState *qts)
{
    static const char *const ends[] = { "completed", "failed", "cancelled" };

    for (;;) {
        QDict *info = qtest_qmp_assert_success_ref(
            qts, "{'execute': 'query-migrate'}");
        g_autofree char *status = g_strdup(qdict_get_try_str(info, "status"));
        const char *why = qdict_get_try_str(info, "error-desc");

        if (why) {
            g_test_message("%s", why);
        }
        qobject_unref(info);
        for (int i = 0; i < ARRAY_SIZE(ends); i++) {
            if (!g_strcmp0(status, ends[i])) {
                return i == 0;
            }
        }
        g_usleep(10 * 1000);
    }
}

/* Returns: the answer */
static QDict *send_migrate(QTestState *qts, const char *cpr, const char *mig)
{
    qtest_qmp_assert_success(qts, "{'execute': 'migrate-set-capabilities',"
        "'arguments': {'capabilities': ["
        "{'capability': 'return-path', 'state': true}]}}");
    qtest_qmp_assert_success(qts, "{'execute': 'migrate-set-parameters',"
        "'arguments': {'mode': 'cpr-transfer'}}");
    return qtest_qmp(qts, "{'execute': 'migrate', 'arguments': {"
        "'channels': ["
        "{'channel-type': 'main', 'addr': {'transport': 'socket',"
        " 'type': 'unix', 'path': %s}},"
        "{'channel-type': 'cpr', 'addr': {'transport': 'socket',"
        " 'type': 'unix', 'path': %s}}]}}", mig, cpr);
}

static char *replaced(const char *text, const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(text, from, 2);

    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    return g_strjoinv(to, parts);
}

bool guest_hand_over(Guest *g, const char *from, const char *to,
                     void (*meanwhile)(Guest *g))
{
    g_autofree char *dir = g_dir_make_tmp("smmuv3-XXXXXX", NULL);
    g_autofree char *cpr = g_build_filename(dir, "cpr", NULL);
    g_autofree char *mig = g_build_filename(dir, "mig", NULL);
    g_autofree char *same = from ? replaced(g->args, from, to)
                                 : g_strdup(g->args);
    g_autofree char *trace_path = temp_file("");
    int cpr_fd = qtest_socket_server(cpr);
    g_autofree char *args = g_strdup_printf(
        "%s%s -D %s -incoming defer -incoming cpr,addr.transport=socket,"
        "addr.type=fd,addr.str=%d", same, meanwhile ? " -S" : "", trace_path,
        cpr_fd);
    QTestState *old = g->qts;
    QTestState *new = qtest_init_ext(NULL, args, NULL, false);
    QDict *rsp;
    bool done;

    close(cpr_fd);
    rsp = send_migrate(old, cpr, mig);
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    qtest_connect(new);
    qtest_qmp_handshake(new, NULL);
    qtest_qmp_assert_success(new, "{'execute': 'migrate-incoming',"
        "'arguments': {'channels': [{'channel-type': 'main', 'addr': {"
        "'transport': 'socket', 'type': 'unix', 'path': %s}}],"
        "'exit-on-error': false}}", mig);
    done = wait_migrated(old);
    if (done) {
        wait_migrated(new);
        g->qts = new;
        if (meanwhile) {
            meanwhile(g);
            qtest_qmp_assert_success(new, "{'execute': 'cont'}");
        }
        qtest_qmp_eventwait(new, "RESUME");
        qtest_quit(old);
        unlink(g->trace_path);
        g_free(g->trace_path);
        g->trace_path = g_steal_pointer(&trace_path);
        g->trace_pos = 0;
    } else {
        wait_migrated(new);
        qtest_quit(new);
        unlink(trace_path);
    }
    unlink(cpr);
    unlink(mig);
    rmdir(dir);
    return done;
}

char *guest_hand_over_error(Guest *g)
{
    QDict *rsp = send_migrate(g->qts, "/none/cpr", "/none/mig");
    QDict *error = qdict_get_qdict(rsp, "error");
    char *why = error ? g_strdup(qdict_get_str(error, "desc")) : NULL;

    qobject_unref(rsp);
    g_assert_nonnull(why);
    return why;
}

void guest_set_slot_power(Guest *g, uint64_t port, bool on)
{
    uint8_t cap = qtest_readb(g->qts, port + PCI_CAPABILITY_LIST);

    while (qtest_readb(g->qts, port + cap) != PCI_CAP_ID_EXP) {
        cap = qtest_readb(g->qts, port + cap + 1);
        g_assert_cmphex(cap, !=, 0);
    }
    qtest_writew(g->qts, port + cap + PCI_EXP_SLTCTL,
                 on ? PCI_EXP_SLTCTL_PWR_IND_ON | PCI_EXP_SLTCTL_PWR_ON
                    : PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PWR_OFF);
}

bool guest_try_hotplug(Guest *g, int i)
{
    g_autofree char *id = g_strdup_printf("dev%d", i);
    g_autofree char *bus = g_strdup_printf("rp%d", i);
    QDict *reply;
    bool ok;

    reply = g->emulated ?
            qtest_qmp(g->qts, "{'execute': 'device_add', 'arguments': {"
                      "'driver': 'edu', 'id': %s, 'bus': %s,"
                      "'dma_mask': %" PRIu64 "}}", id, bus, UINT64_MAX) :
            qtest_qmp(g->qts, "{'execute': 'device_add', 'arguments': {"
                      "'driver': 'vfio-pci', 'id': %s, 'host': %s,"
                      "'bus': %s, 'iommufd': 'iommufd0', 'rombar': 0}}",
                      id, guest_host_device(i), bus);
    ok = qdict_haskey(reply, "return");
    if (!ok) {
        g_test_message("%s", qdict_get_str(qdict_get_qdict(reply, "error"),
                                           "desc"));
    }
    qobject_unref(reply);
    if (ok) {
        guest_set_slot_power(g, port_cfg(g, i), true);
        g->plugged[i] = true;
    }
    return ok;
}

void guest_hotplug(Guest *g, int i)
{
    g_assert_true(guest_try_hotplug(g, i));
    guest_setup_device(g, i);
}

void guest_unplug_start(Guest *g, int i)
{
    g_autofree char *id = g_strdup_printf("dev%d", i);

    qtest_qmp_device_del_send(g->qts, id);
    guest_set_slot_power(g, port_cfg(g, i), false);
    g->plugged[i] = false;
}

void guest_unplug(Guest *g, int i)
{
    guest_unplug_start(g, i);
    qtest_qmp_eventwait(g->qts, "DEVICE_DELETED");
}

uint32_t smmu_read(Guest *g, uint32_t reg)
{
    return qtest_readl(g->qts, SMMU_BASE + g->smmu * SMMU_SIZE + reg);
}

void smmu_write(Guest *g, uint32_t reg, uint32_t val)
{
    qtest_writel(g->qts, SMMU_BASE + g->smmu * SMMU_SIZE + reg, val);
}

uint64_t smmu_readq(Guest *g, uint32_t reg)
{
    return qtest_readq(g->qts, SMMU_BASE + g->smmu * SMMU_SIZE + reg);
}

static void smmu_writeq(Guest *g, uint32_t reg, uint64_t val)
{
    qtest_writeq(g->qts, SMMU_BASE + g->smmu * SMMU_SIZE + reg, val);
}

void smmu_write_width(Guest *g, uint32_t reg, unsigned width, uint64_t val)
{
    uint64_t addr = SMMU_BASE + g->smmu * SMMU_SIZE + reg;

    switch (width) {
    case 1:
        qtest_writeb(g->qts, addr, val);
        break;
    case 2:
        qtest_writew(g->qts, addr, val);
        break;
    case 4:
        qtest_writel(g->qts, addr, val);
        break;
    default:
        qtest_writeq(g->qts, addr, val);
        break;
    }
}

void smmu_cr0(Guest *g, uint32_t val)
{
    smmu_write(g, CR0, val);
    g_assert_cmphex(smmu_read(g, CR0ACK), ==, val);
}

void smmu_gbpa(Guest *g, uint32_t val)
{
    smmu_write(g, GBPA, val | GBPA_UPDATE);
    g_assert_cmphex(smmu_read(g, GBPA), ==, val);
}

/* 2-level: a table for each device's bus, each spare one, and bus 0 */
static int l2_index(uint8_t bus)
{
    return bus ? bus - FIRST_BUS + 1 : 0;
}

static uint64_t l2_table(uint8_t bus)
{
    return L2TAB + l2_index(bus) * (STE_SIZE << L2_SPLIT);
}

void smmu_set_l1(Guest *g, uint8_t bus, bool valid)
{
    qtest_writeq(g->qts, STRTAB + bus * 8,
                 (valid ? l2_table(bus) : NO_MEMORY) | (L2_SPLIT + 1));
}

static void write_l1(Guest *g, uint8_t bus)
{
    qtest_memset(g->qts, l2_table(bus), 0, STE_SIZE << L2_SPLIT);
    smmu_set_l1(g, bus, true);
}

void smmu_set_block(Guest *g, bool mapped)
{
    qtest_writeq(g->qts, PGD + 2 * 8, mapped ? 0x40000000ull | 0x741 : 0);
}

void smmu_set_cd(Guest *g, uint64_t cd, uint64_t pgd, uint16_t asid)
{
    qtest_memset(g->qts, cd, 0, 64);
    /* T0SZ = 25, 4K, EPD1, IPS = 40 bits, V, AA64, R, A, ASET */
    qtest_writeq(g->qts, cd, 25ull | 1ull << 8 | 1ull << 10 | 3ull << 12 |
                             1ull << 30 | 1ull << 31 | 2ull << 32 |
                             1ull << 41 | 1ull << 45 | 1ull << 46 |
                             1ull << 47 | (uint64_t)asid << 48);
    qtest_writeq(g->qts, cd + 8, pgd);
    qtest_writeq(g->qts, cd + 24, 0xff);
}

static void write_stage1(Guest *g)
{
    qtest_memset(g->qts, PGD, 0, 4096);
    smmu_set_block(g, true);
    smmu_set_cd(g, CD, PGD, 1);
}

void smmu_setup(Guest *g, bool linear)
{
    write_stage1(g);
    if (linear) {
        qtest_memset(g->qts, STRTAB, 0, STE_SIZE << LINEAR_LOG2);
        smmu_write(g, STRTAB_BASE_CFG, LINEAR_LOG2);
    } else {
        qtest_memset(g->qts, STRTAB, 0, 8 << (STRTAB_LOG2 - L2_SPLIT));
        write_l1(g, 0);
        for (int i = 0; i < ports(g) + SPARE_BUSES; i++) {
            write_l1(g, FIRST_BUS + i);
        }
        smmu_write(g, STRTAB_BASE_CFG, 1 << 16 | L2_SPLIT << 6 | STRTAB_LOG2);
    }
    smmu_writeq(g, STRTAB_BASE, STRTAB);
    smmu_writeq(g, CMDQ_BASE, CMDQ | CMDQ_LOG2);
    smmu_write(g, CMDQ_PROD, 0);
    smmu_write(g, CMDQ_CONS, 0);
    smmu_writeq(g, EVENTQ_BASE, EVENTQ | EVENTQ_LOG2);
    smmu_write(g, EVENTQ_PROD, 0);
    smmu_write(g, EVENTQ_CONS, 0);
    g->cmdq_prod = g->eventq_cons = 0;
    smmu_cr0(g, CR0_QUEUES | (smmu_read(g, CR0) & CR0_SMMUEN));
}

void smmu_set_ste_cd(Guest *g, bool linear, uint32_t sid, uint64_t ste0,
                     uint64_t cd)
{
    uint64_t ste = linear ? STRTAB + sid * STE_SIZE :
                   l2_table(sid >> 8) + (sid & 0xff) * STE_SIZE;

    /* As Linux has it: S1CIR, S1COR write-back, S1CSH inner, SHCFG incoming */
    qtest_writeq(g->qts, ste + 8, ste0 == STE_S1 ? 0xf4 | 1ull << 44 : 0);
    qtest_writeq(g->qts, ste, ste0 | (ste0 == STE_S1 ? cd : 0));
}

void smmu_set_ste(Guest *g, bool linear, uint32_t sid, uint64_t ste0)
{
    smmu_set_ste_cd(g, linear, sid, ste0, CD);
}

/* Put @n commands into the queue and ring the bell once */
static bool submit(Guest *g, const uint64_t (*cmd)[2], int n)
{
    for (int i = 0; i < n; i++) {
        uint64_t le[2] = { cpu_to_le64(cmd[i][0]), cpu_to_le64(cmd[i][1]) };
        uint32_t index = g->cmdq_prod & ((1 << CMDQ_LOG2) - 1);

        qtest_memwrite(g->qts, CMDQ + index * sizeof(le), le, sizeof(le));
        g->cmdq_prod = (g->cmdq_prod + 1) & ((2 << CMDQ_LOG2) - 1);
    }
    smmu_write(g, CMDQ_PROD, g->cmdq_prod);
    return (smmu_read(g, CMDQ_CONS) & 0xfffff) == g->cmdq_prod;
}

bool smmu_cmd(Guest *g, uint64_t word0, uint64_t word1)
{
    const uint64_t cmd[1][2] = { { word0, word1 } };

    return submit(g, cmd, 1);
}

void smmu_cmd_sync(Guest *g, uint64_t word0, uint64_t word1)
{
    const uint64_t cmd[2][2] = { { word0, word1 }, { 0x46, 0 } };

    g_assert_true(submit(g, cmd, 2));
}

void smmu_cfgi_ste(Guest *g, uint32_t sid)
{
    smmu_cmd_sync(g, 0x03 | (uint64_t)sid << 32, 1);
}

void smmu_cfgi_all(Guest *g)
{
    smmu_cmd_sync(g, 0x04, 31);
}

/* The machine decides where it is; the monitor knows */
uint64_t guest_cmdqv(Guest *g)
{
    g_autofree char *map = NULL;
    char *name;
    uint64_t at;

    if (g->cmdqv) {
        return g->cmdqv;
    }
    map = qtest_hmp(g->qts, "info mtree");
    name = strstr(map, ": arm-smmuv3-cmdqv\r\n");
    g_assert(name);
    *name = 0;
    at = g_ascii_strtoull(strrchr(map, '\n') + 1 + strspn(
                          strrchr(map, '\n') + 1, " "), NULL, 16);
    g_assert_cmphex(at, !=, 0);
    return g->cmdqv = at;
}

uint32_t cmdqv_read(Guest *g, uint32_t offset)
{
    return qtest_readl(g->qts, guest_cmdqv(g) + offset);
}

void cmdqv_write(Guest *g, uint32_t offset, uint32_t val)
{
    qtest_writel(g->qts, guest_cmdqv(g) + offset, val);
}

void cmdqv_setup(Guest *g)
{
    cmdqv_write(g, CMDQV_CONFIG, 0);
    cmdqv_write(g, CMDQV_CONFIG, 1);
    cmdqv_write(g, CMDQV_VINTF_CONFIG, 0);
    cmdqv_write(g, CMDQV_VINTF_CONFIG, 1);
    for (int l = 0; l < VCMDQS; l++) {
        cmdqv_write(g, CMDQV_ALLOC(l), l << 1);
        cmdqv_write(g, CMDQV_ALLOC(l), l << 1 | 1);
        cmdqv_write(g, CMDQV_PAGE0(l) + VCMDQ_CONFIG, 0);
        cmdqv_write(g, CMDQV_PAGE0(l) + VCMDQ_PROD, 0);
        cmdqv_write(g, CMDQV_PAGE0(l) + VCMDQ_CONS, 0);
        cmdqv_write(g, CMDQV_PAGE0(l) + VCMDQ_GERRORN,
                    cmdqv_read(g, CMDQV_PAGE0(l) + VCMDQ_GERROR));
        qtest_writeq(g->qts, guest_cmdqv(g) + CMDQV_PAGE1(l),
                     VCMDQ(l) | VCMDQ_LOG2);
        cmdqv_write(g, CMDQV_PAGE0(l) + VCMDQ_CONFIG, 1);
        g_assert_cmphex(cmdqv_read(g, CMDQV_PAGE0(l) + VCMDQ_STATUS), ==, 1);
    }
}

void cmdqv_cmd(Guest *g, int l, uint64_t word0, uint64_t word1)
{
    uint32_t prod = cmdqv_read(g, CMDQV_PAGE0(l) + VCMDQ_PROD);
    uint64_t at = VCMDQ(l) + prod % (1u << VCMDQ_LOG2) * 16;

    qtest_writeq(g->qts, at, word0);
    qtest_writeq(g->qts, at + 8, word1);
    cmdqv_write(g, CMDQV_PAGE0(l) + VCMDQ_PROD,
                (prod + 1) % (2u << VCMDQ_LOG2));
}

bool smmu_next_event(Guest *g, uint64_t evt[4])
{
    uint32_t mask = (2 << EVENTQ_LOG2) - 1;

    for (int tries = 0; tries < 40; tries++) {
        if (((smmu_read(g, EVENTQ_PROD) ^ g->eventq_cons) & mask) != 0) {
            uint64_t entry = EVENTQ + (g->eventq_cons & (mask >> 1)) * 32;

            for (int i = 0; i < 4; i++) {
                evt[i] = qtest_readq(g->qts, entry + i * 8);
            }
            g->eventq_cons = (g->eventq_cons & ~mask) |
                             ((g->eventq_cons + 1) & mask);
            smmu_write(g, EVENTQ_CONS, g->eventq_cons);
            return true;
        }
        g_usleep(g->emulated ? 0 : 50000);
    }
    return false;
}

QDict *guest_query(Guest *g)
{
    QDict *reply = qtest_qmp(g->qts, "{'execute': 'x-query-smmuv3-accel'}");
    QList *list = qdict_get_qlist(reply, "return");
    QDict *smmu;

    g_assert_nonnull(list);
    g_assert_cmpuint(qlist_size(list), ==, 1);
    smmu = qobject_to(QDict, qobject_ref(qlist_peek(list)));
    qobject_unref(reply);
    return smmu;
}

void guest_wait_events(Guest *g, unsigned n)
{
    int64_t end = g_get_monotonic_time() + TIMEOUT_US;
    unsigned is;

    do {
        QDict *smmu = guest_query(g);

        is = qdict_get_int(smmu, "events");
        qobject_unref(smmu);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    } while (is < n);
    g_assert_cmpuint(is, ==, n);
}

/* Let device @i copy 4 bytes from @iova to its buffer, or back */
static void dma_start(Guest *g, int i, uint64_t iova, bool to_mem)
{
    uint64_t at = guest_bar(i);

    if (g->testdev[i]) {
        qtest_writeq(g->qts, at + TESTDEV_SOURCE, to_mem ? 0 : iova);
        qtest_writeq(g->qts, at + TESTDEV_TARGET, to_mem ? iova : 0);
        qtest_writel(g->qts, at + TESTDEV_LENGTH, 4);
        qtest_writel(g->qts, at + TESTDEV_FLAGS,
                     to_mem ? TESTDEV_SOURCE_OWN : TESTDEV_TARGET_OWN);
        qtest_writel(g->qts, at + TESTDEV_CONTROL, TESTDEV_RUN);
        return;
    }
    qtest_writeq(g->qts, at + EDU_DMA_SRC, to_mem ? EDU_BUFFER : iova);
    qtest_writeq(g->qts, at + EDU_DMA_DST, to_mem ? iova : EDU_BUFFER);
    qtest_writeq(g->qts, at + EDU_DMA_CNT, 4);
    qtest_writeq(g->qts, at + EDU_DMA_CMD,
                 (to_mem ? EDU_DMA_TO_MEM : 0) | EDU_DMA_RUN);
}

static void dma_wait(Guest *g, int i)
{
    int64_t end = g_get_monotonic_time() + TIMEOUT_US;

    while (dma_running(g, i)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        if (g->emulated) {
            qtest_clock_step(g->qts, EDU_DMA_NS);
        } else {
            g_usleep(1000);
        }
    }
}

void dma_write_again(Guest *g, int i, uint64_t iova)
{
    g_assert_false(g->testdev[i]);
    qtest_writeq(g->qts, guest_bar(i) + EDU_DMA_DST, iova);
    qtest_writeq(g->qts, guest_bar(i) + EDU_DMA_CMD,
                 EDU_DMA_TO_MEM | EDU_DMA_RUN);
}

void dma_write_wait(Guest *g, int i)
{
    dma_wait(g, i);
}

void dma_write(Guest *g, int i, uint64_t iova)
{
    dma_start(g, i, iova, true);
    dma_wait(g, i);
}

void dma_load(Guest *g, int i, uint64_t iova)
{
    dma_start(g, i, iova, false);
    dma_wait(g, i);
}

/*
 * Let every device in @devs read a number that was never there before and write
 * it back elsewhere, both at @offset from memory's own address. Returns the set
 * of devices whose number arrived.
 */
static unsigned dma_try(Guest *g, unsigned devs, uint64_t offset)
{
    unsigned arrived = 0;

    /* 0 is what is there when nothing arrives */
    do {
        g->stamp += 0x01010101;
    } while (g->stamp > UINT32_MAX - DEVS_MAX);
    for (int i = 0; i < ports(g); i++) {
        qtest_writel(g->qts, BUF + i * 0x1000, g->stamp + i);
        qtest_writel(g->qts, BUF + i * 0x1000 + 0x800, 0);
    }
    for (int i = 0; i < ports(g); i++) {
        if (devs & 1u << i) {
            dma_start(g, i, BUF + i * 0x1000 + offset, false);
        }
    }
    for (int i = 0; i < ports(g); i++) {
        if (devs & 1u << i) {
            dma_wait(g, i);
            dma_start(g, i, BUF + i * 0x1000 + 0x800 + offset, true);
        }
    }
    for (int i = 0; i < ports(g); i++) {
        if (devs & 1u << i) {
            uint32_t got;

            dma_wait(g, i);
            got = qtest_readl(g->qts, BUF + i * 0x1000 + 0x800);
            if (got == g->stamp + i) {
                arrived |= 1u << i;
            } else if (got) {
                /* Written, but not what was to be read: half open */
                g_error("device %d wrote 0x%x, not 0x%x", i, got, g->stamp + i);
            }
        }
    }
    return arrived;
}

static Dma dma_class(bool flat, bool mapped)
{
    g_assert_false(flat && mapped);
    return flat ? FLAT : mapped ? MAPPED : BLOCKED;
}

Dma dma_probe(Guest *g, int i)
{
    bool flat = dma_try(g, 1u << i, 0);
    bool mapped = dma_try(g, 1u << i, MAP_OFFSET);

    return dma_class(flat, mapped);
}

const char *dma_name(Dma dma)
{
    static const char *const name[] = { "blocked", "flat", "mapped" };

    return name[dma];
}

void dma_probe_all(Guest *g, Dma is[DEVS_MAX])
{
    unsigned devs = 0, flat, mapped;

    for (int i = 0; i < ports(g); i++) {
        devs |= (unsigned)g->plugged[i] << i;
    }
    flat = dma_try(g, devs, 0);
    mapped = dma_try(g, devs, MAP_OFFSET);
    for (int i = 0; i < ports(g); i++) {
        is[i] = dma_class(flat & 1u << i, mapped & 1u << i);
    }
}

void dma_assert_at(Guest *g, Dma d0, Dma d1, const char *file, int line)
{
    Dma want[DEVS] = { d0, d1 }, is[DEVS_MAX] = {};

    dma_probe_all(g, is);
    for (int i = 0; i < DEVS; i++) {
        if (g->plugged[i] && is[i] != want[i]) {
            g_error("%s:%d: DMA of device %d is %s, not %s", file, line, i,
                    dma_name(is[i]), dma_name(want[i]));
        }
    }
}

bool dma_running(Guest *g, int i)
{
    return g->testdev[i] ?
           qtest_readl(g->qts, guest_bar(i) + TESTDEV_CONTROL) & TESTDEV_RUN :
           qtest_readq(g->qts, guest_bar(i) + EDU_DMA_CMD) & EDU_DMA_RUN;
}

FailNth *guest_fail_nth(void)
{
    const char *path = g_getenv(FAIL_NTH_FILE);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
    FailNth *page;

    if (fd < 0 || ftruncate(fd, sizeof(*page)) < 0) {
        g_error(FAIL_NTH_FILE " names a file for test and QEMU; the lab does");
    }
    page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(page != MAP_FAILED);
    close(fd);
    return page;
}

int guest_fds(Guest *g)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", qtest_pid(g->qts));
    GDir *dir = g_dir_open(path, 0, NULL);
    int n = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir)) {
        n++;
    }
    g_dir_close(dir);
    return n;
}

long proc_kib(const char *path, const char *name)
{
    g_autofree char *text = NULL;
    g_autofree char *key = g_strdup_printf("%s:", name);
    char *at;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    at = strstr(text, key);
    g_assert_nonnull(at);
    return g_ascii_strtoll(at + strlen(key), NULL, 10);
}

long guest_rss(Guest *g)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status",
                                            qtest_pid(g->qts));

    return proc_kib(path, "RssAnon");
}

HostCalls host_calls(Guest *g)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    HostCalls c = {};
    gsize len;

    g_assert_true(g_file_get_contents(g->trace_path, &text, &len, NULL));
    lines = g_strsplit(text + g->trace_pos, "\n", 0);
    g->trace_pos = len;
    for (int i = 0; lines[i]; i++) {
        if (strstr(lines[i], "iommufd_viommu_call")) {
            c.attach += strstr(lines[i], "DEVICE_ATTACH") != NULL;
            c.detach += strstr(lines[i], "DEVICE_DETACH") != NULL;
            c.hwpt += strstr(lines[i], "HWPT_ALLOC") != NULL;
            c.vdevice += strstr(lines[i], "VDEVICE_ALLOC") != NULL;
            c.invalidate += strstr(lines[i], "HWPT_INVALIDATE") != NULL;
        }
    }
    return c;
}
