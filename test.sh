#!/usr/bin/env bash
# Installs what the tests need (Debian 12), builds with both compilers and
# under the sanitizers, and runs every test. The last lines are ctest's own.
set -euo pipefail
cd "$(dirname "$0")"

packages=(g++ clang libomp-14-dev libclang-rt-14-dev cmake ninja-build pkg-config
  ccache python3 git libhwy-dev libhdf5-dev libfmt-dev zlib1g-dev
  nlohmann-json3-dev flatbuffers-compiler libflatbuffers-dev libcli11-dev
  libtomlplusplus-dev libgtest-dev)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
    missing+=("$package")
done
if ((${#missing[@]})); then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get update
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends "${missing[@]}"
fi

for preset in clang asan dev; do
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset"
  ctest --preset "$preset" -j "$(nproc)"
done
