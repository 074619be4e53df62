/*
 * The rules of guests: VMIDs and stage 2 (DDI 0487, "TLB maintenance")
 *
 * The host is at EL2 with HCR_EL2.E2H = 1, and sets TGE and VM as KVM does. Its
 * guests are functions that run at EL1, with or without tables of their own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "address-spaces.h"

#define TURNS 50

/* A descriptor of stage 2: all is permitted, or writes are not */
#define S2_READ_ONLY (AF | 3 << 8 | 1 << 6 | 0xf << 2 | 3)
#define S2_ALL       (S2_READ_ONLY | 2 << 6)
#define VTTBR_VMID   0xffff000000000000ULL

typedef struct Vm {
    uint64_t vttbr;
    Space space;
    bool stage1, no_stage2, broadcast;
} Vm;

typedef struct S2Tlbi {
    const char *name;
    enum { OF_IPA, OF_VMID, OF_ALL } scope;
    bool broadcast;
    void (*insn)(uint64_t ipa);
} S2Tlbi;

#define INSN(name, text) \
    static void name(uint64_t ipa) \
    { \
        asm volatile(text : : "r"(ipa >> 12) : "memory"); \
    }

INSN(ipas2e1, "tlbi ipas2e1, %0\n dsb ish\n tlbi vmalle1")
INSN(ipas2le1, "tlbi ipas2le1, %0\n dsb ish\n tlbi vmalle1")
INSN(vmalls12e1, "tlbi vmalls12e1 /* %0 */")
INSN(alle1, "tlbi alle1 /* %0 */")
INSN(ipas2e1is, "tlbi ipas2e1is, %0\n dsb ish\n tlbi vmalle1is")
INSN(ipas2le1is, "tlbi ipas2le1is, %0\n dsb ish\n tlbi vmalle1is")
INSN(vmalls12e1is, "tlbi vmalls12e1is /* %0 */")
INSN(alle1is, "tlbi alle1is /* %0 */")

static const S2Tlbi s2_tlbis[] = {
    { "IPAS2E1 + VMALLE1", OF_IPA, false, ipas2e1 },
    { "IPAS2LE1 + VMALLE1", OF_IPA, false, ipas2le1 },
    { "VMALLS12E1", OF_VMID, false, vmalls12e1 },
    { "ALLE1", OF_ALL, false, alle1 },
    { "IPAS2E1IS + VMALLE1IS", OF_IPA, true, ipas2e1is },
    { "IPAS2LE1IS + VMALLE1IS", OF_IPA, true, ipas2le1is },
    { "VMALLS12E1IS", OF_VMID, true, vmalls12e1is },
    { "ALLE1IS", OF_ALL, true, alle1is },
};
static const S2Tlbi *const all_of_vm = &s2_tlbis[6];

static const char *const kinds[2][2] = {
    {
        ": a page of a guest without tables is as it was changed",
        ", on CPU 1: a page of a guest without tables is as it was changed",
    }, {
        ": a page of a guest with tables is as it was changed",
        ", on CPU 1: a page of a guest with tables is as it was changed",
    },
};

static uint64_t *s2_leaf(const Vm *vm, uint64_t ipa)
{
    return entry(vm->vttbr & ADDRESS, ipa, 3);
}

static void s2_map(const Vm *vm, uint64_t ipa, uint64_t descriptor)
{
    write((uint64_t)s2_leaf(vm, ipa), descriptor);
    dsb();
}

/* It has the program as it is, and a page of its own at VA. */
static Vm new_vm(bool stage1, uint64_t value)
{
    static uint64_t count;
    Vm vm = { .stage1 = stage1, .vttbr = take(PAGE) };

    /* In most cases two VMIDs differ in the upper half of their 16 bits. */
    count++;
    vm.vttbr |= (count << 8 | count >> 8) << 48;
    for (uint64_t at = RAM; at < VA; at += BLOCK) {
        write((uint64_t)entry(vm.vttbr & ADDRESS, at, 2),
              at | (S2_ALL & ~NO_BLOCK));
    }
    s2_map(&vm, VA, page_of(value) | S2_ALL);
    vm.space = new_space();
    vm.space.asid = 1;
    map(&vm.space, VA, VA | OWN);
    return vm;
}

static uint64_t hcr_of(const Vm *vm)
{
    return HCR_GUEST | (vm->no_stage2 ? 0 : HCR_VM) |
           (vm->broadcast ? HCR_FB : 0);
}

