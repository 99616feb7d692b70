# shellcheck shell=bash
# Python with the packages of `requirements.txt`.

# Makes a Python environment in the work directory. The environment neither uses nor changes packages of the machine.
service_python() {
    local attempt
    if ! python3 -m venv --clear "$work/python" >"$work/venv.log" 2>&1; then
        apt_install "python3 with venv" python3 python3-venv
        python3 -m venv --clear "$work/python" || {
            tail -n 30 "$work/venv.log" "$work/apt.log" >&2
            fail "python3 -m venv failed"
        }
    fi
    for attempt in 1 2 3; do
        if "$work/python/bin/pip" install --quiet --no-input --disable-pip-version-check \
            --requirement .ci/requirements.txt; then
            return
        fi
        say "pip install: attempt $attempt failed"
        sleep 3
    done
    fail "pip install --requirement .ci/requirements.txt failed"
}
