"""Rolling out: calls as AWS takes them, of a stand-in on this machine; and what ECS may answer."""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

PATH = Path(__file__).parents[2] / "scripts/roll_out.py"
SPEC = importlib.util.spec_from_file_location("roll_out", PATH)
assert SPEC is not None
assert SPEC.loader is not None
roll_out = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(roll_out)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:.*(moto|boto).*")
# `aws SERVICE COMMAND --cli-input-json JSON --output json`, as far as the script uses it.
AWS = """#!{python}
import json, sys
import boto3
_, service, command, flag, given, *output = sys.argv
assert (flag, output) == ("--cli-input-json", ["--output", "json"])
answer = getattr(boto3.client(service), command.replace("-", "_"))(**json.loads(given))
answer.pop("ResponseMetadata")
print(json.dumps(answer, default=str))
"""
FORMER, NEW = "flights-api:1", "flights-api:2"


def run(*words: str, outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", StringIO(json.dumps({"roll_out": outputs})))
    code: int = roll_out.main(list(words), seconds=0)
    return code


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """AWS' interface on this machine, with a service of two task definitions, and `aws`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "MOTO_ECS_SERVICE_RUNNING": "2",
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
    }.items():
        monkeypatch.setenv(name, value)
    aws = tmp_path / "aws"
    aws.write_text(AWS.format(python=sys.executable), "utf-8")
    aws.chmod(0o755)
    ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
    ecs.create_cluster(clusterName="flights")
    container = {"name": "api", "image": "api@sha256:1", "memory": 1}
    arns = [
        ecs.register_task_definition(
            family=family, networkMode="awsvpc", containerDefinitions=[container | {"name": name}]
        )["taskDefinition"]["taskDefinitionArn"]
        for family, name in (("flights-api", "api"), ("flights-api", "api"), ("smoke", "smoke"))
    ]
    service = {"cluster": "flights", "serviceName": "api", "desiredCount": 2}
    ecs.create_service(**service, taskDefinition=arns[0])
    outputs = {
        "cluster": "flights",
        "service": "api",
        "task_definition": arns[1],
        "smoke": arns[2],
        "log_group": "/flights/tasks",
        "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
        "security_groups": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
    }
    try:
        yield SimpleNamespace(ecs=ecs, outputs=outputs, former=arns[0], new=arns[1])
    finally:
        server.stop()


def running(cloud: SimpleNamespace) -> str:
    found = cloud.ecs.describe_services(cluster="flights", services=["api"])["services"]
    return str(found[0]["taskDefinition"])


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for `aws` is a script")
def test_there_and_back(
    cloud: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("to", outputs=cloud.outputs, monkeypatch=monkeypatch) == 0
    assert running(cloud) == cloud.new
    said = capsys.readouterr().out.splitlines()
    assert said == [f"former={cloud.former}", f"current={cloud.new}"]
    former = said[0].removeprefix("former=")
    assert run("to", former, outputs=cloud.outputs, monkeypatch=monkeypatch) == 0
    assert running(cloud) == cloud.former


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for `aws` is a script")
def test_what_aws_refuses_is_told_in_one_line(
    cloud: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("to", "flights-api:99", outputs=cloud.outputs, monkeypatch=monkeypatch) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: aws ecs update-service: ")
    assert running(cloud) == cloud.former
    elsewhere = cloud.outputs | {"service": "other"}
    assert run("to", outputs=elsewhere, monkeypatch=monkeypatch) == 1
    assert "flights has no service other" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for `aws` is a script")
def test_the_task_that_asks_is_started_as_aws_takes_it(
    cloud: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs, call = boto3.client("logs"), roll_out.aws
    logs.create_log_group(logGroupName="/flights/tasks")

    def written(api: str, command: str, **arguments: Any) -> Any:
        answer = call(api, command, **arguments)
        if command == "run-task":  # the stand-in runs nothing: what the task would write
            stream = "task/smoke/" + roll_out.short(answer["tasks"][0]["taskArn"])
            where = {"logGroupName": "/flights/tasks", "logStreamName": stream}
            logs.create_log_stream(**where)
            now = round(time.time() * 1000)
            logs.put_log_events(**where, logEvents=[{"timestamp": now, "message": "all agree"}])
        return answer

    monkeypatch.setattr(roll_out, "aws", written)
    assert run("smoke", outputs=cloud.outputs, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "all agree\n"


class Scripted:
    """Answers calls with what a test has written down, and keeps what was asked for."""

    def __init__(self, **answers: list[dict[str, Any]]) -> None:
        self.answers, self.asked = answers, []  # type: ignore[var-annotated]

    def __call__(self, api: str, command: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((command, arguments))
        given = self.answers[command.replace("-", "_")]
        return given.pop(0) if len(given) > 1 else given[0]


OUTPUTS = {
    "cluster": "flights",
    "service": "api",
    "task_definition": NEW,
    "smoke": "smoke:3",
    "log_group": "/flights/tasks",
    "subnets": ["subnet-0"],
    "security_groups": ["sg-0"],
}


@pytest.fixture
def ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, Scripted]]:
    """Run the script on written answers: its exit code, what it says, what it asked for."""

    def call(*words: str, **answers: list[dict[str, Any]]) -> tuple[int, str, Scripted]:
        scripted = Scripted(**answers)
        monkeypatch.setattr(roll_out, "aws", scripted)
        code = run(*words, outputs=OUTPUTS, monkeypatch=monkeypatch)
        said = capsys.readouterr()
        return code, said.out + said.err, scripted

    return call


def service(*deployments: tuple[str, str, str], runs: str = FORMER) -> dict[str, Any]:
    named = [
        {"id": id_, "status": status, "rolloutState": state, "rolloutStateReason": f"{id_} {state}"}
        for id_, status, state in deployments
    ]
    return {"taskDefinition": runs, "deployments": named}


def seen(*states: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"services": [state]} for state in states]


BEFORE = service(("old", "PRIMARY", "COMPLETED"))
STARTED = service(("new", "PRIMARY", "IN_PROGRESS"), ("old", "ACTIVE", "COMPLETED"), runs=NEW)
DONE = service(("new", "PRIMARY", "COMPLETED"), runs=NEW)
BACK = service(("back", "PRIMARY", "COMPLETED"), ("new", "INACTIVE", "FAILED"))
UPDATED = [{"service": STARTED}]


def test_it_waits_for_the_last_task(ask: Callable[..., Any]) -> None:
    states = seen(BEFORE, STARTED, STARTED, DONE)
    code, said, scripted = ask("to", update_service=UPDATED, describe_services=states)
    assert (code, said) == (0, f"former={FORMER}\ncurrent={NEW}\n")
    commands = [command for command, _ in scripted.asked]
    assert commands == ["describe-services", "update-service", *["describe-services"] * 3]


def test_what_ecs_gave_up_is_no_success(ask: Callable[..., Any]) -> None:
    """It is steady again by then, with the former tasks."""
    for state in (BACK, service(("new", "PRIMARY", "FAILED"), runs=NEW)):
        states = seen(BEFORE, STARTED, state)
        code, said, _ = ask("to", update_service=UPDATED, describe_services=states)
        assert code == 1
        assert said.startswith(f"former={FORMER}\nerror: {NEW} was given up: ")


def test_it_does_not_wait_for_ever(ask: Callable[..., Any]) -> None:
    code, said, _ = ask("to", update_service=UPDATED, describe_services=seen(BEFORE, STARTED))
    assert code == 1
    assert said.endswith(f"error: {NEW} is not steady after 20 minutes\n")


def ended(**container: Any) -> list[dict[str, Any]]:
    task = {"taskArn": "arn:aws:ecs:task/flights/0123", "lastStatus": "RUNNING"}
    stopped = {"lastStatus": "STOPPED", "containers": [{"name": "smoke", **container}]}
    return [{"tasks": [task]}, {"tasks": [task | stopped]}]


RUN = [{"tasks": [{"taskArn": "arn:aws:ecs:task/flights/0123"}], "failures": []}]


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [(0, "all 5 golden rows agree", ""), (1, "error: it serves v0.1, not v0.2", "error: ")],
)
def test_what_the_api_was_asked_is_told(
    code: int, message: str, told: str, ask: Callable[..., Any]
) -> None:
    ways = {"run_task": RUN, "describe_tasks": ended(exitCode=code)}
    log = [{"events": [{"message": message}]}]
    found, said, scripted = ask("smoke", **ways, get_log_events=log)
    assert (found, said) == (code, f"{told}{message.removeprefix('error: ')}\n")
    (where,) = (given for command, given in scripted.asked if command == "get-log-events")
    assert where["logGroupName"] == "/flights/tasks"
    assert where["logStreamName"] == "task/smoke/0123"


def test_a_task_that_never_ran_is_no_success(ask: Callable[..., Any]) -> None:
    never = ended(reason="CannotPullContainerError")
    code, said, _ = ask("smoke", run_task=RUN, describe_tasks=never)
    assert (code, said) == (1, "error: the smoke test did not run: CannotPullContainerError\n")
    refused = [{"tasks": [], "failures": [{"reason": "Capacity is unavailable"}]}]
    code, said, _ = ask("smoke", run_task=refused)
    assert code == 1
    assert "Capacity is unavailable" in said


def test_without_aws_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(roll_out.RollOutError, match="is not installed"):
        roll_out.aws("ecs", "describe-services")
