#!/bin/sh
# Cross-compiles src/base and src/kernels with their tests for aarch64 and runs
# the tests under qemu-user: the NEON target, which no x86 machine has.
#
# usage: tools/test_aarch64.sh        in build/aarch64
#
# Installs what it needs on Debian 12 (libraries of the foreign architecture).
set -eu
cd "$(dirname "$0")/.."
out=build/aarch64
mkdir -p "$out"

libraries='libhwy-dev:arm64 libgtest-dev:arm64 libfmt-dev:arm64'
# shellcheck disable=SC2086
tools/install_packages.sh g++-aarch64-linux-gnu qemu-user ninja-build ccache \
  $libraries

{
  cat <<'NINJA'
flags = -std=c++20 -O2 -ffp-contract=off -pthread -Wall -Wextra -Werror -I.
rule cxx
  command = ccache aarch64-linux-gnu-g++ $flags $defines -MD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
  description = $in
rule link
  command = aarch64-linux-gnu-g++ -pthread $in -o $out -lgtest -lgtest_main -lhwy -lfmt
NINJA
  objects=
  for source in $(find src/base src/kernels -name '*.cc' | sort); do
    case "$source" in *_bench.cc) continue ;; esac
    object=$out/$(echo "$source" | tr / _).o
    echo "build $object: cxx $source"
    # Tests name the source tree.
    echo "  defines = -DLITESMITH_SOURCE_DIR='\"$PWD\"'"
    objects="$objects $object"
  done
  echo "build $out/kernels_test: link$objects"
  echo "builddir = $out"
} >"$out/build.ninja"
ninja -f "$out/build.ninja" "$out/kernels_test"
qemu-aarch64 "$out/kernels_test" --gtest_brief=1
