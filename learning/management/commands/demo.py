"""`manage.py demo`: the project "Handwritten digits", from scikit-learn's own images; nothing is downloaded."""

import csv
import io
import time
import zipfile

import numpy as np
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from PIL import Image
from sklearn.datasets import load_digits

from learning import engine
from learning.actions import create_run, start_run
from projects.importing import begin, receive
from projects.jobs import import_dataset
from projects.models import Dataset, Label, Membership, Modality, Project, Role, User

GUIDELINES = """\
Which digit did the person write? Press its key, **0** to **9**.

* The pictures are small (8 × 8 pixels) and some are hard: that is why the learner asks for them.
* Not sure at all? Skip it; somebody else will get it.
"""
# Ten colours that stay apart for colour-blind eyes (after Okabe and Ito 2008, and Tol 2021)
COLORS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8f7700", "#882255", "#44aa99", "#6a51a3"]
N_ARCHIVE = 1000  # digits whose labels are all known
TEST_RATIO, SEED = 0.2, 40


class Command(BaseCommand):
    help = "Make the demo project: real images, one run to label by hand and one that known labels answer."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--user", default="", help="Who manages it; the first superuser otherwise.")

    def handle(self, *args, **options) -> None:
        users = User.objects.filter(username=options["user"]) if options["user"] else User.objects.filter(is_superuser=True)
        user = users.order_by("pk").first()
        with transaction.atomic():
            project = Project.objects.create(
                name="Handwritten digits",
                description="A demo: 1,797 digits of 43 people (Alpaydin and Kaynak 1998), as scikit-learn ships them.",
                modality=Modality.IMAGE,
                guidelines=GUIDELINES,
                is_demo=True,
                created_by=user,
            )
            for digit in range(10):
                Label.objects.create(project=project, name=str(digit), hotkey=str(digit), color=COLORS[digit], position=digit)
            if user:
                Membership.objects.create(project=project, user=user, role=Role.MANAGER)
        images, target = load_digits(return_X_y=True)
        order = engine.generator(0, "demo").permutation(len(images))
        archive, desk = order[:N_ARCHIVE], order[N_ARCHIVE:]
        labeled = _random_sample(len(desk))
        partly = [digit if i in labeled else "" for i, digit in enumerate(target[desk])]
        sets = [
            _import(project, user, "digits-labelled.zip", images[archive], list(target[archive])),
            _import(project, user, "digits-to-label.zip", images[desk], partly),
        ]
        common = {"learner": {"name": "logistic_regression"}, "features": {"name": "pixels", "size": 8}}
        # Slow on purpose: a forest of many trees and small batches, so that the curve is seen growing for a minute.
        watched = common | {
            "datasets": [sets[0].pk], "oracle": "known", "batch_size": 5, "seed_size": 20, "test_ratio": TEST_RATIO,
            "learner": {"name": "random_forest", "trees": 300}, "stop": [{"name": "budget", "labels": 600}],
        }  # fmt: skip
        by_hand = common | {
            "datasets": [sets[1].pk], "oracle": "people", "batch_size": 10, "seed_size": 20, "test_ratio": TEST_RATIO,
            "stop": [{"name": "budget", "labels": 300}, {"name": "accuracy", "target": 0.95}],
        }  # fmt: skip
        for name, configuration in (("Watch it learn", watched), ("Label with it", by_hand)):
            start_run(create_run(user, project, "development", configuration, name), user)
        self.stdout.write(f'Made the demo project "{project.name}" with {project.items.count():,} images and two runs.')


def _random_sample(n: int) -> set[int]:
    """Which of the digits have a label already: a random test sample, and a small seed. So a newcomer can start at once."""
    test = engine.draw_test(n, TEST_RATIO, engine.generator(0, "test", 0, 0))
    rest = np.setdiff1d(np.arange(n), test)
    return set(test.tolist()) | set(engine.generator(0, "demo seed").choice(rest, SEED, replace=False).tolist())


def _import(project: Project, user: User | None, name: str, images: np.ndarray, labels: list) -> Dataset:
    """Through the same importer as everybody's files: a zip of pictures with a CSV `file,label` beside it."""
    pictures, table = io.BytesIO(), io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["file", "label"])
    with zipfile.ZipFile(pictures, "w") as archive:
        for i, (pixels, label) in enumerate(zip(images, labels, strict=True)):
            picture = io.BytesIO()
            Image.fromarray((255 - pixels.reshape(8, 8) * 255 / 16).astype(np.uint8)).save(picture, "PNG")
            archive.writestr(f"{name[:-4]}/{i:04}.png", picture.getvalue())
            writer.writerow([f"{name[:-4]}/{i:04}.png", label])
    labels = ContentFile(table.getvalue().encode(), name=name.replace(".zip", ".csv"))
    dataset = receive(project, user, ContentFile(pictures.getvalue(), name=name), labels)
    begin(dataset)
    import_dataset(dataset.pk)  # here and now; a worker that was quicker is waited for
    while dataset.status not in {Dataset.Status.FINISHED, Dataset.Status.FAILED}:
        time.sleep(0.1)
        dataset.refresh_from_db()
    if dataset.status == Dataset.Status.FAILED:
        raise CommandError(f"The demo's data set {name} was not imported: {dataset.message}")
    return dataset
