"""An event loop, executors and a thread that fails."""

import asyncio
import concurrent.futures
import threading


async def tick(n):
    await asyncio.sleep(0)
    return n


async def main():
    print(await asyncio.gather(*(tick(i) for i in range(3))))
    print(await asyncio.get_running_loop().run_in_executor(None, str.upper, "executor"))


asyncio.run(main())
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    print(list(pool.map(abs, [-1, -2])))
thread = threading.Thread(target=lambda: 1 / 0, name="failing")
thread.start()
thread.join()
print(threading.current_thread() is threading.main_thread(), threading.active_count())
