/*
 * A bare-metal guest for arm-smmuv3,accel=on: PCI, the SMMU, and DMA to see
 * what it does
 *
 * The devices are the lab's, each an edu or the board's test device, assigned
 * with vfio-pci; their DMA goes through the host's SMMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_SMMUV3_ACCEL_LIB_H
#define QTEST_SMMUV3_ACCEL_LIB_H

#include "libqtest.h"
#include "smmuv3-accel-fail-nth.h"

#define DEVS        2
#define DEVS_MAX    32

/* Root complex and the buses behind its root ports */
#define PXB_BUS     0x10
#define FIRST_BUS   0x11
/* After those, with a place in the Stream table: to renumber to */
#define SPARE_BUSES 2
QEMU_BUILD_BUG_ON(SPARE_BUSES < DEVS);
/* With an SMMU for each device: the first of their root complexes */
#define FIRST_PXB   0x80

/* Log2 of how many records the event queue that smmu_setup() makes has */
#define EVENTQ_LOG2 3

/* Guest memory, all within the 128 MiB of RAM at 0x40000000 */
#define CMDQ        0x41000000ull
#define EVENTQ      0x41010000ull
#define STRTAB      0x41100000ull   /* 2-level: L1; linear: 512 KiB aligned */
#define L2TAB       0x41180000ull   /* 16 KiB for each bus that has one */
#define CD          0x41240000ull
#define PGD         0x41250000ull
#define VCMDQ(l)    (0x41300000ull + 0x1000 * (l))
#define VCMDQS      2
#define VCMDQ_LOG2  8
#define BUF         0x42000000ull
#define MSI_BUF     0x43000000ull
#define NO_MEMORY   0x60000000ull

/* The stage 1 tables map IOVA x + MAP_OFFSET to x, and nothing else */
#define MAP_OFFSET  0x40000000ull

/* SMMU registers (IHI 0070, 6.2) */
#define IDR0            0x00
#define IDR1            0x04
#define IDR3            0x0c
#define IDR5            0x14
#define CR0             0x20
#define CR0ACK          0x24
#define CR1             0x28
#define CR2             0x2c
#define GBPA            0x44
#define IRQ_CTRL        0x50
#define GERROR          0x60
#define GERRORN         0x64
#define GERROR_IRQ_CFG0 0x68
#define STRTAB_BASE     0x80
#define STRTAB_BASE_CFG 0x88
#define CMDQ_BASE       0x90
#define CMDQ_PROD       0x98
#define CMDQ_CONS       0x9c
#define EVENTQ_BASE     0xa0
#define EVENTQ_IRQ_CFG0 0xb0
#define EVENTQ_PROD     0x100a8
#define EVENTQ_CONS     0x100ac
#define EVENTQ_OVFLG    (1u << 31)

#define CR0_SMMUEN      (1u << 0)
#define CR0_EVENTQEN    (1u << 2)
#define CR0_CMDQEN      (1u << 3)
#define CR0_QUEUES      (CR0_EVENTQEN | CR0_CMDQEN)
#define GBPA_UPDATE     (1u << 31)
#define GBPA_ABORT      (1u << 20)
#define GBPA_RESET      0x1000u
#define GERROR_CMDQ_ERR (1u << 0)
#define GERROR_EVENTQ_ABT (1u << 2)

/* A CMDQV: of its configuration page, of queue @l's pages 0 and 1 */
#define CMDQV_SIZE          0x50000
#define CMDQV_CONFIG        0x00
#define CMDQV_ALLOC(l)      (0x200 + 4 * (l))
#define CMDQV_VINTF_CONFIG  0x1000
#define CMDQV_PAGE0(l)      (0x30000 + 0x80 * (l))
#define CMDQV_PAGE1(l)      (0x40000 + 0x80 * (l))
/* In page 0 */
#define VCMDQ_CONS          0x00
#define VCMDQ_PROD          0x04
#define VCMDQ_CONFIG        0x08
#define VCMDQ_STATUS        0x0c
#define VCMDQ_GERROR        0x10
#define VCMDQ_GERRORN       0x14

/* STE word 0: V and Config */
#define STE_INVALID     0x0
#define STE_ABORT       0x1
#define STE_BYPASS      0x9
#define STE_S1          0xb
#define STE_S2          0xd

