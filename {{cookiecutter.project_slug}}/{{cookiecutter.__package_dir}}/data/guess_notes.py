"""What a person should know of how a column is read."""

from .column_guess import CATEGORIES, ODD_EXAMPLES, Guess
from .statistics import Counter
from .written import normalized


def merge_spellings(guess: Guess) -> None:
    """Make one of a category's texts that differ by case or blanks only, and say which."""
    counts = guess.values.counts
    if not guess.column.is_category or len(counts) > CATEGORIES:
        return
    groups: dict[str, list[str]] = {}
    for text in sorted(counts):
        groups.setdefault(normalized(text), []).append(text)
    several = [texts for texts in groups.values() if len(texts) > 1]
    if not several:
        return
    shown = "; ".join(" = ".join(map(repr, texts[:3])) for texts in several[:ODD_EXAMPLES])
    guess.normalize = True
    guess.values = Counter(
        {text: sum(counts[one] for one in texts) for text, texts in groups.items()}
    )
    guess.note = f"differ by case or blanks only, and are read as one: {shown}"


def name_odd_texts(guess: Guess) -> None:
    """Say which texts among numbers count as missing, and where."""
    if guess.odd_count:
        rows = ", ".join(f"row {row}: {text!r}" for row, text in guess.odd_rows)
        count = guess.odd_count
        counts = f"{count:,} words among the numbers count" if count > 1 else "one word counts"
        words = f"{counts} as missing ({rows})"
        guess.note = f"{guess.note}; {words}" if guess.note else words
