#!/usr/bin/env bash
# Runs shellcheck over every bash script of the project, found by its first line.
set -euo pipefail
cd "$(dirname "$0")/../.."
shellcheck=${1:-shellcheck}

scripts=()
while IFS= read -r file; do
  [[ -f $file ]] && head -n 1 "$file" | tr -d '\0' | grep -qE '^#!.*\b(ba)?sh\b' && scripts+=("$file")
done < <(git ls-files --cached --others --exclude-standard -- tools .ci deploy tests)
echo "shellcheck: ${#scripts[@]} scripts"
"$shellcheck" --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
