/*
 * A stand-in for the host: iommufd, VFIO and an SMMUv3 behind them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "smmuv3-fake-host.h"

/* --- Calls: recorded, and failed on demand --- */

static void G_GNUC_PRINTF(3, 0)
log_call(FakeHost *h, int ret, const char *fmt, va_list ap)
{
    if (!h->log) {
        return;
    }
    g_string_append_vprintf(h->log, fmt, ap);
    if (ret < 0) {
        g_string_append_printf(h->log, " !%s", ret == -ENOENT ? "ENOENT" :
                               ret == -EEXIST ? "EEXIST" :
                               ret == -EIO ? "EIO" :
                               ret == -EINVAL ? "EINVAL" :
                               ret == -EOPNOTSUPP ? "EOPNOTSUPP" :
                               ret == -EBUSY ? "EBUSY" :
                               ret == -ENOMEM ? "ENOMEM" :
                               ret == -ENOTTY ? "ENOTTY" :
                               ret == -ETIMEDOUT ? "ETIMEDOUT" :
                               ret == -ENOSPC ? "ENOSPC" :
                               ret == -EFAULT ? "EFAULT" :
                               strerror(-ret));
    }
    g_string_append(h->log, "; ");
}

static int G_GNUC_PRINTF(5, 6) called(FakeHost *h, FakeCall call, int ret,
                                      Error **errp, const char *fmt, ...)
{
    va_list ap;

    h->calls[call]++;
    if (ret < 0) {
        error_setg_errno(errp, -ret, "fake host");
    }
    va_start(ap, fmt);
    log_call(h, ret, fmt, ap);
    va_end(ap);
    return ret;
}

/* The error that a test asked for, or 0 */
static int injected(FakeHost *h, FakeCall call, const SMMUv3HostDevice *dev)
{
    if (!(h->fail_calls & BIT(call))) {
        return 0;
    }
    if (h->fail_after) {
        h->fail_after--;
        return 0;
    }
    if (!h->fail_times) {
        return 0;
    }
    h->fail_times--;
    h->failed++;
    h->failed_dev = dev ? dev->opaque : NULL;
    return -h->fail_errno;
}

void fake_host_fail(FakeHost *h, uint32_t kinds, unsigned after,
                    unsigned times, int error)
{
    g_assert_false(kinds & ~(FAKE_ANY_CALL | FAKE_ANY_CMDQV_CALL));
    h->fail_calls = kinds;
    h->fail_after = after;
    h->fail_times = times;
    h->fail_errno = error;
    h->failed = 0;
    h->failed_dev = NULL;
}

void fake_host_heal(FakeHost *h)
{
    h->fail_calls = 0;
}

unsigned fake_host_take_calls(FakeHost *h)
{
    unsigned n = 0;

    for (int i = 0; i < FAKE_CALLS; i++) {
        n += h->calls[i];
        h->calls[i] = 0;
    }
    if (h->log) {
        g_string_truncate(h->log, 0);
    }
    return n;
}

void fake_host_assert_calls(FakeHost *h, const char *expected)
{
    g_assert_cmpstr(h->log->str, ==, expected);
    fake_host_take_calls(h);
}

/* --- Objects --- */

static FakeObject *find(FakeHost *h, uint32_t id)
{
    FakeObject *o = &h->object[id % FAKE_OBJECTS];

    return o->id == id && o->type != FAKE_NO_OBJECT ? o : NULL;
}

/* One that others refer to, so that it is there */
static FakeObject *get(FakeHost *h, uint32_t id)
{
    FakeObject *o = find(h, id);

    g_assert(o);
    return o;
}

static FakeObject *find_type(FakeHost *h, uint32_t id, FakeType type)
{
    FakeObject *o = find(h, id);

    return o && o->type == type ? o : NULL;
}

static FakeObject *new_object(FakeHost *h, FakeType type, uint32_t on)
{
    FakeObject *o;

    for (int i = 0; ; i++) {
        g_assert_cmpint(i, <, FAKE_OBJECTS);
        o = &h->object[++h->next_id % FAKE_OBJECTS];
        if (o->type == FAKE_NO_OBJECT) {
            break;
        }
    }
    h->count[type]++;
    *o = (FakeObject) { .type = type, .id = h->next_id, .on = on, .fd = -1 };
    if (on) {
        get(h, on)->refs++;
        o->smmu = get(h, on)->smmu;
    }
    return o;
}

