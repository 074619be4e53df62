/*
 * What IHI 0070 says of the registers' values: of its own
 *
 * Written from the text of chapters 6 and 7, with its own numbering of bits; it
 * shares nothing with the code that it is to judge. Where the text leaves a
 * choice, the one of the vSMMU is here, as docs/devel has it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_MACHINE_SMMUV3_REGISTER_MODEL_H
#define TESTS_MACHINE_SMMUV3_REGISTER_MODEL_H

/**
 * RegisterModel - the registers that can be written, as they are to be read
 * @ats: IDR0.ATS
 * @cmdq_prod, @eventq_cons: the guest's alone
 * @cmdq_cons, @eventq_prod, @gerror: the SMMU's, too
 * @cmdq_held: CMDQ_BASE was written while CMDQEN = 1
 */
typedef struct RegisterModel {
    bool ats;
    uint32_t cr0, cr1, cr2, gbpa, irq_ctrl, gerror, gerrorn;
    uint64_t gerror_irq_cfg0, eventq_irq_cfg0;
    uint32_t gerror_irq_cfg1, gerror_irq_cfg2;
    uint32_t eventq_irq_cfg1, eventq_irq_cfg2;
    uint64_t strtab_base, cmdq_base, eventq_base;
    uint32_t strtab_base_cfg;
    uint32_t cmdq_prod, cmdq_cons, eventq_prod, eventq_cons;
    bool cmdq_held;
} RegisterModel;

/* Write a register, or a pair, of page 0; without what the SMMU then does */
void register_model_write(RegisterModel *m, uint32_t offset, unsigned width,
                          uint64_t val);

/* Read 32 bits of page 0; false if the model does not know (ID registers) */
bool register_model_read(const RegisterModel *m, uint32_t offset,
                         uint32_t *val);

/* Does this write make the SMMU look at the command queue? */
bool register_model_rings(uint32_t offset, unsigned width);

/* The queues as they are used: entries in bytes, all else as in the text */
typedef struct ModelQueue {
    uint64_t base;
    uint64_t entries;
    uint32_t rd, wr;       /* without the wrap bit */
    uint32_t used;         /* more than @entries: the indices are no queue's */
} ModelQueue;

ModelQueue register_model_cmdq(const RegisterModel *m, unsigned oas);
ModelQueue register_model_eventq(const RegisterModel *m, unsigned oas);

/* Is there a command that the SMMU would do? */
bool register_model_has_commands(const RegisterModel *m);

/* GERROR: those that are active */
uint32_t register_model_errors(const RegisterModel *m);

#endif /* TESTS_MACHINE_SMMUV3_REGISTER_MODEL_H */
