"""Ends with a chained exception from several frames and an imported module."""

import json


def parse(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise RuntimeError("cannot parse") from error


class Reader:
    def read(self):
        return [parse(text) for text in ("{}", "{")]


def main():
    try:
        Reader().read()
    finally:
        print("cleaning up")


main()
