/*
 * The rules of address spaces (DDI 0487, "TLB maintenance", ASIDs)
 *
 * Two or more spaces map one address to pages of their own. What was translated
 * in a space right before it is left must not be used by another one, and by
 * none after it was changed and invalidated. Each old value differs from the
 * new one, so that each point can fail. What the architecture leaves open is
 * not asked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "address-spaces.h"

#define TURNS    100
#define DATA_VA  (VA + 2 * PAGE)
/* A TLB may have room for this or for VA (or DATA_VA), and not for both. */
#define CROWD_VA (VA + 16 * BLOCK)

static const char *const changes[2][3] = {
    {
        ": a page that was changed is the new one",
        ": a page that became read-only cannot be written",
        ": a page that was taken away is gone",
    }, {
        ", on CPU 1: a page that was changed is the new one",
        ", on CPU 1: a page that became read-only cannot be written",
        ", on CPU 1: a page that was taken away is gone",
    },
};

static bool applies(const Tlbi *how)
{
    return how->name && (at_el2 || !how->el2);
}

static uint64_t *leaf(const Space *s, uint64_t va)
{
    return entry(va >> 63 ? s->high : s->low, va, 3);
}

static void in_turn(const Space *a, const Space *b, uint64_t va)
{
    for (uint64_t i = 0; i < TURNS; i++) {
        expect(put(0, a, va, i), 0);
        expect(put(0, b, va, ~i), 0);
        expect(get(0, a, va), i);
        expect(get(0, b, va), ~i);
    }
}

static void own_pages(void)
{
    Space a = space_of(1), b = space_of(2), c = new_space();

    in_turn(&a, &b, VA);
    point("", "a page is its space's own");

    a.asid = 0x8042;
    b.asid = 0xc042;
    map(&a, VA + PAGE, page_of(1) | OWN);
    map(&b, VA + PAGE, page_of(2) | OWN);
    in_turn(&a, &b, VA + PAGE);
    point("", "an ASID has 16 bits");

    a = new_space();
    b = new_space();
    a.high = take(PAGE);
    b.high = take(PAGE);
    map(&a, HIGH_VA, page_of(1) | OWN);
    map(&b, HIGH_VA, page_of(2) | OWN);
    in_turn(&a, &b, HIGH_VA);
    point("", "a page of the upper half, too");

    a = space_of(CODE(1));
    b = new_space();
    map(&b, VA, *leaf(&a, VA) | READ_ONLY | PXN);
    for (int i = 0; i < TURNS; i++) {
        expect(put(0, &a, VA, CODE(1)), 0);
        expect(get(0, &b, VA), CODE(1));
        expect(put(0, &b, VA, 2), DENIED);
        expect(go(0, &b, VA), DENIED);
        expect(go(0, &a, VA), 1);
        expect(get(0, &c, VA), NONE);
    }
    point("", "what is permitted is the space's own");

    for (int i = 0; i < TURNS; i++) {
        c = new_space();
        entry(c.low, VA, 3);
        expect(get(0, &c, VA), NONE);
        expect(get(0, &a, VA), CODE(1));
        map(&c, VA, page_of(i) | OWN);
        expect(get(0, &c, VA), i);
    }
    point("", "a page that was not there needs no TLBI");
}

/*
 * A vCPU has used B's page. It stays in B, or goes on in A, or first uses
 * another page of B's. CPU 0 changes the page.
 */
typedef enum { STAY, LEAVE, USE_AND_LEAVE } Then;

