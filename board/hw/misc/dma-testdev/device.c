/*
 * x-dma-testdev: a PCI Express function that does DMA with and without PASIDs
 * and ATS, as a program tells it to
 *
 * It has what no device of QEMU's has: transactions with a PASID, and a cache
 * of translations that goes stale if nobody invalidates it. No driver knows it;
 * programs drive it by VFIO (tests/lab/programs/testdev.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/aio.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "state.h"

#define VENDOR_ID       0x1234
#define DEVICE_ID       0xda7a
/* A page, also of hosts with pages of 64K: VFIO maps no less */
#define REGISTERS_SIZE  (64 * KiB)
/* Each of the extended capabilities needs less */
#define EXTENDED_SIZE   0x10

static uint32_t read_param(const DMATestDev *s)
{
    uint32_t value = FIELD_DP32(0, PARAM, REQUESTS, TESTDEV_REQUESTS);

    value = FIELD_DP32(value, PARAM, ATC_ENTRIES, TESTDEV_ATC_ENTRIES);
    return FIELD_DP32(value, PARAM, PASID_WIDTH, s->pasid_width);
}

static uint32_t read_busy(const DMATestDev *s)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < TESTDEV_REQUESTS; i++) {
        value |= s->request[i].busy << i;
    }
    return value;
}

static uint64_t read_function(const DMATestDev *s, hwaddr offset)
{
    switch (offset) {
    case A_ID:
        return TESTDEV_ID;
    case A_PARAM:
        return read_param(s);
    case A_BUSY:
        return read_busy(s);
    case A_ATC_VALID:
        return dma_testdev_atc_valid(s);
    case A_ATC_HITS:
        return s->hits;
    case A_ATC_ASKED:
        return s->asked;
    case A_ATC_INVALIDATED:
        return s->invalidated;
    case A_MEMORY_SIZE:
        return s->memory_size;
    default:
        return 0;
    }
}

static uint64_t read_request(const TestDevRequest *r, hwaddr offset)
{
    switch (offset) {
    case A_SOURCE:
        return r->source;
    case A_TARGET:
        return r->target;
    case A_LENGTH:
        return r->length;
    case A_PASID:
        return r->pasid;
    case A_FLAGS:
        return r->flags;
    case A_DELAY:
        return r->delay;
    case A_CONTROL:
        return r->busy;
    case A_RESULT:
        return r->result;
    case A_DONE:
        return r->done;
    case A_FAULT:
        return r->fault;
    default:
        return 0;
    }
}

static TestDevRequest *request_at(DMATestDev *s, hwaddr offset)
{
    unsigned n = (offset - TESTDEV_REQUEST) / TESTDEV_STRIDE;

    return offset >= TESTDEV_REQUEST && n < TESTDEV_REQUESTS ? &s->request[n]
                                                             : NULL;
}

static uint64_t testdev_read(void *opaque, hwaddr offset, unsigned size)
{
    DMATestDev *s = opaque;
    const TestDevRequest *r = request_at(s, offset);

    return r ? read_request(r, offset % TESTDEV_STRIDE)
             : read_function(s, offset);
}

static void testdev_write(void *opaque, hwaddr offset, uint64_t value,
                          unsigned size)
{
    TestDevRequest *r = request_at(opaque, offset);

    /* What is in flight does not change. */
    if (!r || r->busy) {
        return;
    }
    switch (offset % TESTDEV_STRIDE) {
    case A_SOURCE:
        r->source = value;
        break;
    case A_TARGET:
        r->target = value;
        break;
    case A_LENGTH:
        r->length = value;
        break;
    case A_PASID:
        r->pasid = value;
        break;
    case A_FLAGS:
        r->flags = value;
        break;
    case A_DELAY:
        r->delay = value;
        break;
    case A_CONTROL:
        if (value & 1) {
            dma_testdev_start(r);
        }
        break;
    }
}

static const MemoryRegionOps register_ops = {
    .read = testdev_read,
    .write = testdev_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

/* The rest of BAR 4: as where no device answers a read */
static uint64_t nothing_read(void *opaque, hwaddr offset, unsigned size)
{
    return UINT64_MAX;
}

static void nothing_write(void *opaque, hwaddr offset, uint64_t value,
                          unsigned size)
{
}

static const MemoryRegionOps nothing_ops = {
    .read = nothing_read,
    .write = nothing_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

/*
 * A BAR is a power of two, but what is behind it need not be: a GPU's memory is
 * as large as it is, and the BAR is the next power of two (NVIDIA's, of which
 * VFIO shows a guest the part that is there).
 */
static bool init_memory(DMATestDev *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);

    if (!s->memory_size) {
        return true;
    }
    if (s->memory_size % (64 * KiB)) {
        error_setg(errp, "x-memory-size is no multiple of 64 KiB");
        return false;
    }
    memory_region_init_io(&s->window, OBJECT(s), &nothing_ops, s,
                          TYPE_X_DMA_TESTDEV "-window",
                          pow2ceil(s->memory_size));
    if (!memory_region_init_ram(&s->memory, OBJECT(s),
                                TYPE_X_DMA_TESTDEV "-memory", s->memory_size,
                                errp)) {
        return false;
    }
    memory_region_add_subregion(&s->window, 0, &s->memory);
    pci_register_bar(dev, 4, PCI_BASE_ADDRESS_MEM_TYPE_64 |
                             PCI_BASE_ADDRESS_MEM_PREFETCH, &s->window);
    return true;
}

static bool init_bars(DMATestDev *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);

    memory_region_init_io(&s->registers, OBJECT(s), &register_ops, s,
                          TYPE_X_DMA_TESTDEV, REGISTERS_SIZE);
    pci_register_bar(dev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->registers);
    if (!memory_region_init_ram(&s->ram, OBJECT(s), TYPE_X_DMA_TESTDEV "-ram",
                                TESTDEV_RAM_SIZE, errp)) {
        return false;
    }
    pci_register_bar(dev, 2, PCI_BASE_ADDRESS_MEM_TYPE_64 |
                             PCI_BASE_ADDRESS_MEM_PREFETCH, &s->ram);
    return init_memory(s, errp);
}

