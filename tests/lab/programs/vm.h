/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A QEMU with its QMP on its standard input and output. */
#ifndef LAB_VM_H
#define LAB_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define VM_LINE_MAX 65536

struct vm {
    pid_t pid;
    int in, out;
    char line[VM_LINE_MAX];     /* the last reply or event */
    char events[VM_LINE_MAX];   /* all that came between replies, by line */
    char buf[VM_LINE_MAX];
    size_t have;
};

/*
 * Start QEMU: the words of each string in args, then -qmp stdio. Standard
 * error goes to the file errors. In the child prepare(), if there is one, is
 * called last.
 */
void vm_start(struct vm *vm, const char *const args[], const char *errors,
              void (*prepare)(void));

/* The greeting and qmp_capabilities; false if QEMU ended instead. */
bool vm_greet(struct vm *vm);

/* One command; its reply is in vm->line. False if QEMU ended instead. */
bool vm_command(struct vm *vm, const char *json);

/* An HMP command, by QMP; its output, with \r\n as in JSON, is in vm->line. */
bool vm_hmp(struct vm *vm, const char *command);

/* Wait until an event comes that holds text. */
bool vm_event(struct vm *vm, const char *text, int seconds);

/* The exit status, or 128 + signal; -1 if it has to be killed after that. */
int vm_wait(struct vm *vm, int seconds);

/* quit, and vm_wait() */
int vm_quit(struct vm *vm);

/* What a file holds, at most size - 1 bytes, as a string. */
void file_read(const char *path, char *text, size_t size);

#endif
