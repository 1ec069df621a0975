#!/bin/sh
# Roll the images of this machine out on a cluster of its own, ask it, and see a bad version held back.
# Needs Docker, kind and kubectl, and `make docker BAKE=1` before. The cluster is deleted at the end.
set -eu
cd "$(dirname "$0")/../.."
name={{ cookiecutter.project_slug }}
cluster=try-$$
url=http://127.0.0.1:18000
trap 'kind delete cluster --name "$cluster"' EXIT
kind create cluster --name "$cluster" --wait 120s
kind load docker-image "$name:serve" "$name:train" --name "$cluster"
run() { kubectl --context "kind-$cluster" --namespace "$name" "$@"; }
key=$(openssl rand -hex 32)
run apply --filename infra/kubernetes/base/namespace.yaml
run create secret generic api-keys --from-literal=api-key="$key" \
    --from-literal=signing-key="$(openssl rand -hex 32)"
run apply --kustomize infra/kubernetes/overlays/dev
run rollout status deployment/api --timeout=180s
ask() {
    run port-forward deployment/api 18000:8000 >/dev/null &
    curl --fail --silent --show-error --retry 20 --retry-delay 1 --retry-all-errors "$url/health/ready"
    {{ cookiecutter.package_name | upper }}__SERVE__API_KEY=$key {{ cookiecutter.package_name | upper }}__LOAD_TEST__P95_MS=2000 \
        make load-test SECONDS=3 URL="$url"
    kill $!
}
ask
echo "a version that never gets ready must not take the place of the one that answers"
run set env deployment/api {{ cookiecutter.package_name | upper }}__SERVE__STORE=/nothing
if run rollout status deployment/api --timeout=60s; then
    echo "error: the bad version was rolled out" >&2
    exit 1
fi
ask
run rollout undo deployment/api
run rollout status deployment/api --timeout=180s
