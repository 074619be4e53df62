/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What users get wrong: each wrong command line ends in a message that says
 * so and exit status 1, each wrong hot-plug is refused and the VM runs on.
 *
 *   bad-input TABLE ADDRESS ADDRESS UNBOUND
 *
 * The first two addresses are functions that vfio-pci has, the third is one
 * that it has not.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bad-input.h"
#include "tap.h"
#include "vm.h"

#define ERRORS "/tmp/bad-input.stderr"
#define LINK "/tmp/a-device"
#define NOBODY 65534
#define TEXT_MAX 4096

static const char *address[3];

/* $0 to $2 are the addresses. */
static void substitute(const char *from, char *to, size_t size)
{
    size_t n = 0;

    for (; *from && n < size - 1; from++) {
        if (from[0] == '$' && from[1] >= '0' && from[1] <= '2') {
            n += snprintf(to + n, size - n, "%s", address[from[1] - '0']);
            from++;
        } else {
            to[n++] = *from;
        }
    }
    to[n] = 0;
}

static void as_nobody(void)
{
    if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)) {
        perror("bad-input: setuid");
        _exit(126);
    }
}

static void limit_memlock(void)
{
    struct rlimit limit = { 1 << 20, 1 << 20 };

    setrlimit(RLIMIT_MEMLOCK, &limit);
    as_nobody();
}

static void open_null(void)
{
    int fd = open("/dev/null", O_RDWR);

    if (fd < 0 || dup2(fd, 77) < 0) {
        _exit(126);
    }
}

static void (*const prepare_call[])(void) = {
    [AS_NOBODY] = as_nobody,
    [AS_NOBODY_WITH_IOMMU] = as_nobody,
    [AS_NOBODY_WITH_DEVICE] = as_nobody,
    [LIMIT_MEMLOCK] = limit_memlock,
    [OPEN_NULL] = open_null,
    [DEVICE_BUSY] = NULL,
};

static void cdev_path(const char *addr, char *path, size_t size)
{
    char text[128];
    FILE *p;

    snprintf(text, sizeof(text), "ls /sys/bus/pci/devices/%s/vfio-dev", addr);
    p = popen(text, "r");
    if (!p || !fgets(text, sizeof(text), p)) {
        tap_bail("%s is not bound to vfio-pci", addr);
    }
    pclose(p);
    text[strcspn(text, "\n")] = 0;
    snprintf(path, size, "/dev/vfio/devices/%s", text);
}

static void set_modes(enum prepare prepare)
{
    bool iommu = prepare == LIMIT_MEMLOCK || prepare == AS_NOBODY_WITH_IOMMU;
    bool device = prepare == LIMIT_MEMLOCK || prepare == AS_NOBODY_WITH_DEVICE;
    char path[160];

    chmod("/dev/kvm", 0666);
    chmod("/dev/iommu", iommu ? 0666 : 0600);
    for (int i = 0; i < 2; i++) {
        cdev_path(address[i], path, sizeof(path));
        chmod(path, device ? 0666 : 0600);
    }
}

/* A message, and what it is about must be in it. */
static bool says(const char *text, const char *what)
{
    if (!strstr(text, what)) {
        tap_note("wanted: %s", what);
        return false;
    }
    return true;
}

static void note_lines(const char *label, const char *text)
{
    char copy[TEXT_MAX];
    char *rest = copy;

    snprintf(copy, sizeof(copy), "%.*s", TEXT_MAX - 1, text);
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (*line) {
            tap_note("%s %s", label, line);
        }
    }
}

static void check_start(const struct bad_start *bad)
{
    static struct vm vm, holder;
    char args[TEXT_MAX], want[TEXT_MAX], text[TEXT_MAX];
    const char *const all[] = { bad->base ?: START_BASE, args, NULL };
    bool held = bad->prepare == DEVICE_BUSY;
    int status;

    substitute(bad->args, args, sizeof(args));
    substitute(bad->says, want, sizeof(want));
    if (held) {
        char good[TEXT_MAX];
        const char *const hold[] = { START_BASE, good, NULL };

        substitute(HOLDER, good, sizeof(good));
        vm_start(&holder, hold, "/tmp/holder.stderr", NULL);
        if (!vm_greet(&holder)) {
            file_read("/tmp/holder.stderr", text, sizeof(text));
            tap_bail("the VM that is to hold the device: %s", text);
        }
    }
    set_modes(bad->prepare);
    vm_start(&vm, all, ERRORS, prepare_call[bad->prepare]);
    status = vm_greet(&vm) ? (vm_quit(&vm), 0) : vm_wait(&vm, 30);
    file_read(ERRORS, text, sizeof(text));
    note_lines("args:", args);
    note_lines("says:", text);
    tap_check(status == 1 && says(text, want),
              "%s: refused%s", bad->name,
              status == 1 ? "" : ", but the exit status is not 1");
    if (status != 1) {
        tap_note("exit status %d", status);
    }
    if (held) {
        vm_quit(&holder);
    }
}