static void try_change(const Tlbi *how, Change kind, int cpu, Then then)
{
    Space a = space_of(CODE(1)), b = space_of(CODE(2));
    uint64_t *e = leaf(&b, VA);
    uint64_t old = *e & ADDRESS, new = page_of(CODE(3));
    unsigned now = kind == OTHER_PAGE ? 3 : 2;

    use(&a);
    expect(get(cpu, &a, VA), CODE(1));
    expect(put(cpu, &b, VA + 8, 2), 0);
    expect(get(cpu, &b, VA), CODE(2));
    expect(go(cpu, &b, VA), 2);
    if (then == USE_AND_LEAVE) {
        map(&b, CROWD_VA, new | OWN);
        expect(get(cpu, &b, CROWD_VA), CODE(3));
    }
    if (then != STAY) {
        expect(go(cpu, &a, VA), 1);
    }
    change(e, kind == OTHER_PAGE ? new | OWN :
              kind == GONE ? 0 : old | OWN | READ_ONLY, how, &b, VA);
    if (kind == GONE) {
        expect(get(cpu, &b, VA), NONE);
        expect(go(cpu, &b, VA), NONE);
        expect(put(cpu, &b, VA + 8, 4), NONE);
    } else {
        expect(get(cpu, &b, VA), CODE(now));
        expect(go(cpu, &b, VA), now);
        expect(put(cpu, &b, VA + 8, 4), kind == OTHER_PAGE ? 0 : DENIED);
    }
    expect(read(old + 8), 2);
    expect(read(new + 8), kind == OTHER_PAGE ? 4 : 0);
    expect(go(cpu, &a, VA), 1);
}

static void changed_pages(int cpu)
{
    for (const Tlbi *how = tlbis; applies(how); how++) {
        if (cpu && !how->broadcast) {
            continue;
        }
        for (Change kind = OTHER_PAGE; kind <= GONE; kind++) {
            for (Then then = STAY; then <= USE_AND_LEAVE; then++) {
                try_change(how, kind, cpu, then);
            }
            point(how->name, changes[cpu][kind]);
        }
    }
}

static void two_cpus(void)
{
    Space a = space_of(CODE(1)), b = space_of(CODE(2)), c = space_of(3);

    for (const Tlbi *how = tlbis; applies(how); how++) {
        expect(go(1, &a, VA), 1);
        expect(go(1, &b, VA), 2);
        use(&a);
        invalidate(how, &b, VA);
        expect(get(1, &b, VA), CODE(2));
        expect(go(1, &a, VA), 1);
    }
    point("", "a TLBI takes nothing of CPU 1's away");

    a = space_of(CODE(1));
    b = space_of(CODE(2));
    b.asid = a.asid;
    for (int i = 0; i < TURNS; i++) {
        expect(get(0, &a, VA), CODE(1));
        expect(get(0, &c, VA), 3);
        expect(get(1, &b, VA), CODE(2));
        expect(go(1, &b, VA), 2);
        expect(get(1, &c, VA), 3);
        expect(go(0, &a, VA), 1);
    }
    point("", "CPU 1's ASID is another space than CPU 0's");
}

static void own_code(void)
{
    Space a = space_of(CODE(1)), b = space_of(CODE(2));
    uint64_t end;

    for (int i = 0; i < TURNS; i++) {
        for (int j = 0; j <= i % 4; j++) {
            expect(go(0, &a, VA), 1);
        }
        for (int j = 0; j <= i % 3; j++) {
            expect(go(0, &b, VA), 2);
        }
    }
    point("", "code is its space's own");

    /* The last instruction of a page that both have: nop */
    end = page_of(0);
    write(end + PAGE - 8, 0xd503201fd503201fULL);
    sync_code(end + PAGE - 8);
    map(&a, DATA_VA - PAGE, end | OWN);
    map(&b, DATA_VA - PAGE, end | OWN);
    map(&a, DATA_VA, *leaf(&a, VA));
    map(&b, DATA_VA, *leaf(&b, VA));
    for (int i = 0; i < TURNS; i++) {
        expect(go(0, &a, DATA_VA - 4), 1);
        expect(go(0, &b, DATA_VA - 4), 2);
    }
    point("", "code that two share goes on in the space's own");
}