unsigned fake_host_count(const FakeHost *h, FakeType type)
{
    return h->count[type];
}

static unsigned config_of(const uint64_t vste[2])
{
    return vste[0] & 1 ? vste[0] >> 1 & 7 : 0;
}

/* For the log: "bypass", "abort", "s1@12345000", "parent", ... */
static const char *name_of(const FakeObject *o)
{
    static char name[32];

    switch (o ? o->type : FAKE_NO_OBJECT) {
    case FAKE_NESTING_PARENT:
        return "parent";
    case FAKE_VIOMMU:
        return "viommu";
    case FAKE_VEVENTQ:
        return "veventq";
    case FAKE_CMDQV_VEVENTQ:
        return "cmdqv-veventq";
    case FAKE_HW_QUEUE:
        snprintf(name, sizeof(name), "queue %u", o->index);
        return name;
    case FAKE_VDEVICE:
        snprintf(name, sizeof(name), "vdevice %s", o->dev->host.name);
        return name;
    case FAKE_NESTED:
        if (config_of(o->vste) == 5) {
            snprintf(name, sizeof(name), "s1@%llx",
                     o->vste[0] & MAKE_64BIT_MASK(6, 46));
            return name;
        }
        return config_of(o->vste) == 4 ? "bypass" : "abort";
    default:
        return "unknown";
    }
}

/*
 * May @o be freed too early? Only what a device shares with others, and which
 * it cannot give back because the host refuses to detach it.
 */
static bool is_stuck(const FakeHost *h, const FakeObject *o)
{
    if (o->type == FAKE_VDEVICE ||
        (o->type == FAKE_NESTED && config_of(o->vste) == 5)) {
        return false;
    }
    for (int i = 0; i < FAKE_DEVICES; i++) {
        const FakeDevice *d = &h->dev[i];

        if (d->stuck && d->hwpt &&
            (d->hwpt == o->id ||
             h->object[d->hwpt % FAKE_OBJECTS].on == o->id)) {
            return true;
        }
    }
    for (int i = 0; i < FAKE_OBJECTS; i++) {
        if (h->object[i].orphan && h->object[i].on == o->id) {
            return true;
        }
    }
    return false;
}

/* It stays, and nobody knows of it */
static void make_orphan(FakeHost *h, FakeObject *o)
{
    g_assert_false(o->orphan);
    o->orphan = true;
    h->count[o->type]--;
    h->orphans++;
}

static FakeObject *find_hw_queue(FakeHost *h, uint32_t viommu, uint32_t index)
{
    for (int i = 0; i < FAKE_OBJECTS; i++) {
        FakeObject *o = &h->object[i];

        if (o->type == FAKE_HW_QUEUE && o->on == viommu && o->index == index) {
            return o;
        }
    }
    return NULL;
}

static uint32_t *queue_reg(FakeObject *o, uint32_t index, unsigned reg)
{
    return (uint32_t *)(o->page + index * 0x80 + reg);
}

/* Its registers go out of the page */
static void destroy_hw_queue(FakeHost *h, FakeObject *o)
{
    if (find_hw_queue(h, o->on, o->index + 1)) {
        g_error("free of %s before the one above it", name_of(o));
    }
    memset(get(h, o->on)->page + o->index * 0x80, 0, 0x80);
}

/* Where the kernel says EBUSY or ENOENT, the caller has lost its count */
static void destroy(void *opaque, uint32_t id)
{
    FakeHost *h = opaque;
    FakeObject *o = find(h, id);

    if (!o) {
        g_error("free of id %u, which does not exist", id);
    }
    called(h, FAKE_DESTROY, 0, NULL, "free %s", name_of(o));
    if (o->type == FAKE_NESTING_PARENT) {
        g_error("free of the nesting parent, which is VFIO's");
    }
    if (o->refs) {
        if (!is_stuck(h, o)) {
            g_error("free of %s, which is in use", name_of(o));
        }
        make_orphan(h, o);
        return;
    }
    if (o->fd >= 0 && fcntl(o->fd, F_GETFD) != -1) {
        g_error("free of a vEVENTQ whose fd is open");
    }
    if (o->type == FAKE_VDEVICE) {
        o->dev->vdevice = 0;
    }
    if (o->type == FAKE_HW_QUEUE) {
        destroy_hw_queue(h, o);
    }
    if (o->mapped) {
        g_error("free of a vIOMMU whose page is mapped");
    }
    g_free(g_steal_pointer(&o->page));
    get(h, o->on)->refs--;
    h->count[o->type]--;
    o->type = FAKE_NO_OBJECT;
}