/* "desc" of the last reply, which must be an error. */
static const char *error_of(struct vm *vm)
{
    static char text[TEXT_MAX];
    char *desc = strstr(vm->line, "\"desc\": \"");
    size_t n = 0;

    if (!desc) {
        return NULL;
    }
    for (desc += strlen("\"desc\": \""); *desc && *desc != '"'; desc++) {
        desc += *desc == '\\' && desc[1];
        text[n++] = *desc;
    }
    text[n] = 0;
    return text;
}

static bool runs(struct vm *vm)
{
    return vm_command(vm, "{\"execute\":\"query-status\"}") &&
           strstr(vm->line, "\"status\": \"running\"");
}

static void check_plug(struct vm *vm, const struct bad_plug *bad)
{
    char json[TEXT_MAX], want[TEXT_MAX], text[TEXT_MAX] = "";
    const char *desc;
    bool alive, refused;

    substitute(bad->json, json, sizeof(json));
    substitute(bad->says, want, sizeof(want));
    alive = vm_command(vm, json);
    tap_note("does: %s", json);
    /* An HMP command has its message in its output. */
    desc = alive ? error_of(vm) : NULL;
    if (alive && !desc && strstr(json, "human-monitor-command")) {
        desc = vm->line;
    }
    snprintf(text, sizeof(text), "%.*s", TEXT_MAX - 1, desc ?: "");
    note_lines("says:", text);
    refused = desc && says(text, want);
    alive = alive && runs(vm);
    tap_check(refused && alive, "%s: refused, and the VM runs on%s",
              bad->name, alive ? "" : "; it does not");
}

static void good_plug(struct vm *vm)
{
    static const char *const step[] = {
        "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"vfio-pci\","
        "\"id\":\"good\",\"sysfsdev\":\"" LINK "\",\"bus\":\"rp2\","
        "\"iommufd\":\"iommufd0\"}}",
        "{\"execute\":\"x-query-smmuv3-accel\"}",
    };
    char device[TEXT_MAX];

    substitute("/sys/bus/pci/devices/$1", device, sizeof(device));
    if (symlink(device, LINK) < 0) {
        tap_bail("%s: %s", LINK, strerror(errno));
    }
    tap_check(vm_command(vm, step[0]) && strstr(vm->line, "\"return\": {}"),
              "after all that, a right hot-plug is taken, by a link");
    tap_note("%s", vm->line);
    tap_check(vm_command(vm, step[1]) &&
              strstr(vm->line, "\"device\": \"good\""),
              "and the monitor shows it");
}

static void check_plugs(const struct bad_vm *bad)
{
    static struct vm vm;
    char args[TEXT_MAX], text[TEXT_MAX];
    const char *const all[] = { START_BASE, args, NULL };

    substitute(bad->args, args, sizeof(args));
    set_modes(AS_IS);
    vm_start(&vm, all, ERRORS, NULL);
    tap_note("a VM with: %s", args);
    if (!vm_greet(&vm)) {
        file_read(ERRORS, text, sizeof(text));
        tap_bail("the VM to plug into does not start: %s", text);
    }
    for (const struct bad_plug *b = bad->plug; b->name; b++) {
        check_plug(&vm, b);
    }
    if (bad->then_good) {
        good_plug(&vm);
    }
    tap_check(vm_quit(&vm) == 0, "and it ends well");
}

int main(int argc, char **argv)
{
    const struct bad_table *table = NULL;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc == 5 && i < bad_tables_len; i++) {
        if (!strcmp(bad_tables[i].name, argv[1])) {
            table = &bad_tables[i];
        }
    }
    if (!table) {
        tap_bail("usage: bad-input TABLE ADDRESS ADDRESS UNBOUND");
    }
    memcpy(address, argv + 2, sizeof(address));
    for (const struct bad_start *b = table->start; b && b->name; b++) {
        check_start(b);
    }
    for (const struct bad_vm *b = table->vm; b && b->args; b++) {
        check_plugs(b);
    }
    return tap_done();
}
