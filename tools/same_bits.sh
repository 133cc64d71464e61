#!/bin/bash
# Whether this checkout still gives the results of another commit, bit for bit,
# and as fast: runs the whole MNIST study (seed 1) in both builds and compares
# all files and results, then times training steps and inferences in turns.
#
#   tools/same_bits.sh [COMMIT] [--data DIR] [--rounds N] [--epochs N] [--bits]
#
#   COMMIT      what to compare with; HEAD's parent if not given
#   --data DIR  the MNIST files; else $LITESMITH_SHARED/data/mnist, else
#               ../shared/data/mnist
#   --rounds N  turns of each timing (default 11); 0 or --bits: no timing
#   --epochs N  of each step of the study (default 5)
#
# Builds are kept in build/same_bits. Exit code 0: every file and result is the
# same; 1: something differs, each difference on a line of its own; 2: it could
# not be compared. Times are printed, never judged.
set -eu
cd "$(dirname "$0")/.."

usage() { sed -n '2,17s/^# \{0,1\}//p' "$0"; }

commit=
data=${LITESMITH_SHARED:-../shared}/data/mnist
rounds=11
epochs=5
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --data) data=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --epochs) epochs=$2; shift ;;
    --bits) rounds=0 ;;
    -*) echo "same_bits.sh: unknown option $1" >&2; exit 2 ;;
    *) commit=$1 ;;
  esac
  shift
done
commit=$(git rev-parse --verify --quiet "${commit:-HEAD^}^{commit}") || {
  echo "same_bits.sh: no such commit" >&2
  exit 2
}
if ! [ -f "$data/train-images-idx3-ubyte.gz" ]; then
  echo "same_bits.sh: no MNIST in $data; --data DIR says where it is" >&2
  exit 2
fi
data=$(cd "$data" && pwd)

tools/install_packages.sh g++ cmake ninja-build pkg-config libhwy-dev \
  libhdf5-dev libzip-dev flatbuffers-compiler libflatbuffers-dev nlohmann-json3-dev \
  libcli11-dev libfmt-dev libtomlplusplus-dev zlib1g-dev libjpeg-dev libpng-dev libjs-chart.js libbenchmark-dev git
python=$(tools/venv.sh)

top=build/same_bits
mkdir -p "$top"

# build SOURCE BUILD: the program and the benchmark of a training step.
build() {
  { cmake -S "$1" -B "$2" -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DLITESMITH_TESTS=OFF -DLITESMITH_BENCH=ON &&
    cmake --build "$2" --target litesmith train_step_bench; } \
    >"$2.log" 2>&1 || {
    tail -n 40 "$2.log"
    echo "same_bits.sh: the build of $1 failed; $2.log has all of it" >&2
    exit 2
  }
}

there=$top/$commit
if ! [ -d "$there/source" ]; then
  mkdir -p "$there"
  git archive --prefix=source/ "$commit" | tar -x -C "$there"
fi
echo "building $(git log -1 --format='%h (%s)' "$commit") and this checkout" >&2
build "$there/source" "$there/build"
build . "$top/here"

study() {
  rm -rf "$2"
  "$1/litesmith" study --data "mnist:$data" --seed 1 --epochs "$epochs" \
    --out "$2" >"$2.txt" 2>"$2.err" || {
    cat "$2.err" >&2
    echo "same_bits.sh: the study of $1 failed" >&2
    exit 2
  }
}
echo "running both studies" >&2
study "$there/build" "$there/study"
study "$top/here" "$top/here-study"
exec "$python" tools/same_bits.py "$there/study" "$top/here-study" \
  "$there/build" "$top/here" --data "mnist:$data" --rounds "$rounds"
