"""The calculator tool: exact integer arithmetic on a parsed expression, bounded, nothing evaluated as code."""

from __future__ import annotations

import ast
import operator

from components.agent.environment import Observation
from components.agent.messages import ToolSpec

CALCULATOR = ToolSpec(
    name="calculator",
    description="",
    parameters={"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
)
_MAX_CHARACTERS = 200
_MAX_DEPTH = 50
_MAX_BITS = 2048
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def calculate(expression: str) -> Observation:
    """The value of `expression`, or an error that says what it cannot read."""
    if len(expression) > _MAX_CHARACTERS:
        return _error(f"longer than {_MAX_CHARACTERS} characters")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return Observation(status="ok", content=str(_value(tree.body, _MAX_DEPTH)))
    except SyntaxError:
        return _error(f"cannot read {expression[:40]!r}")
    except (ValueError, RecursionError, MemoryError) as error:  # ast.parse raises these on null bytes and deep nesting
        return _error(str(error) or "too deep")


def _value(node: ast.expr, depth: int) -> int:
    if depth == 0:
        raise ValueError("too deep")
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, depth - 1)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left, depth - 1), _value(node.right, depth - 1)
        if left.bit_length() + right.bit_length() > _MAX_BITS:
            raise ValueError("numbers too large")
        return _OPERATORS[type(node.op)](left, right)
    raise ValueError("only integers and + - * ( )")


def _error(message: str) -> Observation:
    return Observation(status="error", content=message)
