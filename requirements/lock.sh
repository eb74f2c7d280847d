#!/usr/bin/env bash
# Makes the locks anew from the *.in files (needs uv; only for who changes dependencies).
# dev first: it holds the tighter bounds, and run must pin the very same releases.
set -euo pipefail
cd "$(dirname "$0")"
compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header "$@"
}
compile dev.in -o dev.txt
compile run.in -c dev.txt -o run.txt
compile --no-deps demo.in -o demo.txt
compile --no-deps postgres.in -o postgres.txt
