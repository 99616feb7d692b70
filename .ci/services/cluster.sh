# shellcheck shell=bash
# etcd and Patroni for the test `failover`.

# Installs, starts and stops the cluster of the test `failover`.
cluster=examples/platform/tests/cluster/run

# Installs etcd and Patroni. The test starts the cluster, so that it disturbs no other test.
service_cluster() {
    chmod 755 "$work"
    "$cluster" install "$work/cluster" "$postgres_bin" >"$work/cluster.log" 2>&1 || {
        tail -n 30 "$work/cluster.log" >&2
        fail "the cluster could not be installed"
    }
    tail -n 2 "$work/cluster.log"
    export SCIM_TEST_CLUSTER=$work/cluster
}

# The test `failover` stops its cluster itself, unless a signal ends the test.
stop_cluster() {
    if [[ -e $work/cluster/state ]]; then "$cluster" stop "$work/cluster" || true; fi
}
