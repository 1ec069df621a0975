#!/bin/sh
# Plan environment dev or prod on AWS, into plan.out there and build/plan.md here. What runs stays, unless IMAGES has
# the digests of others. TFVARS is the content of terraform.tfvars, where there is none; LOCK=false for who only looks.
set -eu
cd "$(dirname "$0")/.."
folder=infra/terraform/environments/$1
mkdir -p build
if [ -n "${TFVARS:-}" ]; then printf '%s\n' "$TFVARS" > "$folder/terraform.tfvars"; fi
terraform -chdir="$folder" init -input=false -no-color \
    -backend-config="bucket=$STATE_BUCKET" -backend-config="region=$AWS_REGION" >&2
if [ -z "${IMAGES:-}" ]; then
    IMAGES=$(terraform -chdir="$folder" output -json project | jq --compact-output .images)
fi
terraform -chdir="$folder" plan -input=false -no-color -lock="${LOCK:-true}" -out=plan.out -var "images=$IMAGES" >&2
{
    echo "<!-- plan of $1 -->"
    echo "### What would change in $1"
    echo
    echo '```text'
    terraform -chdir="$folder" show -no-color plan.out | head -c 60000 # a comment holds little more
    echo
    echo '```'
} > build/plan.md