/* An emulator may forget too much when these are written. */
#define set_other(name, value) do { \
        uint64_t new_ = value; \
        if (get_reg(name) != new_) { \
            set_reg(name, new_); \
        } \
    } while (0)

static void load(const Vm *vm)
{
    set_reg(vttbr_el2, vm->vttbr);
    set_reg(ttbr0_el12, vm->space.low | vm->space.asid << 48);
    set_reg(vbar_el12, guest_vectors);
    set_other(sctlr_el12, get_reg(sctlr_el1) & ~(vm->stage1 ? 0 : SCTLR_M));
    set_other(mair_el12, get_reg(mair_el1));
    set_other(tcr_el12, get_reg(tcr_el1));
}

static uint64_t do_read(const void *vm, uint64_t va, uint64_t value)
{
    load(vm);
    return run_guest((uint64_t)guest_read, va, value, hcr_of(vm));
}

static uint64_t do_write(const void *vm, uint64_t va, uint64_t value)
{
    load(vm);
    return run_guest((uint64_t)guest_write, va, value, hcr_of(vm));
}

static uint64_t do_run(const void *vm, uint64_t va, uint64_t value)
{
    load(vm);
    return run_guest((uint64_t)guest_run, va, value, hcr_of(vm));
}

static uint64_t vm_get(int cpu, const Vm *vm, uint64_t va)
{
    return on(cpu, do_read, vm, va, 0);
}

static uint64_t vm_put(int cpu, const Vm *vm, uint64_t va, uint64_t value)
{
    return on(cpu, do_write, vm, va, value);
}

static uint64_t vm_go(int cpu, const Vm *vm, uint64_t va)
{
    return on(cpu, do_run, vm, va, 0);
}

static void s2_invalidate(const S2Tlbi *how, const Vm *vm, uint64_t ipa)
{
    /* ALLE1 is for those, too, whose VMID is not in VTTBR_EL2. */
    if (how->scope != OF_ALL) {
        set_reg(vttbr_el2, vm->vttbr);
    }
    set_reg(hcr_el2, hcr_of(vm));
    dsb();
    how->insn(ipa);
    dsb();
    set_reg(hcr_el2, HCR_HOST);
}

static void s2_change(const Vm *vm, uint64_t ipa, uint64_t to,
                      const S2Tlbi *how)
{
    s2_map(vm, ipa, 0);
    s2_invalidate(how, vm, ipa);
    s2_map(vm, ipa, to);
}

static void own(bool stage1)
{
    Vm a = new_vm(stage1, CODE(1)), b = new_vm(stage1, CODE(2));
    Space host = space_of(CODE(3));

    /* The same tables, if any, and their ASID is the host's as well. */
    b.space = a.space;
    host.asid = 1;
    for (uint64_t i = 0; i < TURNS; i++) {
        expect(vm_go(0, &a, VA), 1);
        expect(vm_go(0, &b, VA), 2);
        expect(go(0, &host, VA), 3);
        expect(vm_put(0, &a, VA + 8, i), 0);
        expect(put(0, &host, VA + 8, i + 1000), 0);
        expect(vm_put(0, &b, VA + 8, ~i), 0);
        expect(vm_get(0, &a, VA + 8), i);
        expect(vm_get(0, &b, VA + 8), ~i);
        expect(get(0, &host, VA + 8), i + 1000);
        if (i % 2) {
            expect(vm_go(1, &b, VA), 2);
            expect(go(1, &host, VA), 3);
        }
    }
    point(stage1 ? "with tables" : "without tables",
          ": pages and code are the guest's own, and the host's");
}

/*
 * A vCPU has used a page of B's, and maybe A, whose ASID is then still in
 * TTBR0_EL1 beside B's VMID. CPU 0 changes stage 2.
 */
