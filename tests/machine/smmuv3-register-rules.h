/*
 * One test for each rule of the registers, queues and interrupts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_MACHINE_SMMUV3_REGISTER_RULES_H
#define TESTS_MACHINE_SMMUV3_REGISTER_RULES_H

#include "tests/unit/smmuv3-fake-host.h"

/*
 * A reset SMMU, no interrupt and no queue enabled, and a device of StreamID
 * RULES_SID behind it on the fake host that is returned
 */
#define RULES_SID 0x41
FakeHost *rules_begin(void);
void rules_unplug(void);
void rules_end(void);

/* Add them to GLib's test program; the machine has to be there */
void register_rules_add(void);

#endif /* TESTS_MACHINE_SMMUV3_REGISTER_RULES_H */
