/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host-abi: does this kernel's iommufd behave as the accelerated SMMUv3
 * takes it to?  Each call's exact result, and by the DMA of a real device
 * what each attachment lets through.
 *
 * Usage: host-abi [--kernel=6.18] [--board=no-fwb|stage1|two-smmus|cmdqv]
 *                 CDEV...
 *
 * CDEV: edu devices bound to vfio-pci; two, in groups of their own.
 */

#include "host-abi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Of 32 bits: the emulated board makes two transactions, and so two events,
 * of a longer access that faults.
 */
#define STAMPS (PAGE / sizeof(uint32_t))

static uint32_t *stamps(struct lab *lab)
{
    return (uint32_t *)(lab->ram + PAGE_STAMPS * PAGE);
}

uint64_t lab_witness(struct lab *lab, uint64_t addr)
{
    unsigned stamp = lab->next_stamp++ % STAMPS;
    unsigned page;

    edu_dma_write(&lab->dev[0].edu, addr, stamp * sizeof(uint32_t),
                  sizeof(uint32_t));
    for (page = TARGET_A; page < RAM_PAGES; page++) {
        volatile uint32_t *word =
            (uint32_t *)(lab->ram + page * PAGE + addr % PAGE);

        if (*word == stamps(lab)[stamp]) {
            *word = 0;
            return IPA(page);
        }
    }
    return NOWHERE;
}

void lab_check_dma(struct lab *lab, uint64_t addr, uint64_t want,
                   const char *what)
{
    uint64_t got = lab_witness(lab, addr);

    tap_check(got == want, "%s: DMA to 0x%llx %s (0x%llx)", what,
              (unsigned long long)addr,
              want == NOWHERE ? "is blocked" : "arrives",
              (unsigned long long)got);
}

static void must(int ret, const char *what)
{
    if (ret) {
        tap_bail("%s: %s", what, strerror(-ret));
    }
}

uint32_t lab_nested(struct lab *lab, uint64_t word0)
{
    uint64_t vste[2] = { word0, 0 };
    uint32_t id = 0;

    must(iommufd_hwpt_alloc_nested(lab->iommufd, lab->dev[0].id, lab->viommu,
                                   vste, &id), "nested HWPT_ALLOC");
    return id;
}

uint32_t lab_nested_stage1(struct lab *lab, struct stage1 *s)
{
    uint64_t vste[2];
    uint32_t id = 0;

    stage1_vste(s, vste);
    must(iommufd_hwpt_alloc_nested(lab->iommufd, lab->dev[0].id, lab->viommu,
                                   vste, &id), "stage 1 HWPT_ALLOC");
    return id;
}

uint32_t lab_vdevice(struct lab *lab, uint64_t virt_id)
{
    uint32_t id = 0;

    must(iommufd_vdevice_alloc(lab->iommufd, lab->viommu, lab->dev[0].id,
                               virt_id, &id), "VDEVICE_ALLOC");
    return id;
}

void lab_attach(struct lab *lab, uint32_t hwpt)
{
    must(vfio_attach(lab->dev[0].fd, hwpt), "attach");
}

void lab_detach(struct lab *lab)
{
    must(vfio_detach(lab->dev[0].fd), "detach");
}

void lab_destroy(struct lab *lab, uint32_t id)
{
    must(iommufd_destroy(lab->iommufd, id), "DESTROY");
}

struct stage1 lab_stage1(struct lab *lab)
{
    struct stage1 s = {
        .ram = lab->ram, .ram_ipa = RAM_IPA, .cd = IPA(PAGE_CD),
        .tables = IPA(PAGE_TABLES), .asid = 1,
    };

    stage1_init(&s);
    return s;
}

static void open_devices(struct lab *lab, char **paths, unsigned count)
{
    unsigned i;

    lab->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    if (lab->iommufd < 0) {
        tap_bail("/dev/iommu: %s", strerror(errno));
    }
    if (!count || count > 2) {
        tap_bail("one or two devices, please");
    }
    for (i = 0; i < count; i++) {
        lab->dev[i].fd = open(paths[i], O_RDWR | O_CLOEXEC);
        if (lab->dev[i].fd < 0) {
            tap_bail("%s: %s", paths[i], strerror(errno));
        }
        must(vfio_bind(lab->dev[i].fd, lab->iommufd, &lab->dev[i].id),
             "BIND_IOMMUFD");
        must(edu_open(&lab->dev[i].edu, lab->dev[i].fd), "edu");
    }
    lab->devices = count;
}

static void make_ram(struct lab *lab)
{
    size_t size = RAM_PAGES * PAGE;

    lab->ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (lab->ram == MAP_FAILED) {
        tap_bail("no memory");
    }
    must(iommufd_ioas_alloc(lab->iommufd, &lab->ioas), "IOAS_ALLOC");
    must(iommufd_ioas_map(lab->iommufd, lab->ioas, lab->ram, size, RAM_IPA),
         "IOAS_MAP");
}

