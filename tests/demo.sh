#!/bin/sh
# Render the default project into the folder $1 and run it from its set-up to a prediction.
set -eu

build=$1
project=$build/flight-delays
step() { printf '\n== %s\n' "$*"; }

step "Render the default project into $project"
rm -rf "$project"
"$BIN/cookiecutter" . --no-input --output-dir "$build"
cd "$project"
# The model's metadata name the commit that it was trained at.
git init --quiet --initial-branch=main
git add --all
git -c user.name=Demo -c user.email=demo@example.com commit --quiet --message="Start from the template"
for target in setup all predict; do
    step "make $target"
    make --no-print-directory "$target"
done

cat <<END

Done. Where to look, in $project:
  README.md                             what the project is and what to do with it
  artifacts/v0.1/report.html            how good the model is, with plots
  model_card.md                         the same, for the people who will use it
  artifacts/predictions.csv             a prediction for each flight of the sample
  make help                             what else it can do
END
