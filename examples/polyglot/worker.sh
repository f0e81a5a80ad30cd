#!/bin/sh
# A TaskJob worker in plain shell: curl and sed are all it needs.
#
#   TASKJOB_GATEWAY=http://127.0.0.1:8080 sh examples/polyglot/worker.sh [JOBS]
#
# It registers, takes jobs of the task `text.count` one by one, keeps its lease alive while they run, settles them,
# and says bye after JOBS jobs (default: never) or on SIGTERM. TASKJOB_TOKEN is its worker token, if one is needed.
# docs/reference/worker-protocol.md explains every message.
#
# JSON is read with sed, which is good enough for flat fields of this server's compact output; use jq for more.
set -eu

gateway=${TASKJOB_GATEWAY:-http://127.0.0.1:8080}
queue=${TASKJOB_QUEUE:-default}
wait_seconds=${TASKJOB_WAIT_SECONDS:-10}
jobs_left=${1:--1}
stopping=
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'stopping=yes' TERM INT

# send MESSAGE: prints the reply. The same message is sent again until a reply comes: the server knows it by its seq.
send() {
    printf '%s' "$1" >"$work/message"
    while :; do
        {
            # By standard input, so that the token stands in no process list.
            printf 'header = "Content-Type: application/json"\n'
            [ -z "${TASKJOB_TOKEN:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$TASKJOB_TOKEN"
        } | curl -sS --max-time 60 -K - --data-binary "@$work/message" -o "$work/reply" \
            "$gateway/worker/v1/exchange" && ! grep -q '"code":"Unavailable"' "$work/reply" && break
        sleep 1
    done
    if grep -q '^{"type":"error"' "$work/reply"; then
        echo "refused: $(cat "$work/reply")" >&2
        return 1
    fi
    cat "$work/reply"
}

# text FIELD < JSON: the first string of that name. number FIELD: the first number.
text() { sed -n "s/.*[{,]\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }
number() { sed -n "s/.*[{,]\"$1\":\([0-9][0-9]*\).*/\1/p" | head -n 1; }

# The task: counts the words of payload.text and prints its result, a JSON value.
text_count() {
    words=$(text text | wc -w)
    printf '{"words":%d}' "$words"
}

# exchange FIELDS: one exchange with the next seq. The lease in hand, if any, is named in `holding`.
exchange() {
    seq=$((seq + 1))
    holding=
    [ -z "$job" ] || holding="{\"job\":\"$job\",\"lease\":\"$lease\"}"
    send "{\"type\":\"exchange\",\"session\":\"$session\",\"epoch\":$epoch,\"seq\":$seq,\"holding\":[$holding]$witness$1}" \
        >"$work/update"
    # What the server says of its store goes back as it came: a store restored from a back-up learns that it lost jobs.
    witness=$(sed -n 's/.*\(,"witness":{[^}]*}\).*/\1/p' "$work/update")
}

welcome=$(send "{\"type\":\"register\",\"protocol\":[1],\"worker\":\"$(uname -n)-$$\",\"queues\":[\"$queue\"],\
\"tasks\":[\"text.count\"],\"slots\":1}")
session=$(printf '%s' "$welcome" | text session)
epoch=$(printf '%s' "$welcome" | number epoch)
heartbeat=$(printf '%s' "$welcome" | number heartbeatSeconds)
seq=0 job='' lease='' settle='' witness=''
echo "registered session $session" >&2

while :; do
    want=1
    if [ -n "$stopping" ] || [ "$jobs_left" -eq 0 ]; then want=0; fi
    exchange ",\"settle\":[$settle],\"want\":$want,\"waitSeconds\":$wait_seconds"
    settle='' job='' lease=''
    [ "$want" -eq 1 ] || break
    sed -n 's/.*"jobs":\[{"job":"\([0-9a-f]*\)","lease":"\([0-9a-f]*\)".*/\1 \2/p' "$work/update" >"$work/grant"
    read -r job lease <"$work/grant" || [ -n "$job" ] || continue
    cp "$work/update" "$work/job"
    echo "running job $job" >&2

    text_count <"$work/job" >"$work/result" &
    task=$!
    exchange ",\"started\":[{\"job\":\"$job\",\"lease\":\"$lease\"}]"
    quiet=0
    while kill -0 "$task" 2>/dev/null; do
        sleep 1
        quiet=$((quiet + 1))
        if [ "$quiet" -ge "$heartbeat" ]; then
            exchange ''
            quiet=0
        fi
    done
    if wait "$task"; then
        settle="{\"job\":\"$job\",\"lease\":\"$lease\",\"outcome\":\"completed\",\"result\":$(cat "$work/result")}"
    else
        settle="{\"job\":\"$job\",\"lease\":\"$lease\",\"outcome\":\"failed\",\
\"error\":{\"type\":\"ExitStatus\",\"message\":\"text_count failed\"}}"
    fi
    [ "$jobs_left" -le 0 ] || jobs_left=$((jobs_left - 1))
done

send "{\"type\":\"bye\",\"session\":\"$session\",\"epoch\":$epoch}" >/dev/null
echo "bye" >&2
