"""REST of runs: submit, control, watch, fetch; by the same functions as the pages (actions, reports, downloads)."""

from dataclasses import asdict

from django.db import transaction
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from alambic_site.api import Conflict
from learning import actions, downloads, replay, reports
from learning.access import access_run, visible_runs
from learning.analysis import estimating, results
from learning.analysis.report import UnknownMetric, analysis_report, compare
from learning.configuration import ConfigurationError
from learning.labeling import actions as labeling
from learning.live import live_facts
from learning.models import Round, Run
from learning.serializers import NewRunSerializer, RoundRowSerializer, RunSerializer
from projects.access import access_project
from projects.models import Role
from projects.numbers import whole

# Errors of these fields belong to the request itself, all others to its configuration.
_OWN_FIELDS = {"project", "kind", "name", "configuration"}


_ERRORS = {
    403: OpenApiResponse(OpenApiTypes.OBJECT, description="Your role in the project is not enough."),
    404: OpenApiResponse(OpenApiTypes.OBJECT, description="No such run among your projects."),
}
_CHANGES = _ERRORS | {
    409: OpenApiResponse(OpenApiTypes.OBJECT, description="The run is not in a state in which this can be done.")
}


def _controls(summary: str):
    return extend_schema(summary=summary, request=None, responses={200: RunSerializer, **_CHANGES})


@extend_schema_view(
    list=extend_schema(
        summary="The runs of my projects",
        parameters=[
            OpenApiParameter("project", int, description="Only of this project."),
            OpenApiParameter("status", str, description="Only in this status."),
        ],
    ),
    retrieve=extend_schema(summary="One run, as it is now", responses={200: RunSerializer, **_ERRORS}),
)
@extend_schema(tags=["runs"])
class RunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    queryset = Run.objects.none()
    serializer_class = RunSerializer
    lookup_value_converter = "int"

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Run.objects.none()
        runs = visible_runs(self.request.user).select_related("project", "created_by").defer("traceback")
        for name, field in (("project", "project_id"), ("status", "status")):
            if value := self.request.query_params.get(name):
                if name == "project" and (value := whole(value)) is None:
                    raise serializers.ValidationError({"project": ["Must be the id of a project."]})
                runs = runs.filter(**{field: value})
        return runs

    def _run(self, minimum: Role = Role.VIEWER, *, writes: bool = False) -> Run:
        return access_run(self.request.user, int(self.kwargs["pk"]), minimum, writes=writes)

    def get_object(self) -> Run:
        return self._run()

    @extend_schema(
        summary="Make a run, and start it if asked to", request=NewRunSerializer, responses={201: RunSerializer, **_ERRORS}
    )
    def create(self, request: Request) -> Response:
        given = NewRunSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        project = access_project(request.user, data["project"], Role.MANAGER, writes=True)
        try:
            with transaction.atomic():
                run = actions.create_run(request.user, project, data["kind"], data["configuration"], data["name"])
                if data["start"]:
                    actions.start_run(run, request.user)
        except ConfigurationError as error:
            raise _as_validation_error(error) from error
        return Response(self.get_serializer(run).data, status=status.HTTP_201_CREATED)

    def _control(self, function) -> Response:
        run = self._run(Role.MANAGER, writes=True)
        try:
            function(run, self.request.user)
        except actions.WrongState as error:
            raise Conflict(str(error)) from error
        except ConfigurationError as error:
            raise _as_validation_error(error) from error
        run.refresh_from_db(fields=["status", "started_at", "stop_requested", "error"])
        return Response(self.get_serializer(run).data)

    @_controls("Start a draft")
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: int) -> Response:
        return self._control(actions.start_run)

    @_controls("Of a draft of an analysis: measure how long it will take; the answer comes in `estimate`")
    @action(detail=True, methods=["post"])
    def measure(self, request: Request, pk: int) -> Response:
        return self._control(estimating.measure_draft)

    @_controls("Of a labelling run: write the labels that its checks allow")
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: int) -> Response:
        return self._control(labeling.accept)

    @_controls("Of a labelling run: take back every label that it wrote")
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: int) -> Response:
        return self._control(labeling.undo)

    @_controls("Pause: nothing more is trained or asked")
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: int) -> Response:
        return self._control(actions.pause_run)

    @_controls("Resume a paused run")
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: int) -> Response:
        return self._control(actions.resume_run)

    @_controls("End the run with what it has")
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        return self._control(actions.stop_run)

    @extend_schema(
        summary="Go on after a failure, from the last round; of an analysis: do its failed trials again, or the one",
        parameters=[OpenApiParameter("trial", int, description="Of an analysis: this trial alone.")],
        request=None,
        responses={200: RunSerializer, **_CHANGES},
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: int) -> Response:
        if self._run(Role.MANAGER, writes=True).kind == Run.Kind.ANALYSIS:
            trial = _whole(request, "trial")
            return self._control(lambda run, user: actions.retry_trials(run, user, trial))
        return self._control(actions.retry_run)

    @extend_schema(
        summary="The trials of an analysis: what each one is doing, and why it failed",
        responses={200: OpenApiTypes.OBJECT, **_ERRORS},
    )
    @action(detail=True)
    def trials(self, request: Request, pk: int) -> Response:
        run = self._run()
        if run.kind != Run.Kind.ANALYSIS:
            raise Conflict("Only an analysis has several trials.")
        now = results.grid(run)
        return Response({"progress": results.progress(run, now), "trials": [asdict(trial) for trial in now]})

    @extend_schema(
        summary="One row per round",
        parameters=[OpenApiParameter("format", str, enum=["csv"], description="csv: all rows as a file.")],
        responses={
            (200, "application/json"): RoundRowSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
            **_ERRORS,
        },
    )
    @action(detail=True)
    def rounds(self, request: Request, pk: int) -> HttpResponseBase:
        run = self._run()
        if _format(request, {"csv", "json"}) == "csv":
            return downloads.as_response(downloads.metrics_csv(run))
        rows = Round.objects.filter(trial__run=run).select_related("trial").order_by("trial_id", "number")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(list(downloads.round_rows(run, page)))

    @extend_schema(
        summary="The result, so far or final",
        parameters=[
            OpenApiParameter("metric", str, description="Of an analysis: another metric than its main one."),
            OpenApiParameter("target", float, description="Of an analysis: the score that labels are counted to."),
        ],
        responses={200: OpenApiTypes.OBJECT, **_ERRORS},
    )
    @action(detail=True)
    def report(self, request: Request, pk: int) -> Response:
        run = self._run()
        if run.kind != Run.Kind.ANALYSIS:
            return Response(reports.report(run))
        return Response(_answer(analysis_report, run, request))

    @extend_schema(
        summary="While people label: the strategy beside chance, and what more labels would bring",
        responses={200: OpenApiTypes.OBJECT, **_CHANGES},
    )
    @action(detail=True)
    def live(self, request: Request, pk: int) -> Response:
        facts = live_facts(self._run())
        if facts is None:
            raise Conflict("Only a development run that was started asks people for labels.")
        return Response(facts)

    @extend_schema(
        summary="The labels of a run so far as a draft of an analysis; `note` says what it can and cannot tell",
        request=None,
        responses={201: RunSerializer, **_CHANGES},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: int) -> Response:
        run = self._run(Role.MANAGER, writes=True)
        try:
            draft = replay.replay(run, request.user)
        except actions.WrongState as error:
            raise Conflict(str(error)) from error
        except ConfigurationError as error:
            raise _as_validation_error(error) from error
        return Response(self.get_serializer(draft).data | {"note": replay.BIAS}, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Several analyses side by side: mean ranks over their data sets",
        parameters=[
            OpenApiParameter("run", int, many=True, required=True, description="run=1&run=2: at least two."),
            OpenApiParameter("metric", str),
            OpenApiParameter("target", float),
        ],
        responses={200: OpenApiTypes.OBJECT, **_ERRORS},
    )
    @action(detail=False)
    def compare(self, request: Request) -> Response:
        wanted = dict.fromkeys(map(whole, request.query_params.getlist("run")))
        if len(wanted) < 2 or None in wanted:
            raise serializers.ValidationError({"run": ["Name at least two analyses: ?run=1&run=2"]})
        runs = [access_run(request.user, pk) for pk in wanted]
        if other := [run.pk for run in runs if run.kind != Run.Kind.ANALYSIS or not run.started_at]:
            raise serializers.ValidationError({"run": [f"No analysis that was started: {other}."]})
        return Response(_answer(compare, runs, request))

    @extend_schema(
        summary="The model: a scikit-learn pipeline that takes raw items, in skops format",
        parameters=[
            OpenApiParameter(
                "format", str, enum=["skops", "zip", "card"], description="zip: with its card, an example and the requirements."
            ),
        ],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **_CHANGES},
    )  # fmt: skip
    @action(detail=True)
    def model(self, request: Request, pk: int) -> HttpResponseBase:
        make = {"skops": downloads.model_file, "zip": downloads.bundle, "card": downloads.model_card}
        chosen = _format(request, set(make)) or "skops"
        run = self._run()
        try:
            return downloads.as_response(make[chosen](run))
        except downloads.NothingYet as error:
            raise Conflict(str(error)) from error

    @extend_schema(
        summary="Every item with its labels and its prediction, as CSV",
        responses={(200, "text/csv"): OpenApiTypes.STR, **_ERRORS},
    )
    @action(detail=True)
    def data(self, request: Request, pk: int) -> HttpResponseBase:
        return downloads.as_response(downloads.data_csv(self._run()))


