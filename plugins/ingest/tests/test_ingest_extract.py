"""From bytes to text: the four kinds, and everything that is none of them."""

import codecs
import io

import pytest
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter

from jobframe_ingest.chunking import split
from jobframe_ingest.extract import extract, kind_of
from jobframe_ingest.kinds import Kind
from jobframe_ingest.refusal import Refused

SECRET = "Klabautermann"


def make_pdf(*pages: str, title: str = "") -> bytes:
    pdf = FPDF(format="A4")
    pdf.set_title(title)
    for text in pages:
        pdf.add_page()
        pdf.set_font("Helvetica", size=12)
        pdf.multi_cell(0, 8, text)
    return bytes(pdf.output())


def lock(data: bytes, user_password: str) -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(data)))
    writer.encrypt(user_password, "owner", algorithm="RC4-128")
    locked = io.BytesIO()
    writer.write(locked)
    return locked.getvalue()


@pytest.mark.parametrize(
    ("kind", "data", "uri"),
    [
        (Kind.HTML, b"<p>x", "a/b.HTM"),
        (Kind.HTML, b"\n<!DOCTYPE html><p>x", "page"),
        (Kind.PDF, b"%PDF-1.7 ...", "report.txt"),
        (Kind.PDF, b"no", "report.pdf"),
        (Kind.MARKDOWN, b"# x", "a.md"),
        (Kind.PLAIN, b"x", "a.txt"),
        (Kind.PLAIN, b"x", "LICENSE"),
    ],
)
def test_the_kind_is_told_by_first_bytes_then_by_suffix(kind, data, uri):
    assert kind is kind_of(data, uri)


def test_html_gives_what_a_reader_reads_by_section():
    page = b"""<html><head><title>The  light</title><style>p {color: red}</style></head><body><nav>Menu</nav>
        <h1>Light</h1><p>One <b>bold</b>\n word</p><ul><li>first<li>second</ul><script>alert(1)</script>
        <h2>Oil</h2><table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table></body></html>"""

    found = extract(page, "a.html")

    assert found.title == "The light"
    assert found.sections == ("Light\n\nOne bold word\n\nfirst\nsecond", "Oil\n\na b\nc")


def test_html_prefers_the_main_part():
    found = extract(b"<body><div>cookies?</div><main><h1>Tide</h1><p>rises</main>", "a.html")

    assert found.sections == ("Tide\n\nrises",)


def test_html_in_a_declared_encoding_is_read_in_it():
    page = "<meta charset='iso-8859-7'><p>ναύς φάρος</p>".encode("iso-8859-7")

    assert extract(page, "a.html").sections == ("ναύς φάρος",)


def test_a_page_with_many_elements_is_not_taken_for_a_deep_one():
    page = b"<ul>" + b"<li>one<br><p>two<p><img src=x><b>three</b><svg><circle/></svg>" * 2_000 + b"</ul>"

    assert extract(page, "a.html").sections[0].count("two") == 2_000


def test_markdown_gives_its_text_by_section():
    text = b"""---\ntitle: "A lamp"\ndate: 2026\n---\nBefore *all*.\n
# One\n\nSee [the oil](http://x) and `code`\nagain.\n
- first\n- second\n\n```\nverbatim\n```\n\n## Two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<b>raw</b> ![a boat](x.png)\n"""

    found = extract(text, "a.md")

    assert found.title == "A lamp"
    one = "One\nSee the oil and code again.\n\nfirst\nsecond\nverbatim"
    assert (f"Before all.\n\n{one}", "Two\na | b\n1 | 2\nraw a boat") == found.sections


def test_markdown_without_front_matter_is_called_by_its_heading():
    assert extract(b"# Lamp\n\ntext", "a.md").title == "Lamp"


def test_plain_text_is_split_at_underlined_headings():
    found = extract(b"Storm\n=====\nDouble the lines.\r\n\r\n\r\n\r\nCone\r\n----\r\nPoint up.", "a.txt")

    assert found.title == "Storm"
    assert found.sections == ("Storm\n=====\nDouble the lines.", "Cone\n----\nPoint up.")


def test_pdf_gives_its_text_page_by_page():
    found = extract(
        make_pdf("The harbour dues are paid in January.", "The crane lifts twelve tonnes.", title="Dues"), "a.pdf"
    )

    assert found.title == "Dues"
    assert found.sections == ("The harbour dues are paid in January.\n\nThe crane lifts twelve tonnes.",)


