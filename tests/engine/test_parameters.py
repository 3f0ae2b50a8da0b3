import pytest

from learning.engine.errors import SettingsError
from learning.engine.parameters import Parameter, validate

COUNT = Parameter("count", "int", 3, minimum=1, maximum=10)
SHARE = Parameter("share", "float", 0.5, minimum=0, maximum=1)
FLAG = Parameter("flag", "bool", True)
KIND = Parameter("kind", "choice", "a", choices=(("a", "First"), ("b", "Second"), (3, "Third")))
TEXT = Parameter("text", "text", "")
ALL = (COUNT, SHARE, FLAG, KIND, TEXT)


def test_defaults_are_written_out_and_the_name_passes():
    assert validate({"name": "x", "count": 4}, ALL) == {
        "name": "x", "count": 4, "share": 0.5, "flag": True, "kind": "a", "text": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"count": "7"}, 7),
        ({"count": 7.0}, 7),
        ({"share": "0.25"}, 0.25),
        ({"share": 1}, 1.0),
        ({"flag": "on"}, True),
        ({"flag": "false"}, False),
        ({"kind": "b"}, "b"),
        ({"kind": "3"}, 3),
        ({"text": "a, b"}, "a, b"),
    ],
)
def test_what_a_form_posts_is_understood(given, value):
    (name,) = given
    assert validate(given, ALL)[name] == value


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"count": 0}, "Must be a whole number from 1 to 10; got 0."),
        ({"count": "two"}, "got 'two'"),
        ({"count": 2.5}, "got 2.5"),
        ({"count": True}, "got True"),
        ({"count": None}, "got None"),
        ({"share": float("nan")}, "a number from 0 to 1; got nan"),
        ({"share": [1]}, "a number"),
        ({"flag": 2}, "true or false"),
        ({"kind": "c"}, "one of a, b, 3; got 'c'"),
        ({"text": 5}, "a text"),
        ({"colour": 1}, "Unknown setting. The settings are: count, share, flag, kind, text."),
    ],
)
def test_a_wrong_value_names_the_field_the_value_and_what_is_allowed(given, text):
    with pytest.raises(SettingsError) as caught:
        validate(given, ALL)
    assert list(caught.value.errors) == list(given)
    assert text in caught.value.errors[next(iter(given))]


def test_all_faults_are_reported_at_once():
    with pytest.raises(SettingsError) as caught:
        validate({"count": 0, "share": 2}, ALL)
    assert set(caught.value.errors) == {"count", "share"}
