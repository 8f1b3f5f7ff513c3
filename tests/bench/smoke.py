#!/usr/bin/env python3
"""Smoke test of kith-bench: every mode over every transport for a moment. Looks at the shape of what
it reports and at what was delivered and lost; never at how fast it was.
Usage: smoke.py PROGRAM TRANSPORT..."""
import json
import subprocess
import sys

FIGURES = ["gbit_s", "messages_s", "p50_us", "p99_us", "p999_us", "cpu_s_per_gb_tx", "cpu_s_per_gb_rx",
           "cpu_us_per_message", "rss_bytes_per_peer"]
RATES = ["gbit_s", "messages_s"]
TIMES = ["p50_us", "p99_us", "p999_us"]
# Mode: options, which figures it must have, whether it has two directions.
MODES = {
    "bulk": ([], RATES, True),
    "messages": ([], RATES, True),
    "rtt": ([], ["messages_s"] + TIMES, False),
    "fanout": (["--peers", "5"], RATES, False),
    "mixed": ([], RATES + TIMES, True),
    "handshakes": (["--peers", "2"], ["messages_s"], False),
    "idle": (["--peers", "5"], ["messages_s"] + TIMES, False),
    "datagrams": ([], RATES, True),
    "resume": ([], ["messages_s"] + TIMES, False),
}
FLOORLESS_IN_MEMORY = {"rtt", "fanout", "handshakes", "idle", "datagrams"}
# Over QUIC there are several, this one first.
FLOORS_OVER_QUIC = {"bulk": ["ngtcp2", "UDP", "TCP"], "messages": ["ngtcp2", "UDP", "TCP"],
                    "rtt": ["UDP", "TLS over TCP"], "datagrams": ["UDP", "TLS over TCP"]}


def run(program, *options):
    return subprocess.run([program, *options], capture_output=True, text=True, timeout=120)


def problems_of_figures(what, figures, wanted):
    for key in FIGURES:
        value = figures.get(key, "missing")
        if value is not None and not isinstance(value, (int, float)):
            yield f"{what}: {key} is {value}"
    for key in wanted:
        if not isinstance(figures.get(key), (int, float)) or figures[key] <= 0:
            yield f"{what}: {key} is {figures.get(key)}, should be more than 0"
    if not figures.get("delivered", 0) > 0:
        yield f"{what}: nothing was delivered"
    # A datagram may be: a loop that does not run for 20 ms drops it.
    if figures.get("lost") != 0 and not ("datagrams" in what and figures.get("lost", -1) > 0):
        yield f"{what}: {figures.get('lost')} lost"


def problems(program, transport, mode):
    options, wanted, directions = MODES[mode]
    done = run(program, "self", "--transport", transport, "--mode", mode, "--json",
               "--seconds", "0.1", "--runs", "1", *options)
    what = f"{transport} {mode}"
    if done.returncode != 0:
        return [f"{what}: exit code {done.returncode}: {done.stderr.strip()}"]
    lines = done.stdout.splitlines()
    if len(lines) != 1 or done.stderr:
        return [f"{what}: not one line of output: {done.stdout} {done.stderr}"]
    report = json.loads(lines[0])
    found = list(problems_of_figures(what, report, wanted))
    if (report["transport"], report["mode"]) != (transport, mode) or not report["size"] > 0:
        found.append(f"{what}: it measured something else")
    has_floor = mode != "resume" and not (transport == "mem" and mode in FLOORLESS_IN_MEMORY)
    floors = report["floors"]
    for floor in floors:
        # Bulk alone has no times of urgent messages.
        least = RATES if mode == "mixed" else wanted
        found += problems_of_figures(f"{what} floor {floor['name']}", floor, least)
        if not floor["name"] or not floor["ratio"] > 0:
            found.append(f"{what}: floor {floor['name']}, ratio {floor['ratio']}")
    names = [floor["name"] for floor in floors]
    if transport == "quic" and names != FLOORS_OVER_QUIC.get(mode, names[:1]):
        found.append(f"{what}: the floors are {names}")
    if bool(floors) != has_floor or (report["ratio"] is not None) != has_floor:
        found.append(f"{what}: floors {names}, ratio {report['ratio']}")
    if ("other_direction" in report) != (directions and transport != "mem"):
        found.append(f"{what}: directions are wrong")
    return found


def problems_of_program(program):
    for options, code, word in ((["--help"], 0, "Usage"), (["--version"], 0, "kith-bench "),
                                ([], 2, ""), (["self"], 2, ""), (["self", "--mode", "sleep"], 2, ""),
                                (["self", "--transport", "ws", "--mode", "bulk", "--size"], 2, "")):
        done = run(program, *options)
        if done.returncode != code or word not in done.stdout or (code == 2) != bool(done.stderr):
            yield f"{options}: exit code {done.returncode}: {done.stdout}{done.stderr}"


def main():
    program = sys.argv[1]
    found = list(problems_of_program(program))
    for transport in sys.argv[2:]:
        for mode in MODES:
            if (transport, mode) != ("mem", "resume"):
                found += problems(program, transport, mode)
    done = run(program, "self", "--transport", "ws", "--mode", "bulk", "--lend", "--seconds", "0.1",
               "--runs", "2", "--size", "100000")
    if done.returncode != 0 or "ratio of gbit_s" not in done.stdout:
        found.append(f"lent: {done.stdout}{done.stderr}")
    for problem in found:
        print("  " + problem)
    print(f"{'not ok' if found else 'ok'} bench: {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
