# shellcheck shell=bash
# The steps that need Cargo only.

# Examples that run until a signal ends them. The step `examples` leaves them out; `conformance` runs `serve`.
servers=(serve)

step_format() { cargo fmt --all --check; }

# The features that Cargo.toml names.
features() {
    awk '/^\[/ { inside = ($1 == "[features]"); next }
        inside && match($0, /^[A-Za-z0-9_-]+/) { print substr($0, 1, RLENGTH) }' Cargo.toml
}

# The `required-features` of the example $1, with commas.
features_of_example() {
    awk -v wanted="\"$1\"" '
        /^\[/ { inside = ($1 == "[[example]]"); name = "" }
        inside && $1 == "name" { name = $3 }
        inside && $1 == "required-features" { sub(/^[^=]*= */, ""); needs[name] = $0 }
        END { gsub(/[\[\]" ]/, "", needs[wanted]); print needs[wanted] }' Cargo.toml
}

step_clippy() {
    cargo clippy --workspace --all-targets --all-features -- -D warnings
}

# Builds the library with the oldest Rust version that Cargo.toml promises.
step_msrv() {
    local version attempt
    version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    [[ -n $version ]] || fail "Cargo.toml names no rust-version"
    command -v rustup >/dev/null || fail "rustup is missing: install rustup, which installs Rust $version"
    for attempt in 1 2 3; do
        if rustup toolchain install "$version" --profile minimal --no-self-update; then break; fi
        if ((attempt == 3)); then fail "rustup could not install Rust $version"; fi
        sleep 3
    done
    cargo "+$version" check --locked -p "$crate" --all-features --target-dir "${CARGO_TARGET_DIR:-target}/msrv"
}

step_tests() {
    local status=0 passed failed skipped
    build_ahead
    timeout 2700 cargo test --workspace --all-features --no-fail-fast 2>&1 | tee "$work/tests.log" || status=$?
    hasten_ahead
    read -r passed failed skipped < <(
        awk '/^test result: / {
            for (i = 2; i <= NF; i++) {
                if ($i == "passed;") passed += $(i - 1)
                if ($i == "failed;") failed += $(i - 1)
                if ($i == "ignored;") ignored += $(i - 1)
            }
        }
        END { print passed + 0, failed + 0, ignored + 0 }' "$work/tests.log"
    )
    say "$crate: $passed passed, $failed failed, $skipped skipped"
    if ((status != 0)); then fail "cargo test ended with status $status"; fi
    if ((failed != 0)); then fail "$failed tests failed"; fi
    if ((passed == 0)); then fail "no test ran"; fi
}

build_documentation() { step_documentation; }

step_documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
}

build_features() { step_features; }

step_features() {
    local feature names
    names=$(features)
    [[ -n $names ]] || fail "no feature found in Cargo.toml"
    say "without features"
    cargo clippy --quiet -p "$crate" --lib --no-default-features -- -D warnings
    for feature in $names; do
        say "with $feature alone"
        cargo clippy --quiet -p "$crate" --lib --no-default-features --features "$feature" -- -D warnings
    done
    say "with all features"
    cargo clippy --quiet -p "$crate" --lib --all-features -- -D warnings
    no_system
}

# Without features the library has no clock, no source of random bytes, and never a runtime.
no_system() {
    local tree found
    tree=$(cargo tree -p "$crate" --no-default-features -e normal --target all --prefix none -f '{p}')
    [[ $tree == "$crate "* ]] || fail "cargo tree shows no $crate"
    if found=$(grep -E '^(getrandom|iana-time-zone|tokio|axum) ' <<<"$tree"); then
        fail "the build without features depends on: ${found//$'\n'/, }"
    fi
}

step_examples() {
    local file name needs count=0
    for file in examples/*.rs; do
        [[ -e $file ]] || continue
        name=$(basename "$file" .rs)
        if [[ " ${servers[*]} " == *" $name "* ]]; then continue; fi
        needs=$(features_of_example "$name")
        if ! timeout 600 cargo run --quiet -p "$crate" --features "$needs" --example "$name" \
            >"$work/example.log" 2>&1; then
            cat "$work/example.log" >&2
            fail "the example $name failed"
        fi
        say "$name: $(tail -n 1 "$work/example.log")"
        count=$((count + 1))
    done
    say "examples run: $count"
}

# The hosts for web frameworks: a package of its own.
build_hosts() {
    local manifest=examples/hosts/Cargo.toml target=${CARGO_TARGET_DIR:-target}/hosts
    cargo clippy --locked --manifest-path "$manifest" --target-dir "$target" --all-targets -- -D warnings
    cargo test --locked --manifest-path "$manifest" --target-dir "$target" --no-run
}

step_hosts() {
    local manifest=examples/hosts/Cargo.toml target=${CARGO_TARGET_DIR:-target}/hosts
    cargo fmt --manifest-path "$manifest" --check
    build_hosts
    timeout 900 cargo test --locked --manifest-path "$manifest" --target-dir "$target" 2>&1 | tee "$work/hosts.log"
    say "hosts: $(grep -c '^test .* ok$' "$work/hosts.log") passed"
}

# The adapters for drivers, and the layouts of applications: packages of their own. They share the target directory of
# the workspace, since most of their dependencies are the same.
databases=(examples/databases/Cargo.toml examples/databases/sqlx/Cargo.toml)

build_databases() {
    local manifest target=${CARGO_TARGET_DIR:-target}
    for manifest in "${databases[@]}"; do
        # Clippy for `sqlx` would build its dependencies a second time, for two files.
        if [[ $manifest != */sqlx/* ]]; then
            cargo clippy --locked --manifest-path "$manifest" --target-dir "$target" --all-targets -- -D warnings
        fi
        cargo test --locked --manifest-path "$manifest" --target-dir "$target" --no-run
    done
}

step_databases() {
    local manifest example target=${CARGO_TARGET_DIR:-target}
    for manifest in "${databases[@]}"; do cargo fmt --manifest-path "$manifest" --all --check; done
    build_databases
    for manifest in "${databases[@]}"; do
        timeout 1500 cargo test --locked --manifest-path "$manifest" --target-dir "$target" 2>&1 | tee -a "$work/databases.log"
    done
    for example in directory own_store; do
        cargo run --locked --manifest-path examples/databases/Cargo.toml --target-dir "$target" --example "$example"
    done
    say "databases: $(grep -c '^test .* ok$' "$work/databases.log") passed"
}

step_package() {
    local list stray file
    list=$(cargo package --allow-dirty --no-verify -p "$crate" --list)
    stray=$(grep -vE '^(src/.+\.(rs|json|md)|(tests|benches)/.+\.(rs|csv|tsv|json|md|pem|proptest-regressions)|tests/unicode/(CaseFolding\.txt|LICENSE)|examples/(trace/)?[^/]+\.rs|[A-Z]+\.md|LICENSE-(MIT|APACHE)|Cargo\.(toml|toml\.orig|lock)|\.cargo_vcs_info\.json)$' <<<"$list" || true)
    [[ -z $stray ]] || fail "the package holds stray files: ${stray//$'\n'/, }"
    for file in Cargo.toml src/lib.rs README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE; do
        grep -qxF "$file" <<<"$list" || fail "the package lacks $file"
    done
    say "files in the package: $(wc -l <<<"$list")"
}

# Licenses, sources and security advisories of all dependencies, by the rules of `deny.toml`.
step_licenses() {
    cargo deny --version 2>/dev/null || cargo install --locked cargo-deny
    cargo deny --workspace --all-features check
}

# Compares the public API with the newest release on crates.io.
step_compatibility() {
    cargo semver-checks --version 2>/dev/null || cargo install --locked cargo-semver-checks
    cargo semver-checks -p "$crate" --all-features
}