/* Code is written by DATA_VA; who runs it has it at VA. */
static void new_code(void)
{
    Space a = space_of(CODE(1)), b = space_of(CODE(2));
    uint64_t page = *leaf(&b, VA) & ADDRESS;

    expect(go(0, &b, VA), 2);
    use(&a);
    for (int i = 3; i < TURNS; i++) {
        write(page, CODE(i));
        sync_code(page);
        expect(go(0, &a, VA), 1);
        expect(go(0, &b, VA), i);
        use(&a);
    }
    point("", "code that another space writes is new");

    for (int writer = 0; writer < 2; writer++) {
        for (int i = 1; i < TURNS; i++) {
            /* The first write to a new page, before it has run anywhere */
            if (i % 8 == 1) {
                a = space_of(0);
                b = new_space();
                map(&b, DATA_VA, *leaf(&a, VA));
                map(&b, CROWD_VA + 2 * PAGE, *leaf(&a, VA));
                expect(put_code(writer, &b, DATA_VA, 0), 0);
                if (i % 16 == 1) {
                    expect(get(writer, &b, CROWD_VA + 2 * PAGE), CODE(0));
                }
                expect(get(writer, &a, VA), CODE(0));
                expect(go(0, &a, VA), 0);
            }
            expect(put_code(writer, &b, DATA_VA, i), 0);
            if (i % 2) {
                expect(get(writer, &a, VA), CODE(i));
            }
            expect(go(0, &a, VA), i);
        }
        point(writer ? "CPU 1" : "another space",
              " writes by a translation older than the code");
    }

    b = space_of(CODE(0));
    map(&b, DATA_VA, *leaf(&b, VA));
    for (int i = 1; i < TURNS; i++) {
        expect(put_code(0, &b, DATA_VA, i), 0);
        expect(get(0, &a, DATA_VA), NONE);
        expect(go(0, &b, VA), i);
        expect(get(0, &a, DATA_VA), NONE);
    }
    point("", "a space that was left writes code to itself");
}

#define SPACES 24

static void many_spaces(void)
{
    Space s[SPACES];
    unsigned number[SPACES];

    for (int i = 0; i < SPACES; i++) {
        s[i] = space_of(CODE(i));
        number[i] = i;
        map(&s[i], DATA_VA, page_of(100 * i) | OWN);
    }
    for (int turn = 1; turn < 7; turn++) {
        for (int n = 0; n < SPACES; n++) {
            int i = turn % 2 ? SPACES - 1 - n : n;

            expect(get(0, &s[i], DATA_VA), 100 * i + turn - 1);
            expect(put(0, &s[i], DATA_VA, 100 * i + turn), 0);
            expect(go(0, &s[i], VA), i);
        }
    }
    point("", "each of 24 spaces has its own page and code");

    for (int i = 0; i < SPACES; i++) {
        number[i] += 1000;
        expect(go(0, &s[i], VA), i);
        use(&s[(i + 11) % SPACES]);
        change(leaf(&s[i], VA), page_of(CODE(number[i])) | OWN,
               &tlbis[i % 12], &s[i], VA);
        for (int n = 0; n < SPACES; n++) {
            expect(go(0, &s[n], VA), number[n]);
        }
    }
    point("", "one of 24 spaces changes, the others do not");
}

#define PAGES 4000

/* Backwards those come first that a TLB still has. */
static void expect_pages(const Space *s, bool backwards, int first)
{
    for (int n = 0; n < PAGES; n++) {
        int i = backwards ? PAGES - 1 - n : n;

        expect(get(0, s, VA + i * PAGE), first ? first - i : i);
    }
}

static void many_pages(void)
{
    static uint64_t page[PAGES];
    Space a = new_space(), b = new_space(), c = space_of(7);

    for (int i = 0; i < PAGES; i++) {
        page[i] = page_of(i);
        map(&a, VA + i * PAGE, page[i] | OWN);
    }
    for (int i = 0; i < PAGES; i++) {
        map(&b, VA + i * PAGE, page[PAGES - 1 - i] | OWN);
    }
    for (int turn = 0; turn < 2; turn++) {
        expect_pages(&a, turn, 0);
        expect(get(0, &c, VA), 7);
        expect_pages(&b, turn, PAGES - 1);
    }
    point("", "each of 4000 pages is there after another space");

    use(&c);
    for (int i = 0; i < PAGES; i += 50) {
        change(leaf(&b, VA + i * PAGE), page[i] | OWN, &tlbis[i / 50 % 4], &b,
               VA + i * PAGE);
    }
    for (int i = 0; i < PAGES; i++) {
        expect(get(0, &b, VA + i * PAGE), i % 50 ? PAGES - 1 - i : i);
    }
    expect_pages(&a, true, 0);
    point("", "each 50th of 4000 pages changes, the others do not");
}

