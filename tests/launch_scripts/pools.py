"""Worker processes by every start method."""

import concurrent.futures
import multiprocessing
import os
import sys


def work(x):
    return x * x, __name__, os.path.basename(sys.argv[0]), os.getcwd() == START


START = os.getcwd()

if __name__ == "__main__":
    for method in ("spawn", "forkserver", "fork"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            print(method, pool.map(work, range(3)))
        queue = context.Queue()
        process = context.Process(target=queue.put, args=("from a process",))
        process.start()
        print(queue.get(), process.join(), process.exitcode, process.name)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        print(list(executor.map(work, [5])))
