def step(x, lr):
    return x - lr * 2 * (x - 3)
