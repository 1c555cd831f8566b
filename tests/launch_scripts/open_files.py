"""Files that nobody closes, held in several places."""

import json
import sys

import sibling

first = open("global.txt", "w")
first.write("in a global\n")
sibling.kept = open("sibling.txt", "w")
sibling.kept.write("in a module of the user's\n")
json.kept = open("library.txt", "wb")
json.kept.write(b"in a module of the library\n")
sys.kept = open("sys.txt", "w")
sys.kept.write("in sys\n")
print("no newline at the end", end="")
