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

/* The next command, in the queue of 16 that rules_begin() sets up */
void rules_command(uint64_t word0, uint64_t word1);

/* A rule is a function; its test is named after it, and calls setup() first */
#define RULE_TEST(name) \
    static void test_##name(void) \
    { \
        setup(); \
        name(); \
        teardown(); \
    }
#define RULE_ADD(name) g_test_add_func("/smmuv3/rules/" #name, test_##name);

/* Add them to GLib's test program; the machine has to be there */
void register_rules_add(void);

#endif /* TESTS_MACHINE_SMMUV3_REGISTER_RULES_H */
