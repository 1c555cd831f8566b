"""The version, in the one place that daemon, clients and SDK read."""

VERSION = "0.1.0"
