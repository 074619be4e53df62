/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A QEMU with its QMP on its standard input and output: see vm.h. */

#define _GNU_SOURCE
#include "vm.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define WORDS_MAX 128
#define REPLY_SECONDS 60

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void run(const char *const args[])
{
    char *argv[WORDS_MAX + 4] = { "qemu-system-aarch64" };
    int n = 1;

    for (; *args; args++) {
        char *rest = strdup(*args);

        for (char *word; n < WORDS_MAX && (word = strsep(&rest, " "));) {
            if (*word) {
                argv[n++] = word;
            }
        }
    }
    argv[n++] = "-qmp";
    argv[n++] = "stdio";
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

void vm_start(struct vm *vm, const char *const args[], const char *errors,
              void (*prepare)(void))
{
    int in[2], out[2];
    int err = open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (err < 0 || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        tap_bail("%s: %m", errors);
    }
    vm->have = 0;
    vm->line[0] = vm->events[0] = 0;
    vm->pid = fork();
    if (vm->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err, 2);
        close(err);
        if (prepare) {
            prepare();
        }
        run(args);
    }
    close(err);
    close(in[0]);
    close(out[1]);
    vm->in = in[1];
    vm->out = out[0];
}

/* The next line of QMP into vm->line. */
static bool next_line(struct vm *vm, double until)
{
    char *end;

    while (!(end = memchr(vm->buf, '\n', vm->have))) {
        struct pollfd p = { .fd = vm->out, .events = POLLIN };
        int left = (until - now()) * 1000;
        ssize_t n;

        if (left <= 0 || poll(&p, 1, left) <= 0 ||
            vm->have == sizeof(vm->buf)) {
            return false;
        }
        n = read(vm->out, vm->buf + vm->have, sizeof(vm->buf) - vm->have);
        if (n <= 0) {
            return false;
        }
        vm->have += n;
    }
    *end = 0;
    strcpy(vm->line, vm->buf);
    vm->have -= end + 1 - vm->buf;
    memmove(vm->buf, end + 1, vm->have);
    return true;
}

static bool is_event(const char *line)
{
    return strstr(line, "\"event\":") && strstr(line, "\"timestamp\":");
}

static void keep_event(struct vm *vm)
{
    if (strlen(vm->events) + strlen(vm->line) + 2 < sizeof(vm->events)) {
        strcat(strcat(vm->events, vm->line), "\n");
    }
}

static bool reply(struct vm *vm)
{
    double until = now() + REPLY_SECONDS;

    while (next_line(vm, until)) {
        if (!is_event(vm->line)) {
            return true;
        }
        keep_event(vm);
    }
    return false;
}

bool vm_command(struct vm *vm, const char *json)
{
    if (dprintf(vm->in, "%s\n", json) < 0) {
        return false;
    }
    return reply(vm);
}

bool vm_hmp(struct vm *vm, const char *command)
{
    char json[512];

    snprintf(json, sizeof(json), "{\"execute\":\"human-monitor-command\","
             "\"arguments\":{\"command-line\":\"%s\"}}", command);
    return vm_command(vm, json);
}

bool vm_greet(struct vm *vm)
{
    return reply(vm) && strstr(vm->line, "\"QMP\"") &&
           vm_command(vm, "{\"execute\":\"qmp_capabilities\"}");
}

bool vm_event(struct vm *vm, const char *text, int seconds)
{
    double until = now() + seconds;

    while (!strstr(vm->events, text)) {
        if (!next_line(vm, until)) {
            return false;
        }
        keep_event(vm);
    }
    return true;
}

int vm_wait(struct vm *vm, int seconds)
{
    double until = now() + seconds;
    int status = -1;

    while (waitpid(vm->pid, &status, WNOHANG) == 0) {
        if (now() > until) {
            kill(vm->pid, SIGKILL);
            waitpid(vm->pid, &status, 0);
            status = -1;
            break;
        }
        usleep(10000);
    }
    close(vm->in);
    close(vm->out);
    if (status == -1) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int vm_quit(struct vm *vm)
{
    vm_command(vm, "{\"execute\":\"quit\"}");
    return vm_wait(vm, REPLY_SECONDS);
}

void file_read(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

    text[n > 0 ? n : 0] = 0;
    if (fd >= 0) {
        close(fd);
    }
}
