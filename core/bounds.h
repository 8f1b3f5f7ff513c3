/* SPDX-License-Identifier: MIT
 *
 * bounds.h: every limit and default of the core in one place, each with its unit and its reason.
 * Nothing else may hold a number that bounds memory, time or counts. (Limits that are part of the
 * interface stand in kith.h.)
 */
#ifndef KITH_CORE_BOUNDS_H
#define KITH_CORE_BOUNDS_H

#define KITH_MIB (1024u * 1024u)

enum {
    /* ---- defaults and ranges of kith_session_config ---- */
    KITH_PEERS_DEFAULT = 256,
    KITH_PEERS_MAX = 65536,
    /* A slow phone on a bad network makes it; an attacker holds a slot no longer. */
    KITH_HANDSHAKE_MS_DEFAULT = 10000,
    KITH_HANDSHAKE_MS_MIN = 100,
    KITH_HANDSHAKE_MS_MAX = 120000,
    /* Death is noticed within 20 s, at 1 small frame per 5 s of silence. */
    KITH_IDLE_PING_MS_DEFAULT = 5000,
    KITH_IDLE_PING_MS_MIN = 100,
    KITH_IDLE_PING_MS_MAX = 600000,
    KITH_IDLE_PING_COUNT_DEFAULT = 3,
    KITH_IDLE_PING_COUNT_MAX = 100,
    /* A person reads a fingerprint aloud over the telephone. */
    KITH_ASK_MS_DEFAULT = 60000,
    KITH_ASK_MS_MIN = 1000,
    KITH_ASK_MS_MAX = 600000,

    /* ---- frames ---- */
    /* The largest there can ever be is ADOPT with 1024 lanes of 4 varints. */
    KITH_FRAME_BODY_BYTES_MAX = 32 * 1024,
    /* Data of one DATA frame where other channels wait that are as urgent: what one turn is worth.
       One TLS record. */
    KITH_CHUNK_BYTES_MAX = 16 * 1024,
    /* Where none waits. As much as others take; more than a driver pulls at once it never is. */
    KITH_CHUNK_ALONE_BYTES_MAX = 64 * 1024,
    /* What an unauthenticated stranger can make us hold. */
    KITH_AUTH_BYTES_MAX = 1024,
    /* Name, endpoints, invitation context. */
    KITH_INFO_BYTES_MAX = 4096,
    /* Data that is lent to a driver instead of copied: in so many pieces of a chunk, of so many
       bytes on average; a piece costs the system more than copying less. */
    KITH_LEND_SLICES_MAX = 4,
    KITH_LEND_BYTES_MIN = 2048,
    /* Taken from others: 64 KiB of data and its head. */
    KITH_DATA_BODY_BYTES_MAX = 64 * 1024 + 17,
    /* Data that a driver reads to where it belongs instead of having it copied there: of messages
       that are so large, and so much of them. Of smaller ones several come with one read. */
    KITH_PLACE_MESSAGE_BYTES_MIN = 48 * 1024,
    KITH_PLACE_BYTES_MIN = 1024,
    /* Messages that the application keeps: small ones cost more to keep than their bytes say. */
    KITH_HELD_PER_CHANNEL_MAX = 1024,

    /* ---- credit ---- */
    /* A channel's window before its sender says that it is blocked: nothing on a fast local network
       waits for it, and a thousand idle peers cost little. */
    KITH_WINDOW_BYTES_FIRST = 64 * 1024,
    /* On a way that is that short, a window of so many bytes keeps any network busy. Wider ones
       only fill queues, in which urgent messages wait: they must make the lane faster by a quarter
       each time. 256 KiB in 2 ms are a gigabit a second. */
    KITH_WINDOW_BYTES_AMPLE = 256 * 1024,
    KITH_WINDOW_NEAR_US = 2000,
    /* How much further a lane's limit must be before its sender says again that it is blocked:
       doubles from the first to the second. */
    KITH_BLOCKED_STEP_BYTES_MIN = 16 * 1024,
    KITH_BLOCKED_STEP_BYTES_MAX = 16 * 1024 * 1024,
    /* Small messages that wait behind others are kept so many bytes together: asking for memory is
       dearer than copying them. Each may have a quarter of it. */
    KITH_SEND_BLOCK_BYTES = 4096,

