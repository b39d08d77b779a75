#!/usr/bin/env bash
# Every fuzz target for a short while, from its seeds. Longer searches are for cargo-fuzz (CONTRIBUTING.md).
#
#   fuzz/run.sh            5 seconds a target
#   SECONDS_EACH=600 fuzz/run.sh session rules
#
# Ours is built to tell libFuzzer which way it went (fuzz/instrumented); what it depends on is what `cargo build --release`
# built already. The stable compiler will do, and nothing has to be installed but a C++ compiler for libFuzzer.
#
# Exit code 0: nothing was found. 1: something was; the input that did it is in target/fuzz-found.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly SECONDS_EACH=${SECONDS_EACH:-5}
readonly INPUT_SECONDS_MAX=20 INPUT_BYTES_MAX=16384 MEMORY_MB_MAX=2048
readonly found="$PWD/target/fuzz-found"

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for file in fuzz/fuzz_targets/*.rs; do
    targets+=("$(basename "$file" .rs)")
  done
fi

# Ours is not optimised: with all that it is asked to tell, that would take longer than the search.
ours=(--config 'profile.release.package."nightcall".opt-level=0' --config 'profile.release.package."nightcall-fuzz".opt-level=0')
RUSTC_WORKSPACE_WRAPPER="$PWD/fuzz/instrumented" cargo build --locked --release --package nightcall-fuzz "${ours[@]}"
programs=${CARGO_TARGET_DIR:-target}/release

mkdir -p "$found"
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
failed=0
for target in "${targets[@]}"; do
  mkdir "$work/$target"
  seeds=()
  case $target in
  session | proxy) seeds=("fuzz/seeds/$target") ;;
  mail | headers) seeds=(tests/mails/*/) ;;
  esac
  # What it learns goes to a folder of its own; seeds are read only.
  if timeout $((SECONDS_EACH + 60)) "$programs/$target" "$work/$target" "${seeds[@]}" -max_total_time="$SECONDS_EACH" \
    -timeout="$INPUT_SECONDS_MAX" -max_len="$INPUT_BYTES_MAX" -rss_limit_mb="$MEMORY_MB_MAX" -print_final_stats=1 \
    -artifact_prefix="$found/$target-" </dev/null >"$work/$target.log" 2>&1; then
    tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
    covered=$(grep -o 'cov: [0-9]*' "$work/$target.log" | tail --lines=1)
    echo "ok   $target: $tried inputs, $covered"
    [ "${tried:-0}" -ge 10 ] || { echo "FAIL $target: that is too few to have looked at all" && failed=1; }
  else
    echo "FAIL $target:"
    tail --lines=40 "$work/$target.log"
    failed=1
  fi
done
exit "$failed"
