"""Fits a line by gradient descent; options in the manner of argparse scripts, results as printed lines."""

import argparse
import random


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--nesterov", action="store_true")
    parser.add_argument("--no-bias", action="store_true", help="fit through the origin")
    parser.add_argument("--optimizer", choices=["sgd", "momentum"], default="sgd")
    parser.add_argument("--momentum", type=float, default=None)
    return parser.parse_args()


def main():
    args = parse()
    if args.momentum is not None and args.optimizer != "momentum":
        raise SystemExit("--momentum is for --optimizer momentum")
    rng = random.Random(0)
    xs = [rng.uniform(-1, 1) for _ in range(40)]
    ys = [2 * x + (0 if args.no_bias else 0.5) for x in xs]
    w = b = vw = vb = 0.0
    beta = args.momentum or 0.0
    for epoch in range(1, args.epochs + 1):
        look = beta if args.nesterov else 0.0
        errors = [((w + look * vw) * x + (0 if args.no_bias else b + look * vb) - y) for x, y in zip(xs, ys)]
        gw = sum(2 * e * x for e, x in zip(errors, xs)) / len(xs)
        gb = sum(2 * e for e in errors) / len(xs)
        vw, vb = beta * vw - args.lr * gw, beta * vb - args.lr * gb
        w, b = w + vw, b + vb
        loss = sum(e * e for e in errors) / len(errors)
        print(f"\033[1mEpoch {epoch:3d}/{args.epochs}\033[0m  train loss {loss:.6f}  val_loss: {loss * 1.1:.6f}")
    print("final:", vars(args))


if __name__ == "__main__":
    main()