    /* ---- datagrams ---- */
    /* What fits a packet on nearly every path, so that it need not change with the link. */
    KITH_DATAGRAM_BYTES_MAX = 1200,
    /* "now": what a loop's turn may take, from the call to the driver's pull. */
    KITH_DATAGRAM_GRACE_MS = 20,
    /* Waiting on one link: more than that is late already. */
    KITH_DATAGRAM_QUEUE_BYTES_MAX = 64 * 1024,

    /* ---- links ---- */
    /* Links that came in and are no peer's, per session: each holds up to 64 KiB and a handshake's
       CPU time. */
    KITH_LINKS_PENDING_MAX = 64,
    /* One of those makes room for a newer one when it is so old: four round trips of a bad mobile
       network. Sooner, a crowd that comes fast enough would push out everybody. */
    KITH_EVICT_MS = 2000,
    /* Connections wait outside for so long before the core is asked again whether there is room. */
    KITH_ACCEPT_ASK_MS = 10,
    /* Addresses that are remembered because connections from them failed, per session: 5 KiB. */
    KITH_SUSPECTS_MAX = 128,
    /* Failures that make an address a suspect: a peer with a wrong key takes half a minute for
       them. One is forgotten after each FADE_MS, and more than MAX are not counted: nobody is a
       suspect for longer than 90 s after the last failure. */
    KITH_SUSPECT_FAILURES = 8,
    KITH_SUSPECT_FAILURES_MAX = 16,
    KITH_SUSPECT_FADE_MS = 10000,
    /* Connections of one suspect: in their handshake at a time, and taken in a second. Enough for
       an honest peer behind the same router to get through, little enough that eight attackers
       fill no more than all places. */
    KITH_SUSPECT_PENDING_MAX = 8,
    KITH_SUSPECT_LINKS_PER_S_MAX = 16,
    /* Authenticated links to one key: current, and duplicates that wait to be closed. */
    KITH_LINKS_PER_KEY_MAX = 4,
    /* An old incarnation has so long to answer, or four round trips up to the second. */
    KITH_PROBE_MS_MIN = 1000,
    KITH_PROBE_MS_MAX = 8000,
    /* Once it has answered, other incarnations are refused without asking again for so long. */
    KITH_PROBE_PAUSE_MS = 1000,
    /* Before a link is used the other side may ask for time: for a certificate, for a probe, for
       its application; and once more where the first of two newcomers gave way. */
    KITH_WAITS_MAX = 4,
    /* Questions to the application that stand open; a person answers them one by one. */
    KITH_ASKS_MAX = 16,
    KITH_BANS_MAX = 1024,
    /* An arbiter that gets no ADOPTED turns to another link after so long, or four round trips. */
    KITH_ADOPT_MS_MIN = 1000,
    /* Without a link so long before the application hears of it: a change of links takes less. */
    KITH_INTERRUPT_MS = 250,
    /* How long an association outlives its last link: a walk through a dead spot, a restart of a
       router. The longest keeps a peer's memory for an hour. */
    KITH_RESUME_WINDOW_MS_DEFAULT = 30000,
    KITH_RESUME_WINDOW_MS_MAX = 3600000,
    /* A transport whose link died sooner than that is not preferred for as long. */
    KITH_SHAKY_MS = 60000,
    /* Nobody listens at the peer's address for so long: it is gone, not its network. */
    KITH_REFUSED_MS = 2000,
    /* After the network changed: a link that may be dead is asked so often, so many times. It is
       given up after 6 s, which a phone that changes to another network needs to be heard; of a
       slow link the pause is four round trips. */
    KITH_PROBE_MS = 1000,
    KITH_PROBE_COUNT = 5,
    /* A closing link may take so long to write its last bytes. */
    KITH_LINK_CLOSE_MS = 1000,
    /* Reason and text. */
    KITH_CLOSE_BODY_BYTES_MAX = 8 + 123,
    /* Control frames waiting on one link; more is a peer that asks without reading. */
    KITH_CONTROL_BYTES_MAX = 64 * 1024,

