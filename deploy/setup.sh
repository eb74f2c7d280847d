#!/bin/sh
# Makes .venv and installs one lock into it: `deploy/setup.sh run` or `deploy/setup.sh dev`.
# Does nothing when the lock is the one installed last. Only python -m venv and pip are needed.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-dev}
venv=${REGULARS_VENV:-.venv}
stamp="$venv/.installed-$kind"

fail() { printf 'regulars: %s\n' "$1" >&2; exit 1; }

find_python() {
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"; return 0
    fi
  done
  return 1
}

locks() {
  if [ "$kind" = run ]; then echo requirements/run.txt; else echo requirements/dev.txt requirements/demo.txt; fi
}

wanted() {
  # cksum is everywhere, sha256sum is not
  "$venv/bin/python" -c 'import sys; print(sys.version)'
  # shellcheck disable=SC2046
  cat $(locks) | cksum
}

if [ -x "$venv/bin/python" ] && ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  rm -rf "$venv"  # half made, or its Python is gone
fi
if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ]; then
  exit 0
fi
if [ ! -x "$venv/bin/python" ]; then
  python=$(find_python) || fail "Python 3.11 or newer is needed; set PYTHON=/path/to/python3 if it is not on the PATH."
  "$python" -m venv "$venv" >/dev/null 2>&1 || {
    rm -rf "$venv"
    fail "$python cannot make a virtual environment; install its venv module (on Debian: apt install python3-venv)."
  }
fi

printf 'regulars: installing %s into %s (a minute the first time)\n' "$(locks)" "$venv" >&2
log="$venv/pip.log"
for lock in $(locks); do
  # The locks are complete, so pip has nothing to resolve: --no-deps keeps it from looking further.
  "$venv/bin/python" -m pip install --no-input --disable-pip-version-check --no-warn-script-location --no-compile \
    --root-user-action=ignore --progress-bar=off --require-hashes --no-deps -r "$lock" >"$log" 2>&1 || {
    grep -v '^WARNING: Location' "$log" | tail -n 20 >&2
    fail "the packages of $lock could not be installed (see above and $log); is the package index reachable?"
  }
done
# Compiled here, on all cores: pip uses one, and some environments forbid Python to keep what it compiled.
"$venv/bin/python" -m compileall -q -j 0 -x 'phonenumbers/.*data/|/tests/|/pip/|babel/locale' "$venv/lib" >/dev/null 2>&1 || true
wanted > "$stamp"
