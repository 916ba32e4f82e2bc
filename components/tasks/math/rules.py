"""Typed rules of inference and the misconceptions people have of them.

A rule works its output out of its inputs (`compute`) and is rechecked by other means (`check`: the inverse operation,
substitution, divisibility), both as exact expressions over the names of its inputs and `out`. A misconception is a
named wrong way to compute; for inputs where it happens to give a sound output it is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from components.tasks.math.expressions import names_in

Kind = Literal["natural", "integer", "rational"]
_ORDER: tuple[Kind, ...] = ("natural", "integer", "rational")


def is_of(value: Fraction, kind: Kind) -> bool:
    return kind == "rational" or (value.denominator == 1 and (kind == "integer" or value >= 0))


def may_stand_for(kind: Kind, wanted: Kind) -> bool:
    """Whether every value of `kind` is one of `wanted`."""
    return _ORDER.index(kind) <= _ORDER.index(wanted)


@dataclass(frozen=True, kw_only=True)
class Misconception:
    """A wrong way to compute, its name, and what a check that failed teaches (without numbers: those are quoted)."""

    name: str
    compute: str
    lesson: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`out = compute(inputs)`, rechecked by the statement `check` over inputs and `out`."""

    name: str
    inputs: Mapping[str, Kind]
    output: Kind
    compute: str
    check: str
    misconceptions: tuple[Misconception, ...]

    def __post_init__(self) -> None:
        known = set(self.inputs)
        assert set(names_in(self.compute)) <= known, self.name
        assert "out" in names_in(self.check) and set(names_in(self.check)) <= known | {"out"}, self.name
        assert all(set(names_in(wrong.compute)) <= known for wrong in self.misconceptions), self.name


def _wrong(name: str, compute: str, lesson: str) -> Misconception:
    return Misconception(name=name, compute=compute, lesson=lesson)


def _rule(
    name: str, inputs: str, kinds: tuple[Kind, Kind], compute: str, check: str, *misconceptions: Misconception
) -> Rule:
    """A rule whose inputs are all of one kind: `kinds` names it and the output's."""
    return Rule(
        name=name,
        inputs=dict.fromkeys(inputs.split(), kinds[0]),
        output=kinds[1],
        compute=compute,
        check=check,
        misconceptions=misconceptions,
    )


_R: tuple[Kind, Kind] = ("rational", "rational")
_Z: tuple[Kind, Kind] = ("integer", "integer")
_N: tuple[Kind, Kind] = ("natural", "natural")