    /* ---- peers' rates ---- */
    /* PINGs answered per second; we send one per idle_ping_ms. */
    KITH_PING_PER_S_MAX = 50,
    /* Frames per second that move nothing (ignored ones, empty DATA, stale CREDIT). */
    KITH_IDLE_FRAMES_PER_S_MAX = 1000,
    /* Lines of log about strangers, per session. */
    KITH_REFUSAL_LINES_PER_S_MAX = 10,

    /* ---- a session's tables ---- */
    /* Rings that peers are looked up in by the first byte of their keys: with a thousand peers four
       steps a look-up, and 4 KiB of memory for everyone. */
    KITH_PEER_RINGS = 256,
    KITH_LISTENERS_MAX = 64,
    KITH_DIALS_MAX = 1024,
    KITH_KEYS_MAX = 64,
    KITH_POSTS_MAX = 4096,
    /* Results of one name look-up that are tried. */
    KITH_ADDRESSES_PER_NAME_MAX = 8,
    /* A DNS name has at most 253. */
    KITH_URL_BYTES_MAX = 300,

    /* ---- certificates ---- */
    /* Of the other side: what a stranger can make us hold. Chains on the web have 2 to 4 of 2 KiB.
     */
    KITH_CHAIN_COUNT_MAX = 8,
    KITH_CHAIN_BYTES_MAX = 32 * 1024,
    /* Our own. */
    KITH_OWN_CHAIN_BYTES_MAX = 64 * 1024,
    KITH_OWN_KEY_BYTES_MAX = 16 * 1024,
    /* Mozilla's list of CAs is 220 KiB of PEM. */
    KITH_TRUSTED_BYTES_MAX = 4 * 1024 * 1024,
    KITH_TRUSTED_COUNT_MAX = 1024,

    /* ---- QUIC ---- */
    /* Streams that the other side may have open: two for each lane of the tests' many, since those
       that end and those that take their place overlap. Each costs half a KiB. */
    KITH_QUIC_STREAMS_MAX = 128,
    /* What it must let us have: two for each channel, likewise. */
    KITH_QUIC_STREAMS_MIN = 16,
    /* What a link may send before it hears from us; what is out of order waits in memory. The
       second is what that grows to where the path carries it. Core's credit is smaller at first and
       grows likewise, so that it decides. */
    KITH_QUIC_WINDOW_BYTES_FIRST = 1024 * 1024,
    KITH_QUIC_WINDOW_BYTES_MAX = 6 * 1024 * 1024,
    KITH_QUIC_STREAM_BYTES_FIRST = 512 * 1024,
    KITH_QUIC_STREAM_BYTES_MAX = 4 * 1024 * 1024,
    /* Of a packet over loopback: as Ethernet's jumbo frames. The one that tries the path is within
       the first congestion window, and leaves room beside it. */
    KITH_QUIC_PACKET_BYTES_MAX = 8952,
    /* Control bytes sent and not yet confirmed; CREDIT of a fast path in a round trip is far less.
     */
    KITH_QUIC_CONTROL_BYTES_MAX = 256 * 1024,
    /* Silence after which a link is dead, and after which something is sent lest it seem so and
       lest a router forget the way back (RFC 4787: 2 minutes, many take 30 s). */
    KITH_QUIC_IDLE_MS = 60000,
    KITH_QUIC_KEEP_ALIVE_MS = 15000,
    /* Links that came in and are shaking hands, per session: from so many on, a stranger must show
       that it is where it says (RFC 9000 §8.1.2). Half of KITH_LINKS_PENDING_MAX. */
    KITH_QUIC_RETRY_LINKS = 32,
    /* And in a second: what a first packet costs that leads nowhere is two dozen allocations, and
       everybody can send one in anybody's name. */
    KITH_QUIC_UNPROVED_PER_S_MAX = 250,
    /* Such a proof is good for so long: a round trip to the moon and some loss. */
    KITH_QUIC_RETRY_MS = 10000,
    /* Who has proved it and finds no place waits for one: so many, each with its first packet,
       which is what TCP's backlog holds; for so long, since then whoever it was gives up. 2 MiB. */
    KITH_QUIC_BACKLOG_MAX = 1024,
    KITH_QUIC_BACKLOG_BYTES_MAX = 1500,
    KITH_QUIC_BACKLOG_MS = 10000,
    /* A link that has ended repeats its goodbye to whoever did not hear it and sends something, for
       so long: longer than KITH_QUIC_KEEP_ALIVE_MS; and so many of a session do. */
    KITH_QUIC_GRAVE_MS = 20000,
    KITH_QUIC_GRAVES_MAX = 1024,
    /* Answers to packets that belong to no link, each smaller than what it answers. */
    KITH_QUIC_STRAY_ANSWERS_PER_S_MAX = 1000,
    KITH_QUIC_RETRIES_PER_S_MAX = 10000,

