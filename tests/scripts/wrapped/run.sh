#!/bin/sh
# Prepares an environment around a program, as cluster scripts do.
set -e
LR="$1"; shift
export OUT_DIR="${OUT_DIR:-.}/results"
mkdir -p "$OUT_DIR"
echo "starting with lr $LR in $OUT_DIR" >&2
python3 compute.py --lr="$LR" "$@" | tee "$OUT_DIR/log.txt"