/* The first has to be at the beginning; the others may be anywhere */
static void init_extended(DMATestDev *s)
{
    PCIDevice *dev = PCI_DEVICE(s);
    uint16_t at = PCI_CONFIG_SPACE_SIZE;

    if (!s->no_ats) {
        pcie_ats_init(dev, at, true);
        at += EXTENDED_SIZE;
    }
    if (s->pasid_width) {
        pcie_pasid_init(dev, at, s->pasid_width, true, true);
        at += EXTENDED_SIZE;
    }
    /* Without it Linux puts all functions of a device into one group. */
    if (dev->cap_present & QEMU_PCI_CAP_MULTIFUNCTION ||
        PCI_FUNC(dev->devfn)) {
        pcie_acs_init(dev, at);
    }
}

static bool init_capabilities(DMATestDev *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);

    if (s->pasid_width > 20) {
        error_setg(errp, "x-pasid-width is at most 20");
        return false;
    }
    if (pcie_endpoint_cap_init(dev, 0) < 0) {
        error_setg(errp, "no room for the PCI Express capability");
        return false;
    }
    pcie_cap_flr_init(dev);
    init_extended(s);
    if (msix_init_exclusive_bar(dev, TESTDEV_REQUESTS, 1, errp)) {
        return false;
    }
    for (unsigned i = 0; i < TESTDEV_REQUESTS; i++) {
        msix_vector_use(dev, i);
    }
    return true;
}

static void testdev_realize(PCIDevice *dev, Error **errp)
{
    DMATestDev *s = X_DMA_TESTDEV(dev);

    if (!init_bars(s, errp) || !init_capabilities(s, errp)) {
        return;
    }
    for (unsigned i = 0; i < TESTDEV_REQUESTS; i++) {
        TestDevRequest *r = &s->request[i];

        r->dev = s;
        r->number = i;
        r->timer = timer_new_us(QEMU_CLOCK_VIRTUAL, dma_testdev_finish_cb, r);
        r->bh = aio_bh_new_guarded(qemu_get_aio_context(),
                                   dma_testdev_finish_cb, r,
                                   &DEVICE(dev)->mem_reentrancy_guard);
    }
}

static void testdev_exit(PCIDevice *dev)
{
    DMATestDev *s = X_DMA_TESTDEV(dev);

    for (unsigned i = 0; i < TESTDEV_REQUESTS; i++) {
        dma_testdev_cancel(&s->request[i]);
        timer_free(s->request[i].timer);
        qemu_bh_delete(s->request[i].bh);
    }
    msix_uninit_exclusive_bar(dev);
    pcie_cap_exit(dev);
}

/* Also the FLR. What BARs 2 and 4 hold stays. */
static void testdev_reset(DeviceState *d)
{
    DMATestDev *s = X_DMA_TESTDEV(d);
    PCIDevice *dev = PCI_DEVICE(d);

    for (unsigned i = 0; i < TESTDEV_REQUESTS; i++) {
        TestDevRequest *r = &s->request[i];

        dma_testdev_cancel(r);
        r->source = r->target = r->fault = 0;
        r->length = r->pasid = r->flags = r->delay = r->done = 0;
        r->result = RESULT_NONE;
    }
    memset(s->atc, 0, sizeof(s->atc));
    s->atc_next = s->hits = s->asked = s->invalidated = 0;
    if (!s->no_ats) {
        pci_set_word(dev->config + dev->exp.ats_cap + PCI_ATS_CTRL, 0);
    }
    if (s->pasid_width) {
        pci_set_word(dev->config + dev->exp.pasid_cap + PCI_PASID_CTRL, 0);
    }
}

static void testdev_write_config(PCIDevice *dev, uint32_t addr, uint32_t val,
                                 int len)
{
    pci_default_write_config(dev, addr, val, len);
    pcie_cap_flr_write_config(dev, addr, val, len);
}

static const VMStateDescription vmstate_testdev = {
    .name = TYPE_X_DMA_TESTDEV,
    .unmigratable = 1,
};

static const Property testdev_properties[] = {
    DEFINE_PROP_UINT8("x-pasid-width", DMATestDev, pasid_width, 16),
    DEFINE_PROP_SIZE("x-memory-size", DMATestDev, memory_size, 48 * MiB),
    DEFINE_PROP_BOOL("x-no-ats", DMATestDev, no_ats, false),
};

static void testdev_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->realize = testdev_realize;
    k->exit = testdev_exit;
    k->config_write = testdev_write_config;
    k->vendor_id = VENDOR_ID;
    k->device_id = DEVICE_ID;
    k->class_id = PCI_CLASS_OTHERS;
    dc->vmsd = &vmstate_testdev;
    device_class_set_legacy_reset(dc, testdev_reset);
    device_class_set_props(dc, testdev_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    BOARD_ATC_CLASS(klass)->invalidate = dma_testdev_invalidate;
}

static const TypeInfo testdev_info = {
    .name = TYPE_X_DMA_TESTDEV,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(DMATestDev),
    .class_init = testdev_class_init,
    .interfaces = (const InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { TYPE_BOARD_ATC },
        { }
    },
};

static void register_types(void)
{
    type_register_static(&testdev_info);
}

type_init(register_types)
