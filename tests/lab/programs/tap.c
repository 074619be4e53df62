/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test points, printed as TAP: see tap.h. */

#define _GNU_SOURCE
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned points;
static unsigned failures;

static void print_point(bool passed, const char *fmt, va_list args)
{
    points++;
    failures += !passed;
    printf("%s %u - ", passed ? "ok" : "not ok", points);
    vprintf(fmt, args);
    printf("\n");
    fflush(stdout);
}

bool tap_check(bool passed, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_point(passed, fmt, args);
    va_end(args);
    return passed;
}

static const char *result_name(int result)
{
    const char *name = result ? strerrorname_np(-result) : "success";

    return name ? name : "not an errno";
}

bool tap_result(int got, int want, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (got == want) {
        return tap_check(true, "%s: %s", text, result_name(want));
    }
    return tap_check(false, "%s: %s, but got %s (%d)", text,
                     result_name(want), result_name(got), got);
}

void tap_note(const char *fmt, ...)
{
    va_list args;

    printf("# ");
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
}

void tap_bail(const char *fmt, ...)
{
    va_list args;

    printf("Bail out! ");
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    exit(2);
}

int tap_done(void)
{
    printf("1..%u\n", points);
    return failures || !points;
}