def _answer(function, what, request: Request) -> dict:
    """The report with what `?metric=&target=` ask for."""
    target = request.query_params.get("target") or None
    try:
        return function(what, request.query_params.get("metric") or None, None if target is None else float(target))
    except UnknownMetric as error:
        raise serializers.ValidationError({"metric": [str(error)]}) from error
    except ValueError as error:
        raise serializers.ValidationError({"target": [f"Must be a number; got {target!r}."]}) from error


def _whole(request: Request, name: str) -> int | None:
    value = request.query_params.get(name, "")
    if value and (number := whole(value)) is None:
        raise serializers.ValidationError({name: [f"Must be a whole number; got {value!r}."]})
    return number if value else None


def _format(request: Request, allowed: set[str]) -> str:
    wanted = request.query_params.get("format", "")
    if wanted and wanted not in allowed:
        raise serializers.ValidationError({"format": [f"Must be one of {', '.join(sorted(allowed))}; got {wanted!r}."]})
    return wanted


def _as_validation_error(error: ConfigurationError) -> serializers.ValidationError:
    """`{"configuration.learner.C": ["..."]}`: the field where it stands in the request."""
    return serializers.ValidationError(
        {
            field if field.split(".")[0] in _OWN_FIELDS else f"configuration.{field}": texts
            for field, texts in error.errors.items()
        }
    )


router = SimpleRouter()
router.register("runs", RunViewSet, basename="api-run")
urlpatterns = router.urls
