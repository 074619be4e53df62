/*
 * Read a disk past the page cache, in a loop between two marker instructions
 *
 * Usage: bench-read ROW OPS BYTES DEVICE
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WARM_UP 40

/* A loop's start has @ops, its end 0; see insn-count.c */
static void mark(unsigned long row, unsigned long ops)
{
    register unsigned long x0 asm("x0") = row;
    register unsigned long x1 asm("x1") = ops;

    asm volatile("hint #0x7b" : : "r" (x0), "r" (x1) : "memory");
}

static void read_disk(int fd, void *buf, size_t size, unsigned long ops)
{
    for (unsigned long i = 0; i < ops; i++) {
        if (pread(fd, buf, size, 0) != (ssize_t)size) {
            perror("pread");
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    unsigned long row, ops;
    size_t size;
    void *buf;
    int fd;

    if (argc != 5) {
        fprintf(stderr, "Usage: bench-read ROW OPS BYTES DEVICE\n");
        return 2;
    }
    row = strtoul(argv[1], NULL, 0);
    ops = strtoul(argv[2], NULL, 0);
    size = strtoul(argv[3], NULL, 0);
    fd = open(argv[4], O_RDONLY | O_DIRECT);
    buf = mmap(NULL, size, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (fd < 0 || buf == MAP_FAILED) {
        perror(argv[4]);
        return 1;
    }
    read_disk(fd, buf, size, WARM_UP);
    mark(row, ops);
    read_disk(fd, buf, size, ops);
    mark(row, 0);
    return 0;
}
