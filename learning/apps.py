from django.apps import AppConfig


class LearningConfig(AppConfig):
    name = "learning"

    def ready(self) -> None:
        from annotation.signals import answers_changed, weights_wanted
        from learning import plugins
        from learning.quality.weights import give_weights
        from learning.receivers import give_predictions, wake_waiting_trials
        from projects.signals import predictions_wanted

        answers_changed.connect(wake_waiting_trials, dispatch_uid="wake waiting trials")
        predictions_wanted.connect(give_predictions, dispatch_uid="give predictions")
        weights_wanted.connect(give_weights, dispatch_uid="give weights")
        plugins.load()