static void try_change(const S2Tlbi *how, bool stage1, int cpu, Change kind,
                       bool leave)
{
    Vm a = new_vm(stage1, CODE(1)), b = new_vm(stage1, CODE(2));
    uint64_t old = *s2_leaf(&b, VA) & ADDRESS, new = page_of(CODE(3));

    b.space = a.space;
    a.space.asid = 2;
    expect(vm_go(cpu, &a, VA), 1);
    expect(vm_put(cpu, &b, VA + 8, 2), 0);
    expect(vm_go(cpu, &b, VA), 2);
    if (leave) {
        expect(vm_get(cpu, &a, VA), CODE(1));
    }
    if (kind == OTHER_PAGE) {
        s2_change(&b, VA, new | S2_ALL, how);
        expect(vm_go(cpu, &b, VA), 3);
        expect(vm_get(cpu, &b, VA + 8), 0);
    } else if (kind == NOW_READ_ONLY) {
        s2_change(&b, VA, old | S2_READ_ONLY, how);
        expect(vm_put(cpu, &b, VA + 8, 4), DENIED);
        expect(vm_get(cpu, &b, VA + 8), 2);
    } else {
        s2_change(&b, VA, 0, how);
        expect(vm_get(cpu, &b, VA), NONE);
        expect(vm_put(cpu, &b, VA, 4), NONE);
        expect(vm_go(cpu, &b, VA), NONE);
    }
    expect(vm_go(cpu, &a, VA), 1);
}

static void changed(bool stage1)
{
    for (size_t i = 0; i < ARRAY_SIZE(s2_tlbis); i++) {
        const S2Tlbi *how = &s2_tlbis[i];

        for (int cpu = 0; cpu <= how->broadcast; cpu++) {
            for (Change kind = OTHER_PAGE; kind <= GONE; kind++) {
                try_change(how, stage1, cpu, kind, false);
                try_change(how, stage1, cpu, kind, true);
            }
            point(how->name, kinds[stage1][cpu]);
        }
    }
}

static void processes(void)
{
    Vm vm[4] = { new_vm(true, 10), new_vm(true, 20) };
    Space host = space_of(50);

    /* Each guest has two, of the same two ASIDs. */
    for (int i = 0; i < 2; i++) {
        s2_map(&vm[i], VA + PAGE, page_of(11 + 10 * i) | S2_ALL);
        vm[2 + i] = vm[i];
        vm[2 + i].space = new_space();
        vm[2 + i].space.asid = 2;
        map(&vm[2 + i].space, VA, (VA + PAGE) | OWN);
    }
    host.asid = 2;
    for (int i = 0; i < TURNS; i++) {
        expect(vm_get(0, &vm[0], VA), 10);
        expect(vm_get(0, &vm[2], VA), 11);
        expect(vm_get(0, &vm[1], VA), 20);
        expect(get(0, &host, VA), 50);
        expect(vm_get(0, &vm[3], VA), 21);
    }
    point("", "each process of each guest has its own page");

    /* The fourth changes the page of the second. */
    for (int cpu = 0; cpu < 2; cpu++) {
        vm[3].broadcast = cpu;
        for (int i = 0; i < TURNS; i++) {
            uint64_t *e = entry(vm[1].space.low, VA, 3);

            expect(vm_get(cpu, &vm[1], VA), 20 + i % 2);
            expect(vm_get(cpu, &vm[3], VA), 21);
            expect(get(cpu, &host, VA), 50);
            write((uint64_t)e, 0);
            load(&vm[3]);
            if (i % 4 < 2) {
                run_guest((uint64_t)guest_vae1, 1ULL << 48 | VA >> 12, 0,
                          hcr_of(&vm[3]));
            } else {
                run_guest((uint64_t)guest_vmalle1, 0, 0, hcr_of(&vm[3]));
            }
            write((uint64_t)e, (i % 2 ? VA : VA + PAGE) | OWN);
            dsb();
        }
        expect(vm_get(cpu, &vm[1], VA), 20);
        point("", cpu ? "with HCR_EL2.FB a guest's TLBI is for CPU 1, too" :
              "a process changes another one's page");
    }
}

static void moved_tables(void)
{
    Vm a = new_vm(true, 1), b = new_vm(true, 2);
    uint64_t ipa = VA + 8 * PAGE, table[2] = { page_of(0), page_of(0) };

    /* Two guests have an L3 table at one IPA, each a page of its own. */
    for (uint64_t i = 0; i < PAGE / 8; i++) {
        write(table[0] + 8 * i, VA | OWN);
        write(table[1] + 8 * i, (VA + PAGE) | OWN);
    }
    write((uint64_t)entry(a.space.low, VA, 2), ipa | TABLE);
    b.space = a.space;
    s2_map(&a, VA + PAGE, page_of(3) | S2_ALL);
    s2_map(&b, VA + PAGE, page_of(4) | S2_ALL);
    s2_map(&a, ipa, table[0] | S2_ALL);
    s2_map(&b, ipa, table[1] | S2_ALL);
    for (int i = 0; i < TURNS; i++) {
        expect(vm_get(0, &a, VA + i * PAGE), 1);
        expect(vm_get(0, &b, VA + i * PAGE), 4);
    }
    point("", "each guest's table is its own");

    a.space.asid = 2;
    for (size_t i = 0; i < ARRAY_SIZE(s2_tlbis); i++) {
        expect(vm_get(0, &b, VA), i % 2 ? 2 : 4);
        expect(vm_get(0, &a, VA), 1);
        s2_change(&b, ipa, table[i % 2] | S2_ALL, &s2_tlbis[i]);
        expect(vm_get(0, &b, VA), i % 2 ? 4 : 2);
        expect(vm_get(0, &b, VA + (TURNS + i) * PAGE), i % 2 ? 4 : 2);
        expect(vm_get(0, &a, VA), 1);
    }
    point("", "a guest's table is another page");
}