/* What a device's DMA can do */
typedef enum Dma {
    BLOCKED,    /* reaches nothing */
    FLAT,       /* reaches memory at its own address: bypass */
    MAPPED,     /* reaches memory through the stage 1 tables, and only so */
} Dma;

typedef struct HostCalls {
    unsigned attach, detach, hwpt, vdevice, invalidate;
} HostCalls;

typedef struct Guest {
    QTestState *qts;
    char *args;         /* of QEMU, but for the trace */
    char *firmware_path;
    char *trace_path;
    long trace_pos;
    uint32_t cmdq_prod;
    uint32_t eventq_cons;
    uint64_t cmdqv;
    uint32_t stamp;
    bool plugged[DEVS_MAX];
    bool testdev[DEVS_MAX];     /* no edu, but a test device */
    int ports;          /* root ports, if there are not DEVS */
    int smmus;          /* a root port each, if there is more than one */
    int smmu;           /* the one whose registers are meant */
    bool emulated;
} Guest;

/*
 * Start QEMU with @ndevs of the lab's devices; @smmu: more of its properties,
 * and of what may come after that -device
 */
Guest *guest_start(int ndevs, const char *smmu);
/* Without a trace, so that host_calls() is not to be had, but faster */
Guest *guest_start_untraced(int ndevs);
/* With memory that another QEMU can take over; behind one SMMU or one each */
Guest *guest_start_shared(int ndevs, bool one_smmu);
/* The same behind one SMMU, with @smmu as above */
Guest *guest_start_shared_with(int ndevs, const char *smmu);
/*
 * Let another QEMU take over, by cpr-transfer. Its command line is the same; if
 * @from is not NULL, @from in it is replaced by @to. If @meanwhile is not NULL,
 * it is called with @g after the hand-over while nobody runs the guest, and
 * while the old QEMU still lives.
 *
 * Returns: whether it has. If not, the guest's QEMU is still the old one, and
 * the guest runs.
 */
bool guest_hand_over(Guest *g, const char *from, const char *to,
                     void (*meanwhile)(Guest *g));
/* QEMU refuses at once to hand over; returns its words, the caller's to free */
char *guest_hand_over_error(Guest *g);
/* The same with as many root ports, behind one SMMU or one each */
Guest *guest_start_many(int ndevs, bool one_smmu);
/* The same machine with accel=off and emulated edu devices: the comparison */
Guest *guest_start_emulated(int ndevs);
void guest_stop(Guest *g);
/* The host's address of device @i, from the environment; fails if not given */
const char *guest_host_device(int i);
/* Is the host one that attaches nested HWPTs only with a vDEVICE? */
bool guest_host_is_618(void);

/* Where @reg of a function's configuration space is */
uint64_t guest_cfg(uint8_t bus, uint8_t devfn, uint32_t reg);
/* Number the buses and map the BARs, as firmware would; again after a reset */
void guest_enumerate(Guest *g);
/* Give root port @i the secondary bus number @bus, and nothing else */
void guest_set_bus(Guest *g, int i, uint8_t bus);
/* Make a device that was hot-plugged answer */
void guest_setup_device(Guest *g, int i);
/* The same, and false if it does not */
bool guest_try_setup_device(Guest *g, int i);
uint32_t guest_sid(int i);
/* Where device @i has its registers; a test device that is there can do DMA */
uint32_t guest_bar(int i);
void guest_hotplug(Guest *g, int i);
/* The same, and false if QEMU refuses */
bool guest_try_hotplug(Guest *g, int i);
void guest_unplug(Guest *g, int i);
/* The same without DEVICE_DELETED, the caller's to wait for */
void guest_unplug_start(Guest *g, int i);

/*
 * What the guest's OS does at the end of a plug or an unplug; @port: where the
 * root port's configuration space is
 */
void guest_set_slot_power(Guest *g, uint64_t port, bool on);

uint32_t smmu_read(Guest *g, uint32_t reg);
uint64_t smmu_readq(Guest *g, uint32_t reg);
void smmu_write(Guest *g, uint32_t reg, uint32_t val);
/* Any width, 1, 2, 4 or 8, wherever */
void smmu_write_width(Guest *g, uint32_t reg, unsigned width, uint64_t val);
/* Write CR0 and see it acknowledged */
void smmu_cr0(Guest *g, uint32_t val);
/* Write GBPA with UPDATE, and see it done */
void smmu_gbpa(Guest *g, uint32_t val);
/*
 * Set up queues and a 2-level (or linear) Stream table, which has the spare
 * buses, too; SMMUEN stays as is
 */
