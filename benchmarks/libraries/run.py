"""How long does a round take here, and how long in other active-learning libraries, on the same work?

    python benchmarks/libraries/run.py [--data FOLDER] [--tasks a b c d] [--libraries ours modal ...] [--quick]

Makes environments of their own under --cache and installs the libraries there (requirements*.txt); ours runs with the Python that
runs this. Each cell (library, task, strategy) is a process of its own with one thread, a time limit and a memory limit. Finished
cells are kept and not run again, unless --again says so; without --tasks and so on everything is run. Task (a) needs
text/banking77.csv in FOLDER (or ALAMBIC_DATA); the others make their data. Only the table: --libraries and --tasks as wanted
with --no-run.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import files  # noqa: E402
import rows  # noqa: E402

TASKS = ("a", "b", "c", "d")
# This process stays small and loads no data: what a child inherits would count as its memory.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("ALAMBIC_DATA", ""), help="folder with text/banking77.csv")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--libraries", nargs="+", choices=rows.LIBRARIES, default=list(rows.LIBRARIES))
    parser.add_argument("--strategies", nargs="+", default=list(rows.STRATEGIES), help="rows of the table")
    parser.add_argument("--quick", action="store_true", help="small pools, few rounds, 20 s per cell")
    parser.add_argument("--limit", type=float, help="seconds per cell; 120 where left out")
    parser.add_argument("--memory", type=float, default=8.0, help="GB of address space per cell")
    parser.add_argument("--again", action="store_true", help="also run the cells that are finished")
    parser.add_argument("--no-run", action="store_true", help="only the table of what there is")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="what the table shows; cpu on a busy machine")
    parser.add_argument("--cache", type=Path, default=ROOT / ".benchmarks", help="environments and data")
    parser.add_argument("--results", type=Path, help="folder of the cells' files; <cache>/results where left out")
    parser.add_argument("--report", type=Path, help="write the tables into this file too, between its two marks")
    arguments = parser.parse_args()
    arguments.libraries = [library for library in rows.LIBRARIES if library in arguments.libraries]
    kind = "quick" if arguments.quick else "full"
    arguments.limit = arguments.limit or (20.0 if arguments.quick else 120.0)
    results = (arguments.results or arguments.cache / "results").resolve() / kind
    results.mkdir(parents=True, exist_ok=True)
    if not arguments.no_run:
        signal.signal(signal.SIGTERM, _stop)  # so that the running cell, which has a session of its own, ends too
        run(arguments, results, arguments.cache.resolve() / "data" / kind)
    import table  # only now: see _THREADS

    text = table.report(results, arguments.tasks, arguments.libraries, arguments.strategies, arguments.clock)
    print(text)
    if arguments.report:
        before, mark, rest = arguments.report.read_text().partition("<!-- libraries -->\n")
        if not mark:
            parser.error(f"{arguments.report} has no line <!-- libraries -->")
        arguments.report.write_text(f"{before}{mark}\n{text}\n<!-- end -->\n{rest.partition('<!-- end -->')[2].lstrip()}")


def _stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def run(arguments: argparse.Namespace, results: Path, data: Path) -> None:
    """All cells that are asked for and not finished."""
    pythons = {library: python_for(library, arguments.cache.resolve()) for library in arguments.libraries}
    for task in arguments.tasks:
        if task == "a" and not (Path(arguments.data) / "text" / "banking77.csv").exists() and not (data / "a" / "y.npy").exists():
            print("(a) is left out: say where text/banking77.csv is, by --data or ALAMBIC_DATA", file=sys.stderr)
            continue
        prepare(task, data / task, arguments)
        for strategy in arguments.strategies:
            for library in arguments.libraries:
                file = files.path(results, library, task, strategy)
                if arguments.again or not files.is_finished(file, arguments.limit):
                    begun = time.monotonic()
                    end = one_cell(pythons[library], library, task, strategy, data / task, file, arguments)
                    if end != "absent":
                        print(f"({task}) {strategy}: {library}: {end}, {time.monotonic() - begun:.1f} s", file=sys.stderr)


def one_cell(python: str, library: str, task: str, strategy: str, folder: Path, file: Path, arguments: argparse.Namespace) -> str:
    """Run it; a library that refuses a sparse X gets another try with a dense one. How it ended."""
    end = _attempt(python, library, task, strategy, folder, file, arguments, dense=False)
    if end == "fail" and library != "ours" and (folder / "X.npz").exists():
        as_sparse = file.read_text()
        end = _attempt(python, library, task, strategy, folder, file, arguments, dense=True)
        if end == "fail":  # then the first reason is the one to tell
            file.write_text(as_sparse)
    return end


def _attempt(
    python: str, library: str, task: str, strategy: str, folder: Path, file: Path, arguments: argparse.Namespace, *, dense: bool
) -> str:
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps({"limit": arguments.limit, "dense": dense}) + "\n")
    command = [python, str(HERE / "cell.py"), library, task, strategy, str(folder), str(unfinished)]
    command += ["--memory", str(arguments.memory)] + ["--quick"] * arguments.quick + ["--dense"] * dense
    with unfinished.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(command, env=_environment(library), stdout=log, stderr=log, start_new_session=True)
        try:
            process.wait(arguments.limit)
        except subprocess.TimeoutExpired:
            _end(process)
            files.append(unfinished, {"end": "limit"})
        except BaseException:  # interrupted: the cell is run again next time
            _end(process)
            raise
    if files.end(unfinished) is None:
        files.append(unfinished, {"end": "fail", "reason": f"The process ended with {process.returncode}."})
    end = files.end(unfinished)
    unfinished.replace(file)
    return end


def _end(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)  # its own session: it and what it started, nothing else
    process.wait()


def prepare(task: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Make the data of the task, once, in a process of its own."""
    command = [sys.executable, str(HERE / "tasks.py"), task, str(folder), arguments.data] + ["--quick"] * arguments.quick
    subprocess.run(command, env=_environment("none"), check=True)


def python_for(library: str, cache: Path) -> str:
    """The Python that has the library: this one for ours, else that of an environment, made anew when requirements change."""
    if library == "ours":
        return sys.executable
    own = HERE / f"requirements-{library}.txt"
    requirements = own if own.exists() else HERE / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache / f"environment-{digest}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        print(f"Installing what {requirements.name} says into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
        (folder / "complete").touch()
    return str(python)


def _environment(library: str) -> dict[str, str]:
    env = os.environ | dict.fromkeys(_THREADS, "1")
    env.pop("PYTHONPATH", None)
    return env | ({"PYTHONPATH": str(ROOT)} if library == "ours" else {})


if __name__ == "__main__":
    main()
