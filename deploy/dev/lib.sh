# What deploy/dev/up and deploy/dev/down share: the record of a running cluster, and how its processes end. Sourced, from the root of the
# checkout.
#
# The record is .apus/cluster: a line `process NAME PID START` for each, START being the tick since boot at which the kernel started it, so
# that a number which now belongs to somebody else's process is never taken for ours.

readonly state=.apus
readonly record=$state/cluster logs=$state/logs

# How long processes may take: to drain after SIGTERM, to leave at once after a second one, to vanish after SIGKILL.
readonly drain_seconds=10 leave_seconds=3 kill_seconds=5

# started PID: the tick at which it started; nothing if it is over. A zombie is over: its parent has only not looked yet.
started() {
    local line
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    # The name stands in parentheses and may hold anything; after it come the state, and 18 fields later the start.
    line=${line##*) }
    [ "${line%% *}" != Z ] || return 0
    cut -d ' ' -f 20 <<<"$line"
}

# is_ours PID START
is_ours() { [ "$(started "$1")" = "$2" ]; }

# processes [ROLE]: lines `NAME PID START` of those in the record that still run.
processes() {
    local word name pid start
    [ -r "$record" ] || return 0
    while read -r word name pid start; do
        [ "$word" = process ] && [[ $name == ${1-}* ]] && is_ours "$pid" "$start" && echo "$name $pid $start"
    done <"$record"
    return 0
}

# signal SIGNAL [ROLE]
signal() {
    local name pid start
    processes "${2-}" | while read -r name pid start; do kill "-$1" "$pid" 2>/dev/null || true; done
}

# gone SECONDS [ROLE]: waits for them to end; 1 if some did not.
gone() {
    local end=$((SECONDS + $1))
    while [ -n "$(processes "${2-}")" ]; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}

# stop_all: each role in the order in which work flows, so that what is running can end; then with less patience. 1 if some had to be killed.
stop_all() {
    local role status=0
    for role in frontend worker router; do
        signal TERM "$role"
        gone "$drain_seconds" "$role" && continue
        signal TERM "$role"
        gone "$leave_seconds" "$role" || status=1
    done
    kill_all
    return "$status"
}

kill_all() {
    signal KILL
    gone "$kill_seconds" || echo "some processes do not even end after SIGKILL: $(processes | tr '\n' ';')" >&2
}

# readable: log lines of JSON from stdin, which a name may precede, as `NAME LEVEL: message key=value …`.
readable() {
    sed -u -E 's/^([a-z0-9-]+ )?\{"ts":"[^"]*","level":"([a-z]+)","msg":"([^"]*)"(.*)\}$/\1\2: \3\4/
        s/,"([A-Za-z_]+)":("[^"]*"|[^,"]+)/ \1=\2/g'
}

# listener PORT: 0 if somebody listens on it; prints who, as far as this user may know.
listener() {
    local hex
    hex=$(printf '%04X' "$1")
    awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null || return 1
    if command -v ss >/dev/null; then ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:((\([^)]*\)).*/\1/p' | head -n 1; fi
}

# http_get PORT PATH: the whole answer, head and body; 1 if there is none in 5 s.
http_get() {
    # Without curl, which not every machine has.
    timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"
        printf "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n" "$2" "$1" >&3
        cat <&3' - "$1" "$2" 2>/dev/null
}
