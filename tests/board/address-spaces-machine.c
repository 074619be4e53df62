/*
 * Tables, address spaces, two vCPUs and a console
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "address-spaces.h"

#define UART      0x09000000ULL
#define GICD_CTLR 0x08000000ULL
#define GICR(cpu) (0x080a0000ULL + 0x20000 * (cpu))
#define POOL      0x41000000ULL
#define RAM_BLOCK (GLOBAL & ~NO_BLOCK)
#define DEVICES   (AF | UXN | PXN | 1 << 2 | 1)

#define MAIR        0x04ffULL       /* 0: memory, 1: devices */
#define SCTLR_OFF   0x30d00800ULL   /* RES1, SPAN */
#define SCTLR_ON    (SCTLR_OFF | 0x1005)
/* Pages of 4K, 16 bits of ASID, 40 of address; HA, HD */
#define TCR         (TCR_T0SZ(25) | TCR_T1SZ(25) | 0x192b5003500ULL)
#define VTCR        0x800a3559ULL   /* The same, from level 1 on; VS */

#define SPINS       1000

#define CPU_OFF       0x84000002
#define SYSTEM_OFF    0x84000008
#define CPU_ON        0xc4000003
#define AFFINITY_INFO 0xc4000004

#define WITH(op) \
    static void op(uint64_t operand) \
    { \
        asm volatile("tlbi " #op ", %0" : : "r"(operand) : "memory"); \
    }
#define WITHOUT(op) \
    static void op(uint64_t operand) \
    { \
        asm volatile("tlbi " #op : : : "memory"); \
        (void)operand; \
    }

WITH(vae1)
WITH(vale1)
WITH(vaae1)
WITH(vaale1)
WITH(aside1)
WITHOUT(vmalle1)
WITH(vae1is)
WITH(vale1is)
WITH(vaae1is)
WITH(vaale1is)
WITH(aside1is)
WITHOUT(vmalle1is)
WITH(vae2)
WITH(vale2)
WITHOUT(alle2)
WITH(vae2is)
WITH(vale2is)
WITHOUT(alle2is)

#define BY_BOTH (BY_VA | BY_ASID)

const Tlbi tlbis[] = {
    { "VAE1", BY_BOTH, false, false, vae1 },
    { "VALE1", BY_BOTH, false, false, vale1 },
    { "VAAE1", BY_VA, false, false, vaae1 },
    { "VAALE1", BY_VA, false, false, vaale1 },
    { "ASIDE1", BY_ASID, false, false, aside1 },
    { "VMALLE1", 0, false, false, vmalle1 },
    { "VAE1IS", BY_BOTH, true, false, vae1is },
    { "VALE1IS", BY_BOTH, true, false, vale1is },
    { "VAAE1IS", BY_VA, true, false, vaae1is },
    { "VAALE1IS", BY_VA, true, false, vaale1is },
    { "ASIDE1IS", BY_ASID, true, false, aside1is },
    { "VMALLE1IS", 0, true, false, vmalle1is },
    { "VAE2", BY_BOTH, false, true, vae2 },
    { "VALE2", BY_BOTH, false, true, vale2 },
    { "ALLE2", 0, false, true, alle2 },
    { "VAE2IS", BY_BOTH, true, true, vae2is },
    { "VALE2IS", BY_BOTH, true, true, vale2is },
    { "ALLE2IS", 0, true, true, alle2is },
    { },
};

bool at_el2, is_guest;
const char *where = "";

static bool smc, with_a1;
static uint64_t pool, reserved, no_high, shared_high, next_asid, stage2;
static unsigned points, checks, wrong;
static uint64_t wrong_got, wrong_want, wrong_check;

static struct {
    Act *act;
    const void *space;
    uint64_t va, value, result;
    unsigned asked, done;
} mailbox;

static void print(const char *text)
{
    for (; *text; text++) {
        write(UART, *text);
    }
}

static void print_number(uint64_t n, unsigned base)
{
    char text[24];
    char *p = text + sizeof(text);

    *--p = 0;
    do {
        *--p = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);
    print(base == 16 ? "0x" : "");
    print(p);
}

static uint64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 asm("x0") = function;
    register uint64_t x1 asm("x1") = a;
    register uint64_t x2 asm("x2") = b;
    register uint64_t x3 asm("x3") = c;

    if (smc) {
        asm volatile("smc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3)
                     : "memory");
    } else {
        asm volatile("hvc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3)
                     : "memory");
    }
    return x0;
}

void power_off(void)
{
    psci(SYSTEM_OFF, 0, 0, 0);
}

void give_up(uint64_t esr, uint64_t elr, uint64_t far)
{
    print("Bail out! An exception: ESR ");
    print_number(esr, 16);
    print(", ELR ");
    print_number(elr, 16);
    print(", FAR ");
    print_number(far, 16);
    print("\n");
    power_off();
}

void expect(uint64_t got, uint64_t want)
{
    checks++;
    if (got != want && !wrong++) {
        wrong_check = checks;
        wrong_got = got;
        wrong_want = want;
    }
}

void point(const char *how, const char *what)
{
    print(wrong ? "not ok - " : "ok - ");
    print(where);
    print(": ");
    print(how);
    print(what);
    print("\n");
    if (wrong) {
        print("#   got ");
        print_number(wrong_got, 16);
        print(", expected ");
        print_number(wrong_want, 16);
        print(", in the check ");
        print_number(wrong_check, 10);
        print("; wrong are ");
        print_number(wrong, 10);
        print(" of ");
        print_number(checks, 10);
        print("\n");
    }
    checks = wrong = 0;
    points++;
}

void print_plan(void)
{
    print("1..");
    print_number(points, 10);
    print("\n");
}

uint64_t take(uint64_t size)
{
    uint64_t at = (pool + size - 1) & -size;

    pool = at + size;
    if (pool > VA) {
        print("Bail out! No memory is left\n");
        power_off();
    }
    for (uint64_t p = at; p < pool; p += 8) {
        write(p, 0);
    }
    return at;
}

uint64_t page_of(uint64_t value)
{
    uint64_t page = take(PAGE);

    write(page, value);
    return page;
}

uint64_t *entry(uint64_t root, uint64_t va, int level)
{
    uint64_t *table = (uint64_t *)root;

    for (int l = 1;; l++) {
        uint64_t *e = &table[va >> (39 - 9 * l) & 511];

        if (l == level) {
            return e;
        }
        if (!*e) {
            write((uint64_t)e, take(PAGE) | TABLE);
            dsb();
        }
        table = (uint64_t *)(*e & ADDRESS);
    }
}

static uint64_t new_table(void)
{
    uint64_t root = take(PAGE);

    write((uint64_t)entry(root, 0, 1), DEVICES);
    for (uint64_t at = RAM; at < VA; at += BLOCK) {
        write((uint64_t)entry(root, at, 2), at | RAM_BLOCK);
    }
    return root;
}

Space new_space(void)
{
    return (Space) { next_asid++, new_table(), shared_high };
}

Space space_of(uint64_t value)
{
    Space s = new_space();

    map(&s, VA, page_of(value) | OWN);
    return s;
}

void map(const Space *s, uint64_t va, uint64_t descriptor)
{
    write((uint64_t)entry(va >> 63 ? s->high : s->low, va, 3), descriptor);
    dsb();
}

/* The register that has no ASID must not have tables of another space. */
void use(const Space *s)
{
    uint64_t asid = s->asid << 48;

    if (with_a1) {
        set_reg(ttbr0_el1, reserved);
        set_reg(ttbr1_el1, s->high | asid);
        set_reg(ttbr0_el1, s->low);
    } else if (get_reg(ttbr1_el1) == s->high) {
        set_reg(ttbr0_el1, s->low | asid);
    } else {
        set_reg(ttbr1_el1, no_high);
        set_reg(ttbr0_el1, s->low | asid);
        set_reg(ttbr1_el1, s->high);
    }
}

void invalidate(const Tlbi *how, const Space *s, uint64_t va)
{
    dsb();
    how->insn(((va >> 12 & BY_VA) | s->asid << 48) & how->operand);
    dsb();
}

void invalidate_all(void)
{
    dsb();
    vmalle1(0);
    dsb();
}

void change(uint64_t *e, uint64_t to, const Tlbi *how, const Space *s,
            uint64_t va)
{
    write((uint64_t)e, 0);
    invalidate(how, s, va);
    write((uint64_t)e, to);
    dsb();
}

void sync_code(uint64_t va)
{
    asm volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb"
                 : : "r"(va) : "memory");
}

