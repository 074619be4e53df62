/*
 * vEVENTQ records -> events for the guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_EVENT_H
#define HW_ARM_SMMUV3_ACCEL_CORE_EVENT_H

#define SMMUV3_EVENT_SIZE 32

/* As struct iommufd_vevent_header; device/host-iommufd.c compares them */
typedef struct SMMUv3EventHeader {
    uint32_t flags;
    uint32_t sequence;
} SMMUv3EventHeader;

#define SMMUV3_EVENT_LOST 1

/**
 * SMMUv3EventReader - where the reader is in the vEVENTQ's sequence
 * @expected: the sequence of the next record if none is lost
 */
typedef struct SMMUv3EventReader {
    uint32_t expected;
    uint64_t events;
    uint64_t lost;
} SMMUv3EventReader;

/*
 * Take one event record, @evt, little-endian as the guest's queue holds it.
 * @opaque: as passed to smmuv3_event_read(); in device/ an SMMUv3State *
 */
typedef void SMMUv3EventSink(void *opaque,
                             const uint8_t evt[SMMUV3_EVENT_SIZE]);

/**
 * smmuv3_event_parse - take apart what read() of a vEVENTQ's fd returned
 * @buf: whole records: a header and, unless it only says that events were
 *       lost, an event
 * @sink: called for each event, in order
 *
 * Returns: how many events the kernel had to drop before or between these
 */
uint32_t smmuv3_event_parse(SMMUv3EventReader *reader, const uint8_t *buf,
                            size_t len, SMMUv3EventSink *sink, void *opaque);

/**
 * smmuv3_event_read - read the events of the vEVENTQ
 *
 * One call reads a limited number. If a device faults without end, the next
 * call reads the rest.
 *
 * Returns: as smmuv3_event_parse()
 */
uint32_t smmuv3_event_read(SMMUv3EventReader *reader, int fd,
                           SMMUv3EventSink *sink, void *opaque);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_EVENT_H */