/* A block's pages have numbers. */
static uint64_t new_block(unsigned first)
{
    uint64_t block = take(BLOCK);

    for (uint64_t i = 0; i < BLOCK / PAGE; i++) {
        write(block + i * PAGE, first + i);
    }
    return block;
}

/* So few that a TLB keeps all */
static void expect_block(int cpu, const Space *s, uint64_t va, unsigned first)
{
    for (uint64_t i = 0; i < BLOCK / PAGE; i += 15) {
        expect(get(cpu, s, va + i * PAGE), first + i);
    }
}

static void blocks(void)
{
    uint64_t old = new_block(1000), new = new_block(2000);
    uint64_t as_block = OWN & ~NO_BLOCK;
    Space a = space_of(1), b;

    for (const Tlbi *how = tlbis; applies(how); how++) {
        for (int leave = 0; leave < 2; leave++) {
            b = new_space();
            write((uint64_t)entry(b.low, VA, 2), old | as_block);
            dsb();
            expect_block(0, &b, VA, 1000);
            use(leave ? &a : &b);
            change(entry(b.low, VA, 2), new | as_block, how, &b,
                   VA + 77 * PAGE);
            expect_block(0, &b, VA, 2000);
        }
        point(how->name, ": all of a block of 2 MB is new");
    }

    b = new_space();
    write((uint64_t)entry(b.low, VA, 2), old | as_block);
    write((uint64_t)entry(b.low, FAR_VA, 1), RAM | as_block);
    dsb();
    expect_block(1, &b, VA, 1000);
    expect(get(1, &a, VA), 1);
    use(&a);
    change(entry(b.low, VA, 2), new | as_block, &tlbis[VAE1IS], &b,
           VA + PAGE);
    expect_block(1, &b, VA, 2000);
    point("VAE1IS", ", on CPU 1: all of a block of 2 MB is new");

    expect_block(0, &b, FAR_VA + old - RAM, 1000);
    expect(get(0, &a, VA), 1);
    write((uint64_t)entry(b.low, FAR_VA, 1), 0);
    invalidate(&tlbis[VAE1], &b, FAR_VA + PAGE);
    write((uint64_t)entry(b.low, FAR_VA + old - RAM, 2), new | as_block);
    dsb();
    expect_block(0, &b, FAR_VA + old - RAM, 2000);
    expect(get(0, &b, FAR_VA), NONE);
    point("VAE1", ": all of a block of 1 GB is new that becomes a table");
}

static void global_pages(void)
{
    Space s[3] = { space_of(1), space_of(2), space_of(3) };
    uint64_t va = VA + PAGE;

    for (const Tlbi *how = tlbis; applies(how); how++) {
        /* It leaves what is global. */
        if (how->operand == BY_ASID) {
            continue;
        }
        for (int high = 0; high < 2; high++, va += PAGE) {
            uint64_t at = high ? HIGH_VA + va : va;
            uint64_t old = page_of(10), new = page_of(20);

            for (int i = 0; i < 3; i++) {
                map(&s[i], at, old | GLOBAL);
            }
            expect(put(0, &s[0], at, 11), 0);
            for (int i = 0; i < 3; i++) {
                expect(get(0, &s[i], at), 11);
            }
            for (int i = 0; i < 3; i++) {
                write((uint64_t)leaf(&s[i], at), 0);
            }
            invalidate(how, &s[1], at);
            for (int i = 0; i < 3; i++) {
                expect(get(0, &s[i], at), NONE);
            }
            for (int i = 0; i < 3; i++) {
                map(&s[i], at, new | GLOBAL);
            }
            for (int i = 0; i < 3; i++) {
                expect(get(0, &s[i], at), 20);
                expect(get(0, &s[i], VA), i + 1);
            }
        }
        point(how->name, ": a global page is new in each space");
    }
}

/* A vCPU has used an ASID. CPU 0 makes it another space's. */
static void try_reuse(const Tlbi *how, int cpu, bool leave)
{
    Space a = space_of(1), old = space_of(CODE(2)), new = space_of(CODE(3));
    Space empty = new_space();

    new.asid = empty.asid = old.asid;
    use(&a);
    expect(get(cpu, &old, VA), CODE(2));
    expect(go(cpu, &old, VA), 2);
    /* Either way the old space's tables are not used when this is done. */
    if (leave) {
        expect(get(cpu, &a, VA), 1);
    } else {
        get(cpu, &empty, RAM);
    }
    invalidate(how, &old, VA);
    expect(get(cpu, &new, VA), CODE(3));
    expect(go(cpu, &new, VA), 3);
    expect(get(cpu, &a, VA), 1);
}

