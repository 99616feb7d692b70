# shellcheck shell=bash
# PostgreSQL on a free port, for the tests and for scim2-tester.

postgres_bin=

# Sets postgres_bin to the directory of the newest server found, which also holds its tools; empty if there is none.
find_postgres() {
    local tool directory
    local -a directories=()
    postgres_bin=
    if tool=$(command -v initdb); then directories+=("$(dirname "$(readlink -f "$tool")")"); fi
    while IFS= read -r directory; do directories+=("$directory"); done < <(
        compgen -G '/usr/lib/postgresql/*/bin' | sort -rV || true
        compgen -G '/usr/pgsql-*/bin' | sort -rV || true
        compgen -G '/usr/local/pgsql/bin' || true
    )
    for directory in "${directories[@]}"; do
        for tool in initdb pg_ctl postgres pg_isready createdb; do
            [[ -x $directory/$tool ]] || continue 2
        done
        postgres_bin=$directory
        return
    done
}

service_postgres() {
    install_postgres
    start_postgres
}

stop_postgres() {
    if [[ -n $postgres_bin && -e $work/pg/data/postmaster.pid ]]; then
        as_postgres "$postgres_bin/pg_ctl" stop -D "$work/pg/data" -m immediate -t 30 >/dev/null 2>&1 || true
    fi
}

install_postgres() {
    find_postgres
    if [[ -z $postgres_bin ]]; then
        apt_install "PostgreSQL server" postgresql
        find_postgres
        if [[ -z $postgres_bin ]]; then
            tail -n 30 "$work/apt.log" >&2
            fail "PostgreSQL could not be installed"
        fi
    fi
    "$postgres_bin/postgres" --version
    # For the tests that kill a server of their own, freeze it, or put it on a full disk.
    export SCIM_TEST_POSTGRES_BIN=$postgres_bin
}

# Runs a command as a user who may run the server: it refuses root.
as_postgres() {
    if ((EUID != 0)); then
        (cd "$work" && "$@")
    else
        (cd "$work" && runuser -u "$postgres_user" -- "$@")
    fi
}

start_postgres() {
    postgres_user=postgres
    id "$postgres_user" >/dev/null 2>&1 || postgres_user=nobody
    unset PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGDATABASE PGDATA PGSERVICE PGOPTIONS PGSSLMODE
    chmod 755 "$work"
    mkdir "$work/pg"
    if ((EUID == 0)); then chown "$postgres_user" "$work/pg"; fi

    as_postgres "$postgres_bin/initdb" -D "$work/pg/data" -U postgres --auth=trust --encoding=UTF8 --locale=C \
        --no-sync >"$work/initdb.log" 2>&1 || {
        cat "$work/initdb.log" >&2
        fail "initdb failed"
    }
    # The port is random: if another program has it, the server does not start, and the loop tries another port.
    # The data ends with the run, so no write waits for the disk.
    local attempt port started=
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        if as_postgres "$postgres_bin/pg_ctl" start -D "$work/pg/data" -l "$work/pg/log" -w -t 60 -o "-p $port \
            -c listen_addresses=127.0.0.1 -c unix_socket_directories=$work/pg -c max_connections=200 \
            -c fsync=off -c synchronous_commit=off -c full_page_writes=off" >"$work/pg_ctl.log" 2>&1; then
            started=yes
            break
        fi
        say "PostgreSQL did not start on port $port (attempt $attempt)"
    done
    if [[ -z $started ]]; then
        tail -n 30 "$work/pg_ctl.log" "$work/pg/log" >&2 || true
        fail "PostgreSQL did not start"
    fi
    local second
    for ((second = 0; ; second++)); do
        if "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$port"; then break; fi
        if ((second == 30)); then
            tail -n 30 "$work/pg/log" >&2 || true
            fail "PostgreSQL does not answer on 127.0.0.1:$port"
        fi
        sleep 1
    done
    "$postgres_bin/createdb" -h 127.0.0.1 -p "$port" -U postgres scim_test
    export SCIM_TEST_POSTGRES=postgres://postgres@127.0.0.1:$port/scim_test
    say "$SCIM_TEST_POSTGRES"
}