static void without_stage2(void)
{
    Vm a = new_vm(true, 1), b = new_vm(true, 2), none = new_vm(true, 0);
    Space host = space_of(4);

    none.no_stage2 = true;
    none.vttbr = 0;
    map(&none.space, VA, page_of(3) | OWN);
    b.space = a.space;
    for (int i = 0; i < TURNS; i++) {
        expect(vm_get(0, &a, VA), 1);
        expect(vm_get(0, &none, VA), 3);
        expect(vm_get(0, &b, VA), 2);
        expect(get(0, &host, VA), 4);
        expect(vm_get(0, &none, VA), 3);
        expect(get(0, &host, VA), 4);
    }
    point("", "HCR_EL2.VM is 0 for one of three");

    /* Without stage 2 the IPA is an address. */
    a.space.asid = 2;
    b.no_stage2 = true;
    s2_invalidate(all_of_vm, &b, 0);
    expect(vm_put(0, &b, VA, 5), 0);
    for (int i = 0; i < TURNS; i++) {
        b.no_stage2 = i % 2;
        s2_invalidate(all_of_vm, &b, 0);
        expect(vm_get(0, &b, VA), i % 2 ? 5 : 2);
        expect(vm_get(0, &a, VA), 1);
    }
    point("", "HCR_EL2.VM changes for a VMID, which is invalidated");
}

static void reused(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(s2_tlbis); i++) {
        const S2Tlbi *how = &s2_tlbis[i];

        /* Those by IPA would leave the other pages. */
        if (how->scope == OF_IPA) {
            continue;
        }
        for (int cpu = 0; cpu <= how->broadcast; cpu++) {
            Vm a = new_vm(true, 1), old = new_vm(true, CODE(2));
            Vm new = new_vm(true, CODE(3));

            a.space.asid = 2;
            new.space = old.space;
            new.vttbr = (new.vttbr & ADDRESS) | (old.vttbr & VTTBR_VMID);
            expect(vm_go(cpu, &old, VA), 2);
            expect(vm_get(cpu, &old, VA), CODE(2));
            expect(vm_get(cpu, &a, VA), 1);
            s2_invalidate(how, &new, 0);
            expect(vm_go(cpu, &new, VA), 3);
            expect(vm_get(cpu, &new, VA), CODE(3));
        }
        point(how->name, ": a VMID becomes another guest's");
    }
}

static void new_code(void)
{
    Vm a = new_vm(true, 0), b = new_vm(false, 0);
    Space host = new_space();
    uint64_t page = *s2_leaf(&a, VA) & ADDRESS;

    s2_map(&b, VA, page | S2_ALL);
    map(&host, VA, page | OWN);
    for (int i = 0; i < TURNS; i++) {
        expect(vm_put(0, &a, VA, CODE(i)), 0);
        sync_code(page);
        expect(go(0, &host, VA), i);
        expect(vm_go(0, &b, VA), i);
        expect(put_code(0, &host, VA, i + 1000), 0);
        expect(vm_go(0, &a, VA), i + 1000);
        expect(vm_go(0, &b, VA), i + 1000);
        expect(vm_put(1, &b, VA, CODE(i + 2000)), 0);
        sync_code(page);
        expect(vm_go(0, &a, VA), i + 2000);
        expect(go(0, &host, VA), i + 2000);
    }
    point("", "code that a guest writes for the host, or the host for it");
}

void run_guest_rules(void)
{
    own(false);
    own(true);
    changed(false);
    changed(true);
    processes();
    moved_tables();
    without_stage2();
    reused();
    new_code();
}
