"""Messages about values: our own words for every error that pydantic can raise for a setting."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import core_schema

from trainers import config, presets, registry, validation
from trainers.errors import ConfigError

PYDANTIC_WORDS = re.compile(r"[Ii]nput|valid|pars|instance|after validation|should|field required|_", re.ASCII)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        -1,
        0,
        1.5,
        10**30,
        -(10**30),
        float("nan"),
        float("inf"),
        "x",
        "",
        "1.5",
        "9" * 5000,
        b"x",
        object(),
    ),
    *([], [1], ["x"], [0], [1.5], [None], [1] * 100, (), {}, {"a": 1}, {1: 2}, {"name": 3}, {"name": None}, {1, 2}),
)


def sections() -> Iterator[tuple[type[BaseModel], str, dict[str, Any]]]:
    """Yield every section, its name, and the values without which it is refused anyway."""
    yield config.RunConfig, "", {"model": "vae", "schedule": {"steps": 1}}
    for name in ("optim", "schedule", "execution"):
        annotation = config.RunConfig.model_fields[name].annotation
        assert isinstance(annotation, type)
        yield annotation, name, {"steps": 1} if name == "schedule" else {}
    for family in registry.families().values():
        yield family.options, "model", {}
    for dataset in registry.datasets().values():
        yield dataset.options, "data", {"path": "/x"} if dataset.reads_path else {}


def test_every_setting_refuses_a_value_in_our_own_words() -> None:
    messages = []
    for section_class, section, required in sections():
        for field in section_class.model_fields:
            for value in VALUES:
                try:
                    config.parse_section(section_class, {**required, field: value}, section)
                except ConfigError as error:
                    messages.append(str(error))
        for field in required:
            with pytest.raises(ConfigError, match=f"{field}: is required|give exactly one of"):
                config.parse_section(section_class, {key: required[key] for key in required if key != field}, section)
    assert len(messages) > 1000
    for message in messages:
        rule = re.sub(r"^[\w.]+: | \(got .*\)$|'[^']*'", "", message)
        assert not PYDANTIC_WORDS.search(rule) and "\n" not in message and len(message) < 250, message


def test_every_type_of_error_has_words() -> None:
    """Of plug-ins, whose options may have any type; what only Python code can cause is left out."""
    by_code = re.compile("attribute|python_object|recursion|frozen|exact|factory|sentinel|ellipsis|argument")
    exotic = re.compile(
        "complex_str|url|uuid|iteration|callable|is_subclass|union_tag|timezone|date_|datetime_|unicode|ascii|fraction"
    )
    for kind in get_args(core_schema.ErrorType):
        if (
            by_code.search(kind)
            or exotic.search(kind)
            or kind in ("extra_forbidden", "counter_type", "set_item_not_hashable")
        ):
            continue
        limits = dict.fromkeys(
            ("gt", "ge", "lt", "le", "min_length", "max_length", "multiple_of", "pattern", "class"), 3
        )
        detail: Any = {"type": kind, "loc": ("a",), "msg": "Value error, Input should", "input": 7.5}
        detail["ctx"] = {**limits, "expected": "'a' or 'b'", "error": "line 1"}
        text = validation.describe(detail)
        assert kind in ("value_error", "assertion_error", "json_invalid") or not PYDANTIC_WORDS.search(text), (
            kind,
            text,
        )


def test_a_long_value_is_cut_and_an_object_is_named_by_its_type() -> None:
    with pytest.raises(ConfigError, match=r"optim\.lr: must be a number \(got object\)"):
        presets.assemble("vae", {"optim": {"lr": object()}})
    with pytest.raises(ConfigError, match=r"\(got 'xxxx*…\)") as caught:
        presets.assemble("vae", {"optim": {"lr": "x" * 500}})
    assert len(str(caught.value)) < 120


def test_the_message_of_a_section_names_no_value() -> None:
    with pytest.raises(ConfigError) as caught:
        presets.assemble("vae", {"schedule": {"epochs": 1, "steps": 1}})
    assert str(caught.value) == "schedule: give exactly one of epochs, steps, minutes (got epochs, steps)"


def test_pydantic_itself_is_not_seen_by_callers_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="model: is required"):
        config.RunConfig(schedule={"steps": 1})
    with pytest.raises((ConfigError, ValidationError), match=r"seed: must be a whole number"):
        config.RunConfig.model_validate({"model": "vae", "schedule": {"steps": 1}, "seed": "x"})
