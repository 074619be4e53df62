/*
 * vEVENTQ records, byte by byte as the kernel writes them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/arm/smmuv3-accel/core/event.h"

/* linux/iommufd.h: u32 flags, u32 sequence; then 32 bytes as in the queue */
#define HEADER 8
#define RECORD 40
#define LOST 1u

typedef struct Taken {
    unsigned n;
    uint8_t last[SMMUV3_EVENT_SIZE];
    uint32_t tag[4096];
} Taken;

static void take(void *opaque, const uint8_t evt[SMMUV3_EVENT_SIZE])
{
    Taken *t = opaque;

    memcpy(t->last, evt, SMMUV3_EVENT_SIZE);
    t->tag[t->n++ % ARRAY_SIZE(t->tag)] = ldl_le_p(evt + 4);
}

/* Header fields are the host's words, the event is little-endian */
static size_t put_header(uint8_t *p, uint32_t flags, uint32_t sequence)
{
    memcpy(p, &flags, 4);
    memcpy(p + 4, &sequence, 4);
    return HEADER;
}

static size_t put_event(uint8_t *p, uint32_t sequence, uint32_t tag)
{
    put_header(p, 0, sequence);
    memset(p + HEADER, 0xa5, SMMUV3_EVENT_SIZE);
    p[HEADER] = 0x10;
    stl_le_p(p + HEADER + 4, tag);
    return RECORD;
}

static void test_in_order(void)
{
    SMMUv3EventReader r = {};
    Taken t = {};
    uint8_t buf[3 * RECORD];
    size_t len = 0;

    for (unsigned i = 0; i < 3; i++) {
        len += put_event(buf + len, i, 100 + i);
    }
    g_assert_cmpuint(smmuv3_event_parse(&r, buf, len, take, &t), ==, 0);
    g_assert_cmpuint(t.n, ==, 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(t.tag[i], ==, 100 + i);
    }
    g_assert_cmpmem(t.last, SMMUV3_EVENT_SIZE, buf + 2 * RECORD + HEADER,
                    SMMUV3_EVENT_SIZE);
    g_assert_cmpuint(r.events, ==, 3);
    g_assert_cmpuint(r.lost, ==, 0);
}

typedef struct SequenceRow {
    const char *name;
    uint32_t expected;
    uint32_t flags;
    uint32_t sequence;
    uint32_t lost;
    uint32_t next;
} SequenceRow;

static const SequenceRow sequence_rows[] = {
    { "the next one", 5, 0, 5, 0, 6 },
    { "one is missing", 5, 0, 6, 1, 7 },
    { "a thousand are missing", 5, 0, 1005, 1000, 1006 },
    { "the last before the wrap", 0x7fffffff, 0, 0x7fffffff, 0, 0 },
    { "the first after the wrap", 0, 0, 0, 0, 1 },
    { "one is missing at the wrap", 0x7fffffff, 0, 0, 1, 1 },
    { "three are missing across the wrap", 0x7ffffffe, 0, 1, 3, 2 },
    /* The header's sequence is that of the last event that was dropped */
    { "one was dropped at the end", 5, LOST, 5, 1, 6 },
    { "ten were dropped at the end", 5, LOST, 14, 10, 15 },
    { "the last before the wrap was dropped", 0x7fffffff, LOST, 0x7fffffff,
      1, 0 },
    { "two were dropped across the wrap", 0x7fffffff, LOST, 0, 2, 1 },
};

static void test_sequence(const void *opaque)
{
    const SequenceRow *row = opaque;
    SMMUv3EventReader r = { .expected = row->expected };
    Taken t = {};
    uint8_t buf[RECORD];
    size_t len;

    if (row->flags & LOST) {
        len = put_header(buf, LOST, row->sequence);
    } else {
        len = put_event(buf, row->sequence, 1);
    }
    g_assert_cmpuint(smmuv3_event_parse(&r, buf, len, take, &t), ==,
                     row->lost);
    g_assert_cmpuint(t.n, ==, !(row->flags & LOST));
    g_assert_cmpuint(r.lost, ==, row->lost);
    g_assert_cmphex(r.expected, ==, row->next);
}

/*
 * Three are dropped; whether the header that says so is read, or has been
 * replaced by an event that did fit, three are lost, and once.
 */
static void test_lost_once(void)
{
    for (int header_read = 0; header_read < 2; header_read++) {
        SMMUv3EventReader r = {};
        Taken t = {};
        uint8_t buf[2 * RECORD + HEADER];
        size_t len = put_event(buf, 0, 0);
        uint32_t lost;

        if (header_read) {
            len += put_header(buf + len, LOST, 3);
        }
        lost = smmuv3_event_parse(&r, buf, len, take, &t);
        g_assert_cmpuint(lost, ==, header_read ? 3 : 0);
        len = put_event(buf, 4, 4);
        lost += smmuv3_event_parse(&r, buf, len, take, &t);
        g_assert_cmpuint(lost, ==, 3);
        g_assert_cmpuint(r.lost, ==, 3);
        g_assert_cmpuint(t.n, ==, 2);
    }
}