static void reused(void)
{
    for (const Tlbi *how = tlbis; applies(how); how++) {
        if (how->operand & BY_VA) {
            continue;
        }
        try_reuse(how, 0, true);
        try_reuse(how, 0, false);
        if (how->broadcast) {
            try_reuse(how, 1, true);
            try_reuse(how, 1, false);
        }
        point(how->name, ": an ASID becomes another space's");
    }
}

static void set_tcr(uint64_t tcr)
{
    set_reg(tcr_el1, tcr);
    invalidate_all();
}

/* What B has at an address: before, and while TCR_EL1 is another one */
static void try_tcr(const Space *a, const Space *b, uint64_t va,
                    uint64_t before, uint64_t other, uint64_t then)
{
    uint64_t tcr = get_reg(tcr_el1);

    for (int i = 0; i < 2; i++) {
        expect(get(0, b, va), before);
        use(a);
        set_tcr(other);
        expect(get(0, b, va), then);
        use(a);
        set_tcr(tcr);
    }
}

static void controls(void)
{
    Space a = space_of(1), b = space_of(2);
    uint64_t tcr = get_reg(tcr_el1), ram = read(RAM);

    a.high = take(PAGE);
    b.high = take(PAGE);
    map(&b, HIGH_VA, page_of(4) | OWN);
    map(&b, FAR_VA, page_of(5) | OWN);
    /* Where a walk for HIGH_VA begins if T1SZ is 33 */
    write((uint64_t)entry(b.high, 0, 3), page_of(6) | OWN);
    try_tcr(&a, &b, HIGH_VA, 4, tcr | TCR_EPD1, NONE);
    point("TCR.EPD1", " forbids a walk");

    try_tcr(&a, &b, HIGH_VA, 4, tcr ^ TCR_T1SZ(25 ^ 33), 6);
    point("TCR.T1SZ", " says with which entry a walk begins");

    try_tcr(&a, &b, FAR_VA, 5, tcr ^ TCR_T0SZ(25 ^ 33), NONE);
    point("TCR.T0SZ", " says which addresses have none");

    for (int i = 0; i < TURNS; i++) {
        expect(get(0, &a, VA), 1);
        expect(get(0, &b, VA), 2);
        set_mmu(false);
        expect(write(VA, 100 + i), 0);
        expect(read(VA), 100 + i);
        expect(get(0, &a, VA), 100 + i);
        expect(read(RAM), ram);
        invalidate_all();
        set_mmu(true);
        expect(read(VA), 1);
        expect(get(0, &b, VA), 2);
    }
    point("SCTLR.M", " is cleared, and set again");
}

/* QEMU's second flash is memory until it gets a command. */
#define FLASH       0x04000000ULL
#define FLASH_IDS   0x0018001800890089ULL
#define READ_ARRAY  0xff
#define READ_ID     0x90

/* It is not the translation that changes: no TLBI is needed. */
static void flash(void)
{
    Space a = space_of(1), b = space_of(2);
    uint64_t array = read(FLASH);

    map(&b, VA, FLASH | OWN | DEVICE);
    for (int cpu = 0; cpu < 2; cpu++) {
        for (int i = 0; i < 4; i++) {
            expect(get(cpu, &b, VA), array);
            if (i % 2) {
                expect(get(cpu, &a, VA), 1);
            }
            write32(FLASH, READ_ID);
            expect(get(cpu, &b, VA), FLASH_IDS);
            if (i % 2) {
                expect(get(cpu, &a, VA), 1);
            }
            write32(FLASH, READ_ARRAY);
        }
    }
    point("", "flash's memory becomes registers, and memory again");
}

#define USER_VA (VA + 16 * PAGE)