ADD = _rule(
    "sum", "p q", _R, "p+q", "out-q=p",
    _wrong("subtracted", "p-q", "The two belong together, so they are added"),
    _wrong("multiplied", "p*q", "The two are added, not multiplied"),
)  # fmt: skip
SUBTRACT = _rule(
    "difference", "p q", _R, "p-q", "out+q=p",
    _wrong("sign kept", "p+q", "What is taken away changes its sign"),
    _wrong("order swapped", "q-p", "The order of a difference matters"),
)  # fmt: skip
MULTIPLY = _rule(
    "product", "p q", _R, "p*q", "out/q=p",
    _wrong("added", "p+q", "Each of the one goes with each of the other, so they are multiplied"),
)  # fmt: skip
MOVE_TERM = _rule(
    "move a term", "side term", _R, "side-term", "out+term=side",
    _wrong("sign kept", "side+term", "A term that moves to the other side changes its sign"),
    _wrong("order swapped", "term-side", "The moved term is taken away from the other side"),
)  # fmt: skip
DIVIDE_OUT = _rule(
    "divide by the factor", "total factor", _R, "total/factor", "factor*out=total",
    _wrong("inverted ratio", "factor/total", "The ratio is upside down"),
    _wrong("factor subtracted", "total-factor", "A factor is divided out, not taken away"),
)  # fmt: skip
COMMON_DENOMINATOR = _rule(
    "least common denominator", "p q", _N, "lcm(p,q)", "out % p = 0; out % q = 0; gcd(out/p,out/q) = 1",
    _wrong("denominators added", "p+q", "A common denominator is a multiple of both"),
    _wrong("largest taken", "(p+q+sqrt((p-q)*(p-q)))/2", "The larger denominator need not be a multiple of the other"),
)  # fmt: skip
EXPAND = _rule(
    "expand a fraction", "top bottom common", _Z, "top*common/bottom", "out*bottom=top*common",
    _wrong("numerator kept", "top", "The numerator grows with the denominator"),
    _wrong("difference added", "top+common-bottom", "Expanding multiplies, it does not add"),
)  # fmt: skip
REMAINDER = _rule(
    "remainder", "p q", _N, "p % q", "(p-out) % q = 0; out < q; out >= 0",
    _wrong("quotient taken", "floor(p/q)", "That is the quotient, not what is left"),
    _wrong("missing part taken", "q - p % q", "That is what is missing to the next multiple, not what is left"),
)  # fmt: skip
LCM_FROM_GCD = _rule(
    "least common multiple", "p q g", _N, "p*q/g", "out % p = 0; out % q = 0; gcd(out/p,out/q) = 1",
    _wrong("product taken", "p*q", "The product is a common multiple but not the least"),
    _wrong("divided twice", "p*q/(g*g)", "The common divisor is divided out once"),
)  # fmt: skip
SQUARE_MOD = _rule(
    "square and reduce", "p m", _N, "p*p % m", "(p*p-out) % m = 0; out >= 0; out < m",
    _wrong("doubled", "2*p % m", "A square is the number times itself, not its double"),
    _wrong("not reduced", "p*p", "The square must still be reduced"),
)  # fmt: skip
MULTIPLY_MOD = _rule(
    "multiply and reduce", "p q m", _N, "p*q % m", "(p*q-out) % m = 0; out >= 0; out < m",
    _wrong("added", "(p+q) % m", "One more factor multiplies, it does not add"),
    _wrong("not reduced", "p*q", "The product must still be reduced"),
)  # fmt: skip
DISCRIMINANT = _rule(
    "discriminant", "b c", _Z, "b*b-4*c", "out+4*c=b*b",
    _wrong("sign slip", "b*b+4*c", "The second part is taken away"),
    _wrong("doubled", "2*b-4*c", "The coefficient is squared, not doubled"),
)  # fmt: skip
ROOT = _rule(
    "square root", "d", ("integer", "natural"), "sqrt(d)", "out*out=d; out>=0",
    _wrong("halved", "d/2", "A root is not a half"),
)  # fmt: skip
LARGER_ROOT = _rule(
    "larger solution", "b r", _Z, "(r-b)/2", "2*out+b=r",
    _wrong("sign kept", "(r+b)/2", "The coefficient enters with the other sign"),
    _wrong("not halved", "r-b", "The sum must still be halved"),
)  # fmt: skip
OTHER_ROOT = _rule(
    "other solution", "b x", _Z, "-b-x", "out+x=-b",
    _wrong("sign kept", "b-x", "The solutions add up to the coefficient with the other sign"),
)  # fmt: skip
DETERMINANT = _rule(
    "determinant", "p q r s", _Z, "p*s-q*r", "out+q*r=p*s",
    _wrong("sign slip", "p*s+q*r", "The second product is taken away"),
    _wrong("rows multiplied", "p*q-r*s", "The products run crosswise, not along the rows"),
)  # fmt: skip
BACK_SUBSTITUTE = _rule(
    "put into the first equation", "total factor x other", _R, "(total-factor*x)/other", "factor*x+other*out=total",
    _wrong("sign kept", "(total+factor*x)/other", "The known term changes its sign when it moves"),
    _wrong("not divided", "total-factor*x", "The other coefficient must still be divided out"),
)  # fmt: skip
RECIPROCAL = _rule(
    "rate", "p", _R, "1/p", "out*p=1",
    _wrong("not inverted", "p", "A rate is one over the time, and a time one over the rate"),
)  # fmt: skip
TWICE_RECIPROCAL = _rule(
    "two parts over their sum", "p", _R, "2/p", "out*p=2",
    _wrong("inverted ratio", "p/2", "The ratio is upside down"),
    _wrong("one part", "1/p", "There are two parts, not one"),
)  # fmt: skip
RAISE = _rule(
    "raise by a percentage", "p r", _R, "p*(100+r)/100", "out*100=p*(100+r)",
    _wrong("amount for percentage", "p+r", "A percentage is a share of the price, not an amount"),
    _wrong("base forgotten", "p*r/100", "The rise comes on top of the price"),
)  # fmt: skip
LOWER = _rule(
    "lower by a percentage", "p r", _R, "p*(100-r)/100", "out*100=p*(100-r)",
    _wrong("amount for percentage", "p-r", "A percentage is a share of the price, not an amount"),
    _wrong("base forgotten", "p*r/100", "That is what goes off, not what is left"),
)  # fmt: skip
COUNT_UP_TO = _rule(
    "multiples up to", "n k", _N, "floor(n/k)", "out*k<=n; (out+1)*k>n",
    _wrong("rounded up", "floor(n/k)+1", "The last multiple must not pass the end"),
)  # fmt: skip
COUNT_BELOW = _rule(
    "multiples below", "n k", _N, "floor((n-1)/k)", "out*k<n; (out+1)*k>=n",
    _wrong("boundary miscount", "floor(n/k)", "The start itself counts, so only smaller ones go"),
    _wrong("rounded up", "floor((n-1)/k)+1", "Only multiples below the start go"),
)  # fmt: skip
CHOOSE = _rule(
    "choose without order", "n k", _N, "comb(n,k)", "out*fact(k)*fact(n-k)=fact(n)",
    _wrong("order counted", "fact(n)/fact(n-k)", "The order within a choice does not matter"),
    _wrong("multiplied", "n*k", "Choices are counted by binomials, not by a product"),
)  # fmt: skip
ARRANGE = _rule(
    "orders", "n", _N, "fact(n)", "out/fact(n-1)=n",
    _wrong("squared", "n*n", "Each place leaves one choice fewer for the next"),
    _wrong("one too few", "fact(n-1)", "Every place counts, the first one too"),
)  # fmt: skip