static void make_parent(struct lab *lab)
{
    must(iommufd_hwpt_alloc(lab->iommufd, IOMMU_HWPT_ALLOC_NEST_PARENT,
                            lab->dev[0].id, lab->ioas, &lab->parent),
         "nesting parent");
}

static void make_viommu(struct lab *lab)
{
    make_parent(lab);
    must(iommufd_viommu_alloc(lab->iommufd, lab->dev[0].id, lab->parent,
                              &lab->viommu), "VIOMMU_ALLOC");
}

/* The device's buffer gets a distinct value for every later transfer. */
static void load_stamps(struct lab *lab)
{
    unsigned i;

    for (i = 0; i < STAMPS; i++) {
        stamps(lab)[i] = 0x5a000000 | (i + 1) * 0x1001;
    }
    lab_attach(lab, lab->parent);
    edu_dma_read(&lab->dev[0].edu, IPA(PAGE_STAMPS), 0, PAGE);
    lab_check_dma(lab, IPA(TARGET_A), IPA(TARGET_A),
                  "nesting parent alone: reads and writes");
    lab_detach(lab);
}

static void check_no_fwb(struct lab *lab)
{
    uint32_t id = 0;

    tap_result(iommufd_hwpt_alloc(lab->iommufd, IOMMU_HWPT_ALLOC_NEST_PARENT,
                                  lab->dev[0].id, lab->ioas, &lab->parent),
               0, "a nesting parent without FWB");
    tap_result(iommufd_viommu_alloc(lab->iommufd, lab->dev[0].id, lab->parent,
                                    &id),
               -EOPNOTSUPP, "a vIOMMU without FWB");
}

static void check_stage1_only(struct lab *lab)
{
    uint32_t id = 0;

    tap_result(iommufd_hwpt_alloc(lab->iommufd, 0, lab->dev[0].id, lab->ioas,
                                  &id), 0, "a plain HWPT without stage 2");
    tap_result(iommufd_hwpt_alloc(lab->iommufd, IOMMU_HWPT_ALLOC_NEST_PARENT,
                                  lab->dev[0].id, lab->ioas, &id),
               -EOPNOTSUPP, "a nesting parent without stage 2");
}

/* dev[1] is behind another SMMU than dev[0] and the vIOMMU. */
static void check_two_smmus(struct lab *lab)
{
    uint32_t bypass, id = 0;

    make_viommu(lab);
    bypass = lab_nested(lab, VSTE_BYPASS);
    tap_result(iommufd_viommu_alloc(lab->iommufd, lab->dev[1].id, lab->parent,
                                    &id),
               -EINVAL, "a vIOMMU on another SMMU's nesting parent");
    tap_result(iommufd_vdevice_alloc(lab->iommufd, lab->viommu,
                                     lab->dev[1].id, 0x10, &id),
               -EINVAL, "a vDEVICE for a device of another SMMU");
    tap_result(vfio_attach(lab->dev[1].fd, bypass), -EINVAL,
               "attach a device to another SMMU's nested HWPT");
    tap_result(vfio_attach(lab->dev[0].fd, lab->parent), 0,
               "attach a device to its own SMMU's nesting parent");
}

/* Its vIOMMUs have another type. */
static void check_board_cmdqv(struct lab *lab)
{
    make_parent(lab);
    load_stamps(lab);
    check_cmdqv(lab);
}

static void check_nested(struct lab *lab)
{
    make_viommu(lab);
    load_stamps(lab);
    check_no_cmdqv(lab);
    check_attach(lab);
    check_calls(lab);
    check_events(lab);
    check_invalidation(lab);
}

int main(int argc, char **argv)
{
    void (*check)(struct lab *) = check_nested;
    struct lab lab = { 0 };
    int arg = 1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (; arg < argc && argv[arg][0] == '-'; arg++) {
        if (!strcmp(argv[arg], "--kernel=6.18")) {
            lab.needs_vdevice = true;
        } else if (!strcmp(argv[arg], "--board=no-fwb")) {
            check = check_no_fwb;
        } else if (!strcmp(argv[arg], "--board=stage1")) {
            check = check_stage1_only;
        } else if (!strcmp(argv[arg], "--board=two-smmus")) {
            check = check_two_smmus;
        } else if (!strcmp(argv[arg], "--board=cmdqv")) {
            check = check_board_cmdqv;
        } else {
            tap_bail("unknown argument %s", argv[arg]);
        }
    }
    open_devices(&lab, argv + arg, argc - arg);
    make_ram(&lab);
    check(&lab);
    return tap_done();
}
