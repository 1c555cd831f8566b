#!/bin/sh
# Any script will do: it gets its values as arguments, and tuned reads what the program prints.
set -eu
cd "$(dirname "$0")"
echo "rate $1, depth $2, seed $3, on $(uname -n)"
exec python train.py --rate "$1" --depth "$2" --seed "$3" --trees "$4"
