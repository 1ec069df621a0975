#!/bin/sh
# Write FILE as a comment on pull request NUMBER, or over the comment that begins with the same line.
set -eu
file=$1
comments=repos/$GITHUB_REPOSITORY/issues/$2/comments
mark=$(head -n 1 "$file")
known=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$mark\")) | .id" | head -n 1)
if [ -n "$known" ]; then
    gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$known" --field "body=@$file" --silent
else
    gh api --method POST "$comments" --field "body=@$file" --silent
fi
