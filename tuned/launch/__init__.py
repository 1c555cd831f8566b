"""Processes that start and watch trials: the launcher that forks, and the supervisor of each attempt.

Runs under the user's interpreter, by file path, from a bundle (see `bundle`): standard library alone, Python 3.9 and
newer, nothing of ours but `tuned.protocol`. It knows run directories, and neither studies nor databases nor the daemon.
"""
