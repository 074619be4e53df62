/*
 * One test for each rule of the state that another QEMU takes over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_MACHINE_SMMUV3_HANDOVER_RULES_H
#define TESTS_MACHINE_SMMUV3_HANDOVER_RULES_H

/* Add them to GLib's test program; the machine has to be there */
void handover_rules_add(void);

#endif /* TESTS_MACHINE_SMMUV3_HANDOVER_RULES_H */
