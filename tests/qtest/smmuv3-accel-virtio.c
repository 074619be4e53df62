/*
 * One queue of a modern virtio-pci device, driven by hand
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"
#include "standard-headers/linux/virtio_ring.h"
#include "smmuv3-accel-virtio.h"

/* The device's BAR 4, beyond the windows of the root ports */
#define BAR_AT  0x2f000000u
/* In guest memory: the rings, what is sent, and what is answered */
#define RINGS   0x44000000ull
#define DESC    RINGS
#define AVAIL   (RINGS + 0x1000)
#define USED    (RINGS + 0x2000)
#define SENT    (RINGS + 0x3000)
#define ANSWER  (RINGS + 0x4000)

#define TIMEOUT_US (10 * G_USEC_PER_SEC)

/* The structure of this type in the BAR */
static uint64_t find_struct(Guest *g, uint64_t dev, uint8_t type,
                            uint64_t *cap)
{
    for (uint8_t at = qtest_readb(g->qts, dev + PCI_CAPABILITY_LIST); at;
         at = qtest_readb(g->qts, dev + at + PCI_CAP_LIST_NEXT)) {
        *cap = dev + at;
        if (qtest_readb(g->qts, *cap) == PCI_CAP_ID_VNDR &&
            qtest_readb(g->qts, *cap + VIRTIO_PCI_CAP_CFG_TYPE) == type) {
            g_assert_cmpuint(qtest_readb(g->qts,
                                         *cap + VIRTIO_PCI_CAP_BAR), ==, 4);
            return BAR_AT + qtest_readl(g->qts, *cap + VIRTIO_PCI_CAP_OFFSET);
        }
    }
    g_assert_not_reached();
}

static void accept_features(Guest *g, uint64_t common, uint32_t features)
{
    const uint32_t accepted[2] = {
        features, 1u << (VIRTIO_F_VERSION_1 - 32),
    };

    for (int i = 0; i < 2; i++) {
        qtest_writel(g->qts, common + VIRTIO_PCI_COMMON_GFSELECT, i);
        qtest_writel(g->qts, common + VIRTIO_PCI_COMMON_GF, accepted[i]);
    }
    qtest_writeb(g->qts, common + VIRTIO_PCI_COMMON_STATUS,
                 VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                 VIRTIO_CONFIG_S_FEATURES_OK);
    g_assert_cmphex(qtest_readb(g->qts, common + VIRTIO_PCI_COMMON_STATUS) &
                    VIRTIO_CONFIG_S_FEATURES_OK, !=, 0);
}

static void write_address(Guest *g, uint64_t at, uint64_t address)
{
    qtest_writel(g->qts, at, address);
    qtest_writel(g->qts, at + 4, address >> 32);
}

void virtio_start(Virtio *v, Guest *g, uint8_t slot, uint32_t features)
{
    uint64_t dev = guest_cfg(0, slot << 3, 0);
    uint64_t cap, common, bells;

    qtest_writel(g->qts, dev + PCI_BASE_ADDRESS_4, BAR_AT);
    qtest_writel(g->qts, dev + PCI_BASE_ADDRESS_5, 0);
    qtest_writew(g->qts, dev + PCI_COMMAND,
                 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    common = find_struct(g, dev, VIRTIO_PCI_CAP_COMMON_CFG, &cap);
    bells = find_struct(g, dev, VIRTIO_PCI_CAP_NOTIFY_CFG, &cap);

    qtest_writeb(g->qts, common + VIRTIO_PCI_COMMON_STATUS, 0);
    accept_features(g, common, features);
    qtest_memset(g->qts, RINGS, 0, 0x5000);
    qtest_writew(g->qts, common + VIRTIO_PCI_COMMON_Q_SELECT, 0);
    v->bell = bells +
              qtest_readl(g->qts, cap + VIRTIO_PCI_NOTIFY_CAP_MULT) *
              qtest_readw(g->qts, common + VIRTIO_PCI_COMMON_Q_NOFF);
    qtest_writew(g->qts, common + VIRTIO_PCI_COMMON_Q_SIZE, 4);
    write_address(g, common + VIRTIO_PCI_COMMON_Q_DESCLO, DESC);
    write_address(g, common + VIRTIO_PCI_COMMON_Q_AVAILLO, AVAIL);
    write_address(g, common + VIRTIO_PCI_COMMON_Q_USEDLO, USED);
    qtest_writew(g->qts, common + VIRTIO_PCI_COMMON_Q_ENABLE, 1);
    qtest_writeb(g->qts, common + VIRTIO_PCI_COMMON_STATUS,
                 VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
    v->g = g;
    v->sent = 0;
}

static void write_desc(Virtio *v, int i, uint64_t at, uint32_t size,
                       uint16_t flags)
{
    uint64_t desc = DESC + i * sizeof(struct vring_desc);

    qtest_writeq(v->g->qts, desc, at);
    qtest_writel(v->g->qts, desc + 8, size);
    qtest_writew(v->g->qts, desc + 12, flags);
    qtest_writew(v->g->qts, desc + 14, i + 1);
}

void virtio_send(Virtio *v, const void *data, size_t size, void *answer,
                 size_t room)
{
    int64_t end = g_get_monotonic_time() + TIMEOUT_US;

    qtest_memwrite(v->g->qts, SENT, data, size);
    write_desc(v, 0, SENT, size, room ? VRING_DESC_F_NEXT : 0);
    write_desc(v, 1, ANSWER, room, VRING_DESC_F_WRITE);
    /* Always the descriptor 0, in the next place of the ring of 4 */
    v->sent++;
    qtest_writew(v->g->qts, AVAIL + 2, v->sent);
    qtest_writew(v->g->qts, v->bell, 0);
    while (qtest_readw(v->g->qts, USED + 2) != v->sent) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
    if (room) {
        qtest_memread(v->g->qts, ANSWER, answer, room);
    }
}
