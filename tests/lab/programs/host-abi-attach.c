/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each attachment lets through, and what a refused one leaves. */

#include "host-abi.h"

#include <errno.h>

#define VA STAGE1_VA

/* A fixed vSTE, and where DMA to TARGET_A's IPA must then arrive. */
struct fixed {
    const char *name;
    uint64_t word0;
    uint64_t arrives;
};

static const struct fixed fixed[] = {
    { "bypass vSTE", VSTE_BYPASS, IPA(TARGET_A) },
    { "abort vSTE", VSTE_ABORT, NOWHERE },
    { "V=0 vSTE", VSTE_INVALID, NOWHERE },
    /* With V=0 nothing else is looked at, not even illegal bits. */
    { "V=0 vSTE with all other bits set", ~1ULL, NOWHERE },
};

#define N_FIXED (sizeof(fixed) / sizeof(fixed[0]))

/*
 * The device is given the opposite first (open for a vSTE that blocks, closed
 * for one that doesn't), so that a call that does nothing can't pass.
 */
static void attach_opposite(struct lab *lab, const struct fixed *f)
{
    lab_detach(lab);
    if (f->arrives == NOWHERE) {
        lab_attach(lab, lab->parent);
    }
}

static uint64_t opposite(const struct fixed *f)
{
    return f->arrives == NOWHERE ? IPA(TARGET_A) : NOWHERE;
}

static void check_fixed_without_vdevice(struct lab *lab)
{
    int want = lab->needs_vdevice ? -ENOENT : 0;
    unsigned i;

    for (i = 0; i < N_FIXED; i++) {
        const struct fixed *f = &fixed[i];
        uint32_t hwpt = lab_nested(lab, f->word0);

        attach_opposite(lab, f);
        tap_result(vfio_attach(lab->dev[0].fd, hwpt), want,
                   "%s without vDEVICE", f->name);
        lab_check_dma(lab, IPA(TARGET_A), want ? opposite(f) : f->arrives,
                      want ? "what was attached stays" : f->name);
        lab_detach(lab);
        lab_destroy(lab, hwpt);
    }
}

static void check_fixed_with_vdevice(struct lab *lab)
{
    uint32_t vdevice = lab_vdevice(lab, 0x10);
    unsigned i;

    for (i = 0; i < N_FIXED; i++) {
        const struct fixed *f = &fixed[i];
        uint32_t hwpt = lab_nested(lab, f->word0);

        attach_opposite(lab, f);
        tap_result(vfio_attach(lab->dev[0].fd, hwpt), 0,
                   "%s with a vDEVICE", f->name);
        lab_check_dma(lab, IPA(TARGET_A), f->arrives, f->name);
        lab_detach(lab);
        lab_destroy(lab, hwpt);
    }
    lab_destroy(lab, vdevice);
}

static void check_stage1_without_vdevice(struct lab *lab)
{
    struct stage1 s = lab_stage1(lab);
    uint32_t hwpt;

    stage1_map(&s, VA, IPA(TARGET_B));
    hwpt = lab_nested_stage1(lab, &s);

    lab_attach(lab, lab->parent);
    tap_result(vfio_attach(lab->dev[0].fd, hwpt), -ENOENT,
               "stage 1 vSTE without vDEVICE");
    lab_check_dma(lab, IPA(TARGET_A), IPA(TARGET_A),
                  "refused stage 1: the nesting parent stays");
    lab_detach(lab);
    tap_result(vfio_attach(lab->dev[0].fd, hwpt), -ENOENT,
               "stage 1 vSTE without vDEVICE, from blocked");
    lab_check_dma(lab, VA, NOWHERE, "refused stage 1: blocked stays");
    lab_destroy(lab, hwpt);
}

