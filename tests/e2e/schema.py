# SPDX-License-Identifier: MIT
"""examples/EVENTS.md as something to hold events against. The page is parsed, not repeated: an event
or a key that it does not describe is a problem, and so is one that it promises and that is missing."""
import json
import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "EVENTS.md"

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \|", re.M)


def is_id(value):
    return isinstance(value, str) and ID.fullmatch(value) is not None


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_peer(value):
    keys = {"id", "name", "transport", "cipher", "level", "address", "sha256",
            "rtt_us", "state"}
    return isinstance(value, dict) and set(value) == keys and is_id(value["id"]) \
        and is_whole(value["rtt_us"]) and value["state"] in ("connected", "interrupted")


def is_ban(value):
    return isinstance(value, dict) and set(value) == {"id", "name"} and is_id(value["id"])


PEER_COUNTERS = ("rtt_us", "messages_sent", "messages_received", "message_bytes_sent",
                 "message_bytes_received", "unsent_bytes", "retained_bytes", "window_bytes",
                 "times_blocked")


def is_peer_stats(value):
    return isinstance(value, dict) and set(value) == {"id", "name", *PEER_COUNTERS} \
        and is_id(value["id"]) and all(is_whole(value[key]) for key in PEER_COUNTERS)


def is_wait(value):
    return isinstance(value, dict) and set(value) == {"what", "url", "detail"} \
        and value["what"] in ("listen", "connect") and all(isinstance(v, str) for v in value.values())


def is_info(value):
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


SIMPLE = {
    "info": is_info,
    "text": lambda value: isinstance(value, str),
    "number": lambda value: is_whole(value) and value >= 0,
    "ticket": lambda value: is_whole(value) and value >= 1,
    "id": is_id,
    "id or empty": lambda value: value == "" or is_id(value),
    "peer": is_peer,
    "wait": is_wait,
    "ban": is_ban,
    "peer stats": is_peer_stats,
}


def checker(type_text):
    """A function that tells whether a value is of the type that a table names."""
    type_text = type_text.strip()
    if type_text in SIMPLE:
        return SIMPLE[type_text]
    if type_text.startswith("[") and type_text.endswith("]"):
        inner = checker(type_text[1:-1])
        return lambda value: isinstance(value, list) and all(map(inner, value))
    words = re.findall(r"`(\w+)`", type_text)
    if not words or re.sub(r"`\w+`|, | or ", "", type_text):
        raise ValueError(f"EVENTS.md: the type {type_text!r} is not understood")
    return lambda value: value in words


def parse(text):
    """{event: {key: checker}}, and the examples."""
    head, *sections = re.split(r"^### ", text, flags=re.M)
    common = {key: checker(kind) for key, kind in ROW.findall(head)}
    events = {}
    for section in sections:
        section = re.split(r"^## ", section, flags=re.M)[0]
        name = section.split("\n", 1)[0].strip()
        events[name] = dict(common, **{key: checker(kind) for key, kind in ROW.findall(section)})
    examples = [json.loads(line) for block in re.findall(r"^```json\n(.*?)^```", text, re.S | re.M)
                for line in block.splitlines()]
    return events, examples


EVENTS, EXAMPLES = parse(PAGE.read_text("utf-8"))


def problems_of(event):
    """What about an event is not as EVENTS.md says."""
    if not isinstance(event, dict):
        return ["not an object"]
    keys = EVENTS.get(event.get("event"))
    if keys is None:
        return [f"EVENTS.md knows no event {event.get('event')!r}"]
    found = [f"EVENTS.md promises the key {key!r}" for key in keys if key not in event]
    found += [f"EVENTS.md does not know the key {key!r}" for key in event if key not in keys]
    found += [f"{key!r} is not of the type that EVENTS.md gives" for key, is_right in keys.items()
              if key in event and not is_right(event[key])]
    return found
