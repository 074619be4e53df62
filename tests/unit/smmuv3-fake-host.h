/*
 * A stand-in for the host: iommufd, VFIO and an SMMUv3 behind them
 *
 * It keeps the objects, references and attachments that the kernel would keep,
 * answers with the kernel's errors, and knows what each device's DMA would
 * meet. It records each call, and fails those that a test asks it to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_SMMUV3_FAKE_HOST_H
#define TESTS_UNIT_SMMUV3_FAKE_HOST_H

#include "qemu/bitops.h"
#include "hw/arm/smmuv3-accel/core/host.h"

#define FAKE_DEVICES 64
#define FAKE_OBJECTS 1024
#define FAKE_PARENT 1     /* the nesting parent's id; VFIO owns it */

/* What the kernel does differently */
typedef enum FakeKernel {
    FAKE_LINUX_7_3,       /* 0: what is not set is this */
    FAKE_LINUX_6_19,      /* hw_info has neither flags nor the ATS capability */
    FAKE_LINUX_6_15,      /* to 6.18: nothing nested without a vDEVICE */
    FAKE_LINUX_6_13,      /* and 6.14: no vEVENTQs, no MSIs when nested */
    FAKE_LINUX_NEWER,     /* than 7.3: flags and capabilities of no name yet */
} FakeKernel;

typedef enum FakeCall {
    FAKE_ALLOC_VIOMMU,
    FAKE_ALLOC_HWPT,
    FAKE_ALLOC_VDEVICE,
    FAKE_ALLOC_VEVENTQ,
    FAKE_ATTACH,
    FAKE_DETACH,
    FAKE_INVALIDATE,
    FAKE_DESTROY,         /* this one and the next cannot be failed */
    FAKE_QUARANTINE,
    FAKE_ALLOC_CMDQV,
    FAKE_ALLOC_CMDQV_VEVENTQ,
    FAKE_MAP_PAGE,
    FAKE_ALLOC_HW_QUEUE,
    FAKE_UNMAP_PAGE,      /* cannot be failed */
    FAKE_CALLS,
} FakeCall;

#define FAKE_ANY_CALL (BIT(FAKE_DESTROY) - 1)
/* What only a vSMMU with a CMDQV does */
#define FAKE_ANY_CMDQV_CALL (BIT(FAKE_UNMAP_PAGE) - BIT(FAKE_ALLOC_CMDQV))

#define FAKE_CMDQV_QUEUES 4
#define FAKE_CMDQV_PAGE   0x10000

typedef enum FakeDMAKind {
    FAKE_BLOCKED,
    FAKE_OPEN,            /* reaches guest memory untranslated */
    FAKE_TRANSLATED,
} FakeDMAKind;

/* What a device's DMA meets; the rest only if it is translated */
typedef struct FakeDMA {
    FakeDMAKind kind;
    uint64_t vste[2];
    uint32_t vsid;
} FakeDMA;

/* What IOMMU_GET_HW_INFO and IOMMU_IOAS_IOVA_RANGES say */
typedef struct FakeHwInfo {
    uint32_t flags;
    uint32_t idr[6];
    uint64_t caps;
    uint64_t last_iova;
} FakeHwInfo;

/**
 * FakeDevice - a device that VFIO holds
 * @hwpt: what is attached; 0 after a detach, and it is then blocked
 * @vsid: the StreamID that the attachment was made with, if @bound
 * @fresh: attached anew since the test cleared it: no old CD is cached
 * @stuck: the last detach failed
 * @no_ats: its root complex has no ATS; Linux tells from 7.x on
 * @sids: how many StreamIDs the host's SMMU knows it by, 0 for 1
 * @atc_dead: it answers no ATC_INV
 * @cd_dead: the host does not invalidate its CDs
 * @in_reset: between fake_host_begin_reset() and fake_host_end_reset()
 * @lost: Linux could not attach it again after a reset: it is blocked, and
 *        iommufd believes that it is not
 * @quarantined: not mastering the bus, since nothing better could be done
 */
typedef struct FakeDevice {
    SMMUv3HostDevice host;
    unsigned smmu;
    uint32_t hwpt;
    uint32_t vdevice;
    uint32_t vsid;
    bool bound;
    bool fresh;
    bool stuck;
    bool no_ats;
    unsigned sids;
    bool atc_dead;
    bool cd_dead;
    bool in_reset;
    bool lost;
    bool quarantined;
    char name[8];
} FakeDevice;

typedef enum FakeType {
    FAKE_NO_OBJECT,
    FAKE_NESTING_PARENT,
    FAKE_VIOMMU,
    FAKE_NESTED,
    FAKE_VDEVICE,
    FAKE_VEVENTQ,
    FAKE_CMDQV_VEVENTQ,
    FAKE_HW_QUEUE,
    FAKE_TYPES,
} FakeType;

