import sys

options = dict(a[2:].split("=", 1) for a in sys.argv[1:] if a.startswith("--"))
lr, layers = float(options["lr"]), int(options.get("layers", 1))
for i in range(4):
    print("iteration done; error %g," % (abs(lr - 0.03) * layers / (i + 1)), flush=True)
