"""Tables of words: rules between epochs, and the best model saved to a file that an option names."""

import argparse
import json
import math

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=20)
parser.add_argument("--emsize", type=int, default=200)
parser.add_argument("--tied", action="store_true")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--save", type=str, default="model.pt", help="path to save the final model")
args = parser.parse_args()
print("namespace", json.dumps({**vars(args), "save": ""}))
for epoch in range(1, args.epochs + 1):
    val_loss = 4 / epoch + args.lr / 100 + args.emsize / 1000 + args.tied
    print("-" * 89)
    print(
        "| end of epoch {:3d} | time: {:5.2f}s | valid loss {:5.4f} | valid ppl {:8.2f}".format(
            epoch, 0.1, val_loss, math.exp(val_loss)
        )
    )
    print("-" * 89)
    with open(args.save, "w") as file:
        file.write(str(val_loss))
