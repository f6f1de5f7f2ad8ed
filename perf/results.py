"""Result files of perf/run.sh: reading them, and what tells one line of figures from another."""
import json
import os

# Fields that say what was measured; everything else that is a number is a result.
IDENTITY = ("suite", "direction", "keys", "octets", "port", "path", "associations", "workers", "ports",
            "mix", "key", "group")


def load(path):
    """The files of a folder (or one file) by name without suffix."""
    if os.path.isfile(path):
        return {os.path.splitext(os.path.basename(path))[0]: json.load(open(path))}
    names = sorted(name for name in os.listdir(path) if name.endswith(".json"))
    return {name[:-5]: json.load(open(os.path.join(path, name))) for name in names}


def figures(tree, where=()):
    """(what was measured, field) -> number, for every number of a result file."""
    found = {}
    if isinstance(tree, dict):
        own = tuple(f"{key} {tree[key]}" for key in IDENTITY
                    if key in tree and not isinstance(tree[key], (dict, list)))
        for key, value in tree.items():
            if isinstance(value, (dict, list)):
                inner = where + own + ((key,) if key not in ("results", "runs") else ())
                found.update(figures(value, inner))
            elif isinstance(value, (int, float)) and not isinstance(value, bool) and key not in IDENTITY:
                found[(", ".join(where + own), key)] = value
    elif isinstance(tree, list):
        for item in tree:
            found.update(figures(item, where))
    return found


def is_ratio(field):
    """Whether a figure can be held against one of another machine or day."""
    return "to_" in field or field.endswith("share")
