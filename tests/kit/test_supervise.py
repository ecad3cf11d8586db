"""The supervisor with children that write down what they are told."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.kit import processes

# Each child writes down what it is told; `stubborn` does not listen.
CHILD = """
import os, signal, sys, time
from pathlib import Path

name, directory = sys.argv[1], Path(sys.argv[2])

def told(number, frame):
    with (directory / f"{name}.signals").open("a") as file:
        file.write(f"{signal.Signals(number).name}\\n")
    if name != "stubborn":
        time.sleep(0.2)
        sys.exit(0)

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, told)
with (directory / f"{name}.starts").open("a") as file:
    file.write(f"{os.getpid()}\\n")
while True:
    time.sleep(0.01)
"""

JOB = """
import sys
from pathlib import Path

marks = Path(sys.argv[1]) / "job.runs"
with marks.open("a") as file:
    file.write("run\\n")
sys.exit(0 if len(marks.read_text().splitlines()) > 1 else 3)
"""

SUPERVISOR = """
import os, sys
from pathlib import Path
from services.kit.supervise import Child, Signals, Supervisor

directory = Path(sys.argv[1])
children = [
    Child(name, [sys.executable, str(directory / "child.py"), name, str(directory)],
          directory / "log", dict(os.environ))
    for name in sys.argv[2].split(",")
]
job = Child("job", [sys.executable, str(directory / "job.py"), str(directory)],
            directory / "log", dict(os.environ), until_success=True,
            on_success=lambda: (directory / "job.done").touch())
signals = Signals()
with signals.installed():
    Supervisor([*children, job], [], notify=lambda line: print(line, flush=True)).run(signals)
print("clean", flush=True)
"""


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


@contextmanager
def supervised(directory: Path, *names: str) -> Iterator[subprocess.Popen[str]]:
    for name, source in (("child.py", CHILD), ("job.py", JOB), ("supervisor.py", SUPERVISOR)):
        (directory / name).write_text(textwrap.dedent(source))
    with subprocess.Popen(
        [sys.executable, str(directory / "supervisor.py"), str(directory), ",".join(names)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            for name in names:
                started = directory / f"{name}.starts"
                assert processes.wait_until(lambda file=started: bool(lines(file)), 20)
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


class TestSupervisor:
    def test_tells_each_child_once_when_the_whole_group_is_interrupted(
        self, tmp_path: Path
    ) -> None:
        with supervised(tmp_path, "one", "two") as process:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
            assert process.wait(10) == 0
            assert process.stdout is not None
            assert process.stdout.read().splitlines()[-1] == "clean"
        for name in ("one", "two"):
            assert lines(tmp_path / f"{name}.signals") == ["SIGTERM"]

    def test_stops_at_once_on_a_second_wish(self, tmp_path: Path) -> None:
        with supervised(tmp_path, "stubborn") as process:
            os.killpg(process.pid, signal.SIGINT)
            told = tmp_path / "stubborn.signals"
            assert processes.wait_until(lambda: bool(lines(told)), 10)
            assert process.poll() is None
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(5) == 0

    def test_starts_a_child_again_however_often_it_dies(self, tmp_path: Path) -> None:
        with supervised(tmp_path, "one") as process:
            starts = tmp_path / "one.starts"
            for deaths in range(1, 5):
                os.kill(int(lines(starts)[-1]), signal.SIGKILL)
                assert processes.wait_until(lambda n=deaths: len(lines(starts)) > n, 10)
            assert os.getpgid(int(lines(starts)[-1])) == process.pid
            process.terminate()
            assert process.wait(10) == 0

    def test_repeats_a_job_until_it_succeeds_and_no_longer(self, tmp_path: Path) -> None:
        with supervised(tmp_path, "one") as process:
            assert processes.wait_until((tmp_path / "job.done").exists, 20)
            process.terminate()
            assert process.wait(10) == 0
        assert len(lines(tmp_path / "job.runs")) == 2

    def test_takes_its_children_with_it_when_it_is_killed(self, tmp_path: Path) -> None:
        with supervised(tmp_path, "one") as process:
            child = int(lines(tmp_path / "one.starts")[-1])
            process.kill()
            process.wait()
            assert processes.wait_until(lambda: not _exists(child), 5)


def _exists(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
