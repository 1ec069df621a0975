"""Roll the API out on AWS, ask it, and roll it back; what deploy.yml does, and a person may.

    python3 scripts/roll_out.py to [TASK_DEFINITION] < OUTPUTS
    python3 scripts/roll_out.py smoke < OUTPUTS

OUTPUTS is what `terraform output -json project` prints in an environment. `to` gives the service a
task definition, by default the one applied last, prints former=ARN for the way back, and waits
until all of its tasks are of that one. `smoke` runs the task that asks the API for golden rows.
Needs the `aws` command, signed in, and no package. Exit code 1 and one line where it fails.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

MINUTES = 20  # for all tasks to be exchanged, or the one that asks to end
SECONDS = 10.0  # between two looks
CONTAINER = "smoke"


class RollOutError(Exception):
    """What is wrong, in one line."""


def aws(api: str, command: str, **arguments: Any) -> dict[str, Any]:
    """Call AWS, and return what it answers.

    Raises:
        RollOutError: It refuses.
    """
    given = ["--cli-input-json", json.dumps(arguments), "--output", "json"]
    try:
        done = subprocess.run(["aws", api, command, *given], capture_output=True, text=True)
    except FileNotFoundError:
        raise RollOutError("the `aws` command is not installed") from None
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise RollOutError(f"aws {api} {command}: {said}")
    return dict(json.loads(done.stdout))


class RollOut:
    """The service of one environment."""

    def __init__(self, outputs: dict[str, Any], seconds: float = SECONDS) -> None:
        """Remember where it is, as Terraform's outputs say."""
        self.known, self.seconds = outputs["roll_out"], seconds
        self.cluster = self.known["cluster"]

    def service(self) -> dict[str, Any]:
        """Return what ECS says of the service."""
        name = self.known["service"]
        found = aws("ecs", "describe-services", cluster=self.cluster, services=[name])["services"]
        if not found:
            raise RollOutError(f"{self.cluster} has no service {name}")
        return dict(found[0])

    def to(self, task_definition: str) -> None:
        """Give the service a task definition, and wait until no task is of another.

        Raises:
            RollOutError: ECS has given it up, or it takes too long.
        """
        updated = aws(
            "ecs",
            "update-service",
            cluster=self.cluster,
            service=self.known["service"],
            taskDefinition=task_definition,
        )
        (own,) = (one["id"] for one in updated["service"]["deployments"] if is_primary(one))
        for _ in self._looks():
            # ECS goes back by itself from tasks that never get ready; then another is primary.
            primary = next(one for one in self.service()["deployments"] if is_primary(one))
            if primary["id"] != own or primary["rolloutState"] == "FAILED":
                reason = primary.get("rolloutStateReason", "another deployment took its place")
                raise RollOutError(f"{short(task_definition)} was given up: {reason}")
            if primary["rolloutState"] == "COMPLETED":
                return
        raise RollOutError(f"{short(task_definition)} is not steady after {MINUTES} minutes")

    def smoke(self) -> str:
        """Run the task that asks the API, and return what it says.

        Raises:
            RollOutError: It could not start, did not end, or says that something differs.
        """
        network = {
            "subnets": self.known["subnets"],
            "securityGroups": self.known["security_groups"],
            "assignPublicIp": "DISABLED",
        }
        started = aws(
            "ecs",
            "run-task",
            cluster=self.cluster,
            taskDefinition=self.known["smoke"],
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )
        if started["failures"] or not started["tasks"]:
            raise RollOutError(f"the smoke test did not start: {started['failures']}")
        arn = started["tasks"][0]["taskArn"]
        for _ in self._looks():
            task = aws("ecs", "describe-tasks", cluster=self.cluster, tasks=[arn])["tasks"][0]
            if task["lastStatus"] == "STOPPED":
                return self._said(task)
        raise RollOutError(f"the smoke test has not ended after {MINUTES} minutes")

    def _said(self, task: dict[str, Any]) -> str:
        """Return what an ended smoke test has written; RollOutError where it has failed."""
        (container,) = (one for one in task["containers"] if one["name"] == CONTAINER)
        code = container.get("exitCode")
        if code is None:
            reason = container.get("reason") or task.get("stoppedReason", "")
            raise RollOutError(f"the smoke test did not run: {reason}")
        stream = f"task/{CONTAINER}/{short(task['taskArn'])}"
        where = {"logGroupName": self.known["log_group"], "logStreamName": stream}
        events = aws("logs", "get-log-events", **where, startFromHead=True)["events"]
        said = "\n".join(event["message"] for event in events)
        if code:
            raise RollOutError(said.removeprefix("error: ") or f"the smoke test ended with {code}")
        return said

    def _looks(self) -> Iterator[None]:
        """Yield as often as there is time to look, and wait in between."""
        for look in range(round(MINUTES * 60 / SECONDS)):
            time.sleep(self.seconds if look else 0)
            yield


def is_primary(deployment: dict[str, Any]) -> bool:
    """Tell the deployment that ECS works on."""
    return bool(deployment["status"] == "PRIMARY")


def short(arn: str) -> str:
    """Return the last part of an ARN."""
    return arn.rpartition("/")[2]


def main(arguments: list[str] | None = None, seconds: float = SECONDS) -> int:
    """Do it; exit code 1 where it fails."""
    parser = argparse.ArgumentParser(
        prog="scripts/roll_out.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    to = commands.add_parser("to", help="give the service a task definition, and wait")
    to.add_argument("task_definition", nargs="?", help="default: the one applied last")
    commands.add_parser("smoke", help="ask the API for golden rows, from inside")
    options = parser.parse_args(arguments)
    try:
        roll_out = RollOut(json.load(sys.stdin), seconds)
        if options.command == "smoke":
            print(roll_out.smoke())
            return 0
        print(f"former={roll_out.service()['taskDefinition']}", flush=True)
        target = options.task_definition or roll_out.known["task_definition"]
        roll_out.to(target)
        print(f"current={target}")
    except RollOutError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
