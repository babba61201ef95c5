#!/bin/sh
# Stands in for `pmoe` in tests. The name of the method determines how `train` ends.
case $1 in
bench) echo '{"ms_per_act": 0.1, "ms_per_env_step": 0.1, "ms_of_learning_per_env_step": 2.0,
    "bytes_when_finished": 1, "bytes_of_learner": 2, "bytes_of_steps": 3}'; exit ;;
report) mkdir -p "$4" && echo page >"$4/index.html"; exit ;;
analyze)
    # Keeps its arguments; runs of `lookless` can't be analysed.
    case $2 in */lookless/*) echo 'error: nothing to see' >&2; exit 2 ;; esac
    echo "$*" >>"$2/looks"; exit ;;
esac

method=$3
while [ "$1" != --out ]; do
    arguments="$arguments $1"
    shift
done
run=$2
mkdir -p "$run"
echo "$arguments" >>"$run/calls"
echo '{"env_step": 500, "total_steps": 1000, "episode_return": 12.5, "steps_per_second": 100.0}'
case $method in
done | lookless) ;;
logless) rm "$run.log" ;;
diverged) echo 'error: q1 is NaN at gradient step 7' >&2; exit 3 ;;
refused) echo 'warning: old' >&2; echo 'error: unknown key' >&2; echo 'help: none' >&2; exit 2 ;;
locked) exit 75 ;;
killed) kill -9 $$ ;;
second-time) [ "$(wc -l <"$run/calls")" -gt 1 ] || { echo 'disk full' >&2; exit 1; } ;;
waiting) trap 'exit 130' INT; kill -INT "$PPID"; while :; do sleep 0.01; done ;;
esac
