#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast peers find each other, and what it costs to be findable.

    tests/bench/discovery.py [--bin DIR] [--rounds N] [--idle-s S] [--peers N]

On one machine, with one chat that runs: from the start of another until it has found the first, and until the two
are connected. In PEERS network namespaces at one switch: from the start of the first chat until everybody is
connected with everybody, once with a perfect switch and once where each loses a tenth of all multicast. Then an idle
chat: processor time, and memory beside a chat with --no-discovery. Prints a line for each; proves nothing, since it
measures a machine as it is: read the load beside it."""
import argparse
import os
import pathlib
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import cases_discovery  # noqa: E402  (found through the path above)
import harness  # noqa: E402

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def load():
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def summary(values):
    values = sorted(values)
    return (f"p50 {statistics.median(values):.0f} ms, p90 {values[len(values) * 9 // 10]:.0f} ms, "
            f"worst {values[-1]:.0f} ms, n = {len(values)}")


def cpu_s(pid):
    """Of all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1])
    return 0


def one_machine(case, rounds):
    key, name = case.new_key(), cases_discovery.service()
    first = case.chat("first", "--listen", "any://*:0", key=key, discovery=name)
    first.expect("discovery", state="advertised")
    found, met = [], []
    for number in range(rounds):
        time.sleep(3)  # RFC 6762: an answer is sent to all, and not again within a second
        look = case.chat("look", "--browse", discovery=name)
        found.append(look.expect("found", state="found")["t_ms"])
        look.send_signal(2)
        look.expect_exit(0)
        time.sleep(3)
        other = case.chat(f"other{number}", "--listen", "any://*:0", key=key, discovery=name)
        met.append(other.expect_peer("first")["t_ms"])
        other.leave()
    first.leave()
    print(f"one machine: found       {summary(found)}; load {load()}")
    print(f"one machine: connected   {summary(met)}; load {load()}", flush=True)


def star(case, count, loss_percent):
    """The clock runs from before the first program is started."""
    key, name = case.new_key(f"star{loss_percent}.key"), cases_discovery.service()
    with cases_discovery.machines(count) as inside:
        begun_s = time.monotonic()
        chats = {f"peer{i}": case.chat(f"peer{i}", "--listen", "any://*:0", key=key, discovery=name,
                                       inside=[*place.inside(), *cases_discovery.losing(loss_percent)])
                 for i, place in enumerate(inside)}
        started_s = time.monotonic()
        cases_discovery.all_meet(chats)
        done_s = time.monotonic()
        cpu = sum(cpu_s(chat.pid) for chat in chats.values())
        cases_discovery.never_twice(chats)
        latest = max(event["t_ms"] for chat in chats.values() for event in chat.all("peer", state="connected"))
        for chat in chats.values():
            chat.leave()
    print(f"{count} machines, {count * (count - 1) // 2} links, {loss_percent} % of multicast lost: "
          f"{done_s - begun_s:.2f} s from the first start, {done_s - started_s:.2f} s from the last; "
          f"within {latest / 1000:.2f} s of each one's own start; {cpu:.2f} s of processor in all; load {load()}",
          flush=True)


def idle(case, seconds):
    key, name = case.new_key("idle.key"), cases_discovery.service()
    chats = [case.chat(who, "--listen", "any://*:0", key=key, discovery=name) for who in ("ann", "ben")]
    cases_discovery.all_meet(dict(zip(("ann", "ben"), chats)))
    plain = case.chat("cat", "--listen", "any://*:0", key=case.new_key("plain.key"))
    plain.expect("listening", count=2)
    chats[0].expect("discovery", state="advertised")
    time.sleep(5)  # what is announced and asked at first
    before = [cpu_s(chat.pid) for chat in (chats[0], plain)]
    time.sleep(seconds)
    after = [cpu_s(chat.pid) for chat in (chats[0], plain)]
    memory = [memory_kib(chat.pid) for chat in (chats[0], plain)]
    print(f"idle: {100 * (after[0] - before[0]) / seconds:.3f} % of a core with one peer "
          f"({100 * (after[1] - before[1]) / seconds:.3f} % without discovery and peer) over {seconds} s; "
          f"{memory[0]} KiB of memory of its own, {memory[1]} KiB without: {memory[0] - memory[1]} KiB more; "
          f"load {load()}", flush=True)
    for chat in (*chats, plain):
        chat.leave()


def main():
    parser = argparse.ArgumentParser(description="Measures discovery.")
    parser.add_argument("--bin", type=pathlib.Path, default=HERE.parents[1] / "build" / "bin")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--peers", type=int, default=20)
    parser.add_argument("--idle-s", type=int, default=60)
    options = parser.parse_args()
    harness.BIN = options.bin.resolve()
    for what in (lambda case: one_machine(case, options.rounds),
                 lambda case: star(case, options.peers, 0),
                 lambda case: star(case, options.peers, 10),
                 lambda case: idle(case, options.idle_s)):
        case = harness.Case("discovery")
        try:
            what(case)
        except harness.Skipped as why:
            print(f"SKIPPED: {why}", flush=True)
        finally:
            case.finish()


if __name__ == "__main__":
    main()
