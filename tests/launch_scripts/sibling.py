"""Imported from the script's folder."""

import os

HERE = os.path.basename(os.path.dirname(os.path.abspath(__file__)))
kept = None
