"""The programs of the trials that the drill of the UI watches."""

SCRIPT = """
    import time, torch, tuned
    trial = tuned.current_trial()
    torch.manual_seed(trial.seed)
    x = torch.linspace(-1, 1, 64).unsqueeze(1)
    net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=trial.params["lr"])
    for step in range(100_000):
        loss = ((net(x) - x.sin()) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            trial.report(step=step, loss=loss.item())
            if trial.should_stop():
                break
            time.sleep(0.1)
"""
"""A training that reports every 0.1 s and goes on until it is stopped."""

ROWS = """
    import time, tuned
    trial = tuned.current_trial()
    x = trial.params["x"]
    print("first line \u4f60\u597d " + "\u4e16" * 70, flush=True)
    for step in range(3):
        trial.report(step=step, loss=x, acc=(x * 7) % 1)
        print(f"step {step}", flush=True)
    if x > 0.9:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    beat = 0
    while x < 0.05 and not trial.should_stop():
        time.sleep(0.05)
        beat += 1
        print(f"beat {beat}", flush=True)
    print("\\n".join(f"line {line}" for line in range(6000 if x == 0.5 else 0)), flush=True)
"""
"""Three reports, then the part that `x` chooses: a failure, a log that goes on until a stop, a long log, or the end."""
