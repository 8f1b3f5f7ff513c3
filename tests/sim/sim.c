/* SPDX-License-Identifier: MIT
 *
 * sim.c: the record of a run, the memory it uses, the contents of messages. See sim.h.
 */
#include "sim.h"
#include "base/mutant.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum kith_mutant kith_mutant_on;

/* ---- the record -------------------------------------------------------------------------------
 */

void sim_fail(struct sim *sim, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sim->violation, sizeof sim->violation, format, arguments);
    va_end(arguments);
    if (sim->trace) {
        printf("%12.6f  VIOLATED: %s\n", (double)sim->now_us / 1e6, sim->violation);
        fflush(stdout);
    }
    longjmp(sim->escape, 1);
}

static void trace(const struct sim *sim, enum sim_note note, int who, const uint64_t *numbers)
{
    static const char *const texts[] = {
#define SIM_NOTE_TEXT(name, text) text,
        SIM_NOTES(SIM_NOTE_TEXT)
#undef SIM_NOTE_TEXT
    };
    char name[32] = "world";
    if (who >= 0) {
        snprintf(name, sizeof name, "actor %d", who);
    }
    printf("%12.6f  %-8s  %-18s %llu %llu %llu\n", (double)sim->now_us / 1e6, name, texts[note],
           (unsigned long long)numbers[0], (unsigned long long)numbers[1],
           (unsigned long long)numbers[2]);
}

void sim_note(struct sim *sim, enum sim_note note, int who, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t numbers[] = {a, b, c};
    uint64_t digest = sim->digest ^ sim->now_us;
    digest = sim_mix(digest + (uint64_t)note * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)(who + 2));
    for (size_t i = 0; i < 3; i++) {
        digest = (digest ^ numbers[i]) * UINT64_C(0xff51afd7ed558ccd);
        digest ^= digest >> 32;
    }
    sim->digest = digest;
    sim->events++;
    if (sim->trace) {
        trace(sim, note, who, numbers);
    }
}

/* ---- memory -----------------------------------------------------------------------------------
 */

enum { CHUNK_BYTES = 1 << 20 };

struct sim_chunk {
    struct sim_chunk *next;
    size_t room;
    max_align_t bytes[];
};

static struct sim_chunk *new_chunk(size_t room)
{
    struct sim_chunk *chunk = malloc(sizeof *chunk + room);
    if (chunk == NULL) {
        perror("kith-sim");
        exit(2);
    }
    chunk->next = NULL;
    chunk->room = room;
    return chunk;
}

/* The next chunk with enough room; those in between are skipped for this run. */
static void next_chunk(struct sim_arena *arena, size_t bytes)
{
    struct sim_chunk **at = arena->now == NULL ? &arena->chunks : &arena->now->next;
    while (*at != NULL && (*at)->room < bytes) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        *at = new_chunk(bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES);
    }
    arena->now = *at;
    arena->used = 0;
}

void *sim_alloc(struct sim *sim, size_t bytes)
{
    struct sim_arena *arena = &sim->arena;
    void *out;
    bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (arena->now == NULL || arena->now->room - arena->used < bytes) {
        next_chunk(arena, bytes);
    }
    out = (char *)arena->now->bytes + arena->used;
    arena->used += bytes;
    return memset(out, 0, bytes);
}

void *sim_grow(struct sim *sim, void *items, size_t count, size_t *room, size_t item_bytes)
{
    void *out;
    if (count < *room) {
        return items;
    }
    *room = *room == 0 ? 8 : *room * 2;
    out = sim_alloc(sim, *room * item_bytes);
    if (count > 0) {
        memcpy(out, items, count * item_bytes);
    }
    return out;
}

void sim_arena_reset(struct sim_arena *arena)
{
    arena->now = NULL;
    arena->used = 0;
}

/* ---- contents ---------------------------------------------------------------------------------
 */

/* A prime, so that neither chunks nor windows nor powers of two fall on the same bytes again. */
enum { CONTENT_BYTES = 65521 };

static const uint8_t *content(void)
{
    static uint8_t bytes[CONTENT_BYTES];
    static int made;
    if (!made) {
        struct sim_random random = {42};
        sim_fill_random(&random, bytes, sizeof bytes);
        made = 1;
    }
    return bytes;
}

void sim_content_fill(uint8_t *out, size_t count, uint32_t key)
{
    size_t at = key % CONTENT_BYTES;
    while (count > 0) {
        size_t part = CONTENT_BYTES - at < count ? CONTENT_BYTES - at : count;
        memcpy(out, content() + at, part);
        out += part;
        count -= part;
        at = 0;
    }
}

size_t sim_content_wrong(const uint8_t *bytes, size_t count, uint32_t key)
{
    size_t at = key % CONTENT_BYTES, done = 0;
    while (done < count) {
        size_t part = CONTENT_BYTES - at < count - done ? CONTENT_BYTES - at : count - done;
        if (memcmp(bytes + done, content() + at, part) != 0) {
            while (bytes[done] == content()[at]) {
                done++;
                at++;
            }
            return done;
        }
        done += part;
        at = 0;
    }
    return count;
}
