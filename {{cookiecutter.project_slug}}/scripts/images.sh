#!/bin/sh
# The images of a release, by digest, as the variable `images` of infra/terraform has them:
#     images.sh find v1.2.0                     print them, if the workflow Release has built them at that tag
#     images.sh copy v1.2.0 IMAGES REGISTRY     bring them to REGISTRY/serve and REGISTRY/train, unchanged
# It needs docker and gh, signed in at both registries.
set -eu
command=$1 release=$2
from=ghcr.io/$(printf '%s' "$GITHUB_REPOSITORY" | tr '[:upper:]' '[:lower:]')

digest() { # nothing where there is no such image
    docker buildx imagetools inspect "$1" | sed -n 's/^Digest: *//p'
}

find() {
    digest=$(digest "$1:${release#v}")
    gh attestation verify "oci://$1@$digest" --repo "$GITHUB_REPOSITORY" \
        --signer-workflow "$GITHUB_REPOSITORY/.github/workflows/release.yml" --source-ref "refs/tags/$release" >&2
    printf '%s' "$digest"
}

copy() { # a tag is never given twice, so what is there already must be the same
    to=$2:${release#v}
    if ! known=$(digest "$to" 2>/dev/null) || [ -z "$known" ]; then
        docker buildx imagetools create --prefer-index=false --tag "$to" "$1" >&2
        known=$(digest "$to")
    fi
    if [ "$known" != "${1#*@}" ]; then
        echo "error: $to is $known, not ${1#*@}: another image has this release's tag" >&2
        exit 1
    fi
}

case "$command" in
    find)
        serve=$(find "$from")
        train=$(find "$from-train")
        echo "{\"serve\":\"$serve\",\"train\":\"$train\"}"
        ;;
    copy)
        copy "$from@$(echo "$3" | jq --raw-output .serve)" "$4/serve"
        copy "$from-train@$(echo "$3" | jq --raw-output .train)" "$4/train"
        ;;
esac
