/* SPDX-License-Identifier: MIT
 *
 * search.c: breadth first over all states, so that the first thing found wrong is found in as few
 * steps as it takes. A state is looked at once. It must not know what a step or a state is.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

struct config config;
struct world world;
jmp_buf violated;
char why[WHY_BYTES];

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    longjmp(violated, 1);
}

/* ---- what was seen ----------------------------------------------------------------------------
 */

enum { NONE = UINT32_MAX };

struct seen {
    uint64_t hash;
    uint32_t parent;
    uint32_t follows; /* of all its next states; 0: not looked at yet */
    struct step step;
};

static struct {
    struct seen *states;
    size_t count, room;
    uint32_t *slots; /* number of the state + 1 */
    size_t mask;
    size_t first_of_depth, depth;
    uint64_t steps, quiet, compared;
    size_t packed_bytes, packed_bytes_max;
} all;

static void *check_memory(void *block)
{
    if (block == NULL) {
        perror("explore");
        exit(2);
    }
    return block;
}

static void grow_slots(void)
{
    all.mask = all.mask == 0 ? (1u << 16) - 1 : all.mask * 2 + 1;
    free(all.slots);
    all.slots = check_memory(calloc(all.mask + 1, sizeof *all.slots));
    for (size_t i = 0; i < all.count; i++) {
        size_t at = (size_t)all.states[i].hash & all.mask;
        while (all.slots[at] != 0) {
            at = (at + 1) & all.mask;
        }
        all.slots[at] = (uint32_t)i + 1;
    }
}

/* The number of a state; *is_new when it was not seen before. */
static uint32_t see(uint64_t hash, uint32_t parent, struct step step, int *is_new)
{
    size_t at;
    if ((all.count + 1) * 2 > all.mask) {
        grow_slots();
    }
    for (at = (size_t)hash & all.mask; all.slots[at] != 0; at = (at + 1) & all.mask) {
        if (all.states[all.slots[at] - 1].hash == hash) {
            *is_new = 0;
            return all.slots[at] - 1;
        }
    }
    if (all.count == all.room) {
        all.room = all.room == 0 ? 1 << 16 : all.room * 2;
        all.states = check_memory(realloc(all.states, all.room * sizeof *all.states));
    }
    all.states[all.count] = (struct seen){hash, parent, 0, step};
    all.slots[at] = (uint32_t)all.count + 1;
    *is_new = 1;
    return (uint32_t)all.count++;
}

/* ---- states that are still to be looked at ----------------------------------------------------
 */

struct waiting {
    struct waiting *next;
    uint32_t number;
    size_t bytes;
    uint8_t *packed;
};

static struct waiting *first, **last = &first;

static void wait_for(uint32_t number)
{
    struct waiting *one = check_memory(malloc(sizeof *one));
    one->next = NULL;
    one->number = number;
    one->packed = state_pack(&one->bytes);
    *last = one;
    last = &one->next;
    all.packed_bytes += one->bytes;
    if (all.packed_bytes > all.packed_bytes_max) {
        all.packed_bytes_max = all.packed_bytes;
    }
}

static struct waiting *next_waiting(void)
{
    struct waiting *one = first;
    if (one != NULL) {
        first = one->next;
        last = first == NULL ? &first : last;
        all.packed_bytes -= one->bytes;
    }
    return one;
}

static void free_waiting(struct waiting *one)
{
    free(one->packed);
    free(one);
}

/* ---- states that look alike -------------------------------------------------------------------
 */

enum { ALIKE_MAX = 1 << 16, ALIKE_EVERY = 61 };

/* One that was reached again, on another way: what followed from it then. */
static struct alike {
    uint32_t number, follows;
    uint32_t parent;
    struct step step;
} alikes[ALIKE_MAX];

static uint32_t at_number; /* where we are, for whoever has to tell */
static struct step at_step;
static int at_is_step;

/* Everything that follows from the present state, as a number; the state is as before. */
static uint32_t follows_of(uint32_t number, const uint8_t *packed)
{
    struct step steps[STEPS_MAX];
    size_t fair, count = steps_of(steps, &fair);
    uint32_t sum = (uint32_t)(count * 31 + fair) | 1;
    at_number = number;
    for (size_t i = 0; i < count; i++) {
        at_step = steps[i];
        step_take(steps[i]);
        sum = sum * 31 + (uint32_t)state_hash();
        state_unpack(packed);
    }
    return sum == 0 ? 1 : sum;
}

static void compare_later(uint32_t number, uint32_t parent, struct step step)
{
    size_t bytes;
    uint8_t *packed;
    if (all.compared >= ALIKE_MAX) {
        return;
    }
    packed = state_pack(&bytes);
    alikes[all.compared++] = (struct alike){number, follows_of(number, packed), parent, step};
    free(packed);
}

/* ---- the way to a state -----------------------------------------------------------------------
 */

static uint8_t *root;

