/*
 * Fuzz target: what read() of a vEVENTQ could return, and could not
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/arm/smmuv3-accel/core/event.h"
#include "fuzz-target.h"

static void take(void *opaque, const uint8_t evt[SMMUV3_EVENT_SIZE])
{
    uint8_t copy[SMMUV3_EVENT_SIZE];

    memcpy(copy, evt, sizeof(copy));
    *(size_t *)opaque += copy[0] <= 0xff;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *exact = g_memdup2(data, size);
    SMMUv3EventReader r = { .expected = size * 2654435761u & INT32_MAX };
    size_t taken = 0;

    smmuv3_event_parse(&r, exact, size, take, &taken);
    if (taken > size / 40 || taken != r.events || r.expected > INT32_MAX) {
        abort();
    }
    return 0;
}
