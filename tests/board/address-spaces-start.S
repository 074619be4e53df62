/*
 * Start, exceptions, and the accesses that may fault
 *
 * What a rule does with a page is a function of few instructions. If it faults,
 * it returns FAULT with the class of the fault. At EL2 HCR_EL2.E2H is 1: the
 * names of EL1's registers are then those of EL2.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define ASSEMBLY
#include "address-spaces.h"

    .arch   armv8.2-a

    .macro  function name
    .global \name
\name:
    .endm

    .text
    function _start
    adrp    x0, stack_end
    add     sp, x0, :lo12:stack_end
    b       main_cpu

    /* x0: PSCI's context, here the stack */
    function start_other
    mov     sp, x0
    b       other_cpu

probes:
    function read
    ldr     x0, [x0]
    ret
    function read_as_user
    ldtr    x0, [x0]
    ret
    function write
    str     x1, [x0]
    mov     x0, #0
    ret
probes_end:
    function run
    br      x0

    /* x0: code of EL0, which ends with SVC; x1, x2: its arguments */
    function run_user
    mov     x9, #PSTATE_EL0
    b       leave

    /* x0: code of a guest, which ends with HVC; x1, x2; x3: HCR_EL2 */
    function run_guest
    msr     hcr_el2, x3
    mov     x9, #PSTATE_EL1
leave:
    str     x30, [sp, #-16]!
    msr     elr_el1, x0
    msr     spsr_el1, x9
    mov     x0, x1
    mov     x1, x2
    eret

    /* To go on at EL1; x0: HCR_EL2 */
    function become_guest
    mov     x9, sp
    msr     sp_el1, x9
    msr     elr_el1, x30
    mov     x9, #PSTATE_EL1
    msr     spsr_el1, x9
    msr     hcr_el2, x0
    eret

    /* What a guest does at EL1 */
    .balign 16
    function guest_read
    ldr     x0, [x0]
    hvc     #0
    function guest_write
    str     x1, [x0]
    mov     x0, #0
    hvc     #0
    function guest_run
    blr     x0
    hvc     #0
    function guest_vae1
    dsb     ishst
    tlbi    vae1, x0
    dsb     ish
    isb
    hvc     #0
    function guest_vmalle1
    dsb     ishst
    tlbi    vmalle1
    dsb     ish
    isb
    hvc     #0

    .macro  vector to
    .balign 128
    b       \to
    .endm

    .balign 2048
    function vectors
    .rept   4
    vector  unexpected
    .endr
    vector  own_level
    .rept   3
    vector  unexpected
    .endr
    vector  lower_level
    .rept   7
    vector  unexpected
    .endr

    .balign 2048
    function guest_vectors
    .rept   16
    .balign 128
    movn    x0, #0
    hvc     #0
    .endr

    /* Only x0, x1, x16 and x17 are free, as in a call. */
own_level:
    mrs     x16, esr_el1
    mrs     x17, elr_el1
    lsr     x0, x17, #27
    cmp     x0, #(RAM >> 27)    /* Code of a page may be anything. */
    b.ne    1f
    adr     x0, probes
    cmp     x17, x0
    b.lo    unexpected
    adr     x0, probes_end
    cmp     x17, x0
    b.hs    unexpected
1:  and     x16, x16, #0x3c
    mov     x0, #FAULT
    orr     x0, x0, x16
    msr     elr_el1, x30
    eret

lower_level:
    mrs     x16, esr_el1
    lsr     x17, x16, #26
    cmp     x17, #0x15          /* SVC */
    b.eq    2f
    cmp     x17, #0x16          /* HVC */
    b.eq    2f
    and     x16, x16, #0x3c
    mov     x0, #FAULT
    orr     x0, x0, x16
2:  mrs     x16, CurrentEL
    cmp     x16, #(2 << 2)
    b.ne    3f
    /* Not for a user of the host: it would be a change too many. */
    mrs     x16, hcr_el2
    tbnz    x16, #27, 3f
    mov     x16, #(HCR_HOST & 0xffff0000)
    movk    x16, #(HCR_HOST >> 32), lsl #32
    msr     hcr_el2, x16
    isb
3:  ldr     x30, [sp], #16
    ret

unexpected:
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    b       give_up

    .bss
    .balign 16
    .space  0x4000
    .global other_stack_end
other_stack_end:
    .space  0x4000
stack_end:
