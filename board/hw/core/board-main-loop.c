/*
 * A vCPU that takes the main loop's event wakes the main loop
 *
 * aio_notify() tells the main loop, by an eventfd, of a timer that is earlier
 * than those before and of work to do. A vCPU that waits for a disk polls in
 * the main loop's stead, reads the eventfd and does the work; it does not run
 * the timers. If the main loop has not seen the event yet, it sleeps on, by a
 * limit that was computed before. With both vCPUs halted nothing wakes the
 * board any more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/core/board-main-loop.h"

void board_event_taken(AioContext *ctx)
{
    /*
     * Bit 0 says that the main loop is about to sleep, sleeps or wakes up, so
     * that this is another thread. GLib's own eventfd is read by none but the
     * main loop, which computes its limit anew.
     */
    if (qatomic_read(&ctx->notify_me) & 1) {
        g_main_context_wakeup(g_source_get_context(&ctx->source));
    }
}
