/*
 * The host SMMU's ID registers against those that the guest sees
 *
 * Only those fields of the host's registers are used that struct
 * iommu_hw_info_arm_smmuv3 names. The kernel may use the hardware in another
 * way than the other fields say: for example, IDR0.COHACC may be 0 although
 * firmware says that table walks are coherent. Stage 1, stage 2 and S2FWB are
 * proved by the objects that the kernel makes. Unknown flags are no error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ARM_SMMUV3_ACCEL_CORE_IDR_H
#define HW_ARM_SMMUV3_ACCEL_CORE_IDR_H

#include "qapi/qapi-types-common.h"

#define SMMUV3_IDR_COUNT    6
#define SMMUV3_SSIDSIZE_MAX 20

/* What the user asked for; auto is resolved by the first device's host SMMU */
typedef struct SMMUv3IdrProps {
    OnOffAuto ats;
    OnOffAuto ril;
    bool ssidsize_auto;
    uint8_t ssidsize;    /* bits of SubstreamID */
    uint8_t oas;         /* bits of output address: 44, 48, or 0 for auto */
    uint8_t cmdqs;       /* IDR1.CMDQS at most; 0: any. Not the user's choice */
} SMMUv3IdrProps;

/**
 * SMMUv3HostInfo - what the kernel says of a device and its SMMU
 * @idr: IDR0 to IDR5
 * @oas: bits of output address: those of the nesting parent's aperture
 * @ats: the device can use ATS
 * @repeats: see SMMUv3HostDevice
 */
typedef struct SMMUv3HostInfo {
    uint32_t idr[SMMUV3_IDR_COUNT];
    uint8_t oas;
    bool ats;
    bool repeats;
} SMMUv3HostInfo;

/**
 * smmuv3_host_info - read what IOMMU_GET_HW_INFO returned
 * @flags, @idr: of struct iommu_hw_info_arm_smmuv3; an older kernel leaves 0
 * @caps: out_capabilities
 * @last_iova: the last address that the IOAS takes (IOMMU_IOAS_IOVA_RANGES),
 *             with the device attached to a nesting parent
 */
SMMUv3HostInfo smmuv3_host_info(uint32_t flags, const uint32_t *idr,
                                uint64_t caps, uint64_t last_iova);

/**
 * smmuv3_idr_for_guest - the ID registers to show to the guest
 * @base: IDR0 to IDR5 of the emulated SMMUv3
 * @host: the host's, or NULL while there is none: auto is then what every
 *        SMMUv3 that can nest has
 * @idr: the result
 */
void smmuv3_idr_for_guest(const SMMUv3IdrProps *props, const uint32_t *base,
                          const SMMUv3HostInfo *host, uint32_t *idr);

/**
 * smmuv3_idr_check - can this host SMMU do what the guest was shown?
 *
 * Returns: false with @errp naming the field, both values, and the property to
 * change; all in the message, because QMP drops hints
 */
bool smmuv3_idr_check(const uint32_t *idr, const SMMUv3HostInfo *host,
                      Error **errp);

/* IDR1.SSIDSIZE, IDR0.ATS, IDR0.CD2L, IDR3.RIL, IDR5.OAS in bits */
unsigned smmuv3_idr_ssidsize(const uint32_t *idr);
bool smmuv3_idr_ats(const uint32_t *idr);
bool smmuv3_idr_cd2l(const uint32_t *idr);
bool smmuv3_idr_ril(const uint32_t *idr);
/* IDR0.STALL_MODEL: transactions stall where a CD says so, and S1STALLD is 0 */
bool smmuv3_idr_stalls(const uint32_t *idr);
unsigned smmuv3_idr_oas(const uint32_t *idr);
/* IDR5.GRAN*: the page sizes, in bytes, each a bit */
uint32_t smmuv3_idr_granules(const uint32_t *idr);

#endif /* HW_ARM_SMMUV3_ACCEL_CORE_IDR_H */