    /* ---- endpoints ---- */
    /* Where a peer says that it listens: a port for each transport and family, and some to spare.
     */
    KITH_ENDPOINTS_MAX = 8,
    /* "quic://[" an IPv6 address with a scope "]:" a port. */
    KITH_ENDPOINT_BYTES_MAX = 96,
    /* A peer that dialled us, and is lost, dials again within milliseconds, if it can; only then we
       try where it listens. */
    KITH_DIAL_BACK_MS = 500,
    /* Between the places of one peer that are dialled (RFC 8305 section 5). */
    KITH_RACE_MS = 250,

    /* ---- introductions ---- */
    /* One frame: some 100 members with one short address each. */
    KITH_PEERS_BODY_BYTES_MAX = 8192,
    /* A newcomer hears of so many from each member; it must not fill the link's control bytes. */
    KITH_INTRODUCED_MAX = 256,
    /* Of 800 bytes: what hearsay may take. */
    KITH_CANDIDATES_MAX = 1024,
    /* Dialled at once: in all, and on the word of one member, who may be making them up. */
    KITH_INTRODUCED_DIALS_MAX = 16,
    KITH_INTRODUCED_BY_ONE_MAX = 8,
    /* Tries for each place; then a pause. */
    KITH_INTRODUCED_TRIES_MAX = 3,
    KITH_INTRODUCED_PAUSE_MS = 600000,

