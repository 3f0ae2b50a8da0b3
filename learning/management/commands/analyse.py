"""`manage.py analyse plan.json --project 3`: an analysis without the web, in this terminal."""

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from learning import actions
from learning.analysis.settings import forecast
from learning.configuration import ConfigurationError
from learning.models import Run, Trial
from learning.phases import Phase
from projects.models import Project

_OVER = [Phase.FINISHED, Phase.FAILED]


class Command(BaseCommand):
    help = "Run an analysis of query strategies here, with a progress bar. Ctrl-C pauses it; `--run ID` goes on."

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "plan", nargs="?", help="A JSON file with the configuration; - for standard input, {} for the defaults."
        )
        parser.add_argument("--project", type=int, help="The project's id.")
        parser.add_argument("--name", default="", help="What the analysis is called in the lists.")
        parser.add_argument("--run", type=int, help="Go on with this analysis instead of making one.")
        parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="How many trials at a time.")

    def handle(self, *args, **options) -> None:
        run = self._resumed(options["run"]) if options["run"] else self._made(options)
        facts = forecast(run.project, run.configuration)
        self.stdout.write(f"{run} (id {run.pk}): {facts['n_trials']:,} trials, {facts['n_rounds']:,} rounds.")
        for warning in facts["warnings"]:
            self.stdout.write(f"  {warning}")
        try:
            self._work(run, max(1, options["processes"]))
        except KeyboardInterrupt:
            run.refresh_from_db()
            if Run.Status(run.status).is_active:
                actions.pause_run(run, None)
            self.stdout.write(f"\nPaused. Go on with: manage.py analyse --run {run.pk}")
            raise SystemExit(130) from None
        run.refresh_from_db()
        self.stdout.write(f"\n{run.stop_reason}")
        for trial in run.trials.filter(phase=Phase.FAILED)[:5]:
            self.stderr.write(f"  {trial.strategy}, fold {trial.fold + 1}, repeat {trial.repeat + 1}: {trial.error}")
        self.stdout.write(f"The report: /distilling/{run.pk}/, or /api/runs/{run.pk}/report/")

    def _resumed(self, run_id: int) -> Run:
        run = Run.objects.select_related("project").filter(pk=run_id, kind=Run.Kind.ANALYSIS).first()
        if run is None:
            raise CommandError(f"There is no analysis with the id {run_id}.")
        if run.status == Run.Status.PAUSED:
            actions.resume_run(run, None)
        elif run.status == Run.Status.DRAFT:
            actions.start_run(run, None)
        elif Run.Status(run.status).is_over:
            raise CommandError(f"{run} is {Run.Status(run.status).label.lower()}: nothing is left to do.")
        return run

    def _made(self, options: dict) -> Run:
        if not options["plan"] or not options["project"]:
            raise CommandError("Say which plan and which project: manage.py analyse plan.json --project ID")
        project = Project.objects.filter(pk=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project with the id {options['project']}.")
        try:
            run = actions.create_run(None, project, Run.Kind.ANALYSIS, _read(options["plan"]), options["name"])
            actions.start_run(run, None)
        except ConfigurationError as error:
            lines = [f"  {field}: {' '.join(texts)}" for field, texts in error.errors.items()]
            raise CommandError("The plan cannot be run:\n" + "\n".join(lines)) from error
        return run

    def _work(self, run: Run, processes: int) -> None:
        trials = run.trials.count()
        connections.close_all()  # a connection that two processes share breaks both
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=_worker, args=(run.pk,), daemon=True) for _ in range(processes)]
        for process in workers:
            process.start()
        begun = time.monotonic()
        try:
            while any(process.is_alive() for process in workers):
                time.sleep(0.5)
                self._show(run, trials, time.monotonic() - begun)
        finally:
            for process in workers:
                process.terminate()
                process.join()
        self._show(run, trials, time.monotonic() - begun)

    def _show(self, run: Run, trials: int, seconds: float) -> None:
        done = run.trials.filter(phase__in=_OVER).count()
        width = 40
        filled = round(width * done / trials)
        left = f", about {_duration(seconds / done * (trials - done))} left" if 0 < done < trials else ""
        line = f"[{'#' * filled}{'.' * (width - filled)}] {done}/{trials} trials, {_duration(seconds)}{left}"
        self.stdout.write(f"\r{line:<100}" if sys.stdout.isatty() else line, ending="" if sys.stdout.isatty() else "\n")
        self.stdout.flush()


def _read(plan: str) -> dict:
    try:
        text = sys.stdin.read() if plan == "-" else plan if plan.lstrip().startswith(("{", "[")) else Path(plan).read_text()
        given = json.loads(text)
    except OSError as error:
        raise CommandError(f"{plan} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{plan} is no JSON: {error}.") from error
    # What the web's download of a configuration holds is understood as it is.
    return given.get("configuration", given) if isinstance(given, dict) else given


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _worker(run_id: int) -> None:
    """Trials nobody holds, one after the other, until none is left; whoever else works at the run takes others."""
    from learning.jobs import analyse_here

    while True:
        mine = Trial.objects.filter(run=run_id, worker="", run__status__in=[Run.Status.QUEUED, Run.Status.RUNNING])
        pk = mine.exclude(phase__in=_OVER).order_by("pk").values_list("pk", flat=True).first()
        if pk is None:
            connections.close_all()
            return
        analyse_here(pk)