static uint64_t do_get(const void *s, uint64_t va, uint64_t value)
{
    (void)value;
    use(s);
    return read(va);
}

static uint64_t do_put(const void *s, uint64_t va, uint64_t value)
{
    use(s);
    return write(va, value);
}

static uint64_t do_put_code(const void *s, uint64_t va, uint64_t value)
{
    uint64_t fault = do_put(s, va, value);

    sync_code(va);
    return fault;
}

static uint64_t do_go(const void *s, uint64_t va, uint64_t value)
{
    (void)value;
    use(s);
    return run(va);
}

static uint64_t do_off(const void *s, uint64_t va, uint64_t value)
{
    (void)s, (void)va, (void)value;
    return psci(CPU_OFF, 0, 0, 0);
}

void write32(uint64_t at, uint32_t value)
{
    asm volatile("str %w0, [%1]" : : "r"(value), "r"(at) : "memory");
}

/* An SGI ends the other vCPU's WFI, although it is masked. */
static void start_interrupts(int cpu)
{
    write32(GICD_CTLR, 0x12);               /* ARE, EnableGrp1 */
    write32(GICR(cpu) + 0x14, 0);           /* WAKER */
    write32(GICR(cpu) + 0x10080, ~0u);      /* IGROUPR0 */
    write32(GICR(cpu) + 0x10100, 1);        /* ISENABLER0 */
    set_reg(s3_0_c4_c6_0, 0xffULL);         /* ICC_PMR_EL1 */
    set_reg(s3_0_c12_c12_7, 1ULL);          /* ICC_IGRPEN1_EL1 */
}

