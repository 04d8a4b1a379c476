#!/usr/bin/env bash
# Installs other people's tools that tests check our files with: dicom3tools, dcmtk, poppler (Debian, Ubuntu).
#   scripts/test_tools.sh [--slow]      --slow: also dcmqi, from the Python index, into the virtual environment
# Nothing here is needed to run Lesionscope: where a tool can't be had, its tests skip and say so.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '==> %s\n' "$*"; }

missing=()
for package in dicom3tools dcmtk poppler-utils; do
  dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  as_root=(env)
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  if command -v apt-get >/dev/null 2>&1 && "${as_root[@]}" true 2>/dev/null; then
    say "installing for the tests: ${missing[*]}"
    { "${as_root[@]}" apt-get update -qq &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; } ||
      say "not to be had now: ${missing[*]}; the tests that need them skip"
  else
    say "without apt or root, the tests that need ${missing[*]} skip"
  fi
fi

if [ "${1:-}" = --slow ]; then
  python=${VENV:-.venv}/bin/python
  "$python" -c 'import importlib.metadata as m; m.distribution("dcmqi")' 2>/dev/null ||
    { say "installing for the tests: dcmqi" && "$python" -m pip --disable-pip-version-check install -q dcmqi==1.5.7; } ||
    say "dcmqi is not to be had now; the tests that need it skip"
fi
