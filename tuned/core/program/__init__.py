"""How a trial's program is run: its interpreter, arguments and configuration files, and imports made ahead."""
