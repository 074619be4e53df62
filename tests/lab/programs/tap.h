/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test points, printed as TAP on standard output. */
#ifndef LAB_TAP_H
#define LAB_TAP_H

#include <stdbool.h>

bool tap_check(bool passed, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Compares results of calls: 0 or a negative errno. */
bool tap_result(int got, int want, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What later checks rest on is missing: ends the program. */
void tap_bail(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* Prints the plan; returns the exit status of the program. */
int tap_done(void);

#endif
