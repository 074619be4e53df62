/*
 * The conformance table: read, and run row by row
 *
 * A row is a program in the words of tests/conformance/README.md. It runs on a
 * ConfMachine, which stands for a machine with an SMMUv3: the program knows
 * nothing else of it, so that the same row judges the accelerated SMMUv3 on a
 * fake host, on a real one, and the emulated SMMUv3.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CONFORMANCE_INTERPRETER_H
#define TESTS_CONFORMANCE_INTERPRETER_H

#define CONF_ARGS 8

/* One step of a row: words, as in the file */
typedef struct ConfStep {
    const char *file;
    unsigned line;
    unsigned n;
    char *word[CONF_ARGS];
} ConfStep;

/**
 * ConfRow - one rule
 * @section: of IHI 0070 G.b, or the name of a driver
 * @with: the properties that the SMMU needs, "" for the usual ones
 * @only: "" or the way that the row is for; the reason is in the file
 * @dma: a step tells what DMA meets
 */
typedef struct ConfRow {
    char *section;
    char *rule;
    char *name;
    const char *with;
    const char *only;
    bool dma;
    GPtrArray *steps;
} ConfRow;

typedef struct ConfTable {
    GPtrArray *rows;
    GHashTable *names;      /* name -> its value, as uint64_t */
    GHashTable *macros;     /* name -> GPtrArray of ConfStep */
    GPtrArray *files;
} ConfTable;

typedef enum ConfDMA {
    CONF_BLOCKED,
    CONF_FLAT,              /* reaches memory at its own address */
    CONF_MAPPED,            /* reaches memory through the stage 1 tables */
} ConfDMA;

typedef enum ConfIRQ {
    CONF_IRQ_EVENTQ,
    CONF_IRQ_SYNC,
    CONF_IRQ_GERROR,
    CONF_IRQS,
} ConfIRQ;

/**
 * ConfMachine - how a row reaches the machine that it runs on
 * @reset: a system reset; devices are then at their first StreamIDs
 * @reg_read, @reg_write: SMMU registers, @width 1, 2, 4 or 8 bytes
 * @mem_read, @mem_write: guest memory
 * @dma: lets device @dev read and write, and tells what it reached
 * @write_to: lets device @dev write to @iova, whatever becomes of it
 * @irq: was the wire pulsed since this was last asked?
 * @settle: waits until what is on its way to the event queue has come
 * @pending: as @write_to, and QEMU does not yet know of the host's event
 */
typedef struct ConfMachine {
    void (*reset)(void *opaque);
    uint64_t (*reg_read)(void *opaque, uint32_t reg, unsigned width);
    void (*reg_write)(void *opaque, uint32_t reg, unsigned width,
                      uint64_t val);
    void (*mem_read)(void *opaque, uint64_t addr, void *buf, size_t len);
    void (*mem_write)(void *opaque, uint64_t addr, const void *buf,
                      size_t len);
    ConfDMA (*dma)(void *opaque, unsigned dev);
    void (*write_to)(void *opaque, unsigned dev, uint64_t iova);
    void (*pending)(void *opaque, unsigned dev, uint64_t iova);
    bool (*irq)(void *opaque, ConfIRQ irq);
    void (*settle)(void *opaque);
    void *opaque;
} ConfMachine;

/*
 * Read a file of names, macros and rows, after those read before; exits with a
 * message where it cannot be understood
 */
void conf_load(ConfTable *table, const char *path);

/* Returns: NULL if the row is right; or what is wrong, the caller's to free */
char *conf_run(const ConfTable *table, const ConfRow *row,
               const ConfMachine *machine);

/**
 * ConfList - rows that are expected to fail, each with a reason
 *
 * "= SECTION: RULE" and then lines of text
 */
typedef struct ConfList ConfList;

ConfList *conf_list_load(const char *path);
/* Returns: why the row is to fail, or NULL */
const char *conf_list_find(ConfList *list, const ConfRow *row);
/* Each entry must name a row of the table; exits with a message otherwise */
void conf_list_check(ConfList *list, const ConfTable *table);

/*
 * Run a row and print its point of TAP. A row on the list has to fail.
 * Returns: whether the point is good
 */
bool conf_point(const ConfTable *table, const ConfRow *row,
                const ConfMachine *machine, ConfList *expected,
                unsigned number);

#endif /* TESTS_CONFORMANCE_INTERPRETER_H */
