/*
 * The device as a part of its machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_MACHINE_SMMUV3_DEVICE_RULES_H
#define TESTS_MACHINE_SMMUV3_DEVICE_RULES_H

/* Add them to GLib's test program; the machine has to be there */
void device_rules_add(void);

#endif /* TESTS_MACHINE_SMMUV3_DEVICE_RULES_H */
