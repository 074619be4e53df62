/*
 * A stream between two processes that is cut where a test wants it
 *
 *   cut-stream FROM TO [WORD]
 *
 * FROM and TO are sockets. Who connects to FROM is connected to TO. What it
 * sends goes on, up to the end of the first WORD; an empty WORD lets nothing
 * pass. Then "cut" is printed, and the rest is lost; it ends when one of the two
 * has gone. Without a WORD all goes on, and the answers are lost; it ends when
 * who connected to FROM has gone, who does not learn that the other one has.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(a.sun_path)) {
        errx(2, "%s: too long", path);
    }
    strcpy(a.sun_path, path);
    return a;
}

static int accept_one(const char *path)
{
    struct sockaddr_un a = address(path);
    int server = socket(AF_UNIX, SOCK_STREAM, 0), fd;

    if (bind(server, (struct sockaddr *)&a, sizeof(a)) || listen(server, 1)) {
        err(2, "%s", path);
    }
    fd = accept(server, NULL, NULL);
    close(server);
    if (fd < 0) {
        err(2, "%s", path);
    }
    return fd;
}

static int connect_to(const char *path)
{
    struct sockaddr_un a = address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        err(2, "%s", path);
    }
    return fd;
}

/* How much of @buf may pass: up to the end of @word. Sets @found there. */
static size_t may_pass(const char *buf, size_t n, const char *word, bool *found)
{
    static size_t matched;

    for (size_t i = 0; i < n; i++) {
        if (!word[matched]) {
            *found = true;
            return i;
        }
        matched = buf[i] == word[matched] ? matched + 1 : buf[i] == word[0];
    }
    return n;
}

static bool pass(int from, int to, const char *word, bool *cut)
{
    char buf[4096];
    ssize_t n = read(from, buf, sizeof(buf));

    if (n <= 0) {
        return false;
    }
    if (*cut) {
        return true;
    }
    if (word) {
        n = may_pass(buf, n, word, cut);
    }
    if (*cut) {
        puts("cut");
        fflush(stdout);
    }
    return write(to, buf, n) == n;
}

/* Without a word, it is lost */
static bool answer(int from, int to, const char *word)
{
    char buf[4096];
    ssize_t n = read(from, buf, sizeof(buf));

    return n > 0 && (!word || write(to, buf, n) == n);
}

int main(int argc, char **argv)
{
    const char *word = argc > 3 ? argv[3] : NULL;
    struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
    bool cut = false;

    if (argc < 3) {
        errx(2, "usage: cut-stream FROM TO [WORD]");
    }
    p[0].fd = accept_one(argv[1]);
    p[1].fd = connect_to(argv[2]);
    for (;;) {
        if (poll(p, 2, -1) < 0) {
            err(2, "poll");
        }
        if (((p[0].revents & POLLIN) && !pass(p[0].fd, p[1].fd, word, &cut)) ||
            (p[0].revents & (POLLHUP | POLLERR))) {
            return 0;
        }
        if (p[1].revents && !answer(p[1].fd, p[0].fd, word)) {
            if (word) {
                return 0;
            }
            p[1].fd = -1;
        }
    }
}
