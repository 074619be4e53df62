// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bench's driver in the guest: DMA mappings and SMMU registers, in loops
 *
 * Binds to QEMU's edu device. A line written to /sys/kernel/debug/smmu_bench
 * runs one loop between two marker instructions (see insn-count.c):
 *
 *     map ROW OPS BYTES    dma_map_single() and dma_unmap_single()
 *     take BASE            from here on the SMMU at BASE is this driver's: own
 *                          command queue, the guest's Stream table
 *     gbpa-same ROW OPS    write GBPA as it is, SMMUEN = 0
 *     gbpa-change ROW OPS  write GBPA with the other ABORT, SMMUEN = 0
 *     smmuen ROW OPS       SMMUEN = 1, then 0
 *     cfgi-all ROW OPS     CFGI_ALL and CMD_SYNC, SMMUEN = 1
 *
 * and without markers, for bench --waits:
 *
 *     storm SECONDS        2^18 commands at a time, TLBI and CMD_SYNC
 *     cfgi-storm SECONDS   the same, CFGI_ALL and CMD_SYNC
 *     flips SECONDS        gbpa-change
 *
 * It takes the place of kernel/dma/map_benchmark.c in the guest's build of the
 * lab's kernel, which has no modules.
 */

#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/pci.h>

#define WARM_UP 40

#define CR0         0x20
#define CR0ACK      0x24
#define GBPA        0x44
#define CMDQ_BASE   0x90
#define CMDQ_PROD   0x98
#define CMDQ_CONS   0x9c
#define CR0_SMMUEN  BIT(0)
#define CR0_CMDQEN  BIT(3)
#define GBPA_ABORT  BIT(20)
#define GBPA_UPDATE BIT(31)
#define CMDQ_SHIFT  7
/* As many as the pages that alloc_pages() gives */
#define LONG_SHIFT  18

static struct device *bench_dev;
static void __iomem *smmu;
static __le64 *cmdq;
static u32 cmdq_prod;

/* A loop's start has @ops, its end 0 */
static noinline void mark(unsigned long row, unsigned long ops)
{
	register unsigned long x0 asm("x0") = row;
	register unsigned long x1 asm("x1") = ops;

	asm volatile("hint #0x7b" : : "r" (x0), "r" (x1) : "memory");
}

static int map(void *buf, size_t size)
{
	dma_addr_t addr = dma_map_single(bench_dev, buf, size,
					 DMA_BIDIRECTIONAL);

	if (dma_mapping_error(bench_dev, addr))
		return -ENOMEM;
	dma_unmap_single(bench_dev, addr, size, DMA_BIDIRECTIONAL);
	return 0;
}

static int bench_map(unsigned long row, unsigned long ops, unsigned long size)
{
	void *buf = alloc_pages_exact(size, GFP_KERNEL);
	int ret = 0;
	unsigned long i;

	if (!buf)
		return -ENOMEM;
	for (i = 0; i < WARM_UP && !ret; i++)
		ret = map(buf, size);
	mark(row, ops);
	for (i = 0; i < ops && !ret; i++)
		ret = map(buf, size);
	mark(row, 0);
	free_pages_exact(buf, size);
	return ret;
}

static int wait_for(u32 reg, u32 mask, u32 value)
{
	u32 now;

	return readl_relaxed_poll_timeout_atomic(smmu + reg, now,
						 (now & mask) == value, 0,
						 1000000);
}

static int write_cr0(u32 value)
{
	writel(value, smmu + CR0);
	return wait_for(CR0ACK, ~0, value);
}

static int write_gbpa(u32 value)
{
	writel(value | GBPA_UPDATE, smmu + GBPA);
	return wait_for(GBPA, GBPA_UPDATE, 0);
}

static int take_smmu(unsigned long base)
{
	int ret;

	smmu = ioremap(base, 0x20000);
	cmdq = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	if (!smmu || !cmdq)
		return -ENOMEM;
	ret = write_cr0(0);
	if (ret)
		return ret;
	writeq(virt_to_phys(cmdq) | CMDQ_SHIFT, smmu + CMDQ_BASE);
	writel(0, smmu + CMDQ_PROD);
	writel(0, smmu + CMDQ_CONS);
	return write_cr0(CR0_CMDQEN);
}

static void queue(u64 word0, u64 word1)
{
	__le64 *cmd = &cmdq[(cmdq_prod & (BIT(CMDQ_SHIFT) - 1)) * 2];

	cmd[0] = cpu_to_le64(word0);
	cmd[1] = cpu_to_le64(word1);
	cmdq_prod = (cmdq_prod + 1) & (BIT(CMDQ_SHIFT + 1) - 1);
}

static int gbpa_same(void)
{
	return write_gbpa(readl(smmu + GBPA));
}

