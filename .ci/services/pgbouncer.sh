# shellcheck shell=bash
# PgBouncer in transaction mode.

pgbouncer=

service_pgbouncer() {
    install_pgbouncer
    start_pgbouncer
}

stop_pgbouncer() {
    if [[ -e $work/pgbouncer/pid ]]; then kill "$(<"$work/pgbouncer/pid")" 2>/dev/null || true; fi
}

install_pgbouncer() {
    pgbouncer=$(command -v pgbouncer || compgen -G '/usr/sbin/pgbouncer' || true)
    if [[ -z $pgbouncer ]]; then
        apt_install "PgBouncer" pgbouncer
        pgbouncer=$(command -v pgbouncer || compgen -G '/usr/sbin/pgbouncer' || true)
        if [[ -z $pgbouncer ]]; then
            tail -n 30 "$work/apt.log" >&2
            fail "PgBouncer could not be installed"
        fi
    fi
    local version
    version=$("$pgbouncer" --version)
    say "${version%%$'\n'*}"
}

# PgBouncer in transaction mode, in front of every database of the server.
start_pgbouncer() {
    local directory=$work/pgbouncer attempt port second address=${SCIM_TEST_POSTGRES#*@}
    address=${address%%/*}
    mkdir "$directory"
    printf '"postgres" ""\n' >"$directory/users"
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        printf '%s\n' '[databases]' "* = host=${address%:*} port=${address#*:}" '[pgbouncer]' 'listen_addr = 127.0.0.1' \
            "listen_port = $port" 'unix_socket_dir =' 'auth_type = trust' "auth_file = $directory/users" \
            'pool_mode = transaction' 'default_pool_size = 4' "logfile = $directory/log" "pidfile = $directory/pid" \
            >"$directory/pgbouncer.ini"
        if ((EUID == 0)); then chown -R "$postgres_user" "$directory"; fi
        as_postgres "$pgbouncer" -q -d "$directory/pgbouncer.ini" >"$work/pgbouncer.log" 2>&1 || true
        for ((second = 0; second < 5; second++)); do
            if "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$port" && [[ -e $directory/pid ]]; then
                export SCIM_TEST_PGBOUNCER=postgres://postgres@127.0.0.1:$port
                say "$SCIM_TEST_PGBOUNCER"
                return
            fi
            sleep 1
        done
        say "PgBouncer did not start on port $port (attempt $attempt)"
    done
    cat "$work/pgbouncer.log" "$directory/log" >&2 || true
    fail "PgBouncer did not start"
}
