#!/usr/bin/env bash
# Runs a command on the screen that is there, or on a virtual one.
#   scripts/with_display.sh [--virtual] COMMAND…      --virtual: never on a real screen (tests)
set -euo pipefail
virtual=no
if [ "${1:-}" = --virtual ]; then virtual=yes; shift; fi
export QT_API=${QT_API:-pyqt5}
if [ "$virtual" = no ] && { [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ] || [ "$(uname -s)" != Linux ]; }; then
  exec "$@"
fi
export QT_QPA_PLATFORM=xcb
unset WAYLAND_DISPLAY
exec xvfb-run -a -s '-screen 0 1920x1200x24' "$@"
