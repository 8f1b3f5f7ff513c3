#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the end-to-end cases: kith-chat and friends as separate processes, as a user starts them.

    tests/e2e/run.py [--bin DIR] [--list] [--long] [FILTER]

--long runs those cases that take minutes instead, one after the other. Prints "ok NAME (seconds)" or "not ok NAME: why" for each case, for the latter with what the processes
said, and at the end "N passed, M failed". FILTER is a regular expression that is looked for in the
names. The exit status is 0 only when at least one case ran and none failed."""
import argparse
import concurrent.futures
import importlib
import os
import pathlib
import re
import signal
import sys
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import harness  # noqa: E402  (found through the path above)

PARALLEL = 3
BEGUN_S = time.monotonic()
LONG_WATCHDOG_S = 3600
WATCHDOG_S = 840  # everything together; whoever runs us gives up later

running = {}  # name → Case, of the cases that are under way
lock = threading.Lock()


def load(is_long):
    for path in sorted(HERE.glob("cases_*.py")):
        importlib.import_module(path.stem)
    return harness.LONG_CASES if is_long else harness.CASES


def run_case(name, function):
    """Runs one case; gives None or why it failed, its logs, and how long it took."""
    start = time.monotonic()
    one = harness.Case(name)
    with lock:
        running[name] = one
    why = None
    try:
        function(one)
    except harness.Failure as failure:
        why = str(failure)
    except Exception:  # a mistake in the case itself
        why = traceback.format_exc()
    one.finish()
    with lock:
        del running[name]
    if one.problems:
        why = "; ".join(([why] if why else []) + sorted(set(one.problems))[:5])
    return why, [*one.notes, *(one.logs() if why else [])], time.monotonic() - start


def give_up():
    """The watchdog: ends our processes, says where we stood, and ends this program."""
    with lock:
        names = sorted(running)
        for one in running.values():
            for process in one.processes:
                if process.popen.poll() is None:
                    process.popen.kill()
    print(f"not ok watchdog: not finished after {time.monotonic() - BEGUN_S:.0f} s, under way: {', '.join(names)}")
    print(f"0 passed, {max(len(names), 1)} failed", flush=True)
    os._exit(1)


def let_children_hear_signals():
    """Whoever started us in the background or with nohup had us ignore some signals, and our children
    would. What we have a function for is at its default in them."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main():
    parser = argparse.ArgumentParser(description="Runs the end-to-end cases.")
    parser.add_argument("--bin", type=pathlib.Path, default=HERE.parents[1] / "build" / "bin",
                        help="folder of the programs (default: build/bin)")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    parser.add_argument("--long", action="store_true", help="run the long cases instead of the others")
    parser.add_argument("filter", nargs="?", default="", metavar="FILTER",
                        help="run the cases whose name matches this regular expression")
    options = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):  # whatever the locale can show, a line must come out
        stream.reconfigure(errors="backslashreplace")
    harness.BIN = options.bin.resolve()
    cases = {name: f for name, f in load(options.long).items() if re.search(options.filter, name)}
    if options.list:
        print("\n".join(cases))
        return 0
    if not cases:
        print(f"not ok: no case matches {options.filter!r}\n0 passed, 1 failed")
        return 1

    let_children_hear_signals()
    watchdog = threading.Timer(LONG_WATCHDOG_S if options.long else WATCHDOG_S, give_up)
    watchdog.daemon = True
    watchdog.start()
    signal.signal(signal.SIGTERM, lambda *_: give_up())
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(1 if options.long else PARALLEL) as pool:
        futures = {pool.submit(run_case, name, f): name for name, f in cases.items()}
        for future in concurrent.futures.as_completed(futures):
            name = futures[future]
            why, logs, seconds = future.result()
            if why is None:
                print(f"ok {name} ({seconds:.1f} s)", *logs, sep="\n   ", flush=True)
            else:
                failed += 1
                print(f"not ok {name}: {why}", *logs, sep="\n", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
