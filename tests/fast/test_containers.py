"""What images and containers must keep to, as text; each rule has been seen to fail."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import CHOICES, Answers, Baker

NAMES = ("Dockerfile", ".dockerignore", "docker-compose.yml")
# What decides these files' content, one answer at a time.
ROWS: list[Answers] = [
    {},
    {"package_name": "src"},
    {"license": "Proprietary", "notebooks": False},
    *({name: value} for name in ("demo_app", "python_version") for value in CHOICES[name][1:]),
]
DIGITS = r"[1-9]\d*"


def instructions(text: str) -> list[tuple[str, str]]:
    """Split a Dockerfile into instructions with their arguments, continued lines put together."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole)]


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """Return the instructions of each stage by its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in instructions(text):
        if word == "FROM":
            found[rest.split(" AS ")[1]] = []
        if found:
            list(found.values())[-1].append((word, rest))
    return found


def images(text: str) -> dict[str, list[tuple[str, str]]]:
    """Return the stages that are run: those with an entry point."""
    return {
        name: stage
        for name, stage in stages(text).items()
        if any(word == "ENTRYPOINT" for word, _ in stage)
    }


def arguments(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for name, rest in stage if name == word]


def routes(project: Path) -> set[str]:
    """Return the paths that API and page answer to GET."""
    sources = [*project.glob("src/**/predict/api.py"), *project.glob("app/*_app.py")]
    text = "".join(path.read_text("utf-8") for path in sources)
    return {"/", *re.findall(r'@app\.get\(\s*"(/[^"]*)"', text)}


def dockerfile_faults(text: str, project: Path) -> Iterator[str]:
    """Name what a Dockerfile must not have."""
    if re.search(r"^# *(syntax|escape)=|<<-?[\"']?\w|--link\b", text, re.MULTILINE):
        yield "needs a builder's own front end"
    declared = {rest.split("=")[0]: rest for rest in arguments(instructions(text), "ARG")}
    if not re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+-slim", declared["PYTHON_IMAGE"]):
        yield f"base image {declared['PYTHON_IMAGE']}"
    last = list(stages(text))[-1]
    if last != "serve":
        yield f"no --target gives {last}"
    for name, stage in stages(text).items():
        base = stage[0][1].split()[0]
        if base not in (*stages(text), "${PYTHON_IMAGE}"):
            yield f"{name} starts from {base}"
        runs = " ".join(arguments(stage, "RUN"))
        if "libgomp1" in runs and name != "base-lightgbm":
            yield f"{name} has libgomp1"
        if "train.txt" in runs and name != "build-train":
            yield f"{name} installs what training needs"
        for install in re.findall(r"pip install[^&]*", runs):
            if not re.search(r"--no-deps /wheel|--require-hashes", install):
                yield f"{name} installs files without a hash: {install}"
        if "uv build" in runs and "--require-hashes --build-constraints" not in runs:
            yield f"{name} builds with files without a hash"
        for word in ("ARG", "ENV"):
            for rest in arguments(stage, word):
                if re.search(r"(KEY|SECRET|PASSWORD|TOKEN)\w*[= ]\s*\S", rest):
                    yield f"{name} has a secret: {word} {rest}"
        if arguments(stage, "ADD"):
            yield f"{name} adds from anywhere"
    lineage = {"serve"}
    for name, stage in reversed(stages(text).items()):
        if name in lineage:
            lineage.add(stage[0][1].split()[0])
            lineage |= {
                rest.split("=")[1].split()[0]
                for rest in arguments(stage, "COPY")
                if rest.startswith("--from=")
            }
    if lineage - {"${PYTHON_IMAGE}"} != {"serve", "base", "build-serve", "build", "package"}:
        yield f"serve is made from {sorted(lineage)}"
    for name, stage in images(text).items():
        yield from image_faults(name, stage, project)


def image_faults(name: str, stage: list[tuple[str, str]], project: Path) -> Iterator[str]:
    users = arguments(stage, "USER")
    if not users or not re.fullmatch(f"{DIGITS}:{DIGITS}", users[-1]):
        yield f"{name} runs as {users[-1] if users else 'root'}"
    for word in ("ENTRYPOINT", "CMD"):
        for rest in arguments(stage, word):
            if not rest.startswith("["):
                yield f"{name}: a shell stands between signals and the process: {word} {rest}"
    ports = arguments(stage, "EXPOSE")
    checks = arguments(stage, "HEALTHCHECK")
    if ports and not checks:
        yield f"{name} has no health check"
    for check in checks:
        command = json.loads(check.partition("CMD ")[2])
        found = re.search(r"C\('127\.0\.0\.1', (\d+), .*'GET', '(/[^']*)'", command[-1])
        if command[0] != "python" or found is None:
            yield f"{name}: its health check needs more than Python: {command}"
        elif found[1] not in ports or found[2] not in routes(project):
            yield f"{name}: nothing answers its health check at {found[1]}{found[2]}"
        elif name == "serve" and found[2] != "/health/ready":
            yield f"{name} is healthy without a model"


def ignore_faults(text: str, dockerfile: str, project: Path) -> Iterator[str]:
    """Name what an allow list must not have, and what it keeps from the Dockerfile."""
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    if rules[0] != "*":
        yield "everything is let in"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    for rule in allowed:
        secret = (".env", ".git", "data/raw/x.csv", "models/v0.1/model.pkl", "artifacts/x")
        if any(fnmatch(name, rule) or name.startswith(f"{rule}/") for name in secret):
            yield f"{rule} is let in"
        if rule != "build/champion" and not (project / rule).exists():
            yield f"{rule} is let in, and is not there"
    copied = set()
    declared = arguments(instructions(dockerfile), "ARG")
    defaults = dict(rest.split("=", 1) for rest in declared if "=" in rest)
    for source in arguments(instructions(dockerfile), "COPY"):
        *sources, _ = [word for word in source.split() if not word.startswith("--")]
        if "--from=" not in source:
            copied |= {re.sub(r"\$\{(\w+)\}", lambda x: defaults[x[1]], one) for one in sources}
    for name in copied:
        if not any(name == rule or name.startswith(f"{rule}/") for rule in allowed):
            yield f"{name} is copied, but not let in"
        if not (project / name).exists():
            yield f"{name} is copied, but is in no clean clone"
    for rule in set(allowed) - {"build/champion"}:
        if not any(name == rule or name.startswith(f"{rule}/") for name in copied):
            yield f"{rule} is let in, but not copied"


def compose_faults(text: str, dockerfile: str) -> Iterator[str]:
    """Name what a compose file must not have."""
    compose: dict[str, Any] = yaml.safe_load(text)
    runs = images(dockerfile)
    if "privileged" in text or "docker.sock" in text or "network_mode" in text:
        yield "a container reaches its host"
    for name, service in compose["services"].items():
        target = service.get("build", {}).get("target")
        if target not in runs:
            yield f"{name}: no image {target}"
            continue
        if re.search(r":latest$", service["image"]) or ":" not in service["image"]:
            yield f"{name}: which image is {service['image']}?"
        locked = {"read_only": True, "cap_drop": ["ALL"], "restart": "unless-stopped"}
        for key, value in locked.items():
            if service.get(key) != value:
                yield f"{name}: {key} is not {value}"
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name} may gain privileges"
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        if limits.keys() != {"cpus", "memory", "pids"}:
            yield f"{name} takes what it likes"
        if "user" in service:
            yield f"{name} runs as {service['user']}"
        exposed = arguments(runs[target], "EXPOSE")
        for port in service["ports"]:
            host, _, inside = str(port).rpartition(":")
            if not re.fullmatch(r"127\.0\.0\.1:\d+", host):
                yield f"{name} is open to the network: {port}"
            if inside not in exposed:
                yield f"{name}: nothing listens at {inside}"
        for key, value in service["environment"].items():
            secret = re.search("KEY|SECRET|PASSWORD|TOKEN", key)
            if secret and not re.fullmatch(r"\$\{\w+:\?run make env\}", str(value)):
                yield f"{name}: {key} has a value in the file"
        for volume in service["volumes"]:
            if volume.startswith(".") and not volume.endswith(":ro"):
                yield f"{name} may write to {volume}"
    if "api" not in compose["services"] or "profiles" in compose["services"]["api"]:
        yield "docker compose up starts no API"


def texts(project: Path) -> list[str]:
    return [(project / name).read_text("utf-8") for name in NAMES]


def all_faults(project: Path, dockerfile: str, ignore: str, compose: str) -> list[str]:
    return [
        *dockerfile_faults(dockerfile, project),
        *ignore_faults(ignore, dockerfile, project),
        *compose_faults(compose, dockerfile),
    ]


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name(tool), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())) or "default")
def test_the_rules_hold(row: Answers, bake: Baker) -> None:
    project = bake(**row)
    assert all_faults(project, *texts(project)) == []
    demo = row.get("demo_app", CHOICES["demo_app"][0]) != "none"
    python = row.get("python_version", CHOICES["python_version"][0])
    dockerfile, _, compose = texts(project)
    assert f"ARG PYTHON_IMAGE=python:{python}-slim\n" in dockerfile
    assert list(images(dockerfile)) == ["train", *["demo"] * demo, "serve"]
    assert list(yaml.safe_load(compose)["services"]) == ["api", *["demo"] * demo]


def test_what_watches_is_locked_up_too(bake: Baker) -> None:
    """The services beside the API: read-only, without rights, and only for this machine."""
    text = (bake() / "monitoring/compose.yml").read_text("utf-8")
    assert "network_mode" not in text
    assert "docker.sock" not in text
    assert "PASSWORD" not in text
    for name, service in yaml.safe_load(text)["services"].items():
        assert service["profiles"] == ["monitoring"], name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(
            r"flight-delays:serve|\$\{\w+:-[\w/]+:v?\d+\.\d+\.\d+\}", service["image"]
        )
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        folders = [one for one in service["volumes"] if one.startswith(".")]
        assert all(one.endswith(":ro") for one in folders), name
        assert all((bake() / one.split(":")[0]).exists() for one in folders), name


def test_linters_of_distinct_files(bake: Baker) -> None:
    """hadolint and the schema of compose files see each distinct file once."""
    projects = [bake(**row) for row in ROWS]
    for name, command in {
        "Dockerfile": ("hadolint", "--no-color"),
        "docker-compose.yml": ("check-jsonschema", "--builtin-schema", "vendor.compose-spec"),
        "monitoring/compose.yml": ("check-jsonschema", "--builtin-schema", "vendor.compose-spec"),
    }.items():
        distinct = {(project / name).read_bytes(): project / name for project in projects}
        done = run(*command, *distinct.values())
        assert done.returncode == 0, done.stdout + done.stderr


CONFIGS = "COPY --chmod=755 configs configs"
# In which file, what is replaced by what, and what is then said.
PLANTED = [
    (0, "USER 10001:10001\nEXPOSE 8000", "EXPOSE 8000", "serve runs as root"),
    (0, "USER 10001:10001\nEXPOSE 8000", "USER root\nEXPOSE 8000", "serve runs as root"),
    (0, "USER 10001:10001\nEXPOSE 8000", "USER 0:0\nEXPOSE 8000", "serve runs as 0:0"),
    (0, "/health/ready", "/healthz", "nothing answers its health check at 8000/healthz"),
    (0, "/health/ready", "/health/live", "serve is healthy without a model"),
    (0, "'127.0.0.1', 8000", "'127.0.0.1', 8001", "nothing answers its health check at 8001"),
    (0, 'CMD ["python", "-IS"', 'CMD ["curl", "-IS"', "its health check needs more than Python"),
    (0, 'CMD ["serve", "--config", "configs/prod.yml"]', "CMD serve", "a shell stands between"),
    (0, "python:3.12-slim\n", "python:latest\n", "base image PYTHON_IMAGE=python:latest"),
    (0, "FROM base AS serve", "FROM debian:13 AS serve", "serve starts from debian:13"),
    (0, "FROM base AS serve\n", "FROM base AS serve\nENV API_KEY=x\n", "serve has a secret"),
    (0, "uv pip install --require-hashes", "uv pip install", "installs files without a hash"),
    (0, "--no-cache-dir --require-hashes", "--no-cache-dir", "installs files without a hash"),
    (0, "--wheel --require-hashes", "--wheel", "builds with files without a hash"),
    (0, "uv pip install --no-deps /wheel", "uv pip install libgomp1 /wheel", "has libgomp1"),
    (
        0,
        CONFIGS,
        "COPY --link configs configs",
        "a builder's own front end",
    ),
    (0, CONFIGS, "ADD https://example.com /x", "adds from anywhere"),
    (0, CONFIGS, "COPY docs docs", "docs is copied, but not let in"),
    (
        0,
        CONFIGS,
        "COPY .env .env",
        ".env is copied, but is in no clean clone",
    ),
    (0, "FROM base AS serve", "FROM base-lightgbm AS serve", "serve is made from"),
    (0, "--from=build-serve", "--from=build-train", "serve is made from"),
    (0, "--requirement locks/serve.txt", "--requirement locks/train.txt", "what training needs"),
    (1, "*\n", "", "everything is let in"),
    (1, "!configs\n", "!configs\n!.env\n", ".env is let in"),
    (1, "!models/.gitkeep", "!models", "models is let in"),
    (1, "!configs\n", "", "configs is copied, but not let in"),
    (1, "!src\n", "!src\n!docs\n", "docs is let in, but not copied"),
    (2, "127.0.0.1:8000:8000", "8000:8000", "open to the network: 8000:8000"),
    (2, "127.0.0.1:8000:8000", "0.0.0.0:8000:8000", "open to the network: 0.0.0.0"),
    (2, "127.0.0.1:8000:8000", "127.0.0.1:8000:80", "nothing listens at 80"),
    (2, "${FLIGHT_DELAYS__SERVE__API_KEY:?run make env}", "changeme", "has a value in the file"),
    (2, "SIGNING_KEY:?run", "SIGNING_KEY:-run", "SIGNING_KEY has a value in the file"),
    (2, "read_only: true", "read_only: false", "read_only is not True"),
    (2, "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "cap_drop is not ['ALL']"),
    (2, "no-new-privileges:true", "no-new-privileges:false", "may gain privileges"),
    (2, "        pids: 256\n", "", "takes what it likes"),
    (2, "./models:/project/models:ro", "./models:/app/models", "may write to ./models"),
    (2, "./models:/project/models:ro", "/var/run/docker.sock:/s", "a container reaches its host"),
    (2, "target: serve", "target: server", "no image server"),
    (2, "flight-delays:serve", "flight-delays:latest", "which image is flight-delays:latest?"),
    (2, "  api:\n    <<", "  api:\n    profiles: [x]\n    <<", "starts no API"),
]


@pytest.mark.parametrize(("file", "old", "new", "said"), PLANTED)
def test_a_planted_fault_is_found(file: int, old: str, new: str, said: str, bake: Baker) -> None:
    project = bake()
    changed = texts(project)
    assert old in changed[file]
    changed[file] = changed[file].replace(old, new, 1)
    assert any(said in fault for fault in all_faults(project, *changed))


@pytest.mark.parametrize(
    ("name", "old", "new", "command", "said"),
    [
        ("Dockerfile", " --yes", "", ("hadolint", "--no-color"), "DL3014"),
        (
            "Dockerfile",
            "FROM base AS serve",
            "FROM python AS x",
            ("hadolint", "--no-color"),
            "DL3006",
        ),
        (
            "docker-compose.yml",
            "tmpfs:",
            "tmfs:",
            ("check-jsonschema", "--builtin-schema", "vendor.compose-spec"),
            "tmfs",
        ),
    ],
)
def test_a_linter_finds_a_planted_fault(
    name: str, old: str, new: str, command: tuple[str, ...], said: str, bake: Baker, tmp_path: Path
) -> None:
    text = (bake() / name).read_text("utf-8")
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1), "utf-8")
    done = run(*command, tmp_path / name)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
