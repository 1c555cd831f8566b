"""A training script whose options take true, false, numbers and texts in every way that is customary."""

import argparse
import json


def str2bool(text):
    if text.lower() in ("yes", "true", "t", "y", "1"):
        return True
    if text.lower() in ("no", "false", "f", "n", "0"):
        return False
    raise argparse.ArgumentTypeError("Boolean value expected.")


def get_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bn", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--augment", dest="augment", action="store_true", help="random crops (default)")
    parser.add_argument("--no-augment", dest="augment", action="store_false")
    parser.set_defaults(augment=True)
    parser.add_argument("--no-bias", dest="bias", action="store_false")
    parser.add_argument("--use-ema", type=bool, default=False)
    parser.add_argument("--mixed", type=str2bool, nargs="?", const=True, default=False)
    parser.add_argument("--warm-restart", type=int, default=0, help="0 or 1")
    parser.add_argument("-N", action="store_true", dest="nesterov")
    parser.add_argument("-m", type=float, default=0.9, dest="momentum")
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--offset", type=float, default=0.0)
    parser.add_argument("--mixup", type=float, default=0)
    parser.add_argument("--tag", type=str, default="")
    parser.add_argument("--layers", type=int, default=2)
    return parser


if __name__ == "__main__":
    args = get_parser().parse_args()
    print("namespace", json.dumps(vars(args)))
    loss = 1 + args.offset**2 + args.mixup + args.bn
    print(f"epoch 1 val_loss: {loss:.6f}")
