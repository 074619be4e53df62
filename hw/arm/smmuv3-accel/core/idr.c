/*
 * The host SMMU's ID registers against those that the guest sees
 *
 * Only what the host does for the guest is compared: walking its CDs and page
 * tables, and its caches. Stream tables, queues and StreamIDs of the guest are
 * QEMU's work (IDR0.STLEVEL, IDR1.SIDSIZE, CMDQS and EVENTQS of the host do not
 * matter).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qapi/error.h"
#include "qemu/host-utils.h"
#include "idr.h"

/* A field of IDR0 to IDR5 (IHI 0070, 6.3.1 to 6.3.6) */
typedef struct Field {
    uint8_t reg, shift, len;
} Field;

static const Field TTF       = { 0, 2, 2 };
static const Field ATS       = { 0, 10, 1 };
static const Field ASID16    = { 0, 12, 1 };
static const Field MSI       = { 0, 13, 1 };
static const Field CD2L      = { 0, 19, 1 };
static const Field TTENDIAN  = { 0, 21, 2 };
static const Field STALL     = { 0, 24, 2 };
static const Field TERM      = { 0, 26, 1 };
static const Field SSIDSIZE  = { 1, 6, 5 };
static const Field CMDQS     = { 1, 21, 5 };
static const Field HAD       = { 3, 2, 1 };
static const Field RIL       = { 3, 10, 1 };
static const Field BBML      = { 3, 11, 2 };
static const Field OAS       = { 5, 0, 3 };
static const Field GRAN4K    = { 5, 4, 1 };
static const Field GRAN16K   = { 5, 5, 1 };
static const Field GRAN64K   = { 5, 6, 1 };

#define TTF_AARCH64     2   /* bit 1 of TTF: AArch64 tables */
#define TTENDIAN_MIXED  0
#define TTENDIAN_LITTLE 2
#define STALL_POSSIBLE  0
#define STALL_FORCED    2
#define OAS_44          4
#define OAS_48          5

/* struct iommu_hw_info_arm_smmuv3, flags (Linux 7.3) */
#define HW_INFO_REPEAT_TLBI_CFGI BIT(0)
/* enum iommufd_hw_capabilities: IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED (7.x) */
#define HW_CAP_NO_ATS            BIT_ULL(3)

SMMUv3HostInfo smmuv3_host_info(uint32_t flags, const uint32_t *idr,
                                uint64_t caps, uint64_t last_iova)
{
    SMMUv3HostInfo info = {
        .oas = 64 - clz64(last_iova),
        .repeats = flags & HW_INFO_REPEAT_TLBI_CFGI,
    };

    memcpy(info.idr, idr, sizeof(info.idr));
    /*
     * An older kernel does not tell: assume that ATS works if the hardware has
     * it
     */
    info.ats = extract32(idr[ATS.reg], ATS.shift, ATS.len) &&
               !(caps & HW_CAP_NO_ATS);
    return info;
}

static unsigned get(const uint32_t *idr, Field f)
{
    return extract32(idr[f.reg], f.shift, f.len);
}

static void set(uint32_t *idr, Field f, unsigned val)
{
    idr[f.reg] = deposit32(idr[f.reg], f.shift, f.len, val);
}

static unsigned oas_bits(unsigned oas)
{
    static const uint8_t bits[] = { 32, 36, 40, 42, 44, 48, 52, 56 };

    return bits[oas];
}

unsigned smmuv3_idr_ssidsize(const uint32_t *idr)
{
    return get(idr, SSIDSIZE);
}

bool smmuv3_idr_ats(const uint32_t *idr)
{
    return get(idr, ATS);
}

bool smmuv3_idr_cd2l(const uint32_t *idr)
{
    return get(idr, CD2L);
}

bool smmuv3_idr_ril(const uint32_t *idr)
{
    return get(idr, RIL);
}

bool smmuv3_idr_stalls(const uint32_t *idr)
{
    return get(idr, STALL) == STALL_POSSIBLE;
}

unsigned smmuv3_idr_oas(const uint32_t *idr)
{
    return oas_bits(get(idr, OAS));
}

uint32_t smmuv3_idr_granules(const uint32_t *idr)
{
    return get(idr, GRAN4K) << 12 | get(idr, GRAN16K) << 14 |
           get(idr, GRAN64K) << 16;
}

static bool on_off_auto(OnOffAuto prop, bool otherwise)
{
    return prop == ON_OFF_AUTO_AUTO ? otherwise : prop == ON_OFF_AUTO_ON;
}

static unsigned guest_oas(const SMMUv3IdrProps *props,
                          const SMMUv3HostInfo *info)
{
    if (props->oas) {
        return props->oas == 48 ? OAS_48 : OAS_44;
    }
    return info && info->oas >= 48 ? OAS_48 : OAS_44;
}

