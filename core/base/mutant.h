/* SPDX-License-Identifier: MIT
 *
 * mutant.h: deliberate faults for the simulator (tests/sim), which must find each of them. They are
 * compiled only into its own build of the core; in the library kith_mutant() is the constant 0, and
 * tests/checks/mutants proves that nothing of it is left there. Each is one fault, at one place.
 */
#ifndef KITH_BASE_MUTANT_H
#define KITH_BASE_MUTANT_H

#ifdef KITH_MUTANTS

/* Constant, name, what it does. */
#define KITH_MUTANT_MAP(X)                                                                         \
    X(DROP_ONE, "drop-one", "now and then a message is not handed out")                            \
    X(DELIVER_TWICE, "deliver-twice", "now and then a message is handed out twice")                \
    X(IGNORE_LIMIT, "ignore-limit", "sends beyond the credit it has")                              \
    X(SKIP_REWIND, "skip-rewind", "on a new link it goes on where the old one was")                \
    X(NO_TRIM, "no-trim", "what comes once more on a new link counts as new")                      \
    X(TAKE_WHOLE, "take-whole", "a chunk that the transport took in part counts as whole")         \
    X(FREE_EARLY, "free-early", "frees a message when it is sent, not when it is received")        \
    X(FREE_LENT, "free-lent", "frees a received message that the transport still reads")           \
    X(NO_ADOPTED, "no-adopted", "the follower does not answer ADOPT")                              \
    X(TEXTBOOK, "textbook", "of two links the greater id drops the one it dialled")                \
    X(NO_SECOND, "no-second", "the arbiter does not choose again when the chosen link dies")       \
    X(CLOSE_HELD, "close-held", "a spare link is closed before the chosen one is confirmed")       \
    X(CLOSE_EARLY, "close-early", "the link before is closed before the new one is confirmed")     \
    X(ANY_DEAD, "any-dead", "whoever says it has no link is believed, however old the word")       \
    X(ANY_ADOPT, "any-adopt", "the follower obeys an ADOPT that is older than the last")           \
    X(NO_SINCE, "no-since", "an association goes on with another one")                             \
    X(OWN_COUNT, "own-count", "each association counts its ADOPTs from 1")                         \
    X(NO_FORGOTTEN, "no-forgotten", "an ADOPT of a forgotten association gets no answer")          \
    X(NO_WAIT, "no-wait", "the arbiter uses a link before ADOPTED")                                \
    X(NO_SILENCE, "no-silence", "the arbiter sends on over a link that it has chosen once more")   \
    X(STAY, "stay", "the follower stays on the link before")                                       \
    X(BACK_TO_TOLD, "back-to-told", "on a new link it goes back below what is freed")              \
    X(TELL_ONCE, "tell-once", "what was told on a link that died counts as told")                  \
    X(LATE_LINK, "late-link", "an association that ends leaves its links in handshake")            \
    X(NO_PROBE, "no-probe", "whoever comes with a key puts out the one that is there, unasked")    \
    X(DEAD_PAST, "dead-past", "one whose old link looks alive is refused without a question")      \
    X(DEAF_PROBE, "deaf-probe", "the answer to a probe is not heard")                              \
    X(ANY_PONG, "any-pong", "any PONG counts as the answer to a probe")                            \
    X(FALSE_ANSWER, "false-answer", "a probe that was broken off counts as answered")              \
    X(ONE_KEY, "one-key", "an ADOPT of another incarnation is one of this one")                    \
    X(LEAK_CREDIT, "leak-credit", "credit granted for a large message is not free again")          \
    X(LEAK_SHARE, "leak-share", "memory of a ticket stays counted when it is settled")             \
    X(LEAK_POOL, "leak-pool", "a peer that departs keeps its part of the pool of windows")         \
    X(OVERPROMISE, "overpromise", "grants large messages more than there is")                      \
    X(EARLY_CONSUMED, "early-consumed", "a held message counts as consumed")                       \
    X(FORGET_CREDIT, "forget-credit", "what a released message frees is not announced")            \
    X(NO_WRITABLE, "no-writable", "on_writable is never told")                                     \
    X(NO_ROOM, "no-room", "on_datagram_writable is never told")                                    \
    X(ALL_UNSENT, "all-unsent", "what was on its way when the peer departed is UNSENT")            \
    X(NO_FATE, "no-fate", "a peer departs without settling its tickets")                           \
    X(SKIP_FLUSH, "skip-flush", "leaves without waiting for what is under way")                    \
    X(LATE_GIVE_UP, "late-give-up", "a dial that is ready is given up all the same")               \
    X(TWO_ENDS, "two-ends", "a dial ends twice")                                                   \
    X(FORGET_EARLY, "forget-early", "lane bytes that overtook ADOPTED are dropped")                \
    X(DATAGRAM_TWICE, "datagram-twice", "now and then a datagram is handed out twice")             \
    X(DATAGRAM_STALE, "datagram-stale", "a datagram goes however late it is")                      \
    X(STAYS_ASLEEP, "stays-asleep", "what a rest held up is not tried again after it")             \
    X(MEET_ONCE, "meet-once", "who was found and could not be reached is not tried again")         \
    X(LOST_ENDS, "lost-ends", "whoever is not seen any more is disconnected")                      \
    X(STAYS_OFF_AIR, "stays-off-air", "after a rest nothing is on the air or looked for")          \
    X(NO_REOPEN, "no-reopen", "a driver of discovery that failed is not opened again")             \
    X(MISCOUNT, "miscount", "a message handed out is not counted")                                 \
    X(LEAK_BLOCK, "leak-block", "control frames are not freed with their link")

enum kith_mutant {
    KITH_MUTANT_NONE,
#define KITH_MUTANT_ENUM(name, text, about) KITH_MUTANT_##name,
    KITH_MUTANT_MAP(KITH_MUTANT_ENUM)
#undef KITH_MUTANT_ENUM
        KITH_MUTANT_COUNT
};

extern enum kith_mutant kith_mutant_on; /* the simulator's */
#define kith_mutant(name) (kith_mutant_on == KITH_MUTANT_##name)

#else
#define kith_mutant(name) 0
#endif

#endif
