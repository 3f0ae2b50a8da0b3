"""The science: arrays in, positions out. No database, no web framework; usable from a notebook.

The four registries hide the packages of the same name behind them: `engine.learners` is the registry; write
`from learning.engine.learners import ...` for the package.
"""

from learning.engine import errors, multilabel
from learning.engine.analysis import analyse
from learning.engine.autolabel import AuditPlan, Decision, checks_for_power, checks_needed, decide
from learning.engine.autolabel import plan as plan_audit
from learning.engine.calibration import Calibrator, fit_calibrator, out_of_fold, reliability
from learning.engine.defaults import default_settings
from learning.engine.derived import Derived
from learning.engine.errors import EmptyPool, EngineError, FeatureError, MissingClass, SettingsError, UnknownName
from learning.engine.evaluation import Curve, curves_from_frame, report
from learning.engine.exploration import mix
from learning.engine.features import default_for, features
from learning.engine.learners import learners
from learning.engine.loop import fit, fit_warm, predict, select
from learning.engine.lure import lure, lure_share, lure_weights
from learning.engine.metrics import METRICS, evaluate, normalised_area, per_class
from learning.engine.model_card import model_card
from learning.engine.parameters import Parameter, validate
from learning.engine.pipeline import export, load, module_source, trusted_types
from learning.engine.randomness import generator, integer_seed
from learning.engine.registry import Registry
from learning.engine.simulation import Simulation, simulate
from learning.engine.splits import SEEDS, draw_folds, draw_seed, draw_test
from learning.engine.stopping import criteria, decision_values, draw_stop_set, measure, pack, unpack
from learning.engine.stopping import evaluate as check_stop
from learning.engine.store import load_matrix, prepare, save_matrix
from learning.engine.strategies import Context, Selection, strategies
from learning.engine.telling import telling_words
from learning.engine.warm_up import runs_without_model, strategy_now

__all__ = [
    "METRICS",
    "SEEDS",
    "AuditPlan",
    "Calibrator",
    "Context",
    "Curve",
    "Decision",
    "Derived",
    "EmptyPool",
    "EngineError",
    "FeatureError",
    "MissingClass",
    "Parameter",
    "Registry",
    "Selection",
    "SettingsError",
    "Simulation",
    "UnknownName",
    "analyse",
    "check_stop",
    "checks_for_power",
    "checks_needed",
    "criteria",
    "curves_from_frame",
    "decide",
    "decision_values",
    "default_for",
    "default_settings",
    "draw_folds",
    "draw_seed",
    "draw_stop_set",
    "draw_test",
    "errors",
    "evaluate",
    "export",
    "features",
    "fit",
    "fit_calibrator",
    "fit_warm",
    "generator",
    "integer_seed",
    "learners",
    "load",
    "load_matrix",
    "lure",
    "lure_share",
    "lure_weights",
    "measure",
    "mix",
    "module_source",
    "model_card",
    "multilabel",
    "normalised_area",
    "out_of_fold",
    "pack",
    "per_class",
    "plan_audit",
    "predict",
    "prepare",
    "reliability",
    "report",
    "runs_without_model",
    "save_matrix",
    "select",
    "simulate",
    "strategies",
    "strategy_now",
    "trusted_types",
    "telling_words",
    "unpack",
    "validate",
]
