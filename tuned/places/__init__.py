"""Places: engines that start trials on other machines. Each engine is one module behind `interface.Engine`.

Nothing here knows the daemon, its database or its run directories; `tuned.daemon.places` joins both.
"""