static int alloc_viommu(void *opaque, const SMMUv3HostDevice *dev,
                        uint32_t parent, uint32_t *viommu, Error **errp)
{
    FakeHost *h = opaque;
    FakeDevice *d = dev->opaque;
    FakeObject *p = find_type(h, parent, FAKE_NESTING_PARENT);
    int ret = injected(h, FAKE_ALLOC_VIOMMU, dev);

    if (!ret) {
        ret = !p || p->smmu != d->smmu ? -EINVAL : 0;
    }
    if (!ret) {
        *viommu = new_object(h, FAKE_VIOMMU, parent)->id;
    }
    return called(h, FAKE_ALLOC_VIOMMU, ret, errp, "viommu");
}

static unsigned count_vintfs(FakeHost *h)
{
    unsigned n = 0;

    for (int i = 0; i < FAKE_OBJECTS; i++) {
        n += h->object[i].type == FAKE_VIOMMU && h->object[i].page;
    }
    return n;
}

static int alloc_cmdqv(void *opaque, const SMMUv3HostDevice *dev,
                       uint32_t parent, uint32_t *viommu, SMMUv3HostPage *page,
                       Error **errp)
{
    FakeHost *h = opaque;
    FakeDevice *d = dev->opaque;
    FakeObject *p = find_type(h, parent, FAKE_NESTING_PARENT);
    int ret = injected(h, FAKE_ALLOC_CMDQV, dev);

    if (!ret) {
        ret = !p || p->smmu != d->smmu ? -EINVAL :
              !h->cmdqv ? -EOPNOTSUPP :
              count_vintfs(h) == h->cmdqv ? -ENOSPC : 0;
    }
    if (!ret) {
        FakeObject *o = new_object(h, FAKE_VIOMMU, parent);

        o->page = g_malloc0(FAKE_CMDQV_PAGE);
        *viommu = o->id;
        page->offset = (uint64_t)o->id << 16;
        page->len = FAKE_CMDQV_PAGE;
    }
    return called(h, FAKE_ALLOC_CMDQV, ret, errp, "cmdqv");
}

static int map_page(void *opaque, const SMMUv3HostPage *page, void **mem,
                    Error **errp)
{
    FakeHost *h = opaque;
    FakeObject *o = find_type(h, page->offset >> 16, FAKE_VIOMMU);
    int ret = injected(h, FAKE_MAP_PAGE, NULL);

    if (!ret) {
        ret = !o || !o->page || page->len != FAKE_CMDQV_PAGE ? -ENXIO : 0;
    }
    if (!ret) {
        /* A process that takes over maps it before the other one ends */
        g_assert_cmpuint(o->mapped, <, 2);
        o->mapped++;
        *mem = o->page;
    }
    return called(h, FAKE_MAP_PAGE, ret, errp, "map");
}

static void unmap_page(void *opaque, const SMMUv3HostPage *page, void *mem)
{
    FakeHost *h = opaque;
    FakeObject *o = find_type(h, page->offset >> 16, FAKE_VIOMMU);

    g_assert(o && o->mapped && mem == o->page);
    o->mapped--;
    called(h, FAKE_UNMAP_PAGE, 0, NULL, "unmap");
}

/* Linux: tegra241_vintf_alloc_lvcmdq_user(), iommufd_hw_queue_alloc_phys() */
static int check_hw_queue(FakeHost *h, FakeObject *v, uint32_t index,
                          uint64_t gpa, uint64_t len)
{
    return !v ? -ENOENT : !v->page ? -EOPNOTSUPP :
           len < 32 || (len & (len - 1)) || gpa % len ||
           index >= FAKE_CMDQV_QUEUES ? -EINVAL :
           find_hw_queue(h, v->id, index) ? -EEXIST :
           index && !find_hw_queue(h, v->id, index - 1) ? -EIO :
           h->memory_end && (gpa < h->memory || gpa + len > h->memory_end) ?
           -ENOENT :
           len > 4096 ? -EFAULT : 0;
}

