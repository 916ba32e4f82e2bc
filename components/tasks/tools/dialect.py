"""How a world's tools look in one task: names, descriptions, schemas and replies, drawn by seed.

The same world speaks differently in every task, so that schemas must be read and not remembered. A dialect translates
both ways between canonical actions and the calls a policy writes, and renders rows.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from components.agent.messages import ToolCall, ToolSpec, compact_json
from components.core.seeding import named_rng
from components.tasks.tools.expressions import Value
from components.tasks.tools.schema import Action, Read, Tool, World
from components.tasks.tools.tables import Param, Row

Case = Literal["snake", "camel", "kebab"]  # what OpenAI-compatible servers take
_READ_VERBS = {
    "find": ("find", "search", "look_up"),
    "show": ("show", "get", "read"),
    "list": ("list", "browse", "select"),
}
_OBSCURE_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class Style:
    """What holds for all tools of a task. `wrap` is the object all arguments stand in, or "" for none."""

    case: Case
    noun_first: bool
    obscure: bool
    wrap: str
    described: bool
    key_form: str
    as_json: bool
    id_name: str


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A world's tools as this task shows them: canonical tool name → surface name, and its parameters'."""

    world: World
    style: Style
    names: Mapping[str, str]
    params: Mapping[str, Mapping[str, str]]
    descriptions: Mapping[str, str]
    orders: Mapping[str, tuple[str, ...]]

    def spec(self, tool: str) -> ToolSpec:
        declared = self.world.tools[tool]
        by_name = {param.name: param for param in declared.params}
        properties = {self.params[tool][name]: self._property(declared, by_name[name]) for name in self.orders[tool]}
        schema: dict[str, Any] = {"type": "object", "properties": properties, "required": list(properties)}
        if self.style.wrap:
            inner = schema | {"additionalProperties": False}
            schema = {"type": "object", "properties": {self.style.wrap: inner}, "required": [self.style.wrap]}
        return ToolSpec(name=self.names[tool], description=self.descriptions[tool], parameters=schema)

    def call(self, action: Action) -> ToolCall:
        names = self.params[action.tool]
        arguments: dict[str, Any] = {names[name]: action.arguments[name] for name in self.orders[action.tool]}
        if self.style.wrap:
            arguments = {self.style.wrap: arguments}
        return ToolCall(name=self.names[action.tool], arguments=arguments)

    def action(self, call: ToolCall) -> Action:
        """The action a call means; its name and arguments fit the schema."""
        tool = next(name for name, surface in self.names.items() if surface == call.name)
        arguments = call.arguments[self.style.wrap] if self.style.wrap else call.arguments
        return Action(
            tool=tool, arguments={name: _plain(arguments[surface]) for name, surface in self.params[tool].items()}
        )

    def one(self, key: str, row: Row) -> str:
        """One row."""
        fields = {self.style.id_name: key, **row}
        if self.style.as_json:
            return compact_json(fields)
        return ", ".join(f"{name}: {'none' if value is None else value}" for name, value in fields.items())

    def many(self, rows: Mapping[str, Row]) -> str:
        """Any number of rows."""
        if self.style.as_json:
            return "[" + ",".join(self.one(key, row) for key, row in rows.items()) + "]"
        return "\n".join(self.one(key, row) for key, row in rows.items()) or "nothing found"

    def _property(self, tool: Tool, param: Param) -> dict[str, Any]:
        described = {"description": self._about(tool, param)} if self.style.described else {}
        if param.refers:
            return {"type": "string", **described}
        if param.numbers is not None:
            low, high = param.numbers
            return {"type": "integer", "minimum": low, "maximum": high, **described}
        if param.day:
            return {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", **described}
        if isinstance(tool, Read):  # what can be found is no secret of the schema
            return {"type": "string", **described}
        return {"type": "string", "enum": list(dict.fromkeys(param.choices)), **described}

    def _about(self, tool: Tool, param: Param) -> str:
        if param.refers:
            return f"{self.style.id_name} of the {self.world.table[param.refers].noun}"
        if isinstance(tool, Read):
            return f"{param.name} of the {tool.table.noun}"
        return f"the {param.name}"


def draw_dialect(world: World, seed: object) -> Dialect:
    """The dialect of a seed, over all tools of the world."""
    rng = named_rng("dialect", world.name, seed)
    style = Style(
        case=rng.choice(("snake", "snake", "camel", "kebab")),
        noun_first=rng.random() < 0.3,
        obscure=rng.random() < _OBSCURE_SHARE,
        wrap=rng.choice(("", "", "", "input", "body", "params")),
        described=rng.random() < 0.5,
        key_form=rng.choice(("{}", "{}_id", "{}_key", "{}_ref")),
        as_json=rng.random() < 0.6,
        id_name=rng.choice(("id", "id", "key", "ref")),
    )
    names: dict[str, str] = {}
    for tool in world.tools.values():
        name = _name(rng, style, tool)
        while name in names.values():
            name = _name(rng, style, tool, _letters(rng))
        names[tool.name] = name
    params = {tool.name: _param_names(rng, style, tool) for tool in world.tools.values()}
    return Dialect(
        world=world,
        style=style,
        names=names,
        params=params,
        descriptions={tool.name: _describe(rng, world, tool) for tool in world.tools.values()},
        orders={name: tuple(rng.sample(list(each), len(each))) for name, each in params.items()},
    )


def _name(rng: random.Random, style: Style, tool: Tool, extra: str = "") -> str:
    if style.obscure:
        return _cased(style.case, ["fn", _letters(rng)])
    if isinstance(tool, Read):
        verb = rng.choice(_READ_VERBS[tool.verb])
        noun = f"{tool.table.name}_by_{tool.column}" if tool.verb == "list" else tool.table.noun
    else:
        verb, noun = rng.choice(tool.verbs), tool.noun
    words = [noun, verb] if style.noun_first else [verb, noun]
    return _cased(style.case, [*words, extra] if extra else words)


def _cased(case: Case, words: Sequence[str]) -> str:
    parts = [part for word in words for part in word.split("_")]
    if case == "camel":
        return parts[0] + "".join(part.capitalize() for part in parts[1:])
    return {"snake": "_", "kebab": "-"}[case].join(parts)


def _letters(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=3))


def _param_names(rng: random.Random, style: Style, tool: Tool) -> dict[str, str]:
    names: dict[str, str] = {}
    for param in tool.params:
        own = rng.choice((param.name, *param.also))
        name = style.key_form.format(own) if param.refers else own
        names[param.name] = name if name not in names.values() else f"{param.name}_{name}"
    return names


def _describe(rng: random.Random, world: World, tool: Tool) -> str:
    if not isinstance(tool, Read):
        return " ".join([rng.choice(tool.does), *(policy.rule for policy in tool.policies)])
    table = tool.table
    if tool.verb == "show":
        return rng.choice((f"Shows one {table.noun}.", f"Gives all fields of one {table.noun}."))
    if tool.verb == "find":
        return rng.choice(
            (f"Finds one {table.noun} by {tool.column}.", f"Looks one {table.noun} up by its {tool.column}.")
        )
    owner = world.table[tool.param.refers].noun
    if tool.column == owner:
        return rng.choice((f"Lists the {table.name} of one {owner}.", f"All {table.name} with this {owner}."))
    return f"Lists the {table.name} whose {tool.column} is this {owner}."


def _plain(value: object) -> Value:
    """A value SQLite takes: JSON's 3.0 is the integer 3, half a character is a question mark."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    assert isinstance(value, int | float), "schemas allow texts and integers"
    return int(value)
