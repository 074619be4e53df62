/*
 * Every event that can change what a stream does, and the host calls it costs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_SMMUV3_TRANSITIONS_H
#define TESTS_UNIT_SMMUV3_TRANSITIONS_H

#include "smmuv3-guest.h"

/**
 * Transition - an event at a guest with n devices, 0 to n - 1
 * @before: leads to the state that it begins in
 * @event: what is tested
 * @calls: the host calls of @event. What is in braces is repeated for each
 *         device, what is in brackets for the first only, with $ its number,
 *         @ its StreamID and # the S1ContextPtr of its STE, both in hex.
 * @calls_old: those on Linux 6.15 to 6.18, if they differ by more than that
 *             bypass is the nesting parent and abort a detach
 * @after: what each device's DMA then meets
 * @unplugged: the devices are gone
 */
typedef struct Transition {
    const char *name;
    void (*before)(Guest *g, unsigned n);
    void (*event)(Guest *g, unsigned n);
    const char *calls;
    const char *calls_old;
    FakeDMAKind after;
    bool unplugged;
} Transition;

extern const Transition transitions[];
extern const size_t n_transitions;

/* @calls or @calls_old, written out for @n devices of @g */
char *transition_calls(const Transition *t, const Guest *g, unsigned n);

/* Events to build from */
uint64_t ctx_of(const Guest *g, unsigned i);
void all_plug(Guest *g, unsigned n);
void all_unplug(Guest *g, unsigned n);
void all_ste(Guest *g, unsigned n, uint64_t word0);
void all_s1(Guest *g, unsigned n);
void all_cfgi(Guest *g, unsigned n);
void reach_s1(Guest *g, unsigned n);

#endif /* TESTS_UNIT_SMMUV3_TRANSITIONS_H */
