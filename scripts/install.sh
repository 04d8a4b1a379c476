#!/usr/bin/env bash
# Leaves a ready .venv with Lesionscope in it, and says what it installs.
#   scripts/install.sh            system libraries (Debian, Ubuntu), virtual environment, Python packages
# Runs again only what is missing. Uses sudo for system libraries when not root.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
python=${PYTHON:-python3}
say() { printf '==> %s\n' "$*"; }

# What a Qt window on X needs, with or without a screen.
system_packages=(
  xvfb xauth xdotool libgl1 libegl1 libgl1-mesa-dri libglib2.0-0 libfontconfig1 fonts-dejavu-core
  libdbus-1-3 libxkbcommon-x11-0 libx11-xcb1 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
  libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxcb-cursor0
)

installed() { dpkg-query -W -f='${Status} ${Provides}\n' "$1" "$1t64" 2>/dev/null | grep -q 'ok installed'; }

if command -v apt-get >/dev/null 2>&1; then
  missing=()
  for package in "${system_packages[@]}"; do installed "$package" || missing+=("$package"); done
  if [ -x "$(command -v "$python")" ] && ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    missing+=(python3-venv)
  fi
  command -v "$python" >/dev/null 2>&1 || missing+=(python3 python3-venv)
  if [ ${#missing[@]} -gt 0 ]; then
    say "installing system packages: ${missing[*]}"
    sudo=""
    if [ "$(id -u)" -ne 0 ]; then
      command -v sudo >/dev/null 2>&1 || { echo "These need root: apt-get install ${missing[*]}" >&2; exit 1; }
      sudo=sudo
    fi
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
elif [ "$(uname -s)" = Linux ]; then
  say "not Debian or Ubuntu: if the window does not open, 'lesionscope doctor' names the missing libraries"
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Lesionscope needs Python 3.11 or newer; $("$python" --version) is here. Set PYTHON=/path/to/python3.11 and try again." >&2
  exit 1
}

if [ ! -x "$venv/bin/python" ]; then
  say "making the virtual environment $venv"
  "$python" -m venv "$venv"
fi
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

# torch first and alone: its CPU build, from the configured index if that has it, else from PyTorch's own.
if [ "$(uname -s)" = Linux ]; then line=1; else line=2; fi
torch=$(grep -E '^torch==' constraints.txt | sed -n "${line}p")
torch=${torch%%;*}
if ! "$venv/bin/python" -c 'import importlib.metadata as m, sys; sys.exit("torch==" + m.version("torch") != sys.argv[1])' "$torch" 2>/dev/null; then
  say "installing $torch (the CPU build)"
  pip install -q "$torch" 2>/dev/null || pip install -q --index-url https://download.pytorch.org/whl/cpu "$torch"
fi
say "installing Lesionscope, napari, PyQt5 and what they need into $venv"
pip install -q -c constraints.txt -e '.[test]'
touch "$venv/.ready"
say "ready: $venv/bin/lesionscope"