typedef struct FakeObject {
    FakeType type;
    uint32_t id;
    uint32_t on;          /* the object that it refers to */
    unsigned refs;
    unsigned smmu;
    uint64_t vste[2];
    FakeDevice *dev;      /* a vDEVICE's */
    uint32_t vsid;
    int fd;               /* a vEVENTQ's */
    uint32_t index;       /* of a hardware queue, and where it is */
    uint64_t gpa, len;
    uint8_t *page;        /* of a vIOMMU with a CMDQV */
    unsigned mapped;      /* @page: by so many processes */
    bool orphan;          /* left behind, since a device is stuck with it */
} FakeObject;

/**
 * FakeHost - the host
 * @no_veventq: the kernel makes none, although it knows the call
 * @stalls: the SMMU stalls where a CD says so
 * @erratum: the SMMU does an invalidation only if it is asked twice
 * @cmdqv: the SMMU has one: its VINTFs that are left to VMs
 * @log2vsids: StreamIDs of a VINTF
 * @memory, @memory_end: where a queue can be; 0 and 0: anywhere
 * @log: each call in words, "attach d0 bypass; ", or NULL
 * @issued: called with each command that reached the hardware
 * @changed: called after each attach or detach that did something
 */
typedef struct FakeHost {
    FakeKernel kernel;
    bool no_veventq;
    bool stalls;
    bool erratum;
    unsigned cmdqv;
    unsigned log2vsids;
    uint64_t memory, memory_end;
    FakeDevice dev[FAKE_DEVICES];
    FakeObject object[FAKE_OBJECTS];
    unsigned count[FAKE_TYPES];
    uint32_t next_id;

    GString *log;
    unsigned calls[FAKE_CALLS];
    void (*issued)(void *opaque, const uint64_t cmd[2]);
    void (*changed)(void *opaque, FakeDevice *dev);
    void *opaque;

    uint32_t fail_calls;  /* a bit for each FakeCall that may fail */
    unsigned fail_after;  /* as many of them succeed first */
    unsigned fail_times;  /* and then as many fail */
    int fail_errno;
    unsigned failed;
    FakeDevice *failed_dev;
    uint64_t (*last_call)[2]; /* with @erratum: owned */
    uint32_t last_n;
    const uint64_t *poison; /* an entry that fails whenever it comes */
    unsigned orphans;     /* in all; they do not count as objects */
} FakeHost;

extern const SMMUv3HostOps fake_host_ops;

/* Devices d0, d1, ... are not open yet */
void fake_host_init(FakeHost *h);

/* Check that nothing is left but the nesting parent, and free the rest */
void fake_host_end(FakeHost *h);

/* VFIO opens and attaches the device again, or for the first time */
void fake_host_open_device(FakeHost *h, FakeDevice *dev);

/* What the kernel tells of the device and its SMMU */
FakeHwInfo fake_host_hw_info(const FakeHost *h, const FakeDevice *dev);

/* VFIO closes the device, which also detaches it */
void fake_host_close_device(FakeHost *h, FakeDevice *dev);

/* From now on @after calls of @kinds succeed, and the next @times fail */
void fake_host_fail(FakeHost *h, uint32_t kinds, unsigned after,
                    unsigned times, int error);
void fake_host_heal(FakeHost *h);

/*
 * A reset of the device, by somebody on the host (Linux: pci_dev_reset_iommu_
 * prepare() and _done()). Between the two it is blocked, and attaching it to
 * something else is EBUSY.
 */
void fake_host_begin_reset(FakeHost *h, FakeDevice *dev);
void fake_host_end_reset(FakeHost *h, FakeDevice *dev);

/*
 * Let the hardware do what is in the queues that it has. @read gets a command
 * from guest memory. An illegal command stops its queue.
 *
 * Returns: whether a queue has stopped
 */
bool fake_host_run_queues(FakeHost *h, void (*read)(void *opaque, uint64_t gpa,
                                                    uint64_t cmd[2]));

FakeDMA fake_host_dma(const FakeHost *h, const FakeDevice *dev);

/* The device with a vDEVICE of @vsid, or NULL */
FakeDevice *fake_host_find_vsid(FakeHost *h, uint32_t vsid);

/* How many objects of a type there are */
unsigned fake_host_count(const FakeHost *h, FakeType type);

/* All calls since the last time were these; forget them */
void fake_host_assert_calls(FakeHost *h, const char *expected);

/* How many calls there were since the last time; forget them */
unsigned fake_host_take_calls(FakeHost *h);

#endif /* TESTS_UNIT_SMMUV3_FAKE_HOST_H */
