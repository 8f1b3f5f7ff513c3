/* SPDX-License-Identifier: MIT
 *
 * random.h: the simulator's only source of chance: splitmix64, one state for each thing that draws,
 * so that a change in one does not shift what the others draw.
 */
#ifndef KITH_SIM_RANDOM_H
#define KITH_SIM_RANDOM_H

#include <stdint.h>
#include <string.h>

struct sim_random {
    uint64_t state;
};

static inline uint64_t sim_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t sim_next(struct sim_random *random)
{
    return sim_mix(random->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* Below bound; 0 for a bound of 0. */
static inline uint64_t sim_below(struct sim_random *random, uint64_t bound)
{
    return bound == 0 ? 0 : sim_next(random) % bound;
}

/* From low to high, both included. */
static inline uint64_t sim_between(struct sim_random *random, uint64_t low, uint64_t high)
{
    return low + sim_below(random, high - low + 1);
}

/* 1 in so many of a thousand cases. */
static inline int sim_chance(struct sim_random *random, unsigned permille)
{
    return permille != 0 && sim_next(random) % 1000 < permille;
}

/* From low to high, each order of magnitude as likely as the next. low is 1 or more. */
static inline uint64_t sim_scale(struct sim_random *random, uint64_t low, uint64_t high)
{
    uint64_t top = low;
    unsigned doublings = 0;
    while (top < high) {
        top *= 2;
        doublings++;
    }
    top = low << sim_below(random, doublings + 1);
    top = sim_between(random, top, top * 2);
    return top > high ? high : top;
}

/* Another generator, as independent of this one as it gets. */
static inline struct sim_random sim_split(struct sim_random *random, uint64_t salt)
{
    struct sim_random out = {sim_mix(sim_next(random) ^ sim_mix(salt))};
    return out;
}

static inline void sim_fill_random(struct sim_random *random, uint8_t *out, size_t count)
{
    while (count > 0) {
        uint64_t word = sim_next(random);
        size_t part = count < sizeof word ? count : sizeof word;
        memcpy(out, &word, part);
        out += part;
        count -= part;
    }
}

#endif
