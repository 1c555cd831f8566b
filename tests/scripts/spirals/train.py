"""Tells two spirals apart with a small net: the script of docs/first-week.md, which knows nothing of tuned."""

import argparse

import torch
from torch import nn


def spirals(count, generator):
    turn = torch.rand(count, generator=generator) * 3 * torch.pi + 0.5
    side = torch.arange(count) % 2
    angle = turn + side * torch.pi
    points = torch.stack((turn * angle.cos(), turn * angle.sin()), 1) / 5
    return points + 0.05 * torch.randn(count, 2, generator=generator), side


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--hidden", type=int, default=32, help="width of each layer")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-cuda", action="store_true")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() and not args.no_cuda else "cpu"
    torch.manual_seed(args.seed)
    data = torch.Generator().manual_seed(0)
    (x, y), (val_x, val_y) = ([t.to(device) for t in spirals(n, data)] for n in (1000, 300))
    sizes = [2] + [args.hidden] * args.layers
    hidden = [piece for a, b in zip(sizes, sizes[1:]) for piece in (nn.Linear(a, b), nn.Tanh())]
    net = nn.Sequential(*hidden, nn.Linear(sizes[-1], 2)).to(device)
    if args.optimizer == "adam":
        optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=args.momentum)
    measure = nn.CrossEntropyLoss()
    for epoch in range(1, args.epochs + 1):
        for batch in torch.randperm(len(x)).split(args.batch_size):
            loss = measure(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            answer = net(val_x)
            val_loss = measure(answer, val_y).item()
            accuracy = (answer.argmax(1) == val_y).float().mean().item()
        print(
            f"epoch {epoch:2d}/{args.epochs}  train loss {loss.item():.4f}  val loss {val_loss:.4f}  val acc {accuracy:.3f}"
        )
    torch.save(net.state_dict(), "spirals.pt")


if __name__ == "__main__":
    main()
