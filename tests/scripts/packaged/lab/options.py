"""The options, in a file of their own."""

import argparse


def parser():
    made = argparse.ArgumentParser(prog="lab.train")
    made.add_argument("--x", type=float, default=0.0)
    made.add_argument("--square", action=argparse.BooleanOptionalAction, default=True)
    return made