static void wake(int cpu)
{
    dsb();
    set_reg(s3_0_c12_c11_5, 1ULL << cpu);   /* ICC_SGI1R_EL1 */
}

/* While the host is busy, the other vCPU's thread may need this processor. */
static void wait_until(const unsigned *value, unsigned wanted)
{
    for (int n = 0; __atomic_load_n(value, __ATOMIC_ACQUIRE) != wanted; n++) {
        if (n < SPINS) {
            asm volatile("yield");
        } else {
            asm volatile("wfi" : : : "memory");
            if (get_reg(s3_0_c12_c12_0) == 0) {     /* ICC_IAR1_EL1 */
                set_reg(s3_0_c12_c12_1, 0ULL);      /* ICC_EOIR1_EL1 */
            }
        }
    }
}

static void ask(Act *act, const void *s, uint64_t va, uint64_t value)
{
    mailbox.act = act;
    mailbox.space = s;
    mailbox.va = va;
    mailbox.value = value;
    __atomic_store_n(&mailbox.asked, mailbox.asked + 1, __ATOMIC_RELEASE);
    wake(1);
}

uint64_t on(int cpu, Act *act, const void *s, uint64_t va, uint64_t value)
{
    if (!cpu) {
        return act(s, va, value);
    }
    ask(act, s, va, value);
    wait_until(&mailbox.done, mailbox.asked);
    return mailbox.result;
}

uint64_t get(int cpu, const Space *s, uint64_t va)
{
    return on(cpu, do_get, s, va, 0);
}