static int alloc_hw_queue(void *opaque, uint32_t viommu, uint32_t index,
                          uint64_t gpa, uint64_t len, uint32_t *queue,
                          Error **errp)
{
    FakeHost *h = opaque;
    FakeObject *v = find_type(h, viommu, FAKE_VIOMMU);
    int ret = injected(h, FAKE_ALLOC_HW_QUEUE, NULL);

    if (!ret) {
        ret = check_hw_queue(h, v, index, gpa, len);
    }
    if (!ret) {
        FakeObject *o = new_object(h, FAKE_HW_QUEUE, viommu);

        o->index = index;
        o->gpa = gpa;
        o->len = len;
        *queue = o->id;
    }
    return called(h, FAKE_ALLOC_HW_QUEUE, ret, errp, "queue %u at 0x%" PRIx64
                  " of %" PRIu64, index, gpa, len / 16);
}

/* Linux: arm_smmu_validate_vste() */
static int check_vste(const uint64_t vste[2])
{
    unsigned config = vste[0] >> 1 & 7;

    if (!(vste[0] & 1)) {
        return 0;
    }
    if (vste[0] & ~0xf80fffffffffffffULL || vste[1] & ~0x380000ffULL ||
        (config != 0 && config != 4 && config != 5) ||
        (vste[1] >> 28 & 3) > 1) {
        return -EIO;
    }
    return 0;
}

static int alloc_hwpt(void *opaque, const SMMUv3HostDevice *dev,
                      uint32_t viommu, const uint64_t vste[2], uint32_t *hwpt,
                      Error **errp)
{
    FakeHost *h = opaque;
    FakeDevice *d = dev->opaque;
    FakeObject *v = find_type(h, viommu, FAKE_VIOMMU);
    FakeObject shown = { .type = FAKE_NESTED, .vste = { vste[0], vste[1] } };
    int ret = injected(h, FAKE_ALLOC_HWPT, dev);

    if (!ret) {
        ret = !v || v->smmu != d->smmu ? -EINVAL : check_vste(vste);
    }
    if (!ret) {
        FakeObject *o = new_object(h, FAKE_NESTED, viommu);

        o->vste[0] = vste[0];
        o->vste[1] = vste[1];
        *hwpt = o->id;
    }
    return called(h, FAKE_ALLOC_HWPT, ret, errp, "hwpt %s", name_of(&shown));
}

static FakeObject *find_vdevice(FakeHost *h, uint32_t viommu, uint32_t vsid)
{
    for (int i = 0; i < FAKE_DEVICES; i++) {
        FakeObject *o = h->dev[i].vdevice ? find(h, h->dev[i].vdevice) : NULL;

        if (o && o->vsid == vsid && (!viommu || o->on == viommu)) {
            return o;
        }
    }
    return NULL;
}

FakeDevice *fake_host_find_vsid(FakeHost *h, uint32_t vsid)
{
    FakeObject *o = find_vdevice(h, 0, vsid);

    return o ? o->dev : NULL;
}

static int alloc_vdevice(void *opaque, const SMMUv3HostDevice *dev,
                         uint32_t viommu, uint32_t vsid, uint32_t *vdevice,
                         Error **errp)
{
    FakeHost *h = opaque;
    FakeDevice *d = dev->opaque;
    FakeObject *v = find_type(h, viommu, FAKE_VIOMMU);
    int ret = injected(h, FAKE_ALLOC_VDEVICE, dev);

    if (!ret) {
        ret = !v ? -ENOENT : v->smmu != d->smmu ? -EINVAL :
              d->sids > 1 ? -EOPNOTSUPP :
              d->vdevice || find_vdevice(h, viommu, vsid) ? -EEXIST :
              !v->page ? 0 : vsid > 0xfffff ? -EINVAL :
              fake_host_count(h, FAKE_VDEVICE) >> h->log2vsids ? -ENOSPC : 0;
    }
    if (!ret) {
        FakeObject *o = new_object(h, FAKE_VDEVICE, viommu);

        o->dev = d;
        o->vsid = vsid;
        d->vdevice = *vdevice = o->id;
    }
    return called(h, FAKE_ALLOC_VDEVICE, ret, errp, "vdevice %s 0x%x",
                  dev->name, vsid);
}