void smmuv3_idr_for_guest(const SMMUv3IdrProps *props, const uint32_t *base,
                          const SMMUv3HostInfo *info, uint32_t *idr)
{
    const uint32_t *host = info ? info->idr : NULL;
    unsigned ssidsize = !props->ssidsize_auto ? props->ssidsize :
                        host ? MIN(get(host, SSIDSIZE), SMMUV3_SSIDSIZE_MAX) :
                        0;

    memcpy(idr, base, SMMUV3_IDR_COUNT * sizeof(*idr));
    /* QEMU's own work, as the queues are */
    set(idr, MSI, 1);
    set(idr, ATS, on_off_auto(props->ats, info && info->ats));
    set(idr, RIL, on_off_auto(props->ril, host && get(host, RIL)));
    set(idr, SSIDSIZE, ssidsize);
    set(idr, CD2L, ssidsize && host && get(host, CD2L));
    set(idr, OAS, guest_oas(props, info));
    set(idr, ASID16, get(base, ASID16) && (!host || get(host, ASID16)));
    if (props->cmdqs) {
        set(idr, CMDQS, MIN(get(base, CMDQS), props->cmdqs));
    }
    set(idr, HAD, 0);
    set(idr, BBML, host ? MIN(get(base, BBML), get(host, BBML)) : 0);
    if (host) {
        set(idr, TERM, get(host, TERM));
        set(idr, GRAN4K, get(base, GRAN4K) && get(host, GRAN4K));
        set(idr, GRAN16K, get(base, GRAN16K) && get(host, GRAN16K));
        set(idr, GRAN64K, get(base, GRAN64K) && get(host, GRAN64K));
    } else {
        /*
         * The host's SMMU is not known yet. SBSA requires pages of 4K and 64K
         * of every SMMU, and @idr has them from @base; 16K it may not have.
         */
        set(idr, GRAN16K, 0);
    }
}

/* A field whose value must be no larger than the host's */
typedef struct AtMost {
    const Field *field;
    const char *name;
    const char *advice;
} AtMost;

#define START_WITH_IT "start the VM with this device, not with another first"

static const AtMost at_most[] = {
    { &ASID16, "IDR0.ASID16", "the host SMMU has 8-bit ASIDs only" },
    { &CD2L, "IDR0.CD2L", "use ssidsize=0" },
    { &SSIDSIZE, "IDR1.SSIDSIZE", "use a smaller ssidsize" },
    { &RIL, "IDR3.RIL", "use ril=off" },
    { &BBML, "IDR3.BBML", START_WITH_IT },
    { &GRAN4K, "IDR5.GRAN4K", START_WITH_IT },
    { &GRAN16K, "IDR5.GRAN16K", START_WITH_IT },
    { &GRAN64K, "IDR5.GRAN64K", START_WITH_IT },
};

static bool mismatch(Error **errp, const char *name, unsigned guest,
                     unsigned host, const char *advice)
{
    error_setg(errp, "its host SMMU does not have what the guest was promised: "
               "%s is %u in the guest, %u on the host; %s", name, guest, host,
               advice);
    return false;
}

bool smmuv3_idr_check(const uint32_t *idr, const SMMUv3HostInfo *info,
                      Error **errp)
{
    const uint32_t *host = info->idr;

    for (size_t i = 0; i < ARRAY_SIZE(at_most); i++) {
        const AtMost *c = &at_most[i];

        if (get(idr, *c->field) > get(host, *c->field)) {
            return mismatch(errp, c->name, get(idr, *c->field),
                            get(host, *c->field), c->advice);
        }
    }
    if (get(idr, TERM) != get(host, TERM)) {
        /*
         * TERM decides which CDs are legal: each value permits CDs that the
         * other does not
         */
        return mismatch(errp, "IDR0.TERM_MODEL", get(idr, TERM),
                        get(host, TERM), START_WITH_IT);
    }
    if (!(get(host, TTF) & TTF_AARCH64)) {
        return mismatch(errp, "IDR0.TTF", get(idr, TTF), get(host, TTF),
                        "the host SMMU does not walk AArch64 tables");
    }
    if (get(host, TTENDIAN) != TTENDIAN_MIXED &&
        get(host, TTENDIAN) != TTENDIAN_LITTLE) {
        return mismatch(errp, "IDR0.TTENDIAN", get(idr, TTENDIAN),
                        get(host, TTENDIAN),
                        "the host SMMU does not walk little-endian tables");
    }
    if (get(host, STALL) == STALL_FORCED) {
        return mismatch(errp, "IDR0.STALL_MODEL", get(idr, STALL),
                        get(host, STALL),
                        "the host SMMU stalls each faulting transaction");
    }
    if (smmuv3_idr_oas(idr) > info->oas) {
        return mismatch(errp, "IDR5.OAS (bits)", smmuv3_idr_oas(idr), info->oas,
                        info->oas >= 44 ? "use a smaller oas" :
                        "a guest has 44 at least, which this host SMMU cannot "
                        "reach");
    }
    return true;
}