static void check_stage1_translates(struct lab *lab, uint64_t virt_id)
{
    struct stage1 s = lab_stage1(lab);
    uint32_t vdevice, hwpt;

    stage1_map(&s, VA, IPA(TARGET_B));
    stage1_map(&s, VA + PAGE, IPA(TARGET_C));
    hwpt = lab_nested_stage1(lab, &s);
    vdevice = lab_vdevice(lab, virt_id);
    tap_result(vfio_attach(lab->dev[0].fd, hwpt), 0,
               "stage 1 vSTE with vDEVICE 0x%llx",
               (unsigned long long)virt_id);
    lab_check_dma(lab, VA + 0x18, IPA(TARGET_B), "stage 1");
    lab_check_dma(lab, VA + PAGE, IPA(TARGET_C), "stage 1, another page");
    lab_check_dma(lab, VA + 2 * PAGE, NOWHERE, "stage 1, an unmapped page");
    lab_check_dma(lab, IPA(TARGET_A), NOWHERE, "stage 1, no way around it");
    lab_detach(lab);
    lab_destroy(lab, vdevice);
    lab_destroy(lab, hwpt);
}

static void check_transitions(struct lab *lab)
{
    struct stage1 s = lab_stage1(lab), s2 = s;
    uint32_t vdevice = lab_vdevice(lab, 0x10);
    uint32_t bypass = lab_nested(lab, VSTE_BYPASS);
    uint32_t abort = lab_nested(lab, VSTE_ABORT);
    uint32_t first, second;

    stage1_map(&s, VA, IPA(TARGET_B));
    first = lab_nested_stage1(lab, &s);
    s2.cd = IPA(PAGE_CD_2);
    s2.tables = IPA(PAGE_TABLES_2);
    s2.asid = 2;
    stage1_init(&s2);
    stage1_map(&s2, VA, IPA(TARGET_C));
    second = lab_nested_stage1(lab, &s2);

    lab_attach(lab, bypass);
    lab_attach(lab, first);
    lab_check_dma(lab, VA, IPA(TARGET_B), "bypass to stage 1");
    lab_attach(lab, second);
    lab_check_dma(lab, VA, IPA(TARGET_C), "stage 1 to stage 1");
    lab_attach(lab, abort);
    lab_check_dma(lab, VA, NOWHERE, "stage 1 to abort");
    lab_attach(lab, first);
    lab_check_dma(lab, VA, IPA(TARGET_B), "abort to stage 1");
    lab_attach(lab, bypass);
    lab_check_dma(lab, IPA(TARGET_A), IPA(TARGET_A), "stage 1 to bypass");
    lab_attach(lab, abort);
    lab_check_dma(lab, IPA(TARGET_A), NOWHERE, "bypass to abort");

    lab_detach(lab);
    lab_destroy(lab, vdevice);
    lab_destroy(lab, bypass);
    lab_destroy(lab, abort);
    lab_destroy(lab, first);
    lab_destroy(lab, second);
}

static void check_detach(struct lab *lab)
{
    lab_attach(lab, lab->parent);
    tap_result(vfio_detach(lab->dev[0].fd), 0, "detach");
    lab_check_dma(lab, IPA(TARGET_A), NOWHERE, "detached");
    tap_result(vfio_detach(lab->dev[0].fd), 0, "detach again");
    lab_check_dma(lab, IPA(TARGET_A), NOWHERE, "detached twice");
}

static void check_unknown_hwpt(struct lab *lab)
{
    lab_attach(lab, lab->parent);
    tap_result(vfio_attach(lab->dev[0].fd, 0x7fffff), -ENOENT,
               "attach an unknown HWPT");
    lab_check_dma(lab, IPA(TARGET_A), IPA(TARGET_A),
                  "a failed replace keeps the old attachment");
    lab_detach(lab);
}

void check_attach(struct lab *lab)
{
    static const uint64_t virt_ids[] = { 0, 0x10, 0x108, 0xffffffff };
    unsigned i;

    check_fixed_without_vdevice(lab);
    check_fixed_with_vdevice(lab);
    check_stage1_without_vdevice(lab);
    for (i = 0; i < sizeof(virt_ids) / sizeof(virt_ids[0]); i++) {
        check_stage1_translates(lab, virt_ids[i]);
    }
    check_transitions(lab);
    check_detach(lab);
    check_unknown_hwpt(lab);
}
