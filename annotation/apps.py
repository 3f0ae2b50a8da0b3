from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    name = "annotation"

    def ready(self) -> None:
        from annotation.receivers import store_imported_verdicts
        from projects.signals import dataset_imported

        dataset_imported.connect(store_imported_verdicts, dispatch_uid="store imported verdicts")
