"""Reads one configuration file and logs JSON lines; it knows no options beyond the file and `key=value`."""

import csv
import json
import os
import sys

from model import step


def read_config(path):
    """A very small reader: enough of YAML for nested scalars, as a project without a YAML library would have it."""
    tree, stack = {}, [(-1, None)]
    stack = [(-1, tree)]
    for raw in open(path):
        line = raw.split("#")[0].rstrip()
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        key, _, value = line.strip().partition(":")
        while stack[-1][0] >= depth:
            stack.pop()
        value = value.strip()
        if not value or value.startswith("&"):
            child = {}
            stack[-1][1][key] = child
            stack.append((depth, child))
        else:
            stack[-1][1][key] = value.strip("'\"")
    return tree


def main():
    config = read_config(sys.argv[1])
    for override in sys.argv[2:]:
        key, _, value = override.partition("=")
        section, _, name = key.rpartition(".")
        (config[section] if section else config)[name] = value
    with open(config["data"]["root"]) as file:
        points = [float(row[0]) for row in csv.reader(file)]
    x = sum(points) / len(points)
    lr = float(config["optim"]["lr"])
    os.makedirs(os.path.dirname(config["log"]) or ".", exist_ok=True)
    with open(config["log"], "w") as log:
        for epoch in range(int(config["train"]["epochs"])):
            x = step(x, lr)
            log.write(json.dumps({"epoch": epoch, "eval": {"loss": (x - 3) ** 2}, "note": "x"}) + "\n")
            log.flush()


main()
