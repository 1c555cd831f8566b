"""torch's DataLoader with worker processes of each kind, and a step of training."""

import torch
from torch.utils.data import DataLoader, Dataset


class Squares(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor([float(index)]), torch.tensor([float(index) ** 2])


def main():
    torch.manual_seed(3)
    for method in ("spawn", "forkserver", "fork"):
        loader = DataLoader(Squares(), batch_size=4, num_workers=1, multiprocessing_context=method)
        print(method, [(x.sum().item(), y.sum().item()) for x, y in loader])
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    for x, y in DataLoader(Squares(), batch_size=8):
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    torch.save(model.state_dict(), "model.pt")
    print(round(loss.item(), 4), torch.get_num_threads())


if __name__ == "__main__":
    main()