def test_pdf_lines_that_the_layout_broke_are_joined():
    (page,) = extract(make_pdf("word " * 60), "a.pdf").sections

    assert page.count("word") == 60
    assert "\n" not in page


def test_a_pdf_locked_against_changes_only_is_read():
    assert "open to all" in extract(lock(make_pdf("open to all"), ""), "a.pdf").sections[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_byte_order_mark_or_in_utf_8_is_read(encoding):
    assert extract("Ålesund, 12 °C".encode(encoding), "a.txt").sections == ("Ålesund, 12 °C",)


def test_text_in_another_encoding_is_read_when_the_guess_is_sure():
    text = "Le café du phare est fermé à Noël, mais l'été on y mange très bien."

    assert (text,) == extract(text.encode("latin-1"), "a.txt").sections


def test_control_characters_are_dropped():
    assert extract(b"red \x1b\x07alert and more of the text to come" + b" " * 200, "a.txt").sections == (
        "red alert and more of the text to come",
    )


REFUSED = {
    "empty": (b"", "a.txt", "empty"),
    "blank": (b" \n\t\r\n", "a.md", "empty"),
    "page without text": (f"<script>{SECRET}</script>".encode(), "a.html", "no text"),
    "binary": (bytes(range(256)) * 20, "a.txt", "binary"),
    "binary with a suffix of text": (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.html", "binary"),
    "controls": (SECRET.encode() + b"\x01\x02" * 50, "a.md", "binary"),
    "short and not UTF-8": (f"{SECRET} caf".encode() + b"\xe9", "a.txt", "not UTF-8"),
    "mixed encodings": (b"\xc3\xa9 and \xe9, " + SECRET.encode(), "a.md", "not UTF-8"),
    "nested without end": (f"<div><b>{SECRET}</b></span>".encode() * 50_000, "a.html", "nests more than 512"),
    "declared otherwise": (b"<meta charset=utf-8><p>caf\xe9", "a.html", "says it is utf-8"),
    "half a UTF-16": (codecs.BOM_UTF16_LE + b"a\0b", "a.txt", "says it is utf-16"),
    "no PDF": (SECRET.encode(), "a.pdf", "PDF is broken"),
    "half a PDF": (make_pdf(SECRET)[:400], "a.pdf", "PDF is broken"),
    "damaged PDF": (b"%PDF-1.7\n" + SECRET.encode() * 100, "a.txt", "PDF is broken"),
    "locked PDF": (lock(make_pdf(SECRET), "password"), "a.pdf", "encrypted"),
    "PDF without text": (make_pdf(""), "a.pdf", "no text layer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_reason_that_quotes_nothing(name, caplog):
    data, uri, reason = REFUSED[name]

    with pytest.raises(Refused, match=reason) as refusal:
        extract(data, uri)

    assert SECRET not in str(refusal.value) + caplog.text
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_pdf_of_too_many_pages_is_refused(monkeypatch):
    monkeypatch.setattr("jobframe_ingest.extract.pdf._MOST_PAGES", 2)
    with pytest.raises(Refused, match="more than 2 pages"):
        extract(make_pdf("a", "b", "c"), "a.pdf")


def test_a_pdf_that_yields_too_much_is_refused(monkeypatch):
    monkeypatch.setattr("jobframe_ingest.extract.pdf._MOST_CHARACTERS", 10)
    with pytest.raises(Refused, match="too much text"):
        extract(make_pdf("more than ten characters"), "a.pdf")


def test_chunks_have_a_bounded_size_and_exact_places():
    long = ("A sentence with ümläuts. " * 30 + "\n\n") * 50
    sections = ("A short one.", long.strip(), "x" * 50_000)

    chunks = split(sections)
    text = "\n\n".join(sections)

    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert max(len(chunk.text) for chunk in chunks) <= 800
    assert "".join(text.split()) == "".join("".join(chunk.text.split()) for chunk in chunks)


def test_a_change_in_one_section_leaves_the_chunks_of_the_others():
    sections = tuple(f"Section {number}. " + "Some sentence here. " * 60 for number in range(3))
    changed = (sections[0], "New. " + sections[1], sections[2])

    kept = {chunk.text for chunk in split(sections)} & {chunk.text for chunk in split(changed)}

    for section in (0, 2):
        assert {chunk.text for chunk in split(sections[section : section + 1])} <= kept