static void tell_way(uint32_t number, const struct step *and)
{
    static struct step way[100000];
    size_t count = 0;
    char text[100];
    for (uint32_t i = number; i != 0; i = all.states[i].parent) {
        way[count++] = all.states[i].step;
    }
    state_unpack(root);
    for (size_t i = count; i > 0; i--) {
        step_name(way[i - 1], text, sizeof text);
        printf("  %3zu  %s\n", count - i + 1, text);
        step_take(way[i - 1]);
    }
    if (and != NULL) {
        step_name(*and, text, sizeof text);
        printf("  %3zu  %s\n", count + 1, text);
    }
}

/* An assertion in the core: the way there is all that is left to tell. */
static void on_signal(int number)
{
    signal(number, SIG_DFL);
    printf("VIOLATION: %s\n", number == SIGABRT ? "an assertion failed" : "it crashed");
    tell_way(at_number, at_is_step ? &at_step : NULL);
    fflush(stdout);
    raise(number);
}

static size_t depth_of(uint32_t number)
{
    size_t depth = 0;
    for (uint32_t i = number; i != 0; i = all.states[i].parent) {
        depth++;
    }
    return depth;
}

/* ---- the search -------------------------------------------------------------------------------
 */

/* Takes one step from the state that is unpacked. */
static uint64_t follow(uint32_t number, struct step step)
{
    int is_new;
    uint32_t next;
    uint64_t hash;
    at_number = number;
    at_step = step;
    at_is_step = 1;
    step_take(step);
    check_always();
    all.steps++;
    hash = state_hash();
    next = see(hash, number, step, &is_new);
    if (is_new) {
        wait_for(next);
    } else if (all.steps % ALIKE_EVERY == 0) {
        compare_later(next, number, step);
    }
    return hash;
}

/* What must hold where nothing happens by itself; and the end, whenever it comes. */
static void check_rest(const uint8_t *packed)
{
    all.quiet++;
    check_quiet();
    check_end();
    state_unpack(packed);
}

static void look_at(const struct waiting *one)
{
    struct step steps[STEPS_MAX];
    size_t fair, count;
    uint32_t sum;
    state_unpack(one->packed);
    at_number = one->number;
    at_is_step = 0;
    count = steps_of(steps, &fair);
    if (fair == 0) {
        check_rest(one->packed);
    }
    sum = (uint32_t)(count * 31 + fair) | 1;
    for (size_t i = 0; i < count; i++) {
        sum = sum * 31 + (uint32_t)follow(one->number, steps[i]);
        state_unpack(one->packed);
    }
    all.states[one->number].follows = sum == 0 ? 1 : sum;
}

static const char *is_enough(uint32_t number)
{
    if (config.states_max != 0 && all.count >= config.states_max) {
        return "states";
    }
    if (all.packed_bytes >> 20 > config.frontier_max_mib) {
        return "memory";
    }
    if (config.depth_max != 0 && depth_of(number) >= config.depth_max) {
        return "depth";
    }
    return NULL;
}

static int check_alikes(void)
{
    for (size_t i = 0; i < all.compared; i++) {
        const struct alike *one = &alikes[i];
        if (all.states[one->number].follows != 0 &&
            all.states[one->number].follows != one->follows) {
            printf("  two states look alike, and what follows is not. One way:\n");
            tell_way(one->number, NULL);
            printf("  The other:\n");
            tell_way(one->parent, &one->step);
            return 0;
        }
    }
    return 1;
}

static void begin(void)
{
    int is_new;
    struct step none = {0, 0, 0};
    size_t bytes;
    free(all.states);
    free(all.slots);
    memset(&all, 0, sizeof all);
    memset(&world, 0, sizeof world);
    wire_choose(config.streams);
    side_open(0);
    side_open(1);
    state_base();
    free(root);
    root = state_pack(&bytes);
    wait_for(see(state_hash(), 0, none, &is_new));
}

static void empty(void)
{
    for (struct waiting *one; (one = next_waiting()) != NULL;) {
        free_waiting(one);
    }
}

static void report(const char *label, const char *verdict, uint32_t number)
{
    printf("%-8s %s: %zu states, %llu steps, %llu at rest, depth %zu, %llu compared, %zu MiB\n",
           verdict, label, all.count, (unsigned long long)all.steps, (unsigned long long)all.quiet,
           depth_of(number), (unsigned long long)all.compared, all.packed_bytes_max >> 20);
    fflush(stdout);
}

int search(const char *label)
{
    static struct waiting *volatile one;
    static uint32_t number;
    const char *enough = NULL;
    signal(SIGABRT, on_signal);
    signal(SIGSEGV, on_signal);
    begin();
    number = 0;
    if (setjmp(violated) != 0) {
        char what[WHY_BYTES];
        memcpy(what, why, sizeof what);
        report(label, "WRONG", at_number);
        if (setjmp(violated) == 0) {
            tell_way(at_number, at_is_step ? &at_step : NULL);
        }
        printf("       %s\n", what);
        empty();
        return 0;
    }
    while (enough == NULL && (one = next_waiting()) != NULL) {
        number = one->number;
        look_at(one);
        enough = is_enough(number);
        free_waiting(one);
    }
    empty();
    report(label, enough == NULL ? "all" : enough, number);
    return check_alikes();
}
