"""`manage.py newstrategy NAME`: a working query strategy in a file of its own, to be changed into yours."""

import keyword
import re
from importlib.util import find_spec
from pathlib import Path
from string import Template

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from learning import engine, plugins

TEMPLATE = Path(__file__).resolve().parents[1] / "strategy_template.txt"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Command(BaseCommand):
    help = "Write the file of a new query strategy, which works as it is, and say how it gets into the form."
    requires_system_checks: list = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("name", help="Of the file, and of the strategy in configurations: shortest_first")
        parser.add_argument("--folder", help=f"Where the file goes; else {plugins.folder()}, where it is found by itself.")

    def handle(self, *args, **options) -> None:
        name = options["name"].removesuffix(".py")
        folder = Path(options["folder"] or plugins.folder()).expanduser().resolve()
        file = folder / f"{name}.py"
        _refuse(name, file)
        cls = "".join(part.capitalize() for part in name.split("_"))
        text = Template(TEMPLATE.read_text()).substitute(name=name, cls=cls, label=name.replace("_", " ").capitalize())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(file, "x") as new:
                new.write(text)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        named = ",".join([*settings.ALAMBIC_STRATEGIES, f"{name}.{cls}"])
        path = "" if folder == plugins.folder().resolve() else f"PYTHONPATH={folder} "
        self.stdout.write(f"Written: {file}")
        self.stdout.write(f"1. Check it, now and after every change:  manage.py checkstrategy {file}")
        self.stdout.write(f"2. Restart ALAMBIC with it:  {path}ALAMBIC_STRATEGIES={named} make run")
        self.stdout.write("3. It stands in the form of a new run, beside the others.")


def _refuse(name: str, file: Path) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise CommandError(f"{name!r} cannot name a file of Python: take small letters, digits and _, as in shortest_first.")
    if file.exists():
        raise CommandError(f"{file} is there already, and is left as it is. Choose another name, or move it away.")
    if name in engine.strategies:
        raise CommandError(f"There is a strategy {name!r} already. Choose another name.")
    if find_spec(name) is not None:
        raise CommandError(f"A module {name!r} is installed already, and would be found instead. Choose another name.")
