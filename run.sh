#!/bin/sh
# Builds Litesmith on a bare Debian 12 (or a relative of it) and prints the
# study's table.
#
#   ./run.sh                on the built-in digits, results in runs/digits
#   ./run.sh MNIST_FOLDER   on the MNIST files of a folder, results in runs/<its name>
#
# Further arguments go to `litesmith study`, such as --epochs 10 or --seed 2.
set -eu

usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$0"
}

name=digits
data=digits
case "${1-}" in
  -h | --help)
    usage
    exit 0
    ;;
  '' | -*) ;;
  *)
    if ! [ -d "$1" ]; then
      echo "run.sh: $1 is not a folder" >&2
      exit 2
    fi
    folder=$(cd "$1" && pwd)
    name=$(basename "$folder")
    data="mnist:$folder"
    shift
    ;;
esac
cd "$(dirname "$0")"

tools/install_packages.sh g++ cmake ninja-build pkg-config libhwy-dev \
  libhdf5-dev libzip-dev flatbuffers-compiler libflatbuffers-dev nlohmann-json3-dev \
  libcli11-dev libfmt-dev libtomlplusplus-dev zlib1g-dev libjpeg-dev libpng-dev libjs-chart.js

# Progress to standard error: standard output is the table alone.
cmake --preset release >&2
cmake --build --preset release >&2
exec build/release/litesmith study --data "$data" --out "runs/$name" "$@"
