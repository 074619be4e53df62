/*
 * What was found: printed line by line, or as JSON at the end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-check.h"

#define TEXT_LEN 1024

typedef struct Finding {
    const Device *dev;      /* NULL: of the host */
    const char *check;
    const char *result;
    char text[TEXT_LEN];
} Finding;

static Finding *found;
static size_t count;
static const Device *about;
static bool json;
static bool all_good = true;

void report_as_json(void)
{
    json = true;
}

bool report_is_json(void)
{
    return json;
}

void report_about(const Device *dev)
{
    about = dev;
    if (json) {
        return;
    }
    if (!dev) {
        printf("Host\n");
    } else if (dev->id[0]) {
        printf("%s (%s)\n", dev->address, dev->id);
    } else {
        printf("%s\n", dev->address);
    }
}

bool report_all_good(void)
{
    return all_good;
}

__attribute__((format(printf, 3, 0)))
static void add(const char *result, const char *check, const char *fmt,
                va_list args)
{
    Finding *f;

    found = realloc(found, (count + 1) * sizeof(*found));
    if (!found) {
        abort();
    }
    f = &found[count++];
    f->dev = about;
    f->check = check;
    f->result = result;
    vsnprintf(f->text, sizeof(f->text), fmt, args);
    if (!json) {
        printf("  %-4s %s\n", result, f->text);
    }
}

#define ADD(result, check, fmt) do {            \
        va_list args;                           \
        va_start(args, fmt);                    \
        add(result, check, fmt, args);          \
        va_end(args);                           \
    } while (0)

void good(const char *check, const char *fmt, ...)
{
    ADD("ok", check, fmt);
}

void note(const char *check, const char *fmt, ...)
{
    ADD("note", check, fmt);
}

void bad(const char *check, const char *fmt, ...)
{
    ADD("NO", check, fmt);
    all_good = false;
}

/* --- JSON; docs/system/arm/smmuv3-host-ready.rst has its schema --- */

static void print_string(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') {
            printf("\\%c", *s);
        } else if ((unsigned char)*s < 0x20) {
            printf("\\u%04x", *s);
        } else {
            putchar(*s);
        }
    }
    putchar('"');
}

static void print_findings(const Device *dev)
{
    const char *comma = "";

    printf("\"findings\": [");
    for (size_t i = 0; i < count; i++) {
        const Finding *f = &found[i];

        if (f->dev == dev) {
            printf("%s\n      { \"check\": \"%s\", \"result\": \"%s\", "
                   "\"text\": ", comma, f->check,
                   strcmp(f->result, "NO") ? f->result : "no");
            print_string(f->text);
            printf(" }");
            comma = ",";
        }
    }
    printf(" ]");
}

static void print_name(const char *key, const char *value)
{
    if (value[0]) {
        printf(" \"%s\": ", key);
        print_string(value);
        putchar(',');
    }
}

static void print_device(const Device *dev)
{
    const char *comma = "";

    printf("\n    {");
    print_name("address", dev->address);
    print_name("id", dev->id);
    print_name("driver", dev->driver);
    print_name("group", dev->group);
    print_name("smmu", dev->smmu);
    print_name("cdev", dev->cdev);
    printf("\n      \"ready\": %s,", dev->ready ? "true" : "false");
    if (dev->known) {
        printf(" \"ats\": %s, \"ril\": %s, \"ssidsize\": %u, \"oas\": %u,"
               " \"cmdqv\": %s,\n"
               "      \"repeats-invalidations\": %s, \"granules\": [",
               dev->ats ? "true" : "false", dev->ril ? "true" : "false",
               dev->ssidsize, dev->oas, dev->cmdqv ? "true" : "false",
               dev->repeats ? "true" : "false");
        for (unsigned shift = 12; shift <= 16; shift += 2) {
            if (dev->granules & 1u << shift) {
                printf("%s %u", comma, 1u << shift);
                comma = ",";
            }
        }
        printf(" ],");
    }
    printf("\n      ");
    print_findings(dev);
    printf(" }");
}

void report_json(const Device *dev, int devices, char *const *command)
{
    const char *comma = "";

    printf("{\n  \"version\": 1,\n  \"ready\": %s,\n  \"host\": {\n    ",
           all_good ? "true" : "false");
    print_findings(NULL);
    printf(" },\n  \"devices\": [");
    for (int i = 0; i < devices; i++) {
        printf("%s", comma);
        print_device(&dev[i]);
        comma = ",";
    }
    printf(" ]");
    if (command) {
        printf(",\n  \"command\": [");
        comma = "";
        for (; *command; command++) {
            printf("%s\n    ", comma);
            print_string(*command);
            comma = ",";
        }
        printf(" ]");
    }
    printf("\n}\n");
}
