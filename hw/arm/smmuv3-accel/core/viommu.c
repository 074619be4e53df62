/*
 * One vIOMMU: what the streams of an accelerated SMMUv3 share on the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/error-report.h"
#include "viommu.h"
#include "hw/arm/smmuv3-accel/trace.h"

/*
 * Faults come in bursts, one for each transaction of a broken driver. The
 * kernel counts the events that do not fit, and the guest sees an overflow.
 */
#define VEVENTQ_DEPTH 1024

static int alloc_shared(SMMUv3VIOMMU *v, const SMMUv3HostDevice *dev,
                        SMMUv3VSTEKind kind, uint32_t *hwpt, Error **errp)
{
    SMMUv3VSTE vste = smmuv3_vste_fixed(kind, SMMUV3_VSTE_GBPA);
    int ret = v->ops->alloc_hwpt(v->opaque, dev, v->id, vste.word, hwpt, errp);

    if (ret < 0) {
        error_prepend(errp, "cannot make the %s page table of the vIOMMU: ",
                      smmuv3_vste_kind_name(kind));
    }
    return ret;
}

/*
 * Linux before 6.15 does not know this call. It does not map the MSI doorbell
 * under a nested page table either: a device's interrupts would go to the
 * doorbell's host address, which the guest may have mapped to its memory.
 */
static bool alloc_veventq(SMMUv3VIOMMU *v, Error **errp)
{
    Error *err = NULL;
    int ret = v->ops->alloc_veventq(v->opaque, v->id, VEVENTQ_DEPTH,
                                    &v->veventq, &v->veventq_fd, &err);

    if (ret == -ENOTTY) {
        error_propagate_prepend(errp, err, "the host kernel is older than "
                                "Linux 6.15, and with it interrupts of an "
                                "assigned device could be writes to guest "
                                "memory: ");
        return false;
    }
    if (ret < 0) {
        v->veventq_fd = -1;
        warn_reportf_err(err, "arm-smmuv3: the guest will not see translation "
                         "faults of assigned devices: ");
    }
    v->has_veventq = ret == 0;
    return true;
}

/* Each queue has one error at a time */
#define CMDQV_VEVENTQ_DEPTH 64

/* The mapping is this process's own, whoever has the vIOMMU */
static void unmap_cmdqv(SMMUv3VIOMMU *v)
{
    if (v->cmdqv_page) {
        v->ops->unmap_page(v->opaque, &v->cmdqv_place, v->cmdqv_page);
        v->cmdqv_page = NULL;
    }
}

static void free_cmdqv(SMMUv3VIOMMU *v)
{
    if (v->cmdqv_page) {
        close(v->cmdqv_veventq_fd);
        v->ops->destroy(v->opaque, v->cmdqv_veventq);
        unmap_cmdqv(v);
    }
}

/* All of it or nothing: returns 0, or -errno with nothing left */
static int alloc_cmdqv(SMMUv3VIOMMU *v, const SMMUv3HostDevice *dev,
                       const SMMUv3WantCmdqv *want, Error **errp)
{
    void *page;
    int ret = v->ops->alloc_cmdqv(v->opaque, dev, v->parent, &v->id,
                                  &v->cmdqv_place, errp);

    if (ret < 0) {
        return ret;
    }
    v->cmdqv_place.at = want->page;
    if (v->cmdqv_place.len != want->page_len) {
        error_setg(errp, "its page of registers has %" PRIu64 " bytes, in "
                   "place of %" PRIu64 " bytes", v->cmdqv_place.len,
                   want->page_len);
        ret = -EINVAL;
        goto err_viommu;
    }
    ret = v->ops->map_page(v->opaque, &v->cmdqv_place, &page, errp);
    if (ret < 0) {
        goto err_viommu;
    }
    ret = v->ops->alloc_cmdqv_veventq(v->opaque, v->id, CMDQV_VEVENTQ_DEPTH,
                                      &v->cmdqv_veventq, &v->cmdqv_veventq_fd,
                                      errp);
    if (ret < 0) {
        goto err_page;
    }
    v->cmdqv_page = page;
    return 0;

err_page:
    v->ops->unmap_page(v->opaque, &v->cmdqv_place, page);
err_viommu:
    v->ops->destroy(v->opaque, v->id);
    return ret;
}

static int alloc_viommu(SMMUv3VIOMMU *v, const SMMUv3HostDevice *dev,
                        const SMMUv3WantCmdqv *cmdqv, Error **errp)
{
    ERRP_GUARD();
    Error *err = NULL;
    int ret;

    if (cmdqv->wanted) {
        ret = alloc_cmdqv(v, dev, cmdqv, &err);
        if (ret == 0) {
            return 0;
        }
        error_prepend(&err, "the host's CMDQV cannot serve this arm-smmuv3%s: ",
                      ret == -ENOSPC ? ", because other VMs have all of its "
                      "virtual interfaces" : "");
        if (cmdqv->required) {
            error_propagate(errp, err);
            return ret;
        }
        warn_reportf_err(err, "arm-smmuv3: %s: ", dev->name);
    }
    ret = v->ops->alloc_viommu(v->opaque, dev, v->parent, &v->id, errp);
    if (ret < 0) {
        error_prepend(errp, "the host cannot nest (that takes an SMMUv3 with "
                      "stage 1, stage 2 and S2FWB, and Linux >= 6.15 with "
                      "CONFIG_ARM_SMMU_V3_IOMMUFD): ");
        error_append_hint(errp, "In place of S2FWB, a PCIe root complex with "
                          "CANWBS will do.\n");
    }
    return ret;
}

