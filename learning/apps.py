from django.apps import AppConfig


class LearningConfig(AppConfig):
    name = "learning"

    def ready(self) -> None:
        from annotation.signals import answers_changed
        from learning.receivers import wake_waiting_trials

        answers_changed.connect(wake_waiting_trials, dispatch_uid="wake waiting trials")