void smmu_setup(Guest *g, bool linear);
/*
 * The one 1 GiB block of stage 1, IOVA 0x80000000..0xbfffffff to
 * 0x40000000..0x7fffffff, in memory only: TLBs are the caller's.
 */
void smmu_set_block(Guest *g, bool mapped);

/* 2-level: let the L1 descriptor of @bus point at its STEs, or at no memory */
void smmu_set_l1(Guest *g, uint8_t bus, bool valid);
/* The STE of @sid: word 0 is @ste0, with the CD's address if it is STE_S1 */
void smmu_set_ste(Guest *g, bool linear, uint32_t sid, uint64_t ste0);
/* The same with another CD, made by smmu_set_cd() */
void smmu_set_ste_cd(Guest *g, bool linear, uint32_t sid, uint64_t ste0,
                     uint64_t cd);
/* A CD at @cd with tables at @pgd, which are the caller's */
void smmu_set_cd(Guest *g, uint64_t cd, uint64_t pgd, uint16_t asid);

/* Queue a command; true if it was consumed without an error */
bool smmu_cmd(Guest *g, uint64_t word0, uint64_t word1);
/* The same, which must be consumed, and a CMD_SYNC after it */
void smmu_cmd_sync(Guest *g, uint64_t word0, uint64_t word1);
void smmu_cfgi_ste(Guest *g, uint32_t sid);
void smmu_cfgi_all(Guest *g);
/*
 * The CMDQV of the only SMMU; fails if the guest has none. It has two queues of
 * 2^VCMDQ_LOG2 commands, set up as Linux does it, at VCMDQ(l).
 */
uint64_t guest_cmdqv(Guest *g);
uint32_t cmdqv_read(Guest *g, uint32_t offset);
void cmdqv_write(Guest *g, uint32_t offset, uint32_t val);
void cmdqv_setup(Guest *g);
/* Put a command into queue @l, and tell of it */
void cmdqv_cmd(Guest *g, int l, uint64_t word0, uint64_t word1);
/* The next event; false if there is none after a while */
bool smmu_next_event(Guest *g, uint64_t evt[4]);

/* What the DMA of device @i can do now, found by trying */
Dma dma_probe(Guest *g, int i);
/* The same of every device; one that is not plugged is blocked */
void dma_probe_all(Guest *g, Dma is[DEVS_MAX]);
const char *dma_name(Dma dma);
/* Assert what each of the plugged devices' DMA can do */
#define dma_assert(g, d0, d1) dma_assert_at(g, d0, d1, __FILE__, __LINE__)
void dma_assert_at(Guest *g, Dma d0, Dma d1, const char *file, int line);
/* Let device @i write to @iova, whatever becomes of it */
void dma_write(Guest *g, int i, uint64_t iova);
/* The same in two parts, once dma_write() has been */
void dma_write_again(Guest *g, int i, uint64_t iova);
void dma_write_wait(Guest *g, int i);
/* Let device @i read what it writes from then on */
void dma_load(Guest *g, int i, uint64_t iova);

bool dma_running(Guest *g, int i);

/* What the monitor shows of the only SMMU; the caller owns it */
QDict *guest_query(Guest *g);
/* Wait until QEMU has had @n events of the host's, all in all */
void guest_wait_events(Guest *g, unsigned n);

/* What a test and the library that is preloaded into QEMU share */
FailNth *guest_fail_nth(void);
/* QEMU's open file descriptors, and its anonymous memory in KiB */
int guest_fds(Guest *g);
long guest_rss(Guest *g);
/* The value in KiB that @name has in a file such as /proc/meminfo */
long proc_kib(const char *path, const char *name);

/* The host calls since the last time this was asked */
HostCalls host_calls(Guest *g);
#define host_calls_assert(g, a, h, v) do {                                   \
        HostCalls c_ = host_calls(g);                                        \
        g_assert_cmpuint(c_.attach + c_.detach, ==, a);                      \
        g_assert_cmpuint(c_.hwpt, ==, h);                                    \
        g_assert_cmpuint(c_.vdevice, ==, v);                                 \
    } while (0)

#endif /* QTEST_SMMUV3_ACCEL_LIB_H */
