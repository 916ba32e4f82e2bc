"""Worlds of amounts: a warehouse and a bank."""

from __future__ import annotations

from components.tasks.tools.declared.words import BINS, GOODS, PEOPLE
from components.tasks.tools.schema import (
    Arg,
    Change,
    Condition,
    Create,
    Param,
    Policy,
    Sum,
    Table,
    World,
    Write,
    number,
    one_of,
    ref,
)

_PRODUCT = Param(name="product", refers="products")
_BIN = Param(name="bin", refers="bins")
_QUANTITY = Param(name="quantity", like=number("quantity", 1, 90), also=("amount", "units", "count"))
_BLOCKED = Policy(
    when=Condition(Arg("product", "quality"), "==", "blocked"),
    fact=Arg("product", "quality"),
    rule="Goods whose quality is blocked must not leave.",
)

WAREHOUSE = World(
    name="warehouse",
    setting="a warehouse",
    tables=(
        Table(
            name="bins",
            noun="bin",
            prefix="N",
            label="name",
            columns=(one_of("name", *BINS), one_of("access", "free", "free", "locked")),
        ),
        Table(
            name="products",
            noun="product",
            prefix="W",
            label="name",
            columns=(
                one_of("name", *GOODS),
                one_of("quality", "passed", "passed", "blocked"),
                ref("bin", "bins"),
                number("stock", 20, 400),
            ),
        ),
    ),
    writes=(
        Write(
            name="receive_product",
            verbs=("receive", "stock_up", "add"),
            noun="product",
            does=("Adds delivered units of a product to its stock.", "Records a delivery."),
            params=(_PRODUCT, _QUANTITY),
            effects=(Change("product", {"stock": Sum(Arg("product", "stock"), Arg("quantity"))}),),
            request=("Record a delivery of {product}", "A delivery of {product} came in, so add it to the stock"),
            tails={"quantity": ": {quantity} units"},
        ),
        Write(
            name="ship_product",
            verbs=("ship", "send_out", "dispatch"),
            noun="product",
            does=("Sends units of a product out and takes them from its stock.", "Ships units of a product."),
            params=(_PRODUCT, _QUANTITY),
            needs=(
                Condition(
                    Arg("quantity"), "<=", Arg("product", "stock"), "fewer than {quantity} units of {product} in stock"
                ),
            ),
            effects=(Change("product", {"stock": Sum(Arg("product", "stock"), Arg("quantity"), -1)}),),
            policies=(_BLOCKED,),
            request=("Ship an order of {product}", "Send out an order of {product}"),
            tails={"quantity": ": {quantity} units"},
        ),
        Write(
            name="rebin_product",
            verbs=("rebin", "put_away", "store"),
            noun="product",
            does=("Moves a product to another bin.", "Changes the bin of a product."),
            params=(_PRODUCT, _BIN),
            needs=(Condition(Arg("product", "bin"), "!=", Arg("bin"), "product {product} lies in {bin} already"),),
            effects=(Change("product", {"bin": Arg("bin")}),),
            policies=(
                Policy(
                    when=Condition(Arg("bin", "access"), "==", "locked"),
                    fact=Arg("bin", "access"),
                    rule="Nothing may be put into a bin whose access is locked.",
                ),
            ),
            request=("Put {product} into {bin}", "Move {product} to {bin}"),
        ),
    ),
)

_CLIENT = Param(name="client", refers="clients")
_ACCOUNT = Param(name="account", refers="accounts")
_SOURCE = Param(name="source", refers="accounts", also=("from_account", "payer", "debit"))
_TARGET = Param(name="target", refers="accounts", also=("to_account", "payee", "credit"))
_AMOUNT = Param(name="amount", like=number("amount", 5, 200), also=("sum", "euros", "value"))

BANK = World(
    name="bank",
    setting="a bank",
    tables=(
        Table(
            name="clients",
            noun="client",
            prefix="K",
            label="name",
            columns=(one_of("name", *PEOPLE), one_of("review", "clear", "clear", "pending")),
        ),
        Table(
            name="accounts",
            noun="account",
            prefix="AC",
            owner="client",
            columns=(
                ref("client", "clients"),
                number("balance", 50, 900),
                one_of("access", "open", "open", "open", "frozen"),
            ),
        ),
    ),
    writes=(
        Write(
            name="transfer_money",
            verbs=("transfer", "send", "wire"),
            noun="money",
            does=("Moves euros from one account to another.", "Makes a transfer between two accounts."),
            params=(_SOURCE, _TARGET, _AMOUNT),
            needs=(
                Condition(Arg("source"), "!=", Arg("target"), "source and target are the same account"),
                Condition(Arg("amount"), "<=", Arg("source", "balance"), "account {source} holds less than {amount}"),
            ),
            effects=(
                Change("source", {"balance": Sum(Arg("source", "balance"), Arg("amount"), -1)}),
                Change("target", {"balance": Sum(Arg("target", "balance"), Arg("amount"))}),
            ),
            policies=(
                Policy(
                    when=Condition(Arg("source", "access"), "==", "frozen"),
                    fact=Arg("source", "access"),
                    rule="Nothing may be taken from an account whose access is frozen.",
                ),
                Policy(
                    when=Condition(Arg("target", "access"), "==", "frozen"),
                    fact=Arg("target", "access"),
                    rule="Nothing may be paid into an account whose access is frozen.",
                ),
            ),
            request=("Transfer money from {source} to {target}", "Send money to {target} from {source}"),
            tails={"amount": ": {amount} euros"},
        ),
        Write(
            name="freeze_account",
            verbs=("freeze", "block", "lock"),
            noun="account",
            does=("Freezes an account.", "Blocks an account for the time being."),
            params=(_ACCOUNT,),
            needs=(Condition(Arg("account", "access"), "!=", "frozen", "account {account} is frozen already"),),
            effects=(Change("account", {"access": "frozen"}),),
            request=("Freeze {account}", "Block {account}"),
        ),
        Write(
            name="open_account",
            verbs=("open", "create", "set_up"),
            noun="account",
            does=("Opens an empty account for a client.", "Sets up a new account of a client."),
            params=(_CLIENT,),
            effects=(Create("accounts", {"client": Arg("client"), "balance": 0, "access": "open"}),),
            policies=(
                Policy(
                    when=Condition(Arg("client", "review"), "==", "pending"),
                    fact=Arg("client", "review"),
                    rule="A client whose review is pending must not get a new account.",
                ),
            ),
            request=("Open an account for {client}", "{client} wants a new account, so open one"),
        ),
    ),
)