SMMUv3VIOMMU *smmuv3_viommu_hold(const SMMUv3HostOps *ops, void *opaque,
                                 const SMMUv3HostDevice *dev, uint32_t parent)
{
    SMMUv3VIOMMU *v = g_new0(SMMUv3VIOMMU, 1);

    v->ops = ops;
    v->opaque = opaque;
    v->parent = parent;
    v->repeats = dev->repeats;
    v->veventq_fd = -1;
    v->by_vsid = g_hash_table_new(NULL, NULL);
    return v;
}

void smmuv3_viommu_let_go(SMMUv3VIOMMU *v)
{
    unmap_cmdqv(v);
    g_hash_table_destroy(v->by_vsid);
    g_free(v);
}

SMMUv3VIOMMU *smmuv3_viommu_new(const SMMUv3HostOps *ops, void *opaque,
                                const SMMUv3HostDevice *dev, uint32_t parent,
                                const SMMUv3WantCmdqv *cmdqv, Error **errp)
{
    SMMUv3VIOMMU *v = smmuv3_viommu_hold(ops, opaque, dev, parent);

    if (alloc_viommu(v, dev, cmdqv, errp) < 0) {
        goto err;
    }
    if (alloc_shared(v, dev, SMMUV3_VSTE_BYPASS, &v->bypass_hwpt, errp) < 0) {
        goto err_viommu;
    }
    if (alloc_shared(v, dev, SMMUV3_VSTE_ABORT, &v->abort_hwpt, errp) < 0) {
        goto err_bypass;
    }
    if (!alloc_veventq(v, errp)) {
        goto err_abort;
    }
    trace_smmuv3_accel_viommu_new(v->id, parent, v->bypass_hwpt, v->abort_hwpt);
    return v;

err_abort:
    ops->destroy(opaque, v->abort_hwpt);
err_bypass:
    ops->destroy(opaque, v->bypass_hwpt);
err_viommu:
    free_cmdqv(v);
    ops->destroy(opaque, v->id);
err:
    smmuv3_viommu_let_go(v);
    return NULL;
}

void smmuv3_viommu_free(SMMUv3VIOMMU *v)
{
    trace_smmuv3_accel_viommu_free(v->id);
    if (v->has_veventq) {
        /* The fd holds a reference to the vEVENTQ, so close it first */
        close(v->veventq_fd);
        v->ops->destroy(v->opaque, v->veventq);
    }
    v->ops->destroy(v->opaque, v->abort_hwpt);
    v->ops->destroy(v->opaque, v->bypass_hwpt);
    free_cmdqv(v);
    v->ops->destroy(v->opaque, v->id);
    smmuv3_viommu_let_go(v);
}

int smmuv3_viommu_attach(SMMUv3VIOMMU *v, const SMMUv3HostDevice *dev,
                         uint32_t hwpt, Error **errp)
{
    Error *err = NULL;
    int ret = v->ops->attach(v->opaque, dev, hwpt, &err);

    if (ret == -EBUSY) {
        error_free(err);
        error_setg(errp, "the device is being reset by the host");
    } else if (ret < 0) {
        error_propagate(errp, err);
    }
    return ret;
}

static int attach_parent(SMMUv3VIOMMU *v, const SMMUv3HostDevice *dev,
                         SMMUv3VSTEKind kind, Error **errp)
{
    if (kind == SMMUV3_VSTE_BYPASS) {
        return smmuv3_viommu_attach(v, dev, v->parent, errp);
    }
    return v->ops->detach(v->opaque, dev, errp);
}

static void set_kernel_mode(SMMUv3VIOMMU *v, SMMUv3KernelMode mode)
{
    if (v->kernel_mode == mode) {
        return;
    }
    v->kernel_mode = mode;
    trace_smmuv3_accel_kernel_mode(v->id, smmuv3_kernel_mode_name(mode));
    if (mode == SMMUV3_KERNEL_NO_NESTED) {
        info_report("arm-smmuv3: this host kernel attaches a nested page table "
                    "only to a device whose StreamID is known (Linux before "
                    "6.19); bypass and abort are done by the nesting parent "
                    "and by detaching instead");
    }
}

int smmuv3_viommu_attach_shared(SMMUv3VIOMMU *v, const SMMUv3HostDevice *dev,
                                SMMUv3VSTEKind kind, Error **errp)
{
    Error *err = NULL;
    int ret;

    if (v->kernel_mode == SMMUV3_KERNEL_NO_NESTED) {
        return attach_parent(v, dev, kind, errp);
    }
    ret = smmuv3_viommu_attach(v, dev, kind == SMMUV3_VSTE_BYPASS ?
                               v->bypass_hwpt : v->abort_hwpt, &err);
    if (ret == -ENOENT) {
        error_free(err);
        set_kernel_mode(v, SMMUV3_KERNEL_NO_NESTED);
        return attach_parent(v, dev, kind, errp);
    }
    if (ret < 0) {
        error_propagate(errp, err);
        return ret;
    }
    set_kernel_mode(v, SMMUV3_KERNEL_NESTED);
    return 0;
}

const char *smmuv3_kernel_mode_name(SMMUv3KernelMode mode)
{
    static const char *const name[] = {
        [SMMUV3_KERNEL_UNKNOWN] = "unknown",
        [SMMUV3_KERNEL_NESTED] = "nested",
        [SMMUV3_KERNEL_NO_NESTED] = "no-nested",
    };

    return name[mode];
}