/* Every prefix: nothing is read past the end, nothing half is delivered */
static void test_partial(void)
{
    uint8_t whole[2 * RECORD + HEADER];
    size_t size = put_event(whole, 0, 0);

    size += put_event(whole + size, 1, 1);
    size += put_header(whole + size, LOST, 2);
    for (size_t len = 0; len <= size; len++) {
        g_autofree uint8_t *buf = g_memdup2(whole, len);
        SMMUv3EventReader r = {};
        Taken t = {};
        uint32_t lost = smmuv3_event_parse(&r, buf, len, take, &t);

        g_assert_cmpuint(t.n, ==, MIN(len / RECORD, 2));
        g_assert_cmpuint(lost, ==, len == size);
    }
}

/* The kernel does not, but what follows such a header is a record */
static void test_lost_in_between(void)
{
    SMMUv3EventReader r = {};
    Taken t = {};
    uint8_t buf[2 * RECORD];
    size_t len = put_header(buf, LOST, 1);

    len += put_event(buf + len, 2, 77);
    g_assert_cmpuint(smmuv3_event_parse(&r, buf, len, take, &t), ==, 2);
    g_assert_cmpuint(t.n, ==, 1);
    g_assert_cmpuint(t.tag[0], ==, 77);
}

/* Sequences @step apart */
static int events_file(unsigned n, unsigned step)
{
    uint8_t buf[RECORD];
    FILE *f = tmpfile();
    int fd;

    g_assert(f);
    for (unsigned i = 0; i < n; i++) {
        put_event(buf, i * step, i);
        g_assert_cmpuint(fwrite(buf, RECORD, 1, f), ==, 1);
    }
    fflush(f);
    fd = dup(fileno(f));
    fclose(f);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void test_read_all(void)
{
    SMMUv3EventReader r = {};
    Taken t = {};
    int fd = events_file(200, 1);

    g_assert_cmpuint(smmuv3_event_read(&r, fd, take, &t), ==, 0);
    g_assert_cmpuint(t.n, ==, 200);
    g_assert_cmpuint(t.tag[199], ==, 199);
    /* An empty vEVENTQ reads as 0 bytes */
    g_assert_cmpuint(smmuv3_event_read(&r, fd, take, &t), ==, 0);
    g_assert_cmpuint(t.n, ==, 200);
    close(fd);
}

static void test_read_bounded(void)
{
    SMMUv3EventReader r = {};
    Taken t = {};
    int fd = events_file(3000, 1);
    unsigned before = 0, calls = 0;

    while (t.n < 3000) {
        g_assert_cmpuint(smmuv3_event_read(&r, fd, take, &t), ==, 0);
        g_assert_cmpuint(t.n - before, >, 0);
        g_assert_cmpuint(t.n - before, <=, 1024);
        before = t.n;
        calls++;
    }
    g_assert_cmpuint(calls, >, 1);
    close(fd);
}

static void test_read_lost(void)
{
    SMMUv3EventReader r = {};
    Taken t = {};
    int fd = events_file(200, 2);

    g_assert_cmpuint(smmuv3_event_read(&r, fd, take, &t), ==, 199);
    g_assert_cmpuint(r.lost, ==, 199);
    close(fd);
}

static void test_read_error(void)
{
    SMMUv3EventReader r = {};
    Taken t = {};

    g_assert_cmpuint(smmuv3_event_read(&r, -1, take, &t), ==, 0);
    g_assert_cmpuint(t.n, ==, 0);
}

#define ADD(sentence, test) g_test_add_func("/smmuv3/event/" sentence, test)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("events arrive in order and whole", test_in_order);
    for (size_t i = 0; i < ARRAY_SIZE(sequence_rows); i++) {
        g_autofree char *path = g_strdup_printf("/smmuv3/event/sequence/%s",
                                                sequence_rows[i].name);

        g_test_add_data_func(path, &sequence_rows[i], test_sequence);
    }
    ADD("what is lost is counted once", test_lost_once);
    ADD("a record that is cut off is not delivered", test_partial);
    ADD("a read takes all there is", test_read_all);
    ADD("an event after a header of lost ones is delivered",
        test_lost_in_between);
    ADD("a read counts what is lost in all of it", test_read_lost);
    ADD("a read is bounded", test_read_bounded);
    ADD("a read that fails delivers nothing", test_read_error);
    return g_test_run();
}
