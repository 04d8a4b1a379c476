#!/usr/bin/env bash
# Builds wheel and source distribution from what is committed, installs each into an empty environment, and
# uses it there, away from the sources. Minutes long: torch, napari and Qt are installed twice; by uv where it
# is there, else by pip.
#   scripts/check_dist.sh [wheel|sdist]      PYTHON=python3.12 names another interpreter
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
python=${PYTHON:-python3}
kinds=(${1:-wheel sdist})
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '==> %s\n' "$*"; }
if command -v uv >/dev/null 2>&1; then
  installer=uv
  into() { uv pip install -q --python "$1/bin/python" "${@:2}"; }
  empty() { uv venv -q --python "$python" "$1"; }
else
  installer=pip
  into() { "$1/bin/python" -m pip install -q "${@:2}"; }
  empty() { "$python" -m venv "$1"; }
fi

mkdir "$work/source" "$work/elsewhere" "$work/data"
git archive HEAD | tar -x -C "$work/source"
empty "$work/build"
into "$work/build" build
(cd "$work/source" && "$work/build/bin/python" -m build --installer "$installer" --outdir "$work/dist" . >"$work/build.log") || {
  tail -n 30 "$work/build.log" >&2
  exit 1
}
say "built: $(cd "$work/dist" && ls | tr '\n' ' ')"
torch=$(grep -E '^torch==' constraints.txt | sed -n "$([ "$(uname -s)" = Linux ] && echo 1 || echo 2)p")
torch=${torch%%;*}

# Every committed file of the packages must be installed, but for the cells that the documentation's tables
# are made of.
cat >"$work/complete.py" <<'PYTHON'
import sys
from importlib.metadata import files
from pathlib import Path

source, installed = Path(sys.argv[1]), {str(file) for file in files("napari-lesionscope")}
places = {"src/lesionscope": "lesionscope", "training": "lesionscope/training", "sample_data": "lesionscope/sample_data"}
missing = [
    str(path.relative_to(source))
    for folder, package in places.items()
    for path in sorted((source / folder).rglob("*"))
    if path.is_file()
    and not path.is_relative_to(source / "training/tables")
    and f"{package}/{path.relative_to(source / folder).as_posix()}" not in installed
]
sys.exit("not installed: " + ", ".join(missing) if missing else 0)
PYTHON

for kind in "${kinds[@]}"; do
  case $kind in wheel) file=$(ls "$work"/dist/*.whl) ;; sdist) file=$(ls "$work"/dist/*.tar.gz) ;; *) exit 2 ;; esac
  bin=$work/$kind/bin
  say "installing the $kind into an empty environment"
  empty "$work/$kind"
  into "$work/$kind" "$torch" 2>/dev/null ||
    into "$work/$kind" --index-url https://download.pytorch.org/whl/cpu "$torch"
  into "$work/$kind" -c constraints.txt "napari-lesionscope[pyqt5] @ file://$file"
  cd "$work/elsewhere"
  export LESIONSCOPE_DATA=$work/data
  "$bin/python" "$work/complete.py" "$work/source"
  "$bin/lesionscope" --version
  place=$("$bin/python" -c 'import lesionscope, pathlib; print(pathlib.Path(lesionscope.__file__).parent)')
  case $place in "$work/$kind"/*) ;; *) echo "lesionscope came from $place" >&2; exit 1 ;; esac
  "$bin/npe2" validate napari-lesionscope
  "$root/scripts/with_display.sh" --virtual "$bin/lesionscope" doctor
  "$bin/lesionscope" read "$place/sample_data/baseline/dicom" --click=-70.8,10.4,75 --out - >read.json
  "$bin/python" -c 'import json; (one,) = json.load(open("read.json"))["lesions"]; assert {"pathology", "labels", "neighbours"} <= one.keys(), one.keys()'
  "$bin/lesionscope" models list
  "$root/scripts/with_display.sh" --virtual "$bin/lesionscope" demo --out demo
  cd "$root"
  rm -rf "${work:?}/$kind"
  say "the $kind is whole and works"
done
