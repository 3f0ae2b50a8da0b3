from importlib.metadata import EntryPoint

import pytest

from learning import engine
from learning.engine import registry as registry_module
from learning.engine.errors import EngineError, UnknownName
from learning.engine.registry import Registry


class Plain:
    pass


def test_register_names_a_class_and_fills_in_what_the_form_needs():
    registry = Registry("things")
    assert registry.register("nice_thing")(Plain) is Plain
    assert (Plain.name, Plain.label, Plain.help, Plain.parameters) == ("nice_thing", "Nice thing", "", ())
    assert registry.get("nice_thing") is Plain
    assert "nice_thing" in registry and "other" not in registry and len(registry) == 1


def test_a_second_registration_under_a_name_is_refused():
    registry = Registry("things")
    registry.register("a")(type("A", (), {}))
    with pytest.raises(EngineError, match="already registered"):
        registry.register("a")(type("B", (), {}))


def test_an_unknown_name_lists_the_known_ones():
    registry = Registry("things")
    for name in ("b", "a"):
        registry.register(name)(type(name, (), {}))
    with pytest.raises(UnknownName, match=r"'c' among the things; known are: b, a\."):
        registry.get("c")
    assert registry.names() == ["b", "a"] and [cls.name for cls in registry] == ["b", "a"]


def test_temporarily_registers_and_restores():
    before = engine.strategies.get("margin")
    with engine.strategies.temporarily("margin", type("Mine", (), {})) as cls:
        assert engine.strategies.get("margin") is cls
    assert engine.strategies.get("margin") is before
    with engine.strategies.temporarily("mine", type("Mine", (), {})):
        assert "mine" in engine.strategies
    assert "mine" not in engine.strategies


def test_entry_points_load_once_and_a_broken_one_is_kept_aside(monkeypatch, caplog):
    points = [
        EntryPoint("fraction", "fractions:Fraction", "alambic.things"),
        EntryPoint("gone", "no_such_module_anywhere:Thing", "alambic.things"),
    ]
    calls = []
    monkeypatch.setattr(registry_module, "entry_points", lambda group: calls.append(group) or points)
    monkeypatch.setattr(Registry, "register", lambda self, name: lambda cls: self._classes.setdefault(name, cls))
    registry = Registry("things")
    assert registry.names() == ["fraction"] and registry.names() == ["fraction"]
    assert calls == ["alambic.things"]
    assert "ModuleNotFoundError" in registry.broken["no_such_module_anywhere:Thing"]
    assert "no_such_module_anywhere" in caplog.text


def test_dotted_paths_register_under_the_class_own_name():
    registry = Registry("things")
    registry.load_dotted([f"{__name__}.Dotted", "nowhere.Thing", f"{__name__}.Dotted"])
    assert registry.names() == ["Dotted"] and list(registry.broken) == ["nowhere.Thing"]


class Dotted:
    pass


@pytest.mark.parametrize("registry", [engine.features, engine.learners, engine.strategies, engine.criteria])
def test_every_registered_class_can_be_shown_in_a_form(registry):
    for cls in registry:
        assert cls.label and cls.help
        defaults = engine.validate({}, cls.parameters)
        assert engine.validate(defaults, cls.parameters) == defaults
        for parameter in cls.parameters:
            assert parameter.label and parameter.help, (cls, parameter.name)
