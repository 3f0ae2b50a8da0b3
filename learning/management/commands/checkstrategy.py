"""`manage.py checkstrategy FILE.py`: does a query strategy keep the contract, and how does its time grow with the pool?"""

import sys
import traceback
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from django.core.management.base import BaseCommand, CommandError

from learning import engine, plugins
from learning.engine.registry import complete, own_name, reason
from learning.engine.strategies.checking import FAILED, SIZES, Timing, duration, examine, growth, time_at
from learning.engine.strategies.contract import file_of


class Command(BaseCommand):
    help = "Check a query strategy: a file, a registered name or module.Class. Without one: list what the settings have added."
    requires_system_checks: list = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("strategy", nargs="?", help="shortest.py, shortest.py:Shortest, shortest or shortest.Shortest")
        parser.add_argument("--limit", type=float, default=30.0, help="Seconds that one size of the pool may take.")
        parser.add_argument("--no-timing", action="store_true", help="Leave out how its time grows.")

    def handle(self, *args, **options) -> None:
        if not options["strategy"]:
            self._list()
            return
        cls = self._found(options["strategy"], options["verbosity"])
        name = own_name(cls)
        self.stdout.write(f"{getattr(cls, 'label', name)} ({name}), {file_of(cls) or cls.__module__}\n\n")
        failed = self._examine(cls, name, options["verbosity"])
        if failed:
            raise CommandError(f"{failed} check{'' if failed == 1 else 's'} failed. With -v 2 each shows its whole traceback.")
        if not options["no_timing"]:
            self._clock(cls, options["limit"])
        self.stdout.write("\nAll checks passed.")

    # --- Which one

    def _list(self) -> None:
        for kind, setting in plugins.SETTINGS.items():
            registry = getattr(engine, kind)
            registry.names()
            for name, origin in registry.plugins.items():
                self.stdout.write(f"{kind}: {name}, from {origin}")
            if not registry.plugins and not registry.broken:
                self.stdout.write(f"{kind}: none of your own (set {setting}=module.Class)")
        broken = plugins.broken()
        for kind, origin, text in broken:
            self.stdout.write(f"{kind}: LEFT OUT {origin}: {text}")
        if broken:
            raise CommandError(f"{len(broken)} could not be loaded.")

    def _found(self, given: str, verbosity: int) -> type:
        target, _, wanted = given.partition(":")
        if not target.endswith(".py") and given in engine.strategies:
            return engine.strategies.get(given)
        try:
            if target.endswith(".py"):
                return _class_of(_load(Path(target).expanduser().resolve()), wanted)
            if "." in given or wanted:
                return _class_of(
                    import_module(target if wanted else target.rpartition(".")[0]), wanted or target.rpartition(".")[2]
                )
        except CommandError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the file raises is what people want to read
            if verbosity > 1:
                self.stderr.write("".join(traceback.format_exception(error)))
            raise CommandError(f"{target} cannot be loaded. {reason(error)}") from None
        known = ", ".join(engine.strategies.names())
        left_out = "".join(f" {origin} could not be loaded: {text}" for origin, text in engine.strategies.broken.items())
        raise CommandError(f"There is no file and no strategy {given!r}; known are: {known}.{left_out}")

    # --- What is found

    def _examine(self, cls: type, name: str, verbosity: int) -> int:
        failed = 0
        for finding in examine(complete(cls, name), name):
            failed += finding.state == FAILED
            state = finding.state.upper() if finding.state == FAILED else finding.state
            self.stdout.write(f"  {state:<8} {finding.name}")
            if finding.text:
                self.stdout.write(f"           {finding.text}")
            if finding.traceback and verbosity > 1:
                self.stdout.write("\n" + finding.traceback)
        return failed

    def _clock(self, cls: type, limit: float) -> None:
        self.stdout.write("\nHow its time grows with the pool (a batch of 20; 50 features, 5 classes):\n\n")
        timings: list[Timing] = []
        for size in SIZES:
            timings.append(time_at(cls, size, limit=limit))
            last = timings[-1]
            words = last.problem or f"{duration(last.first)} in the first round, {duration(last.later)} in a later one"
            self.stdout.write(f"  {size:>9,} candidates   {words}")
            self.stdout.flush()
            if last.is_fault:
                raise CommandError(f"It failed with {size:,} candidates.")
            if last.problem:
                break
        self.stdout.write(f"\n  {growth(timings)[1]}")


def _load(path: Path) -> ModuleType:
    """The module of a file that need not be on Python's path; what lies beside it can be imported."""
    if not path.is_file():
        raise CommandError(f"There is no file {path}.")
    name = path.stem
    there = sys.modules.get(name)
    if there is not None and getattr(there, "__file__", None) and Path(there.__file__).resolve() == path:
        return there
    spec = spec_from_file_location(name, path)
    if there is not None or not name.isidentifier():
        raise CommandError(f"{path.name} cannot be imported under its name, which is another module's or none. Rename the file.")
    sys.path.append(str(path.parent))
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _class_of(module: ModuleType, wanted: str) -> type:
    own = [cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == module.__name__]
    if wanted:
        cls = getattr(module, wanted, None)
        if not isinstance(cls, type):
            known = ", ".join(cls.__name__ for cls in own) or "none"
            raise CommandError(f"{module.__name__} has no class {wanted!r}; its classes are: {known}.")
        return cls
    found = [cls for cls in own if callable(getattr(cls, "select", None))]
    if not found:
        raise CommandError(f"{module.__name__} has no class with a method `select`.")
    if len(found) > 1:
        names = ", ".join(f"{module.__name__}.py:{cls.__name__}" for cls in found)
        raise CommandError(f"{module.__name__} has several strategies; say which: {names}.")
    return found[0]
