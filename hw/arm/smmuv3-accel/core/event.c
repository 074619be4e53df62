/*
 * vEVENTQ records -> events for the guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "event.h"
#include "hw/arm/smmuv3-accel/trace.h"

#define RECORD_SIZE (sizeof(SMMUv3EventHeader) + SMMUV3_EVENT_SIZE)
#define RECORDS_PER_READ 64
#define READS_PER_CALL 16

/* Sequences count in 31 bits (linux/iommufd.h) */
static uint32_t seq_add(uint32_t seq, uint32_t n)
{
    return (seq + n) & INT32_MAX;
}

uint32_t smmuv3_event_parse(SMMUv3EventReader *reader, const uint8_t *buf,
                            size_t len, SMMUv3EventSink *sink, void *opaque)
{
    SMMUv3EventHeader header;
    uint32_t lost = 0;

    while (len >= sizeof(header)) {
        bool only_lost;

        memcpy(&header, buf, sizeof(header));
        only_lost = header.flags & SMMUV3_EVENT_LOST;
        if (!only_lost && len < RECORD_SIZE) {
            break;
        }
        lost += seq_add(header.sequence - reader->expected, only_lost);
        reader->expected = seq_add(header.sequence, 1);
        if (!only_lost) {
            reader->events++;
            sink(opaque, buf + sizeof(header));
        }
        len -= only_lost ? sizeof(header) : RECORD_SIZE;
        buf += only_lost ? sizeof(header) : RECORD_SIZE;
    }
    reader->lost += lost;
    return lost;
}

uint32_t smmuv3_event_read(SMMUv3EventReader *reader, int fd,
                           SMMUv3EventSink *sink, void *opaque)
{
    uint8_t buf[RECORDS_PER_READ * RECORD_SIZE];
    uint32_t lost = 0;

    for (int i = 0; i < READS_PER_CALL; i++) {
        ssize_t len = RETRY_ON_EINTR(read(fd, buf, sizeof(buf)));

        /* An empty vEVENTQ reads as 0 bytes, not as EAGAIN */
        if (len <= 0) {
            break;
        }
        lost += smmuv3_event_parse(reader, buf, len, sink, opaque);
    }
    if (lost) {
        trace_smmuv3_accel_events_lost(lost);
    }
    return lost;
}