static uint32_t new_veventq(FakeHost *h, FakeType type, uint32_t viommu,
                            int *fd)
{
    FakeObject *o = new_object(h, type, viommu);

    o->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    g_assert_cmpint(o->fd, >=, 0);
    *fd = o->fd;
    return o->id;
}

static int alloc_veventq(void *opaque, uint32_t viommu, uint32_t depth,
                         uint32_t *veventq, int *fd, Error **errp)
{
    FakeHost *h = opaque;
    int ret = injected(h, FAKE_ALLOC_VEVENTQ, NULL);

    if (!ret) {
        ret = h->kernel == FAKE_LINUX_6_13 ? -ENOTTY :
              h->no_veventq ? -EOPNOTSUPP :
              !find_type(h, viommu, FAKE_VIOMMU) ? -ENOENT :
              !depth || depth > 1 << 19 ? -EINVAL :
              fake_host_count(h, FAKE_VEVENTQ) ? -EEXIST : 0;
    }
    if (!ret) {
        *veventq = new_veventq(h, FAKE_VEVENTQ, viommu, fd);
    }
    return called(h, FAKE_ALLOC_VEVENTQ, ret, errp, "veventq");
}

static int alloc_cmdqv_veventq(void *opaque, uint32_t viommu, uint32_t depth,
                               uint32_t *veventq, int *fd, Error **errp)
{
    FakeHost *h = opaque;
    FakeObject *v = find_type(h, viommu, FAKE_VIOMMU);
    int ret = injected(h, FAKE_ALLOC_CMDQV_VEVENTQ, NULL);

    if (!ret) {
        ret = !v ? -ENOENT : !v->page ? -EOPNOTSUPP : !depth ? -EINVAL :
              fake_host_count(h, FAKE_CMDQV_VEVENTQ) ? -EEXIST : 0;
    }
    if (!ret) {
        *veventq = new_veventq(h, FAKE_CMDQV_VEVENTQ, viommu, fd);
    }
    return called(h, FAKE_ALLOC_CMDQV_VEVENTQ, ret, errp, "cmdqv-veventq");
}

/* What a VINTF that is not the hypervisor's does; SYNC with CS = NONE */
static bool queue_may(const uint64_t cmd[2])
{
    uint8_t opcode = cmd[0] & 0xff;

    return opcode == 0x11 || opcode == 0x12 || opcode == 0x40 ||
           (opcode == 0x46 && !(cmd[0] & 0x3000));
}

static bool run_queue(FakeHost *h, FakeObject *o,
                      void (*read)(void *opaque, uint64_t gpa, uint64_t cmd[2]))
{
    FakeObject *v = get(h, o->on);
    uint32_t *cons = queue_reg(v, o->index, 0);
    uint32_t *gerror = queue_reg(v, o->index, 0x10);
    uint32_t mask = o->len / 16 * 2 - 1;

    *queue_reg(v, o->index, 0xc) = *queue_reg(v, o->index, 8) & 1;
    if (!*queue_reg(v, o->index, 0xc) ||
        *gerror != *queue_reg(v, o->index, 0x14)) {
        return false;
    }
    while ((*cons & mask) != (*queue_reg(v, o->index, 4) & mask)) {
        uint64_t cmd[2];

        read(h->opaque, o->gpa + (*cons & (mask >> 1)) * 16, cmd);
        if (!queue_may(cmd)) {
            *cons = (*cons & mask) | 1 << 24;
            *gerror ^= 1;
            return true;
        }
        if (h->issued) {
            h->issued(h->opaque, cmd);
        }
        *cons = (*cons & ~mask) | ((*cons + 1) & mask);
    }
    return false;
}

bool fake_host_run_queues(FakeHost *h, void (*read)(void *opaque, uint64_t gpa,
                                                    uint64_t cmd[2]))
{
    bool stopped = false;

    for (int i = 0; i < FAKE_OBJECTS; i++) {
        if (h->object[i].type == FAKE_HW_QUEUE) {
            stopped |= run_queue(h, &h->object[i], read);
        }
    }
    return stopped;
}

/* --- Attachments --- */

