"""Names that rows carry. No name stands in two lists, so a name says what kind of thing it is."""

from __future__ import annotations

PEOPLE = (
    "Ada Lind", "Bo Harris", "Cleo Marsh", "Dario Venn", "Edith Novak", "Farid Amin", "Greta Holm", "Hugo Salas",
    "Ines Duarte", "Jonas Beck", "Keiko Mori", "Lars Dahl", "Mina Costa", "Nils Berg", "Olga Petrov", "Pablo Reyes",
    "Quentin Shaw", "Rosa Lima", "Samir Nasser", "Tilda Frost", "Umar Khan", "Vera Klein", "Wendy Cole", "Yusuf Demir",
)  # fmt: skip
BOOKS = (
    "Emma", "Middlemarch", "Dracula", "Candide", "Walden", "Persuasion", "Ulysses", "Kim", "Nostromo", "Germinal",
    "Utopia", "Villette", "Pamela", "Evelina", "Cranford", "Phineas Finn",
)  # fmt: skip
VANS = ("Swift", "Heron", "Badger", "Otter", "Falcon", "Marten", "Lynx", "Raven", "Bison", "Plover")
PLACES = ("depot north", "depot south", "harbour", "airport", "market square", "old mill", "quarry", "station")
ROOMS = ("Oak", "Elm", "Birch", "Maple", "Willow", "Cedar", "Aspen", "Rowan", "Alder", "Hazel")
GOODS = (
    "lamp oil", "copper wire", "paint thinner", "floor tiles", "spirit stoves", "wool blankets", "garden hoses",
    "tin cans", "camping gas", "paper rolls", "door hinges", "wax candles",
)  # fmt: skip
BINS = ("dock shelf", "upper rack", "cellar", "yard cage", "side aisle", "corner bay", "cold store", "long bench")
TICKETS = (
    "printer jam", "lost password", "slow laptop", "broken screen", "missing invoice", "no network", "mail bounce",
    "badge failure", "noisy fan", "wrong address", "frozen app", "dead phone",
)  # fmt: skip
COURSES = ("Botany", "Geometry", "Latin", "Pottery", "Astronomy", "Logic", "Sculpture", "Rhetoric", "Optics", "Weaving")
