/*
 * Messages that a guest can provoke at will
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "report-limit.h"

/* As many as a user reads, of all devices at the start of a VM */
#define AT_ONCE 16
#define INTERVAL_US G_USEC_PER_SEC

/* Protected by the BQL: all reports are made under it */
static int64_t counted_to;
static unsigned allowed;
static uint64_t unsaid;

static bool may_say(void)
{
    int64_t now = g_get_monotonic_time();
    int64_t more = counted_to ? (now - counted_to) / INTERVAL_US : AT_ONCE;

    if (more) {
        allowed = MIN(allowed + more, AT_ONCE);
        counted_to = now;
    }
    if (!allowed) {
        unsaid++;
        return false;
    }
    allowed--;
    return true;
}

static void say(const char *text)
{
    if (unsaid) {
        error_report("%s (%" PRIu64 " earlier messages not shown)", text,
                     unsaid);
    } else {
        error_report("%s", text);
    }
    unsaid = 0;
}

void vfio_report_limited(const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    if (may_say()) {
        va_start(args, fmt);
        text = g_strdup_vprintf(fmt, args);
        va_end(args);
        say(text);
    }
}

void vfio_reportf_err_limited(Error *err, const char *fmt, ...)
{
    va_list args;

    if (may_say()) {
        g_autofree char *prefix = NULL;
        g_autofree char *text = NULL;

        va_start(args, fmt);
        prefix = g_strdup_vprintf(fmt, args);
        va_end(args);
        text = g_strconcat(prefix, error_get_pretty(err), NULL);
        say(text);
    }
    error_free(err);
}
