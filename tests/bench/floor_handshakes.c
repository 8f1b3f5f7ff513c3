/* SPDX-License-Identifier: MIT
 *
 * floor_handshakes.c: connections made, used for one byte each way and closed, by as many threads
 * on each side as there are peers.
 */
#include <pthread.h>
#include <stdlib.h>

#include "floor.h"
#include "meter.h"
#include "wire.h"

struct worker {
    pthread_t thread;
    struct wires *wires;
    uint64_t until_ns, count;
};

static void *dial(void *user)
{
    struct worker *worker = user;
    char last;
    do {
        struct wire wire;
        last = now_ns() >= worker->until_ns;
        wire_open(worker->wires, &wire);
        wire_write(&wire, &last, 1);
        wire_read_all(&wire, &last, 1);
        wire_close(&wire);
        worker->count++;
    } while (!last);
    return NULL;
}

static void *listen(void *user)
{
    struct worker *worker = user;
    char last;
    do {
        struct wire wire;
        wire_open(worker->wires, &wire);
        wire_read_all(&wire, &last, 1);
        wire_write(&wire, &last, 1);
        wire_close(&wire);
        worker->count++;
    } while (!last);
    return NULL;
}

static void work(const struct job *job, struct wires *wires, struct side *side,
                 void *(*fn)(void *user))
{
    struct worker *workers = need(job->peers * sizeof *workers);
    meter_start(side);
    for (unsigned i = 0; i < job->peers; i++) {
        workers[i].wires = wires;
        workers[i].until_ns = side->begin_ns + job->span_ns;
        if (pthread_create(&workers[i].thread, NULL, fn, &workers[i]) != 0) {
            die("floor: no thread could be made");
        }
    }
    for (unsigned i = 0; i < job->peers; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        side->delivered += workers[i].count;
    }
    meter_stop(side);
    side->sent = side->delivered;
    wires_close(wires);
    free(workers);
}

void floor_handshakes_listen(const struct job *job, struct line *line, struct side sides[2])
{
    struct wires wires;
    wires_listen(&wires, is_secure(job), line);
    work(job, &wires, &sides[LISTENS], listen);
    sides[LISTENS].begin_ns = sides[LISTENS].end_ns = 0; /* the dialler's count */
}

void floor_handshakes_dial(const struct job *job, struct line *line, struct side sides[2])
{
    struct wires wires;
    wires_dial(&wires, is_secure(job), line);
    work(job, &wires, &sides[DIALS], dial);
}
