/*
 * What the compiler and the linker call, or make, for the trace of a walk
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_MACHINE_SMMUV3_WALK_H
#define TESTS_MACHINE_SMMUV3_WALK_H

#define UNSEEN __attribute__((no_instrument_function))

/* Of each function that is compiled with -finstrument-functions */
void UNSEEN __cyg_profile_func_enter(void *fn, void *caller);
void UNSEEN __cyg_profile_func_exit(void *fn, void *caller);

/* Where the program begins in memory */
extern const char __executable_start[];

/* Each ioctl() is the second of these, which may call the first */
int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

/* Called in place of the emulator's main() */
int walk_main(int argc, char **argv);

#endif /* TESTS_MACHINE_SMMUV3_WALK_H */
