/*
 * How long vCPUs and the monitor wait for a vCPU that invalidates
 *
 * Usage, in a guest:
 *     bench-waits reads SECONDS DISK...    each disk is read by a vCPU of its
 *         own; each read ends with an unmap. Prints the reads of all together.
 *     bench-waits register SECONDS DISK    a vCPU reads DISK; another one reads
 *         the real-time clock's data register, whose content does not matter.
 * In the host:
 *     bench-waits monitor SOCKET FILE      asks by QMP until QEMU ends. The
 *         last line "phase NAME" of FILE says what the guest is doing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RTC         0x09010000 /* of QEMU's virt machine */
#define BLOCK       4096
#define MAX_SAMPLES 1000000
#define MAX_DISKS   8

static atomic_bool stop;

typedef struct Reader {
    const char *disk;
    int cpu;
    pthread_t thread;
    unsigned reads;
} Reader;

typedef struct Samples {
    char what[32];
    size_t n;
    int64_t *ns;
} Samples;

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void run_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set)) {
        err(1, "CPU %d", cpu);
    }
}

static void *read_until_stopped(void *opaque)
{
    Reader *r = opaque;
    int fd = open(r->disk, O_RDONLY | O_DIRECT);
    void *buf = aligned_alloc(BLOCK, BLOCK);

    if (fd < 0 || !buf) {
        err(1, "%s", r->disk);
    }
    run_on(r->cpu);
    while (!stop) {
        if (pread(fd, buf, BLOCK, 0) != BLOCK) {
            err(1, "%s", r->disk);
        }
        r->reads++;
    }
    close(fd);
    free(buf);
    return NULL;
}

static void start(Reader *r)
{
    if (pthread_create(&r->thread, NULL, read_until_stopped, r)) {
        errx(1, "%s: no thread", r->disk);
    }
}

static void reads(unsigned seconds, char **disk, int n)
{
    Reader reader[MAX_DISKS] = {};
    unsigned sum = 0;

    if (n > MAX_DISKS) {
        errx(1, "more than %d disks", MAX_DISKS);
    }
    for (int i = 0; i < n; i++) {
        reader[i].disk = disk[i];
        reader[i].cpu = i;
        start(&reader[i]);
    }
    sleep(seconds);
    stop = true;
    for (int i = 0; i < n; i++) {
        pthread_join(reader[i].thread, NULL);
        sum += reader[i].reads;
    }
    printf("waits: %d vCPUs: %.1f reads a second\n", n, (double)sum / seconds);
}

static void add_sample(Samples *s, int64_t ns)
{
    if (!s->ns) {
        s->ns = calloc(MAX_SAMPLES, sizeof(*s->ns));
    }
    if (!s->ns) {
        err(1, "memory");
    }
    if (s->n < MAX_SAMPLES) {
        s->ns[s->n++] = ns;
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void tell(Samples *s)
{
    if (s->n) {
        qsort(s->ns, s->n, sizeof(*s->ns), compare);
        printf("waits: %s: %zu times, median %.3f ms, 99 %% %.3f ms, "
               "worst %.3f ms\n", s->what, s->n, s->ns[s->n / 2] / 1e6,
               s->ns[s->n * 99 / 100] / 1e6, s->ns[s->n - 1] / 1e6);
        fflush(stdout);
    }
    s->n = 0;
}

static void register_of_another_device(unsigned seconds, const char *disk)
{
    Reader reader = { .disk = disk, .cpu = 1 };
    int fd = open("/dev/mem", O_RDONLY | O_SYNC);
    volatile uint32_t *rtc = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, RTC);
    Samples s = { .what = "a register" };
    int64_t end;

    if (rtc == MAP_FAILED) {
        err(1, "/dev/mem");
    }
    run_on(0);
    start(&reader);
    end = now_ns() + seconds * 1000000000LL;
    while (now_ns() < end) {
        int64_t begin = now_ns();

        (void)*rtc;
        add_sample(&s, now_ns() - begin);
        usleep(200);
    }
    stop = true;
    pthread_join(reader.thread, NULL);
    tell(&s);
}

/* What the guest is doing, into @name: "" if it has not said so yet */
static void read_phase(const char *file, char *name, size_t size)
{
    FILE *f = fopen(file, "r");
    char line[256];

    *name = '\0';
    while (f && fgets(line, sizeof(line), f)) {
        char said[32];

        if (sscanf(line, "phase %31s", said) == 1) {
            snprintf(name, size, "%s", said);
        }
    }
    if (f) {
        fclose(f);
    }
}

/* One command and its answer; false once QEMU has ended */
static bool ask(int fd, const char *command)
{
    char answer[4096];
    size_t len = 0;
    ssize_t n;

    if (send(fd, command, strlen(command), MSG_NOSIGNAL) < 0) {
        return false;
    }
    do {
        n = read(fd, answer + len, sizeof(answer) - 1 - len);
        if (n <= 0) {
            return false;
        }
        len += n;
        answer[len] = '\0';
        /* Events come between */
    } while (!strstr(answer, "\"return\""));
    return true;
}

static void monitor(const char *path, const char *file)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    Samples s = {};

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
        !ask(fd, "{'execute':'qmp_capabilities'}\n")) {
        err(1, "%s", path);
    }
    for (;;) {
        char phase[sizeof(s.what)];
        int64_t begin = now_ns();

        if (!ask(fd, "{'execute':'query-status'}\n")) {
            break;
        }
        begin = now_ns() - begin;
        /* What the answer came in: a phase that began meanwhile had it wait */
        read_phase(file, phase, sizeof(phase));
        if (strcmp(phase, s.what)) {
            tell(&s);
            memcpy(s.what, phase, sizeof(phase));
        }
        if (*phase) {
            add_sample(&s, begin);
        }
        usleep(20000);
    }
    tell(&s);
}

int main(int argc, char **argv)
{
    if (argc >= 4 && !strcmp(argv[1], "reads")) {
        reads(atoi(argv[2]), argv + 3, argc - 3);
    } else if (argc == 4 && !strcmp(argv[1], "register")) {
        register_of_another_device(atoi(argv[2]), argv[3]);
    } else if (argc == 4 && !strcmp(argv[1], "monitor")) {
        monitor(argv[2], argv[3]);
    } else {
        errx(2, "see the head of bench-waits.c");
    }
    return 0;
}