uint64_t put(int cpu, const Space *s, uint64_t va, uint64_t value)
{
    return on(cpu, do_put, s, va, value);
}

uint64_t put_code(int cpu, const Space *s, uint64_t va, unsigned number)
{
    return on(cpu, do_put_code, s, va, CODE(number));
}

uint64_t go(int cpu, const Space *s, uint64_t va)
{
    return on(cpu, do_go, s, va, 0);
}

void set_mmu(bool on)
{
    set_reg(sctlr_el1, on ? SCTLR_ON : SCTLR_OFF);
}

/* A vCPU's translation, as an OS sets it up at its start */
static void start_mmu(void)
{
    set_reg(vbar_el1, vectors);
    set_reg(mair_el1, MAIR);
    /* With TBI, a TLBI's address has 56 bits only. */
    set_reg(tcr_el1, TCR | (with_a1 ? TCR_A1 | TCR_TBI : 0));
    set_reg(ttbr0_el1, reserved);
    set_reg(ttbr1_el1, no_high);
    invalidate_all();
    set_mmu(true);
}

/* EL2 is a host's, or a guest's that has the same memory */
static void start_level(void)
{
    if ((get_reg(CurrentEL) >> 2 & 3) != 2) {
        return;
    }
    smc = true;
    set_reg(hcr_el2, HCR_HOST);
    set_reg(vtcr_el2, VTCR);
    asm volatile("tlbi alle1; dsb ish; isb" : : : "memory");
    if (is_guest) {
        set_reg(vttbr_el2, stage2 | 1ULL << 48);
        set_reg(sctlr_el12, SCTLR_OFF);
        become_guest(HCR_GUEST | HCR_VM);
    }
}

void other_cpu(void)
{
    start_level();
    start_mmu();
    start_interrupts(1);
    for (unsigned n = 1;; n++) {
        wait_until(&mailbox.asked, n);
        mailbox.result = mailbox.act(mailbox.space, mailbox.va, mailbox.value);
        __atomic_store_n(&mailbox.done, n, __ATOMIC_RELEASE);
        wake(0);
    }
}

void start_cpu1(void)
{
    mailbox.asked = mailbox.done = 0;
    expect(psci(CPU_ON, 1, (uint64_t)start_other, (uint64_t)other_stack_end),
           0);
}

void stop_cpu1(void)
{
    ask(do_off, NULL, 0, 0);
    while (psci(AFFINITY_INFO, 1, 0, 0) != 1) {
        asm volatile("yield");
    }
}

void start_pass(bool a1)
{
    set_mmu(false);
    pool = POOL;
    next_asid = 1;
    with_a1 = a1;
    reserved = new_table();
    no_high = take(PAGE);
    shared_high = take(PAGE);
    start_mmu();
    start_interrupts(0);
    start_cpu1();
}

static void pass(const char *name, bool a1)
{
    where = name;
    start_pass(a1);
    run_rules();
    stop_cpu1();
}

void main_cpu(void)
{
    static uint64_t identity[512] __attribute__((aligned(4096)));

    start_level();
    at_el2 = smc;
    if (!at_el2) {
        pass("EL1, ASID in TTBR0", false);
        pass("EL1, ASID in TTBR1", true);
    } else {
        pass("EL2&0, ASID in TTBR0", false);
        pass("EL2&0, ASID in TTBR1", true);
        where = "guests";
        start_pass(false);
        run_guest_rules();
        stop_cpu1();
        /* Devices, then memory, each a block of 1 GB */
        identity[0] = AF | 3 << 6 | 1 << 2 | 1;
        identity[1] = RAM | AF | 3 << 8 | 3 << 6 | 0xf << 2 | 1;
        stage2 = (uint64_t)identity;
        at_el2 = false;
        is_guest = true;
        start_level();
        pass("EL1 as a guest, ASID in TTBR0", false);
        pass("EL1 as a guest, ASID in TTBR1", true);
    }
    print_plan();
    power_off();
}