/* EL0 has a page, and code: its own number, a read, a write. */
static Space user_space(unsigned number)
{
    Space s = new_space();
    uint64_t page = page_of(USER_CODE(number));

    write(page + 16, USER_READ);
    write(page + 32, USER_WRITE);
    map(&s, USER_VA, page | (OWN ^ UXN) | USER | PXN);
    map(&s, VA, page_of(number) | OWN | USER);
    map(&s, DATA_VA, page_of(number) | OWN);
    return s;
}

static uint64_t user(const Space *s, unsigned code, uint64_t va, uint64_t value)
{
    use(s);
    return run_user(USER_VA + code, va, value);
}

static void users(void)
{
    Space a = user_space(1), b = user_space(2), c = space_of(3);

    for (uint64_t i = 0; i < TURNS; i++) {
        expect(user(&a, 0, 0, 0), 1);
        expect(user(&b, 0, 0, 0), 2);
        user(&a, 32, VA, i);
        user(&b, 32, VA, ~i);
        expect(user(&a, 16, VA, 0), i);
        expect(user(&b, 16, VA, 0), ~i);
        use(&a);
        expect(read_as_user(VA), i);
        use(&c);
        expect(read_as_user(VA), DENIED);
        expect(read(VA), 3);
        use(&b);
        expect(read_as_user(VA), ~i);
    }
    point("", "EL0's pages and code are its space's own");

    for (const Tlbi *how = tlbis; applies(how); how++) {
        for (int leave = 0; leave < 2; leave++) {
            a = user_space(1);
            b = user_space(2);
            expect(user(&b, 16, VA, 0), 2);
            use(leave ? &a : &b);
            change(leaf(&b, VA), *leaf(&b, VA) & ~USER, how, &b, VA);
            expect(user(&b, 16, VA, 0), DENIED);
            expect(get(0, &b, VA), 2);
            use(&b);
            expect(read_as_user(VA), DENIED);
            use(leave ? &a : &b);
            change(leaf(&b, USER_VA), *leaf(&b, USER_VA) | UXN, how, &b,
                   USER_VA);
            expect(user(&b, 0, 0, 0), DENIED);
            expect(user(&a, 0, 0, 0), 1);
        }
        point(how->name, ": EL0's page and code are taken away");
    }

    /* A user writes what EL1 of another space runs, and the other way round. */
    c = new_space();
    map(&c, VA, *leaf(&a, VA) & ~USER);
    map(&c, DATA_VA, *leaf(&a, USER_VA) & ~USER);
    for (int i = 0; i < TURNS; i++) {
        user(&a, 32, VA, CODE(i));
        sync_code(VA);
        expect(go(0, &c, VA), i);
        put(0, &c, DATA_VA, USER_CODE(i + 1));
        sync_code(DATA_VA);
        expect(user(&a, 0, 0, 0), i + 1);
    }
    point("", "code that EL0 writes for EL1, or EL1 for EL0, is new");
}

#define set_pan(n) asm volatile("msr pan, #" #n : : : "memory")

static void pan(void)
{
    Space a = user_space(1), b = user_space(2);
    uint64_t sctlr = get_reg(sctlr_el1);

    for (int i = 0; i < TURNS; i++) {
        expect(get(0, &a, VA), 1);
        set_pan(1);
        expect(read(VA), DENIED);
        expect(get(0, &b, VA), DENIED);
        expect(read_as_user(VA), 2);
        expect(read(DATA_VA), 2);
        expect(get(0, &a, DATA_VA), 1);
        expect(get(0, &b, DATA_VA), 2);
        set_pan(0);
        expect(read(VA), 2);
        set_pan(1);
        use(&a);
        set_pan(0);
        expect(read(VA), 1);
        expect(get(0, &b, VA), 2);
    }
    point("PSTATE.PAN", " says whether EL1 may use EL0's page");

    for (int i = 0; i < TURNS; i++) {
        set_reg(sctlr_el1, sctlr & ~SCTLR_SPAN);
        expect(user(&a, 0, 0, 0), 1);
        expect(get(0, &b, VA), DENIED);
        set_pan(0);
        set_reg(sctlr_el1, sctlr);
        expect(user(&b, 0, 0, 0), 2);
        expect(get(0, &a, VA), 1);
    }
    point("SCTLR.SPAN", " says whether an exception sets PAN");
}

