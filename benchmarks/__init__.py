"""The figures that this project promises, each measured by one command: `python -m benchmarks NAME`.

Every figure is taken on the real parts, with a real daemon in a temporary state folder where one is needed.
"""
