/*
 * Message-signalled interrupts of arm-smmuv3,accel=on, CMD_SYNC's above all
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "smmuv3-accel-lib.h"

#define IDR0_MSI            (1u << 13)
#define GERROR_IRQ_CFG0     0x68
#define GERROR_IRQ_CFG1     0x70
#define EVENTQ_IRQ_CFG0     0xb0
#define EVENTQ_IRQ_CFG1     0xb8
#define GERROR_IRQEN        (1u << 0)
#define EVENTQ_IRQEN        (1u << 2)
#define MSI_CMDQ_ABT_ERR    (1u << 4)
#define MSI_EVENTQ_ABT_ERR  (1u << 5)
#define MSI_GERROR_ABT_ERR  (1u << 7)

#define SYNC_IRQ(data) (0x46 | 1ull << 12 | (uint64_t)(data) << 32)
#define SYNC_SEV       (0x46 | 2ull << 12)
#define OLD            0x01dda7a0u

/* Neither memory nor a device; and a register of the SMMU */
#define NOWHERE        0x700000000ull
#define SMMU_CR1       (0x0c000000ull + CR1)
/* Of another device: the clock's match register */
#define RTC_MR         0x09010004ull

static Guest *start(void)
{
    Guest *g = guest_start(2, "");

    smmu_setup(g, false);
    smmu_set_ste(g, false, guest_sid(0), STE_BYPASS);
    smmu_set_ste(g, false, guest_sid(1), STE_S1);
    smmu_cr0(g, CR0_CMDQEN | CR0_EVENTQEN | CR0_SMMUEN);
    for (int i = 0; i < 8; i++) {
        qtest_writel(g->qts, MSI_BUF + i * 4, OLD);
    }
    return g;
}

static uint32_t message(Guest *g, int i)
{
    return qtest_readl(g->qts, MSI_BUF + i * 4);
}

static void set_irq(Guest *g, uint32_t cfg0, uint64_t addr, uint32_t data)
{
    smmu_write(g, cfg0, addr);
    smmu_write(g, cfg0 + 4, addr >> 32);
    smmu_write(g, cfg0 + 8, data);
}

static void a_sync_writes_its_message_and_no_more(void)
{
    Guest *g = start();

    g_assert_cmphex(smmu_read(g, IDR0) & IDR0_MSI, ==, IDR0_MSI);
    g_assert_true(smmu_cmd(g, SYNC_IRQ(0x12345678), MSI_BUF + 4));
    g_assert_cmphex(message(g, 0), ==, OLD);
    g_assert_cmphex(message(g, 1), ==, 0x12345678);
    g_assert_cmphex(message(g, 2), ==, OLD);

    /* Bits 1:0 and the attributes are not part of the address */
    g_assert_true(smmu_cmd(g, SYNC_IRQ(3) | 0x0f << 24 | 3 << 22,
                           (MSI_BUF + 8) | 3));
    g_assert_cmphex(message(g, 2), ==, 3);

    /* Another signal or no address: no message */
    g_assert_true(smmu_cmd(g, SYNC_SEV, MSI_BUF));
    g_assert_true(smmu_cmd(g, 0x46, MSI_BUF));
    g_assert_true(smmu_cmd(g, SYNC_IRQ(1), 0));
    g_assert_cmphex(message(g, 0), ==, OLD);
    g_assert_cmphex(smmu_read(g, GERROR), ==, 0);
    guest_stop(g);
}

/* As Linux does it: the message clears the command itself */
static void a_sync_may_overwrite_itself(void)
{
    Guest *g = start();
    uint64_t at = CMDQ + (g->cmdq_prod & 0xff) * 16;

    g_assert_true(smmu_cmd(g, SYNC_IRQ(0), at));
    g_assert_cmphex(qtest_readl(g->qts, at), ==, 0);
    g_assert_cmphex(qtest_readl(g->qts, at + 4), ==, 0);
    guest_stop(g);
}

static void invalidations_are_done_when_the_message_is_there(void)
{
    Guest *g = start();

    host_calls(g);
    g_assert_true(smmu_cmd(g, 0x12 | 1ull << 48, 0x1000));
    g_assert_cmpuint(host_calls(g).invalidate, ==, 0);
    g_assert_true(smmu_cmd(g, SYNC_IRQ(1), MSI_BUF));
    g_assert_cmphex(message(g, 0), ==, 1);
    g_assert_cmpuint(host_calls(g).invalidate, ==, 1);
    guest_stop(g);
}