static void set_hwpt(FakeHost *h, FakeDevice *d, uint32_t id)
{
    if (d->hwpt) {
        get(h, d->hwpt)->refs--;
    }
    if (id) {
        get(h, id)->refs++;
    }
    d->hwpt = id;
    d->bound = id && d->vdevice;
    d->vsid = d->bound ? get(h, d->vdevice)->vsid : 0;
    d->fresh = true;
    d->quarantined = false;
    d->lost = false;
    if (h->changed) {
        h->changed(h->opaque, d);
    }
}

static int check_attach(FakeHost *h, FakeDevice *d, FakeObject *o)
{
    if (!o || (o->type != FAKE_NESTING_PARENT && o->type != FAKE_NESTED)) {
        return -ENOENT;
    }
    if (o->smmu != d->smmu) {
        return -EINVAL;
    }
    if (d->in_reset && o->id != d->hwpt) {
        return -EBUSY;
    }
    if (o->type == FAKE_NESTED && !d->vdevice &&
        (h->kernel == FAKE_LINUX_6_15 || config_of(o->vste) == 5)) {
        return -ENOENT;
    }
    return 0;
}

static int attach(void *opaque, const SMMUv3HostDevice *dev, uint32_t hwpt,
                  Error **errp)
{
    FakeHost *h = opaque;
    FakeDevice *d = dev->opaque;
    FakeObject *o = find(h, hwpt);
    int ret = injected(h, FAKE_ATTACH, dev);

    if (!ret) {
        ret = check_attach(h, d, o);
    }
    called(h, FAKE_ATTACH, ret, errp, "attach %s %s", dev->name, name_of(o));
    /* What is attached already is not attached again: its vSID stays */
    if (!ret && hwpt != d->hwpt) {
        set_hwpt(h, d, hwpt);
    } else if (!ret) {
        d->quarantined = false;
    }
    return ret;
}

static int detach(void *opaque, const SMMUv3HostDevice *dev, Error **errp)
{
    FakeHost *h = opaque;
    FakeDevice *d = dev->opaque;
    int ret = injected(h, FAKE_DETACH, dev);

    called(h, FAKE_DETACH, ret, errp, "detach %s", dev->name);
    d->stuck = ret < 0;
    if (!ret && d->hwpt) {
        set_hwpt(h, d, 0);
    } else if (!ret) {
        d->quarantined = false;
    }
    return ret;
}

static void quarantine(void *opaque, const SMMUv3HostDevice *dev)
{
    FakeHost *h = opaque;
    FakeDevice *d = dev->opaque;

    called(h, FAKE_QUARANTINE, 0, NULL, "quarantine %s", dev->name);
    d->quarantined = true;
    if (h->changed) {
        h->changed(h->opaque, d);
    }
}

void fake_host_begin_reset(FakeHost *h, FakeDevice *dev)
{
    g_assert_false(dev->in_reset);
    dev->in_reset = true;
}

/* The vDEVICE is looked up again, and its present StreamID taken */
void fake_host_end_reset(FakeHost *h, FakeDevice *dev)
{
    FakeObject *o = dev->hwpt ? get(h, dev->hwpt) : NULL;

    g_assert_true(dev->in_reset);
    dev->in_reset = false;
    dev->fresh = true;
    dev->bound = o && dev->vdevice;
    dev->vsid = dev->bound ? get(h, dev->vdevice)->vsid : 0;
    dev->lost = o && o->type == FAKE_NESTED && !dev->vdevice &&
                (h->kernel == FAKE_LINUX_6_15 || config_of(o->vste) == 5);
    if (h->changed) {
        h->changed(h->opaque, dev);
    }
}

FakeDMA fake_host_dma(const FakeHost *h, const FakeDevice *dev)
{
    const FakeObject *o = &h->object[dev->hwpt % FAKE_OBJECTS];
    unsigned config;

    if (!dev->hwpt || dev->quarantined || dev->in_reset || dev->lost) {
        return (FakeDMA) { .kind = FAKE_BLOCKED };
    }
    if (o->type == FAKE_NESTING_PARENT) {
        return (FakeDMA) { .kind = FAKE_OPEN };
    }
    config = config_of(o->vste);
    if (config != 5) {
        return (FakeDMA) { .kind = config ? FAKE_OPEN : FAKE_BLOCKED };
    }
    return (FakeDMA) {
        .kind = FAKE_TRANSLATED,
        .vste = { o->vste[0], o->vste[1] },
        .vsid = dev->vsid,
    };
}

