/*
 * What the rules of address spaces are written with
 *
 * The program, its tables and its pages are in the 128 MB from RAM on. Each
 * space maps them as they are, by global descriptors (nG = 0). What a rule is
 * about is mapped elsewhere, mostly by pages that are one space's own (nG = 1).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BOARD_ADDRESS_SPACES_H
#define BOARD_ADDRESS_SPACES_H

/* HCR_EL2: VM, FB, TGE, RW, E2H */
#define HCR_VM     0x1
#define HCR_FB     0x200
#define HCR_HOST   0x488000000
#define HCR_GUEST  0x480000000

/* SPSR: all is masked */
#define PSTATE_EL0 0x3c0
#define PSTATE_EL1 0x3c5

/* What an access gives that faults: with the class of the fault */
#define FAULT      0xfa17000000000000
#define NONE       (FAULT | 0x4)
#define DENIED     (FAULT | 0xc)

#define RAM        0x40000000

#ifndef ASSEMBLY

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PAGE      0x1000ULL
#define BLOCK     0x200000ULL
/* In memory that is not mapped as it is, and no memory at all */
#define VA        0x48000000ULL
#define FAR_VA    0x100000000ULL
/* By TTBR1_EL1: the L1 table's entry 510 if T1SZ is 25, and 0 if it is 33 */
#define HIGH_VA   0xffffffff80000000ULL

/* A descriptor of stage 1 */
#define TABLE     0x3ULL
#define USER      (1ULL << 6)
#define READ_ONLY (1ULL << 7)
#define AF        (1ULL << 10)
#define DEVICE    (1ULL << 2)       /* MAIR's second type */
#define NG        (1ULL << 11)
#define DBM       (1ULL << 51)
#define PXN       (1ULL << 53)
#define UXN       (1ULL << 54)
#define GLOBAL    (AF | 3ULL << 8 | UXN | 3)
#define OWN       (GLOBAL | NG)
#define NO_BLOCK  2ULL              /* Set in a page's, clear in a block's */
#define ADDRESS   0xfffffffff000ULL

/* TCR_EL1 */
#define TCR_T0SZ(n) ((uint64_t)(n))
#define TCR_T1SZ(n) ((uint64_t)(n) << 16)
#define TCR_A1    (1ULL << 22)
#define TCR_EPD1  (1ULL << 23)
#define TCR_TBI   (3ULL << 37)
/* SCTLR_EL1 */
#define SCTLR_M    (1ULL << 0)
#define SCTLR_SPAN (1ULL << 23)

/* Eight bytes of code: return a number, at EL0 by SVC */
#define CODE(n)      (0xd65f03c0d2800000ULL | (uint64_t)(n) << 5)
#define USER_CODE(n) (0xd4000001d2800000ULL | (uint64_t)(n) << 5)
/* ldr x0, [x0]; and str x1, [x0]; each with SVC */
#define USER_READ    0xd4000001f9400000ULL
#define USER_WRITE   0xd4000001f9000001ULL

#define get_reg(name) ({ \
    uint64_t value_; \
    asm volatile("mrs %0, " #name : "=r"(value_) : : "memory"); \
    value_; })
#define set_reg(name, value) \
    asm volatile("msr " #name ", %0; isb" : : "r"(value) : "memory")
#define dsb() asm volatile("dsb ish; isb" : : : "memory")

typedef struct Space {
    uint64_t asid;
    uint64_t low, high;             /* tables of level 1 */
} Space;

typedef struct Tlbi {
    const char *name;
    uint64_t operand;               /* the bits of it that say what goes */
    bool broadcast, el2;
    void (*insn)(uint64_t operand);
} Tlbi;

#define BY_VA   0x00000fffffffffffULL
#define BY_ASID 0xffff000000000000ULL

typedef enum { OTHER_PAGE, NOW_READ_ONLY, GONE } Change;

typedef uint64_t Act(const void *s, uint64_t va, uint64_t value);

/* address-spaces-start.S */
uint64_t read(uint64_t va);
uint64_t read_as_user(uint64_t va);
uint64_t write(uint64_t va, uint64_t value);
uint64_t run(uint64_t va);
uint64_t run_user(uint64_t pc, uint64_t arg0, uint64_t arg1);
uint64_t run_guest(uint64_t pc, uint64_t arg0, uint64_t arg1, uint64_t hcr);
void become_guest(uint64_t hcr);
void start_other(void);
void guest_read(void);
void guest_write(void);
void guest_run(void);
void guest_vae1(void);
void guest_vmalle1(void);
extern char vectors[], guest_vectors[], other_stack_end[];

/* address-spaces-machine.c: its translation and its vCPUs */
extern const Tlbi tlbis[];          /* Up to one without a name */
enum { VAE1, VMALLE1 = 5, VAE1IS = 6, BROADCAST = 6 };
extern bool at_el2, is_guest;

uint64_t take(uint64_t size);       /* Memory, cleared, which is never freed */
uint64_t page_of(uint64_t value);
uint64_t *entry(uint64_t root, uint64_t va, int level);
Space new_space(void);
Space space_of(uint64_t value);     /* It has one page, at VA */
void map(const Space *s, uint64_t va, uint64_t descriptor);
void use(const Space *s);
void invalidate(const Tlbi *how, const Space *s, uint64_t va);
void invalidate_all(void);
/* Break before make: of an entry, by CPU 0, in the space that it is in */
void change(uint64_t *entry, uint64_t to, const Tlbi *how, const Space *s,
            uint64_t va);
void sync_code(uint64_t va);
void write32(uint64_t at, uint32_t value);
void set_mmu(bool on);

/* As CPU 0 does it, or CPU 1 in its place */
uint64_t on(int cpu, Act *act, const void *s, uint64_t va, uint64_t value);
uint64_t get(int cpu, const Space *s, uint64_t va);
uint64_t put(int cpu, const Space *s, uint64_t va, uint64_t value);
uint64_t put_code(int cpu, const Space *s, uint64_t va, unsigned number);
uint64_t go(int cpu, const Space *s, uint64_t va);
void start_pass(bool a1);
void start_cpu1(void);
void stop_cpu1(void);
void power_off(void);
void give_up(uint64_t esr, uint64_t elr, uint64_t far);

/* A TAP point is of all that was expected since the last one. */
void expect(uint64_t got, uint64_t want);
void point(const char *how, const char *what);
void print_plan(void);
extern const char *where;           /* All points' names begin with it. */

/* address-spaces.c */
void run_rules(void);
/* address-spaces-guests.c */
void run_guest_rules(void);

#endif /* ASSEMBLY */
#endif /* BOARD_ADDRESS_SPACES_H */
