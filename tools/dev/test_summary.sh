# shellcheck shell=bash
# What tools/test counts and says in the end. Sourced, not run.

passed=0
failed=0
skipped=0
failures=() # what failed, by name
skips=()
skipped_cases=() # of tests whose other cases ran, too

# The cases that tests/support/skip.h skipped, by ctest's own log of all that tests print.
note_skipped_cases() {
  [[ ! -f $1 ]] || mapfile -t -O "${#skipped_cases[@]}" skipped_cases < <(sed -n 's/^skipped: //p' "$1")
}

# Counts what ctest reported in its log.
count_ctest() {
  local line names
  line=$(grep -E '[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$1" | tail -n 1 || true)
  if [[ $line =~ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]; then
    mapfile -t names < <(skipped_in_ctest "$1")
    skipped=$((skipped + ${#names[@]}))
    skips+=("${names[@]}")
    failed=$((failed + BASH_REMATCH[1]))
    passed=$((passed + BASH_REMATCH[2] - BASH_REMATCH[1] - ${#names[@]}))
    mapfile -t -O "${#failures[@]}" failures < <(failed_in_ctest "$1")
  else
    failed=$((failed + 1))
    failures+=("ctest itself: see $1")
  fi
}

skipped_in_ctest() {
  sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) .*\*\*\*Skipped.*/\1/p' "$1" | sort -u
}

failed_in_ctest() {
  sed -n '/\*\*\*Skipped/d; s/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) .*\*\*\*.*/\1/p' "$1" | sort -u
}

# What a failed test printed, once more at the end of all: who reads the last lines of a long log shall find it there.
repeat_failed_output() {
  local log=$1 test
  [[ -f $log ]] || return 0
  for test in $(failed_in_ctest "$log"); do
    say "The end of what $test printed"
    awk -v test="$test" '
      /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / { inside = $4 == test && /\*\*\*/ }
      /^ +Start +[0-9]+: / { next }
      inside' "$log" | tail -n 80
  done
}

# Of each log of a simulation: what failed in it. One that was ended from outside does not say so: then its last words.
show_simulation_failures() {
  local log
  for log in "$@"; do
    grep -B2 -A12 'FAILED' "$log" || ended_well "$log" || {
      printf '%s ends with:\n' "$log"
      tail -n 20 "$log"
    }
  done
}

ended_well() {
  grep -q '^All tests passed' "$1"
}

# Names what was skipped and what failed; the last line is N passed, N failed, N skipped. False: something failed, or nothing ran.
print_summary() {
  [[ $skipped -eq 0 ]] || printf '\nSkipped: %s\n' "${skips[*]}"
  [[ ${#skipped_cases[@]} -eq 0 ]] || printf 'Skipped case: %s\n' "${skipped_cases[@]}"
  [[ $failed -eq 0 ]] || printf '\nFailed: %s\n' "${failures[@]}"
  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [[ $failed -eq 0 && $((passed + skipped)) -gt 0 ]]
}