    /* ---- discovery ---- */
    /* Handles of a session that advertise or browse: each costs packets. */
    KITH_DISCOVERIES_MAX = 16,
    /* A record that fits one packet with its names (RFC 6763 section 6.2). */
    KITH_TXT_BYTES_MAX = 1300,
    /* Pairs of the application in it. */
    KITH_INFO_PAIRS_MAX = 32,
    /* Subtypes of a service: one for each key that lets in, the one to dial with first. */
    KITH_SUBTYPES_MAX = 4,
    /* Of 2 KiB: peers that one search knows of. More are not told, or take the place of those who
       could not be reached. */
    KITH_FOUND_MAX = 1024,
    /* Of 300 bytes: records of them all, and of one (four interfaces, two families, two
       transports). */
    KITH_SIGHTINGS_MAX = 4096,
    KITH_SIGHTINGS_PER_PEER_MAX = 16,
    /* From a peer's first record to FOUND: its other addresses come within that. */
    KITH_FOUND_MS = 50,
    /* From one UPDATED of a peer to the next. */
    KITH_FOUND_UPDATE_MS = 250,
    /* A peer whose last record has gone is LOST after that: records also go when a name changes or
       an interface comes up again. */
    KITH_FOUND_LOST_MS = 3000,
    /* What is on the air under one tag, and how long the old one stays beside the new one: the
       lifetime of records with addresses (RFC 6762 section 10). */
    KITH_TAG_MS = 900000,
    KITH_TAG_OLD_MS = 120000,
    /* A driver that failed is opened again. */
    KITH_FINDER_RETRY_MS = 5000,
    /* Where Kith's own stack stands in for the system's: how often that one is looked for. A try
       is 1 ms of work. */
    KITH_FINDER_BETTER_MS = 10000,
    /* Found peers that are dialled of this side's own accord: at once in all; after how long by
       the one whose tag is the lesser, so that as a rule one of two dials; rounds over all its
       addresses; then a pause. */
    KITH_MEET_DIALS_MAX = 16,
    KITH_MEET_YIELD_MS = 1000,
    KITH_MEET_RETRY_MS = 1000,
    KITH_MEET_TRIES_MAX = 3,
    KITH_MEET_PAUSE_MS = 600000,
    /* mdns: services that are being asked for details: 10 KiB each. */
    KITH_MDNS_RESOLVERS_MAX = 1024,
    /* mdns: how often the addresses of this machine are looked at: 50 us of work. */
    KITH_MDNS_ADDRESSES_MS = 2000,
    KITH_MDNS_ADDRESSES_MAX = 64,
    /* dnssd: interfaces that one port is announced on by itself, and services that are asked for
       details: each takes three sockets to the system's service. */
    KITH_DNSSD_INTERFACES_MAX = 8,
    KITH_DNSSD_SERVICES_MAX = 64,
    /* avahi: an answer of the daemon's takes less than 1 ms; who is slower is not to be waited
       for. */
    KITH_BUS_CALL_MS = 1000,

    /* ---- dialling ---- */
    KITH_DIAL_GIVE_UP_MS_DEFAULT = 30000,
    /* First pause; doubles. */
    KITH_DIAL_RETRY_MS_MIN = 100,
    /* A server that comes back is found within that. */
    KITH_DIAL_RETRY_MS_MAX = 5000,

    /* ---- listening ---- */
    /* First pause of a listener whose address is not there; doubles. A bind costs nothing, and the
       network's own news usually comes first. */
    KITH_LISTEN_RETRY_MS_MIN = 250,
    /* An address that comes without any news, such as an IPv6 one that was tentative, is found
       within that. */
    KITH_LISTEN_RETRY_MS_MAX = 5000,

    /* ---- loop ---- */
    /* Rounds of deferred work in one turn before sockets are looked at again. */
    KITH_DEFERRED_ROUNDS_MAX = 64,
    /* The system tells of a change in many pieces (an interface, its addresses, routes): they are
       waited for, and looked at once. */
    KITH_NETWORK_SETTLE_MS = 250,
    /* Where the system does not tell: how often the addresses are looked at. */
    KITH_NETWORK_POLL_MS = 3000,
    /* A loop that is so much later than it had to be, or whose clock stood still for so long, has
       slept, with its program or its machine: no busy callback takes as long. */
    KITH_SLEPT_MS = 5000,
};

/* Memory of one peer, both directions. */
#define KITH_BUDGET_BYTES_MIN      (1u * KITH_MIB)
#define KITH_BUDGET_BYTES_DEFAULT  (32u * KITH_MIB)
#define KITH_BUDGET_BYTES_MAX      (1024u * KITH_MIB)
#define KITH_MESSAGE_BYTES_DEFAULT (4u * KITH_MIB)
/* Wider windows of all peers of a session: 128 fast ones at once, at the default budget. */
#define KITH_WINDOW_POOL_BYTES_DEFAULT (256u * (uint64_t)KITH_MIB)
#define KITH_WINDOW_POOL_BYTES_MAX     (1024u * 1024u * (uint64_t)KITH_MIB)

#endif
