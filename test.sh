#!/bin/sh
# Everything that must hold, from nothing: the g++ build and the one by clang
# under sanitizers with warnings as errors, every unit test in each, the kernels
# on aarch64 (emulated), the comparisons with other runtimes in Python, then a
# seeded slice of the fault injections. The last line says how many passed; the
# exit code is 0 only if all did.
#
#   ./test.sh            all of it
#   ./test.sh dev        one part (dev, asan, aarch64, oracle, faults), or several
set -eu
cd "$(dirname "$0")"

tools/install_packages.sh g++ cmake ninja-build pkg-config libhwy-dev \
  libhdf5-dev libzip-dev flatbuffers-compiler libflatbuffers-dev nlohmann-json3-dev \
  libcli11-dev libfmt-dev libtomlplusplus-dev zlib1g-dev libjpeg-dev libpng-dev libjs-chart.js \
  clang-14 clang libclang-rt-14-dev clang-format-14 \
  chromium chromium-driver \
  zsh fish tmux man-db groff mandoc \
  libgtest-dev ccache python3 python3-venv git ca-certificates

parts=${*:-dev asan aarch64 oracle faults}
logs=build/test-logs
mkdir -p "$logs"
passed=0
failed=0

# add PASSED FAILED: to the sums.
add() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

format() {
  echo "== clang-format"
  # Every file of ours that git knows or would know.
  if git ls-files -co --exclude-standard 'src/*.cc' 'src/*.h' 'tests/*.cc' \
    'tests/*.h' 'bench/*.cc' 'bench/*.h' 'examples/*.cc' |
    xargs -r clang-format-14 --dry-run -Werror; then
    add 1 0
  else
    add 0 1
  fi
}

# build PRESET: whether it succeeded; a failure is shown and counted.
build() {
  if ! { cmake --preset "$1" && cmake --build --preset "$1"; } \
    >"$logs/$1-build.log" 2>&1; then
    tail -n 60 "$logs/$1-build.log"
    echo "the $1 build failed; $logs/$1-build.log has all of it"
    add 0 1
    return 1
  fi
}

unit() {
  echo "== $1"
  build "$1" || return 0
  status=0
  ctest --preset "$1" -j2 >"$logs/$1.log" 2>&1 || status=$?
  # "98% tests passed, 1 tests failed out of 60"
  summary=$(grep -E 'tests passed, [0-9]+ tests failed out of [0-9]+' \
    "$logs/$1.log" | tail -n 1)
  if [ -z "$summary" ]; then
    tail -n 40 "$logs/$1.log"
    add 0 1
    return
  fi
  bad=$(echo "$summary" | sed -E 's/.*passed, ([0-9]+) tests failed.*/\1/')
  all=$(echo "$summary" | sed -E 's/.*out of ([0-9]+).*/\1/')
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  [ "$bad" = 0 ] || grep -nE 'FAILED|Failure|ERROR: |SUMMARY: ' "$logs/$1.log" | head -n 50
  [ "$bad" = 0 ] || tail -n 200 "$logs/$1.log"
  echo "$summary"
  good=$((all - bad))
  # Under sanitizers a test of ctest's is many of GoogleTest's: "1: [  PASSED  ] 35
  # tests." in place of one, and that of a failed one beside it.
  inside=$(sed -nE 's/^[0-9]+: \[  PASSED  \] ([0-9]+) tests?\..*/\1/p' "$logs/$1.log")
  partly=$(grep -cE '^[0-9]+: \[  FAILED  \] [0-9]+ tests?, listed' "$logs/$1.log" || true)
  for each in $inside; do good=$((good + each - 1)); done
  good=$((good + partly))
  add "$good" "$bad"
}

oracle() {
  echo "== oracle"
  if [ -z "$(find tests/oracle -name 'test_*.py' 2>/dev/null)" ]; then
    echo "tests/oracle holds no tests"
    add 0 1
    return
  fi
  # The program, with the flags of what users run, and the conformance cases.
  build dev || return 0
  if ! tools/venv.sh >"$logs/venv.log" 2>&1; then
    tail -n 40 "$logs/venv.log"
    add 0 1
    return
  fi
  report=$logs/oracle.xml
  rm -f "$report"
  status=0
  # Of MNIST's 10,000 images, which runtimes take one by one, 2,000 if no other
  # number is asked for.
  LITESMITH_ORACLE_IMAGES=${LITESMITH_ORACLE_IMAGES:-2000} \
    LITESMITH=$PWD/build/dev/litesmith build/venv/bin/python -m pytest -q -n 2 --dist loadfile -p no:cacheprovider --junitxml="$report" \
    tests/oracle || status=$?
  counts=$(python3 - "$report" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree
good = bad = 0
try:
    for suite in tree.parse(sys.argv[1]).iter("testsuite"):
        wrong = int(suite.get("failures")) + int(suite.get("errors"))
        bad += wrong
        good += int(suite.get("tests")) - wrong - int(suite.get("skipped"))
except OSError:
    pass
print(good, bad)
PYTHON
)
  # shellcheck disable=SC2086
  set -- $counts
  bad=$2
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  add "$1" "$bad"
}

aarch64() {
  echo "== aarch64"
  status=0
  tools/test_aarch64.sh >"$logs/aarch64.log" 2>&1 || status=$?
  # "[  PASSED  ] 35 tests." and, if any, "[  FAILED  ] 2 tests, listed below:"
  good=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) test.*/\1/p' "$logs/aarch64.log")
  bad=$(sed -nE 's/^\[  FAILED  \] ([0-9]+) test.*listed.*/\1/p' \
    "$logs/aarch64.log")
  [ "$status" = 0 ] || bad=${bad:-1}
  [ "${bad:-0}" = 0 ] || tail -n 60 "$logs/aarch64.log"
  echo "${good:-0} passed, ${bad:-0} failed under qemu-user"
  add "${good:-0}" "${bad:-0}"
}

# Kills, full disks, two at once, closed descriptors, damaged files: few of each
# and always the same; tests/faults/*.py have counts and seeds of their own.
faults() {
  echo "== faults"
  build dev || return 0
  for slice in "kill 5" "disk 6" "twice 2" "descriptors 7" "mutate 100"; do
    # shellcheck disable=SC2086
    set -- $slice
    log=$logs/faults-$1.log
    status=0
    python3 "tests/faults/$1.py" build/dev/litesmith "$2" 1 >"$log" 2>&1 ||
      status=$?
    # "kill: 25 passed, 0 failed, seed 1, 5 kills"
    summary=$(grep -E "^$1: [0-9]+ passed, [0-9]+ failed" "$log" | tail -n 1)
    good=$(echo "$summary" | sed -E 's/.*: ([0-9]+) passed.*/\1/')
    bad=$(echo "$summary" | sed -E 's/.*passed, ([0-9]+) failed.*/\1/')
    [ "$status" = 0 ] || [ "${bad:-0}" != 0 ] || bad=1
    [ "${bad:-0}" = 0 ] || tail -n 60 "$log"
    echo "${summary:-$1 did not finish}"
    add "${good:-0}" "${bad:-0}"
  done
}

for part in $parts; do
  case "$part" in
    dev | asan | aarch64 | faults) ;;
    # Its packages come over the network while others are compiled.
    oracle) tools/venv.sh >/dev/null 2>&1 & ;;
    *)
      echo "test.sh: $part is none of dev, asan, aarch64, oracle, faults" >&2
      exit 2
      ;;
  esac
done
format
for part in $parts; do
  case "$part" in
    dev | asan) unit "$part" ;;
    *) "$part" ;;
  esac
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