static int gbpa_change(void)
{
	return write_gbpa(readl(smmu + GBPA) ^ GBPA_ABORT);
}

static int smmuen(void)
{
	return write_cr0(CR0_CMDQEN | CR0_SMMUEN) ?: write_cr0(CR0_CMDQEN);
}

static int cfgi_all(void)
{
	queue(0x04, 31);
	queue(0x46, 0);
	writel(cmdq_prod, smmu + CMDQ_PROD);
	return wait_for(CMDQ_CONS, ~0, cmdq_prod);
}

static int flips(unsigned long seconds)
{
	unsigned long end = jiffies + seconds * HZ;
	int ret = 0;

	while (!ret && time_before(jiffies, end)) {
		ret = gbpa_change();
		cond_resched();
	}
	return ret;
}

/* All of a long queue at a time: @word0 and @word1, CMD_SYNC, and so on */
static int storm(unsigned long seconds, u64 word0, u64 word1)
{
	const u32 n = BIT(LONG_SHIFT);
	int order = get_order(n * 16UL);
	unsigned long end = jiffies + seconds * HZ;
	__le64 *cmd = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);
	u32 prod = 0, i;
	int ret;

	if (!cmd)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		cmd[i * 2] = cpu_to_le64(i & 1 ? 0x46 : word0);
		cmd[i * 2 + 1] = cpu_to_le64(i & 1 ? 0 : word1);
	}
	ret = write_cr0(0);
	writeq(virt_to_phys(cmd) | LONG_SHIFT, smmu + CMDQ_BASE);
	writel(0, smmu + CMDQ_PROD);
	writel(0, smmu + CMDQ_CONS);
	ret = ret ?: write_cr0(CR0_CMDQEN | CR0_SMMUEN);
	while (!ret && time_before(jiffies, end)) {
		prod ^= n;
		writel(prod, smmu + CMDQ_PROD);
		while (readl(smmu + CMDQ_CONS) != prod)
			cond_resched();
	}
	ret = ret ?: write_cr0(CR0_CMDQEN);
	free_pages((unsigned long)cmd, order);
	return ret;
}

static int bench_smmu(int (*one)(void), unsigned long row, unsigned long ops)
{
	int ret = 0;
	unsigned long i;

	for (i = 0; i < WARM_UP && !ret; i++)
		ret = one();
	mark(row, ops);
	for (i = 0; i < ops && !ret; i++)
		ret = one();
	mark(row, 0);
	return ret;
}

static int command(const char *line)
{
	unsigned long row, ops, size;
	int ret;

	if (sscanf(line, "take %lx", &row) == 1)
		return take_smmu(row);
	if (sscanf(line, "map %lu %lu %lu", &row, &ops, &size) == 3)
		return bench_map(row, ops, size);
	if (!smmu)
		return -EINVAL;
	if (sscanf(line, "storm %lu", &row) == 1)
		return storm(row, 0x20, 0);
	if (sscanf(line, "cfgi-storm %lu", &row) == 1)
		return storm(row, 0x04, 31);
	if (sscanf(line, "flips %lu", &row) == 1)
		return flips(row);
	if (sscanf(line, "gbpa-same %lu %lu", &row, &ops) == 2)
		return bench_smmu(gbpa_same, row, ops);
	if (sscanf(line, "gbpa-change %lu %lu", &row, &ops) == 2)
		return bench_smmu(gbpa_change, row, ops);
	if (sscanf(line, "smmuen %lu %lu", &row, &ops) == 2)
		return bench_smmu(smmuen, row, ops);
	if (sscanf(line, "cfgi-all %lu %lu", &row, &ops) == 2) {
		ret = write_cr0(CR0_CMDQEN | CR0_SMMUEN) ?:
			bench_smmu(cfgi_all, row, ops);
		return ret ?: write_cr0(CR0_CMDQEN);
	}
	return -EINVAL;
}

static ssize_t bench_write(struct file *file, const char __user *buf,
			   size_t len, loff_t *pos)
{
	char line[80] = "";
	int ret;

	if (len >= sizeof(line) || copy_from_user(line, buf, len))
		return -EINVAL;
	ret = command(line);
	return ret ?: len;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.write = bench_write,
};

static int bench_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(48));
	if (ret)
		return ret;
	pci_set_master(pdev);
	bench_dev = &pdev->dev;
	debugfs_create_file("smmu_bench", 0200, NULL, NULL, &bench_fops);
	return 0;
}

static const struct pci_device_id bench_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};

static struct pci_driver bench_driver = {
	.name = "smmu_bench",
	.id_table = bench_ids,
	.probe = bench_probe,
};
module_pci_driver(bench_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("DMA mappings and SMMU registers, in loops");
