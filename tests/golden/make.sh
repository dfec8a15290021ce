#!/bin/sh
# Writes tests/golden/v1 anew with the release build: only while its formats have not been released.
set -eu
cd "$(dirname "$0")/../.."
exec python3 tests/golden/golden.py make "${1:-build/release/engram}" v1
