# shellcheck shell=bash
# The conformance suite scim2-tester against the example `serve`, and against the platform on each store.

server_pid=

# start_server NAME ANNOUNCEMENT COMMAND...: runs a server that listens on a free port and writes to $work/server.log.
# Sets scim_url to the rest of the line that begins with ANNOUNCEMENT.
start_server() {
    local name=$1 announcement=$2 waited
    shift 2
    scim_url=
    # An earlier server has announced another address.
    : >"$work/server.log"
    "$@" >>"$work/server.log" 2>&1 &
    server_pid=$!
    for ((waited = 0; waited < 300; waited++)); do
        scim_url=$(sed -n "s/^$announcement //p" "$work/server.log")
        if [[ -n $scim_url ]]; then return; fi
        if ! kill -0 "$server_pid" 2>/dev/null; then break; fi
        sleep 0.1
    done
    cat "$work/server.log" >&2
    fail "$name did not start"
}

# end_server NAME: sends SIGTERM to the server, and fails unless the server ends in order.
end_server() {
    local name=$1 waited status=0
    if ! kill -TERM "$server_pid" 2>/dev/null; then
        tail -n 200 "$work/server.log" >&2
        fail "$name has ended by itself"
    fi
    for ((waited = 0; waited < 100; waited++)); do
        if ! kill -0 "$server_pid" 2>/dev/null; then break; fi
        sleep 0.1
    done
    if ((waited == 100)); then kill -KILL "$server_pid" 2>/dev/null || true; fi
    wait "$server_pid" || status=$?
    server_pid=
    if ((waited == 100 || status != 0)); then
        tail -n 200 "$work/server.log" >&2
        fail "$name did not end in order within 10 s after SIGTERM (status $status)"
    fi
}

# test_server NAME LEAST TOKEN: runs the suite against the server at scim_url. At least LEAST checks must pass:
# otherwise the suite gave up early, or the server advertises less than before. Sets passed, failed and skipped.
test_server() {
    local name=$1 least=$2 token=$3 status=0
    # The proxy of the network does not reach this machine.
    SCIM_CLI_URL=$scim_url SCIM_CLI_HEADERS="Authorization: Bearer $token" NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 \
        PYTHONIOENCODING=utf-8 timeout 300 "$work/python/bin/scim2" test >"$work/tester.log" 2>&1 || status=$?
    # Each check has a line, and its reason is indented below. Checks that failed or were skipped are shown.
    read -r passed failed skipped < <(
        awk '/^[A-Z]+ [a-z0-9_]+$/ { count[$1]++; next }
            END {
                passed = count["SUCCESS"] + count["COMPLIANT"] + count["ACCEPTABLE"]
                all = 0
                for (status in count) all += count[status]
                print passed, all - passed - count["SKIPPED"], count["SKIPPED"] + 0
            }' "$work/tester.log"
    )
    awk '/^[A-Z]+ [a-z0-9_]+$/ { show = $1 !~ /^(SUCCESS|COMPLIANT|ACCEPTABLE)$/ } show' "$work/tester.log"
    # A deliberate difference: `active` has a default, which no PATCH removes (RFC 7644 §3.5.1).
    local differs
    differs=$(grep -c "Failed to remove attribute 'active'" "$work/tester.log" || true)
    if ((differs != 1)); then fail "scim2-tester, $name: the removal of \`active\` must be refused once, not $differs times"; fi
    failed=$((failed - differs))
    say "scim2-tester, $name: $passed passed, $failed failed, $skipped skipped"
    if ((failed != 0)); then
        tail -n 200 "$work/server.log" >&2
        fail "scim2-tester, $name: $failed checks failed"
    fi
    # The suite also ends with status 1 after the deliberate difference, and after skipped checks.
    if ((status > 1 || passed < least)); then
        tail -n 30 "$work/tester.log" "$work/server.log" >&2
        fail "scim2-tester, $name: it ended with status $status, and not all of its checks ran"
    fi
}

# replay_requests NAME TOKEN: sends the requests of Okta and Entra to the server at scim_url, by the examples with these
# names.
replay_requests() {
    local name=$1 token=$2 example
    for example in okta entra; do
        if ! NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 timeout 300 "$programs/examples/$example" \
            --url "$scim_url" --token "$token" >"$work/replay.log" 2>&1; then
            grep -B 8 -A 4 -E 'FAILED' "$work/replay.log" >&2 || cat "$work/replay.log" >&2
            fail "the requests of $example, $name: a response is not right"
        fi
        say "the requests of $example, $name: $(head -n 1 "$work/replay.log")"
    done
}

step_conformance() {
    local token=$RANDOM$RANDOM store name passed failed skipped
    local programs=${CARGO_TARGET_DIR:-target}/debug
    local all_passed=0 all_failed=0 all_skipped=0
    cargo build --quiet -p "$crate" --example serve
    cargo build --quiet -p "$crate" --features testkit --example okta --example entra
    cargo build --quiet --workspace --all-features --bin platform
    SCIM_TEST_PLATFORM=$(realpath "$programs/platform")
    export SCIM_TEST_PLATFORM
    "$postgres_bin/createdb" --maintenance-db="$SCIM_TEST_POSTGRES" scim2_tester

    for name in serve memory SQLite PostgreSQL; do
        case $name in
            serve)
                start_server "the example serve" serving \
                    "$programs/examples/serve" --listen 127.0.0.1:0 --token "$token"
                test_server "the example serve" 137 "$token"
                replay_requests "the example serve" "$token"
                stop_server
                ;;
            *)
                case $name in
                    memory) store=memory ;;
                    SQLite) store=sqlite:$work/tester.db ;;
                    PostgreSQL) store=${SCIM_TEST_POSTGRES%/*}/scim2_tester ;;
                esac
                start_server "platform ($name)" "SCIM URL" \
                    "$SCIM_TEST_PLATFORM" --listen 127.0.0.1:0 --store "$store" --organization tester \
                    --identity-provider entra --token "$token"
                test_server "$name" 135 "$token"
                replay_requests "$name" "$token"
                end_server "platform ($name)"
                ;;
        esac
        all_passed=$((all_passed + passed))
        all_failed=$((all_failed + failed))
        all_skipped=$((all_skipped + skipped))
    done
    say "scim2-tester: $all_passed passed, $all_failed failed, $all_skipped skipped"
}

stop_server() {
    if [[ -n $server_pid ]]; then
        kill "$server_pid" 2>/dev/null || true
        wait "$server_pid" 2>/dev/null || true
        server_pid=
    fi
}