/* --- Invalidation --- */

/* What each command may have set, in words 0 and 1 */
static bool fields_known(const uint64_t cmd[2])
{
    static const struct {
        uint8_t opcode;
        uint64_t mask[2];
    } known[] = {
        { 0x05, { 0xfffffffffffff0ff, 0x1 } },                /* CFGI_CD */
        { 0x06, { 0xffffffff000000ff, 0 } },                  /* CFGI_CD_ALL */
        { 0x10, { 0x0000ffff000000ff, 0 } },                  /* NH_ALL */
        { 0x11, { 0xffffffff000000ff, 0 } },                  /* NH_ASID */
        { 0x12, { 0xffffffff01f1f0ff, 0xffffffffffffff01 } }, /* NH_VA */
        { 0x13, { 0x0000ffff01f1f0ff, 0xffffffffffffff01 } }, /* NH_VAA */
        { 0x30, { 0xff, 0 } },                                /* NSNH_ALL */
        { 0x40, { 0xfffffffffffffaff, 0xfffffffffffff03f } }, /* ATC_INV */
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if ((cmd[0] & 0xff) == known[i].opcode) {
            return !(cmd[0] & ~known[i].mask[0]) &&
                   !(cmd[1] & ~known[i].mask[1]);
        }
    }
    return false;
}

static bool names_stream(const uint64_t cmd[2])
{
    uint8_t opcode = cmd[0] & 0xff;

    return opcode == 0x05 || opcode == 0x06 || opcode == 0x40;
}

/* What Linux 7.3 refuses, and an older one lets stop the host's queue */
static bool is_reserved(const uint64_t cmd[2])
{
    unsigned ttl = cmd[1] >> 8 & 3, tg = cmd[1] >> 10 & 3;
    bool range = cmd[0] & 0x1f1f000;

    switch (cmd[0] & 0xff) {
    case 0x12:
    case 0x13:
        return tg ? (tg == 2 && ttl == 1) || (!range && !ttl) : range || ttl;
    case 0x40:
        return (cmd[1] & 0x3f) > 52;
    default:
        return false;
    }
}

static int check_entry(FakeHost *h, uint32_t viommu, const uint64_t cmd[2])
{
    if (!fields_known(cmd) || is_reserved(cmd)) {
        return -EIO;
    }
    if (names_stream(cmd)) {
        FakeObject *o = find_vdevice(h, viommu, cmd[0] >> 32);
        bool atc = (cmd[0] & 0xff) == 0x40;

        if (!o) {
            return -EIO;
        }
        if (atc ? o->dev->atc_dead : o->dev->cd_dead) {
            return atc ? -ETIMEDOUT : -EIO;
        }
    }
    if (h->poison && h->poison[0] == cmd[0] && h->poison[1] == cmd[1]) {
        return -EIO;
    }
    return 0;
}

/*
 * Is this call the second of two alike, so that the SMMU does what it says? The
 * kernel makes two of none.
 */
static bool is_second(FakeHost *h, const uint64_t (*cmd)[2], uint32_t n)
{
    bool same = n == h->last_n &&
                !memcmp(cmd, h->last_call, n * sizeof(cmd[0]));

    g_free(h->last_call);
    h->last_call = same ? NULL : g_memdup2(cmd, n * sizeof(cmd[0]));
    h->last_n = same ? 0 : n;
    return same;
}

static int invalidate(void *opaque, uint32_t viommu, const uint64_t (*cmd)[2],
                      uint32_t n, Error **errp)
{
    FakeHost *h = opaque;
    int ret = injected(h, FAKE_INVALIDATE, NULL);
    uint32_t done = ret ? 0 : n;

    g_assert_cmpuint(n, >, 0);
    g_assert_cmpuint(n, <=, 1 << 19);
    for (uint32_t i = 0; i < n && !ret; i++) {
        ret = find_type(h, viommu, FAKE_VIOMMU) ?
              check_entry(h, viommu, cmd[i]) : -ENOENT;
        if (ret) {
            /* What was collected since the last 63 was not issued */
            done = i - i % 63;
        }
    }
    called(h, FAKE_INVALIDATE, ret, errp, "invalidate %u", n);
    if (h->erratum && done && (cmd[0][0] & 0xff) != 0x40) {
        for (uint32_t i = 0; i < n; i++) {
            /* They would be repeated, too */
            g_assert_cmphex(cmd[i][0] & 0xff, !=, 0x40);
        }
        done = is_second(h, cmd, n) ? done : 0;
    }
    for (uint32_t i = 0; i < done && h->issued; i++) {
        h->issued(h->opaque, cmd[i]);
    }
    return ret;
}

