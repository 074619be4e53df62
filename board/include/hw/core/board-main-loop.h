/*
 * A vCPU that takes the main loop's event wakes the main loop
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_CORE_BOARD_MAIN_LOOP_H
#define HW_CORE_BOARD_MAIN_LOOP_H

#include "block/aio.h"

/* To be called by the thread that has read the notifier of @ctx */
void board_event_taken(AioContext *ctx);

#endif