static void by_hardware(void)
{
    Space a = space_of(1), b = space_of(2);
    uint64_t *e = leaf(&b, VA);
    uint64_t clean = (*e & ~AF) | DBM | READ_ONLY;

    for (const Tlbi *how = tlbis; applies(how); how++) {
        for (int leave = 0; leave < 2; leave++) {
            change(e, clean, &tlbis[VMALLE1], &b, VA);
            expect(get(0, &b, VA), 2);
            expect(*e, clean | AF);
            expect(put(0, &b, VA, 2), 0);
            expect(*e, (clean | AF) & ~READ_ONLY);
            use(leave ? &a : &b);
            change(e, clean, how, &b, VA);
            expect(*e, clean);
            expect(get(0, &b, VA), 2);
            expect(*e, clean | AF);
            expect(put(0, &b, VA, 2), 0);
            expect(*e, (clean | AF) & ~READ_ONLY);
        }
        point(how->name, ": AF and the dirty state are set again");
    }
}

static void cpu1_starts_again(void)
{
    Space a = space_of(CODE(1)), b = space_of(CODE(2));
    Space new_a = space_of(CODE(3)), new_b = space_of(CODE(4));

    new_a.asid = a.asid;
    new_b.asid = b.asid;
    for (int i = 0; i < 3; i++) {
        const Space *x = i % 2 ? &new_a : &a, *y = i % 2 ? &new_b : &b;

        for (int n = 0; n < 2; n++) {
            expect(get(1, x, VA), i % 2 ? CODE(3) : CODE(1));
            expect(go(1, x, VA), i % 2 ? 3 : 1);
            expect(go(1, y, VA), i % 2 ? 4 : 2);
        }
        stop_cpu1();
        start_cpu1();
    }
    point("", "CPU 1 starts again with other spaces for its ASIDs");
}

#define STEPS  4000
#define SOME   12
#define PLACES 4

static uint32_t random_below(uint32_t n)
{
    static uint32_t x = 1;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x % n;
}

/* What each page has is known: code that returns a number. */
static void random_steps(void)
{
    Space s[SOME];
    uint64_t page[SOME * 2];
    unsigned number[SOME * 2];
    int has[SOME][PLACES];              /* which page; -1: none */
    bool fixed[SOME][PLACES];           /* read-only */

    for (int i = 0; i < SOME * 2; i++) {
        number[i] = i;
        page[i] = page_of(CODE(i));
    }
    for (int i = 0; i < SOME; i++) {
        s[i] = new_space();
        for (int p = 0; p < PLACES; p++) {
            has[i][p] = -1;
            fixed[i][p] = false;
        }
    }
    for (int step = 0; step < STEPS; step++) {
        int cpu = !random_below(5), i = random_below(SOME);
        int p = random_below(PLACES), n = has[i][p];
        uint64_t va = VA + p * PAGE;
        const Tlbi *how = &tlbis[BROADCAST + random_below(6)];

        switch (random_below(5)) {
        case 0:
            has[i][p] = random_below(SOME * 2 + 1) - 1;
            fixed[i][p] = !random_below(3);
            use(&s[random_below(SOME)]);
            change(leaf(&s[i], va), has[i][p] < 0 ? 0 : page[has[i][p]] | OWN |
                   (fixed[i][p] ? READ_ONLY : 0), how, &s[i], va);
            break;
        case 1:
            expect(get(cpu, &s[i], va), n < 0 ? NONE : CODE(number[n]));
            break;
        case 2:
            if (n < 0 || fixed[i][p]) {
                expect(put(cpu, &s[i], va, 0), n < 0 ? NONE : DENIED);
            } else {
                number[n] = random_below(0x10000);
                expect(put_code(cpu, &s[i], va, number[n]), 0);
            }
            break;
        default:
            expect(go(cpu, &s[i], va), n < 0 ? NONE : number[n]);
        }
    }
    point("", "4000 random steps of 12 spaces on two vCPUs");
}

void run_rules(void)
{
    own_pages();
    changed_pages(0);
    changed_pages(1);
    two_cpus();
    own_code();
    new_code();
    many_spaces();
    many_pages();
    blocks();
    global_pages();
    reused();
    controls();
    flash();
    users();
    pan();
    by_hardware();
    cpu1_starts_again();
    random_steps();
}
