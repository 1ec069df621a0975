"""Start a server, put load on it with wrk, and read from /proc what that cost (Linux only)."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from measure import Run, clean_environment, last_json

SCRIPT = Path(__file__).resolve().parent / "children/post.lua"
START_SECONDS = 120
STOP_SECONDS = 40
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """How to start a server and what to ask it.

    "{port}" in the command and the environment stands for the port that it is to listen on.
    """

    name: str
    command: Sequence[str | Path]
    cwd: Path
    body: bytes | None  # JSON; None asks with GET
    path: str = "/predict"
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """A server that has answered."""

    pid: int
    port: int
    seconds: float  # from the start of the process to its first answer
    cpu: float  # seconds that took


def cores() -> tuple[set[int], set[int]]:
    """Return the cores for the server and for the load; they are the same where there is one."""
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0]}, {usable[-1] if len(usable) < 2 else usable[1]}


@contextlib.contextmanager
def pinned(to: set[int]) -> Iterator[None]:
    """Run this process, and what it starts, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def started(server: Server, core: set[int]) -> Iterator[Started]:
    """Start a server on a core, wait for its first answer, and stop it at the end.

    What it writes goes to a file, as logs do; the file is shown if the server fails.
    """
    port = _free_port()

    def filled(text: str) -> str:
        return text.replace("{port}", str(port))

    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [filled(str(part)) for part in server.command],
            cwd=server.cwd,
            env=clean_environment() | {name: filled(v) for name, v in server.env.items()},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, core),
        )
        try:
            problem = _wait(process, port, server)
            if problem:
                out.seek(0)
                sys.exit(f"{server.name}: {problem}\n{out.read().decode(errors='replace')}")
            seconds = time.perf_counter() - start
            yield Started(process.pid, port, seconds, cpu_seconds(process.pid))
        finally:
            _stop(process)


def visit(server: Server, connections: Sequence[int], seconds: int) -> Run:
    """Start a server, warm it up for a second, then put each number of connections on it.

    Returns:
        Wall: the whole visit; CPU: of the server's processes; peak: their resident memory after
        the load, where pages that several share count for each. Said: what docs/benchmarks.md
        shows, by name and connections.
    """
    begin = time.perf_counter()
    said: dict[str, float] = {}
    on, beside = cores()
    with pinned(beside), started(server, on) as running:
        said |= {"start s": running.seconds, "start cpu s": running.cpu}
        load(server, running.port, connections=16, seconds=1)
        for count in connections:
            before = cpu_seconds(running.pid)
            found = load(server, running.port, count, seconds)
            used = cpu_seconds(running.pid) - before
            if not found["requests"]:
                sys.exit(f"{server.name}: no answer in {seconds} s to {count} callers at once")
            said[f"requests/s at {count}"] = found["requests"] / found["seconds"]
            said[f"p50 ms at {count}"] = found["p50"]
            said[f"p99 ms at {count}"] = found["p99"]
            said[f"cpu us at {count}"] = used / found["requests"] * 1e6
            said[f"core at {count}"] = used / found["seconds"]
            said[f"errors at {count}"] = found["errors"]
            settle(running.pid)
        cpu, memory = cpu_seconds(running.pid), resident(running.pid)
    return Run(time.perf_counter() - begin, cpu, memory, said)


def load(server: Server, port: int, connections: int, seconds: int) -> dict[str, float]:
    """Let wrk send the body over and over; a slow answer is late, not an error."""
    url = f"http://127.0.0.1:{port}{server.path}"
    options = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command = ["wrk", *options, "--timeout", "60s", "--latency", "--script", str(SCRIPT), url]
    assert server.body is not None, "the load is of POST requests"
    env = os.environ | {"BODY": server.body.decode()}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"wrk ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return last_json(done.stdout)


def settle(pid: int) -> None:
    """Wait until a server has done with requests whose callers have left; some do not notice."""
    until = time.monotonic() + STOP_SECONDS
    before, now = -1.0, cpu_seconds(pid)
    while now - before > 2 / TICKS and time.monotonic() < until:
        time.sleep(0.2)
        before, now = now, cpu_seconds(pid)


def ask(port: int, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Send one request (POST if it has a body); return the status and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    with contextlib.closing(connection):
        method, head = (
            ("GET", {}) if body is None else ("POST", {"content-type": "application/json"})
        )
        connection.request(method, path, body, head)
        response = connection.getresponse()
        return response.status, response.read()


def processes(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        stat = _stat(int(folder.name))
        if stat:
            children.setdefault(int(stat[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Return what a process and its descendants have used so far, user and system."""
    stats = filter(None, map(_stat, processes(pid)))
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICKS


def resident(pid: int) -> float:
    """Return the MiB in memory of a process and its descendants."""
    total = 0
    for one in processes(pid):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for line in Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
    return total / 2**10


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on (proc(5)); none if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _wait(process: subprocess.Popen[bytes], port: int, server: Server) -> str:
    """Ask until the first answer; return what went wrong, or an empty text."""
    until = time.monotonic() + START_SECONDS
    problem = "it does not listen"
    while process.poll() is None and time.monotonic() < until:
        try:
            status, answer = ask(port, server.path, server.body)
        except (OSError, http.client.HTTPException):
            time.sleep(0.002)
            continue
        if status == 200:
            return ""
        problem = f"answered {status}: {answer[:500].decode(errors='replace')}"
        if 400 <= status < 500:
            return problem
        time.sleep(0.002)
    return problem if process.poll() is None else f"ended with {process.returncode}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and what it started."""
    group = processes(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in group[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
