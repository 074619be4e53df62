/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of host-abi share: the host's objects, and the witness. */
#ifndef LAB_HOST_ABI_H
#define LAB_HOST_ABI_H

#include <stdbool.h>
#include <stdint.h>

#include "edu.h"
#include "iommufd.h"
#include "stage1.h"
#include "tap.h"

#define PAGE            4096ULL
#define RAM_IPA         0x40000000ULL
#define RAM_PAGES       64
#define IPA(page)       (RAM_IPA + (page) * PAGE)
/* Pages of the "guest memory". */
#define PAGE_CD         0
#define PAGE_TABLES     1       /* three of them */
#define PAGE_TABLES_2   4
#define PAGE_CD_2       7
#define PAGE_STAMPS     8
#define TARGET_A        16
#define TARGET_B        17
#define TARGET_C        18

/* vSTE word 0: V and Config. */
#define VSTE_INVALID    0x0ULL
#define VSTE_ABORT      0x1ULL
#define VSTE_BYPASS     0x9ULL

/* No page was written by a transfer. */
#define NOWHERE         0ULL

struct device {
    int fd;
    uint32_t id;
    struct edu edu;
};

struct lab {
    int iommufd;
    struct device dev[2];
    unsigned devices;
    uint32_t ioas;
    uint32_t parent;
    uint32_t viommu;
    uint8_t *ram;
    unsigned next_stamp;
    /* Linux before 6.19: every nested attach needs a vDEVICE. */
    bool needs_vdevice;
};

/*
 * One DMA write by dev[0] to addr; the IPA that it arrived at, or NOWHERE.
 * Each transfer carries a value of its own.
 */
uint64_t lab_witness(struct lab *lab, uint64_t addr);
void lab_check_dma(struct lab *lab, uint64_t addr, uint64_t want,
                   const char *what);

/* These bail out: what they do is checked elsewhere. */
uint32_t lab_nested(struct lab *lab, uint64_t word0);
uint32_t lab_nested_stage1(struct lab *lab, struct stage1 *s);
uint32_t lab_vdevice(struct lab *lab, uint64_t virt_id);
void lab_attach(struct lab *lab, uint32_t hwpt);
void lab_detach(struct lab *lab);
void lab_destroy(struct lab *lab, uint32_t id);
struct stage1 lab_stage1(struct lab *lab);

void check_attach(struct lab *lab);
void check_calls(struct lab *lab);
void check_cmdqv(struct lab *lab);
void check_events(struct lab *lab);
void check_invalidation(struct lab *lab);
void check_no_cmdqv(struct lab *lab);

#endif
