"""The words of the reports: both languages complete, typeset, and numbers as each language writes them."""

import re
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from salespilot import phrasefile
from salespilot.phrasebook import Phrasebook
from salespilot.phrasefile import FOLDER, KINDS, LANGUAGES, PLACEHOLDER, PhraseError, phrases
from salespilot.tables import TABLES

FILES = sorted(file.stem for file in FOLDER.glob("*.toml"))
N = "\u202f"

# Words of one language that are no words of the other.
ENGLISH = "the and of with without customers revenue salesperson share not this that from by is are"
FRENCH = "le la les des du et avec chiffre affaires ne cette par ou est sont dans pour"


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", PLACEHOLDER.sub(" ", text).lower()))


@pytest.fixture
def fr() -> Phrasebook:
    return Phrasebook("_house", "fr")


@pytest.fixture
def en() -> Phrasebook:
    return Phrasebook("_house", "en")


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a phrase file of a made-up report."""
    monkeypatch.setattr(phrasefile, "FOLDER", tmp_path)
    phrases.cache_clear()

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")

    yield write
    phrases.cache_clear()


@pytest.mark.parametrize("name", FILES)
def test_each_phrase_file_has_both_languages_and_the_same_placeholders(name):
    assert phrases(name), f"phrases/{name}.toml is empty"


@pytest.mark.parametrize("name", FILES)
def test_french_is_typeset(name):
    for key, entry in phrases(name).items():
        text = PLACEHOLDER.sub("x", entry["fr"])
        if re.fullmatch(r"[A-Z]\?", text):  # a cell of the matrix, not a question
            continue
        assert not re.search(r"\w'\w", text), f"{name}: [{key}] straight apostrophe"
        assert not re.search(r"(?<!\u202f)[;!?%»]", text), f"{name}: [{key}] no narrow space before ; ! ? % »"
        assert not re.search(r"(?<![\u202f\d]):(?!//)", text), f"{name}: [{key}] no narrow space before :"
        assert not re.search(r"«(?!\u202f)", text), f"{name}: [{key}] no narrow space after «"
        assert not re.search(r"[“”]|\"", text), f"{name}: [{key}] English quotation marks"


@pytest.mark.parametrize("name", FILES)
def test_each_language_is_its_own(name):
    for key, entry in phrases(name).items():
        assert not words(entry["fr"]) & set(ENGLISH.split()), f"{name}: [{key}] English words in the French"
        assert not words(entry["en"]) & set(FRENCH.split()), f"{name}: [{key}] French words in the English"
        assert not re.search(r"[«»]|\s[;:!?%]", entry["en"]), f"{name}: [{key}] French typography in the English"


@pytest.mark.parametrize("name", ["_columns"])
def test_columns_are_in_alphabetical_order_with_known_formats(name):
    keys = list(phrases(name))
    assert keys == sorted(keys)
    assert {entry["format"] for entry in phrases(name).values()} <= KINDS


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_standard_column_has_a_heading_and_every_choice_a_word(fr, table):
    assert fr.say(f"table_{table.name}")
    expected = {"money": {"money"}, "date": {"date", "month"}, "share": {"percent", "number"}, "flag": {"flag"}}
    for column in table.columns:
        assert fr.knows(column.name, table.name), f"{table.name}.{column.name}"
        if column.type in expected and f"{table.name}.{column.name}" != "targets.value":  # may be a number of visits
            assert fr.format_of(column.name, table.name) in expected[column.type], f"{table.name}.{column.name}"
        for word in column.choices:
            translated = any(fr.has(f"value.{scope}{word}") for scope in ("", f"{table.name}.{column.name}."))
            assert translated, f"{table.name}.{column.name}: {word}"


def test_numbers_in_french(fr):
    assert fr.money(12345.5) == f"12{N}346{N}€"
    assert fr.money(-1234567) == f"−1{N}234{N}567{N}€"
    assert fr.money(12.5) == f"12,50{N}€"
    assert fr.money(0) == f"0{N}€"
    assert fr.money(Decimal("99.999")) == f"100,00{N}€"
    assert fr.percent(0.757) == f"75,7{N}%"
    assert fr.percent(0.5, digits=0) == f"50{N}%"
    assert fr.percent(0.8) == f"80{N}%"
    assert fr.count(np.int64(12345)) == f"12{N}345"
    assert fr.number(0.7342) == "0,73"
    assert fr.number(12.0) == "12"
    assert [fr.decimal(12.0), fr.decimal(16.14)] == ["12,0", "16,1"]
    assert fr.days(45.4) == "45 jours"
    assert fr.days(1) == "1 jour"
    assert fr.days(7.5) == "7,5 jours"
    assert fr.days_short(45) == f"45{N}j"
    assert fr.hours(12.54) == f"12,5{N}h"


def test_numbers_in_english(en):
    assert en.money(12345.4) == "€12,345"
    assert en.money(-12.5) == "−€12.50"
    assert en.percent(0.757) == "75.7%"
    assert en.count(12345) == "12,345"
    assert en.days(1.5) == "1.5 days"
    assert en.days_short(45) == f"45{N}d"


@pytest.mark.parametrize(
    ("amount", "french", "english"),
    [
        (0, f"0{N}€", "€0"),
        (12.5, f"12,50{N}€", "€12.50"),
        (840, f"840{N}€", "€840"),
        (8400, f"8,4{N}k€", "€8.4k"),
        (345_000, f"345{N}k€", "€345k"),
        (999_400, f"999{N}k€", "€999k"),
        (999_950, f"1{N}M€", "€1M"),
        (1_234_567, f"1,23{N}M€", "€1.23M"),
        (-45_600_000, f"−45,6{N}M€", "−€45.6M"),
        (2_300_000_000, f"2,3{N}Md€", "€2.3bn"),
    ],
)
def test_short_money(fr, en, amount, french, english):
    assert (fr.money_short(amount), en.money_short(amount)) == (french, english)


def test_other_currencies():
    assert Phrasebook("_house", "fr", "CHF").money_short(1_234_567) == f"1,23{N}M{N}CHF"
    assert Phrasebook("_house", "en", "CHF").money(1234) == f"CHF{N}1,234"
    assert Phrasebook("_house", "en", "JPY").money(12.4) == "JP¥12"


def test_half_is_rounded_up_and_zero_has_no_sign(fr):
    assert fr.count(0.5) == "1"
    assert fr.count(2.5) == "3"
    assert fr.percent(0.0005) == f"0,1{N}%"
    assert fr.percent(-0.0001) == f"0,0{N}%"


def test_dates(fr, en):
    day = date(2026, 6, 30)
    assert fr.date(day) == "30 juin 2026"
    assert fr.date(date(2026, 6, 1)) == "1er juin 2026"
    assert fr.date(date(2026, 6, 11)) == "11 juin 2026"
    assert en.date(date(2026, 6, 1)) == "1 June 2026"
    assert fr.month(pd.Timestamp(day)) == "juin 2026"
    assert fr.month_short(np.datetime64("2026-01-01")) == "janv. 2026"
    assert en.month_short(pd.Period("2026-01", "M")) == "Jan 2026"
    assert fr.date_short(day) == "30/06/2026"
    assert en.date_short(day) == "30 Jun 2026"


@pytest.mark.parametrize("nothing", [None, float("nan"), np.float32("nan"), pd.NaT, pd.NA, float("inf")])
def test_what_is_missing_says_so_whatever_the_kind(fr, en, nothing):
    for kind in KINDS:
        assert fr.format(kind, nothing) == "n. c."
        assert en.format(kind, nothing) == "n/a"


def test_points_are_signed(fr, en):
    assert fr.points(0.0314) == f"+3,1{N}pts"
    assert en.points(-0.05) == f"−5.0{N}pts"
    assert fr.points(0) == f"0,0{N}pts"


def test_ticks(fr, en):
    assert [fr.axis("money")(x, 0) for x in (0, 250_000, 1_250_000)] == [f"0{N}€", f"250{N}k€", f"1,25{N}M€"]
    assert fr.axis("percent")(0.2, 0) == f"20{N}%"
    assert en.axis("percent")(0.025, 0) == "2.5%"
    assert fr.axis("count")(1000, 0) == f"1{N}000"
    assert fr.axis("month")(0, 0) == "janv. 1970"
    assert fr.axis("days")(30, 0) == f"30{N}j"


def test_a_sentence_is_filled_and_typeset(write):
    write("r", '[a]\nfr = "L\'essentiel : {name} pèse {s:percent} !"\nen = "It\'s {name}: {s:percent}"\n')
    book = Phrasebook("r", "fr")
    assert book.say("a", name="X", s=0.5) == f"L’essentiel{N}: X pèse 50{N}%{N}!"
    assert Phrasebook("r", "en").say("a", name="X", s=0.5, unused=1) == "It’s X: 50%"


def test_a_value_is_inserted_once_and_as_it_is(write):
    write("r", '[a]\nfr = "Nom {name}, {n:count}"\nen = "Name {name}, {n:count}"\n')
    assert (
        Phrasebook("r", "fr").say("a", name="{n:count} {{7*7}} <b> : d'Or", n=2)
        == "Nom {n:count} {{7*7}} <b> : d'Or, 2"
    )


def test_the_report_goes_before_the_house_and_the_house_completes_it(write):
    write("_house", '[yes]\nfr = "oui"\nen = "yes"\n[no]\nfr = "non"\nen = "no"\n')
    write("r", '[yes]\nfr = "certes"\nen = "sure"\n')
    book = Phrasebook("r", "fr")
    assert (book.say("yes"), book.say("no"), book.has("maybe")) == ("certes", "non", False)


def test_errors_name_the_file_and_the_key(write):
    write("r", '[a]\nfr = "{name} {n:count}"\nen = "{name} {n:count}"\n')
    book = Phrasebook("r", "fr")
    with pytest.raises(PhraseError, match=r"phrases/r\.toml has no \[b\]"):
        book.say("b")
    with pytest.raises(PhraseError, match=r"phrases/r\.toml: \[a\] asks for \{n\}"):
        book.say("a", name="x")
    with pytest.raises(PhraseError, match=r"phrases/r\.toml: \[a\] \{name\}: 12\.5 is not text"):
        book.say("a", name=12.5, n=1)
    with pytest.raises(PhraseError, match=r"\{n:count\}: 'many' is not a number"):
        book.say("a", name="x", n="many")
    with pytest.raises(PhraseError, match="languages are fr, en"):
        Phrasebook("r", "de")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[a]\nfr = "x"\n', r"\[a\] has no en"),
        ('[a]\nfr = "x"\nen = ""\n', r"\[a\] has no en"),
        ('[a]\nfr = "{n:count}"\nen = "{n}"\n', "same placeholders"),
        ('[a]\nfr = "{n:euros}"\nen = "{n:euros}"\n', "unknown kind 'euros'"),
        ('[a]\nfr = "{n:count"\nen = "{n:count}"\n', "brace"),
        ("[a\n", r"phrases/r\.toml"),
    ],
)
def test_a_badly_written_file_is_refused(write, text, message):
    write("r", text)
    with pytest.raises(PhraseError, match=message):
        phrases("r")


def test_columns(fr, en):
    assert (fr.heading("net_revenue"), en.heading("net_revenue")) == ("CA net", "Net revenue")
    assert fr.heading("value", "contest_prizes") == "Dotation"
    assert fr.format_of("net_revenue") == "money"
    assert fr.cell("net_revenue", 1234.0) == f"1{N}234{N}€"
    assert fr.cell("last_order_date", date(2026, 6, 1)) == "01/06/2026"
    assert fr.cell("month", date(2026, 6, 1)) == "juin 2026"
    assert fr.cell("gap_days", 45.0) == f"45{N}j"
    assert fr.cell("gap_days", 45.0, digits=1) == f"45,0{N}j"
    assert fr.cell("share", 0.8) == f"80,0{N}%"
    assert fr.cell("is_new", np.True_) == "oui"
    assert fr.cell("customer_id", "00042") == "00042"
    assert fr.cell("year", 2025) == "2025"
    assert fr.cell("net_revenue", None) == "n. c."


def test_listed_words_are_translated_and_others_kept(fr, en):
    assert (fr.cell("segment", "core"), en.cell("segment", "core")) == ("Fonds de commerce", "Core business")
    assert fr.cell("cell", "a1") == "A1"
    assert fr.cell("abc_class", "A") == "A"
    assert fr.cell("status", "lost", "opportunities") == "Perdue"
    assert fr.cell("status", "lost", "customers") == "Perdu"
    assert fr.cell("channel", "Web & Négoce") == "Web & Négoce"


def test_standard_columns_are_named_by_their_headings(fr):
    assert fr.format("column", "amount_net") == "Montant HT"
    assert fr.format("column", "amount_net, Remise spéciale") == "Montant HT, Remise spéciale"


def test_an_unknown_column_is_an_error_in_the_kit_and_its_own_heading_elsewhere(fr):
    with pytest.raises(PhraseError, match=r"_columns\.toml has no \[my_measure\]"):
        fr.heading("my_measure")
    own = Phrasebook("my_notebook", "fr")
    assert own.heading("my_measure") == "My measure"
    assert own.cell("my_measure", 1234.567) == f"1{N}234,57"
    assert own.cell("my_measure", "x") == "x"


def test_languages_are_those_of_the_files():
    assert LANGUAGES == ("fr", "en")