static void a_message_that_goes_astray_is_an_error_but_stops_nothing(void)
{
    static const uint64_t nowhere[] = { NOWHERE, SMMU_CR1, RTC_MR };
    Guest *g = start();
    uint32_t cr1 = smmu_read(g, CR1), error = 0;

    for (int i = 0; i < ARRAY_SIZE(nowhere); i++) {
        g_assert_true(smmu_cmd(g, SYNC_IRQ(0x55), nowhere[i]));
        error ^= MSI_CMDQ_ABT_ERR;
        g_assert_cmphex(smmu_read(g, GERROR), ==, error);
        /* Once, until it is acknowledged */
        g_assert_true(smmu_cmd(g, SYNC_IRQ(0x55), nowhere[i]));
        g_assert_cmphex(smmu_read(g, GERROR), ==, error);
        smmu_write(g, GERRORN, error);
    }
    g_assert_cmphex(smmu_read(g, CR1), ==, cr1);
    g_assert_cmphex(qtest_readl(g->qts, RTC_MR), ==, 0);
    g_assert_true(smmu_cmd(g, SYNC_IRQ(1), MSI_BUF));
    g_assert_cmphex(message(g, 0), ==, 1);
    guest_stop(g);
}

static void an_event_sends_its_message_if_enabled(void)
{
    Guest *g = start();
    uint64_t evt[4];

    set_irq(g, EVENTQ_IRQ_CFG0, MSI_BUF, 0x77);
    dma_write(g, 1, BUF);
    g_assert_true(smmu_next_event(g, evt));
    g_assert_cmphex(message(g, 0), ==, OLD);

    smmu_write(g, IRQ_CTRL, EVENTQ_IRQEN);
    dma_write(g, 1, BUF);
    g_assert_true(smmu_next_event(g, evt));
    g_assert_cmphex(message(g, 0), ==, 0x77);
    g_assert_cmphex(smmu_read(g, GERROR), ==, 0);

    /* Nowhere: an error, of which the other message tells */
    smmu_write(g, IRQ_CTRL, 0);
    set_irq(g, EVENTQ_IRQ_CFG0, NOWHERE, 0x78);
    set_irq(g, GERROR_IRQ_CFG0, MSI_BUF + 4, 0x99);
    smmu_write(g, IRQ_CTRL, EVENTQ_IRQEN | GERROR_IRQEN);
    dma_write(g, 1, BUF);
    g_assert_true(smmu_next_event(g, evt));
    g_assert_cmphex(smmu_read(g, GERROR), ==, MSI_EVENTQ_ABT_ERR);
    g_assert_cmphex(message(g, 1), ==, 0x99);
    guest_stop(g);
}

static void a_global_error_sends_its_message_if_enabled(void)
{
    Guest *g = start();

    set_irq(g, GERROR_IRQ_CFG0, MSI_BUF, 0x33);
    g_assert_true(smmu_cmd(g, SYNC_IRQ(0), NOWHERE));
    g_assert_cmphex(message(g, 0), ==, OLD);
    smmu_write(g, GERRORN, MSI_CMDQ_ABT_ERR);
    smmu_write(g, IRQ_CTRL, GERROR_IRQEN);
    g_assert_true(smmu_cmd(g, SYNC_IRQ(0), NOWHERE));
    g_assert_cmphex(message(g, 0), ==, 0x33);
    smmu_write(g, GERRORN, 0);

    /* Of a message about errors that fails, only GERROR can tell */
    smmu_write(g, IRQ_CTRL, 0);
    set_irq(g, GERROR_IRQ_CFG0, SMMU_CR1, 0x34);
    smmu_write(g, IRQ_CTRL, GERROR_IRQEN);
    g_assert_true(smmu_cmd(g, SYNC_IRQ(0), NOWHERE));
    g_assert_cmphex(smmu_read(g, GERROR), ==,
                    MSI_CMDQ_ABT_ERR | MSI_GERROR_ABT_ERR);
    guest_stop(g);
}

/* 3.18.2, 7.4: when the queue is no longer empty, and not again until it was */
static void only_an_empty_queue_has_an_event_that_interrupts(void)
{
    Guest *g = start();
    uint64_t evt[4];

    set_irq(g, EVENTQ_IRQ_CFG0, MSI_BUF, 0x77);
    smmu_write(g, IRQ_CTRL, EVENTQ_IRQEN);
    for (int round = 0; round < 3; round++) {
        qtest_writel(g->qts, MSI_BUF, OLD);
        dma_write(g, 1, BUF);
        guest_wait_events(g, round * 3 + 1);
        g_assert_cmphex(message(g, 0), ==, 0x77);
        qtest_writel(g->qts, MSI_BUF, OLD);
        dma_write(g, 1, BUF + 0x1000);
        dma_write(g, 1, BUF + 0x2000);
        guest_wait_events(g, round * 3 + 3);
        g_assert_cmphex(message(g, 0), ==, OLD);
        for (int i = 0; i < 3; i++) {
            g_assert_true(smmu_next_event(g, evt));
        }
    }
    guest_stop(g);
}

#define TEST(name) qtest_add_func("smmuv3-accel-msi/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_sync_writes_its_message_and_no_more);
    TEST(a_sync_may_overwrite_itself);
    TEST(invalidations_are_done_when_the_message_is_there);
    TEST(a_message_that_goes_astray_is_an_error_but_stops_nothing);
    TEST(an_event_sends_its_message_if_enabled);
    TEST(only_an_empty_queue_has_an_event_that_interrupts);
    TEST(a_global_error_sends_its_message_if_enabled);
    return g_test_run();
}