const SMMUv3HostOps fake_host_ops = {
    .alloc_viommu = alloc_viommu,
    .alloc_hwpt = alloc_hwpt,
    .alloc_vdevice = alloc_vdevice,
    .alloc_veventq = alloc_veventq,
    .alloc_cmdqv = alloc_cmdqv,
    .alloc_cmdqv_veventq = alloc_cmdqv_veventq,
    .map_page = map_page,
    .unmap_page = unmap_page,
    .alloc_hw_queue = alloc_hw_queue,
    .attach = attach,
    .detach = detach,
    .invalidate = invalidate,
    .destroy = destroy,
    .quarantine = quarantine,
};

/* --- VFIO's part --- */

void fake_host_open_device(FakeHost *h, FakeDevice *dev)
{
    g_assert_cmpuint(dev->hwpt, ==, 0);
    dev->quarantined = false;
    dev->lost = false;
    dev->stuck = false;
    dev->bound = false;
    dev->hwpt = FAKE_PARENT;
    get(h, FAKE_PARENT)->refs++;
}

/* Flags and capability bit 3 are of 7.x; a newer kernel has more of both */
FakeHwInfo fake_host_hw_info(const FakeHost *h, const FakeDevice *dev)
{
    bool tells = h->kernel == FAKE_LINUX_7_3 || h->kernel == FAKE_LINUX_NEWER;
    bool newer = h->kernel == FAKE_LINUX_NEWER;

    return (FakeHwInfo) {
        .flags = (tells && h->erratum) | (newer ? 0xfffffffe : 0),
        /* S1P, S2P, TTF 2, COHACC, ATS, ASID16, TTENDIAN 2, STALL_MODEL */
        .idr = { h->stalls ? 0x0445141b : 0x0545141b, 0x10, 0, 0x1500, 0,
                 0x74 },
        .caps = (tells && dev->no_ats ? 8 : 0) | (newer ? ~0xfULL : 0),
        .last_iova = MAKE_64BIT_MASK(0, 44),
    };
}

void fake_host_close_device(FakeHost *h, FakeDevice *dev)
{
    if (dev->hwpt) {
        FakeObject *o = get(h, dev->hwpt);

        /* It could not be freed while it was attached, and now nobody can */
        if (dev->stuck && o->type == FAKE_NESTED && config_of(o->vste) == 5) {
            make_orphan(h, o);
        }
        o->refs--;
        dev->hwpt = 0;
    }
    if (dev->vdevice) {
        g_error("%s is closed while it has a vDEVICE", dev->host.name);
    }
}

void fake_host_init(FakeHost *h)
{
    memset(h, 0, sizeof(*h));
    h->log = g_string_new(NULL);
    new_object(h, FAKE_NESTING_PARENT, 0);
    g_assert_cmpuint(h->next_id, ==, FAKE_PARENT);
    for (int i = 0; i < FAKE_DEVICES; i++) {
        FakeDevice *d = &h->dev[i];

        snprintf(d->name, sizeof(d->name), "d%d", i);
        d->host = (SMMUv3HostDevice) {
            .name = d->name,
            .dev_id = 1000 + i,
            .ats = true,
            .opaque = d,
        };
    }
}

void fake_host_end(FakeHost *h)
{
    for (int i = 0; i < FAKE_OBJECTS; i++) {
        FakeObject *o = &h->object[i];

        if (o->type > FAKE_NESTING_PARENT && !o->orphan) {
            g_error("%s was not freed", name_of(o));
        }
        /* An orphan goes with the iommufd */
        g_free(o->page);
    }
    if (h->log) {
        g_string_free(h->log, true);
    }
    g_free(h->last_call);
}
