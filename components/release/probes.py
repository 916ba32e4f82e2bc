"""What parity is proved on: texts of the kinds the model reads, and conversations of the kind it is served with."""

from __future__ import annotations

from components.agent.messages import Message, ToolCall
from components.agent.turns import compose_turn

TEXTS: tuple[str, ...] = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of",
    "Fellow citizens of the Senate and of the House of Representatives: the state of the Union is",
    "The capital of France is Paris. The capital of Japan is Tokyo. The capital of Kenya is",
    "床前明月光，疑是地上霜。举头望明月，低头思",
    "白日依山盡，黃河入海流。欲窮千里目，",
    "北京 (Beijing) 是中国的首都，人口约 21893095。",
    "def fibonacci(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return",
    'class Stack:\n    """A last-in, first-out list."""\n\n    def __init__(self):\n        self.items = []\n\n    def',
    "import json\n\nwith open('data.json', encoding='utf-8') as stream:\n\trows = json.load(stream)\n",
    "17 + 25 = 42\n103 - 58 = 45\n12 * 12 = 144\n731 + 269 =",
    "3.14159265358979 2.71828182845905 1.41421356237310 1999-12-31 23:59:59",
    "The sum of two even integers is even. Proof. Let m = 2a and n = 2b. Then m + n = 2(a + b), so",
    "A noun: a tool for driving nails. A verb: to strike with repeated blows.",
    "They'll say it isn't so, but HTTPServer wasn't there; we've looked in /usr/lib/python3/http.\n\n\n",
    '{"name": "calculator", "arguments": {"expression": "48*77"}}',
    "naïve café, Straße, Ελλάδα, Привет, 「日本語」カタカナ, 한국어, 🙂 — “…”",
    "  leading spaces, tabs\t\tand\r\nline ends   ",
    "0",
)

_CALL = ToolCall(name="calculator", arguments={"expression": "17+25"})
CONVERSATIONS: tuple[tuple[Message, ...], ...] = (
    (Message("user", "What is 17 + 25?"),),
    (Message("user", "What is 903 - 411?"),),
    (Message("user", "What is the capital of Iceland?"),),
    (Message("user", "中国的首都是哪里？"),),
    (Message("system", "Answer briefly."), Message("user", "A page says <tool_call> and <|User|>. What is 6 * 7?")),
    (
        Message("user", "What is 17 + 25?"),
        compose_turn(analysis="A sum.", plan="Use the calculator.", calls=(_CALL,)),
        Message("tool", "42"),
    ),
)
