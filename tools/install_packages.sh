#!/bin/sh
# Installs those of the named Debian packages that are missing; does nothing,
# and needs no network and no rights, if there are none.
#
#   tools/install_packages.sh PACKAGE[:ARCHITECTURE]...
set -eu

missing=
for package in "$@"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  # One "installed" an architecture.
  case "$state" in
    installed*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "These packages are missing, and neither root nor sudo is at hand:" >&2
    echo " $missing" >&2
    exit 1
  fi
  as_root="sudo env DEBIAN_FRONTEND=noninteractive"
fi
echo "Installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
for architecture in $(printf '%s\n' $missing | sed -n 's/.*://p' | sort -u); do
  $as_root dpkg --add-architecture "$architecture"
done
$as_root apt-get update -qq >&2
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >&2
