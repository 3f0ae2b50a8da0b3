"""Runs of version 0.1 keep what they meant: best-first batches, a random seed, no warm-up, the first criterion stops."""

from django.db import migrations

SCORED = {"margin", "least_confidence", "entropy"}


def complete(apps, schema_editor):
    Run = apps.get_model("learning", "Run")
    for run in Run.objects.only("configuration").iterator(chunk_size=500):
        configuration = run.configuration
        if not configuration or "warm_up" in configuration:
            continue
        configuration |= {
            "seed_strategy": "random",
            "warm_up": {"strategy": {"name": "random"}, "labels_per_class": 0},
            "stop_when": "any",
            "min_rounds": 1,
        }
        strategy = configuration.get("strategy", {})
        if strategy.get("name") in SCORED:
            strategy.setdefault("batch_mode", "top")
        run.save(update_fields=["configuration"])


class Migration(migrations.Migration):
    dependencies = [("learning", "0003_signals_warm_states_audits")]
    operations = [migrations.RunPython(complete, migrations.RunPython.noop)]
