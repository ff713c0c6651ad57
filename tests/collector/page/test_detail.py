"""An opened event, what it is copied as, the keyboard; and contents that want to be markup."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from paltabrain_fast.collector.server import Collector

from ..batches import Client, batch, context, header, payload
from .conftest import OpenPage
from .live_page import LivePage, send, send_refused

MOMENT = datetime(2026, 11, 24, 12, 30, 15, 250_000, tzinfo=UTC)
HOSTILE = [
    "<img src=x onerror=\"document.title='taken'\">",
    "</script><script>document.title='taken'</script>",
    "<style>*{display:none}</style>&lt;b&gt;<b>",
    "javascript:alert(1)",
    "'\"`${document.title='taken'}",
    "\u202etxet desrever\u0000\x1b[31m",
]


@pytest.fixture
def page(collector: Collector, client: Client, open_page: OpenPage) -> LivePage:
    """A page with an event that has a property of each kind."""
    data = payload(
        3,
        flag=False,
        amount=Decimal("12345678901234567890.123456789012345678"),
        color=-2,
        number=2**63 - 1,
        label='say "hi"\n',
        moment=MOMENT,
        number_array=[1, -1],
        amount_map={"tea": Decimal("1.20")},
    )
    sent = batch(
        data,
        context=context(user={"user_id": "u-1"}),
    )
    sent.events[0].header = header(parent={"elements": ["main", "menu"]})
    assert client.post(sent).status_code == 200
    page = open_page(collector.http_url)
    page.open_first()
    return page


def _part(page: LivePage, name: str) -> dict[str, tuple[str, ...]]:
    """The properties of a part of the opened event: values and kind, by name."""
    rows = page.detail.get_by_role("region", name=name).locator(".property")
    return {
        row.locator("dt").first.inner_text(): tuple(
            row.locator(".scalar, .kind, .passed").all_inner_texts()
        )
        for row in rows.all()
    }


def test_values_are_shown_in_the_types_of_the_schema(page: LivePage) -> None:
    assert _part(page, "Payload") == {
        "flag": ("false", "boolean"),
        "amount": ("12345678901234567890.123456789012345678", "decimal"),
        "color": ("BLUE", "enum Color"),
        "number": (str(2**63 - 1), "integer"),
        "label": ('say "hi"\n', "string"),
        "moment": ("2026-11-24T12:30:15.250Z", "timestamp"),
        "number_array": ("1", "-1", "integer[]"),
        "amount_map": ("1.200000000000000000", "map of decimal"),
    }
    assert _part(page, "Header") == {"elements": ("main", "menu", "string[]")}
    assert _part(page, "Context") == {"user_id": ("u-1", "string")}
    expect(page.detail).to_contain_text("Not set: flag_array")
    expect(page.detail).to_contain_text("Not set: os, app")


def test_session_batch_and_timings_are_shown(page: LivePage) -> None:
    origin = _part(page, "Session and batch")
    assert origin["session"] == ("7",)
    assert origin["number in session"] == origin["number in batch"] == ("1",)
    assert origin["SDK instance"] == ("instance",)
    assert origin["table"] == ("event.f_everything",)
    timings = _part(page, "Timings")
    assert timings["tracked"] == ("2023-11-14T22:13:20.123Z",)
    assert timings["received"][1].endswith("later")


def test_a_refused_event_says_why(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send_refused(client)
    page = open_page(collector.http_url)
    page.open_first()
    why = page.detail.get_by_role("region", name="Why it was refused")
    expect(why).to_contain_text("payload.9")
    expect(why).to_contain_text("PageOpen has an unknown property 9")
    expect(page.detail.get_by_role("button", name="Copy as a pytest assertion")).to_have_count(0)
    assert len(_rows_of(client, _copied(page, "SQL"))) == 1


def _copied(page: LivePage, what: str) -> str:
    page.detail.get_by_role("button", name=f"Copy as {what}").click()
    expect(page.page.locator("#toast")).to_have_text(f"Copied as {what}")
    return str(page.evaluate("navigator.clipboard.readText()"))


def _rows_of(client: Client, query: str) -> list[list[object]]:
    answer = client.post_json("/api/sql", {"query": query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


def test_it_is_copied_as_json_and_as_sql(page: LivePage, client: Client) -> None:
    (event,) = client.request("GET", "/api/events").json()["events"]
    assert json.loads(_copied(page, "JSON")) == event
    assert len(_rows_of(client, _copied(page, "SQL"))) == 1


def test_it_is_copied_as_an_assertion_for_pytest(page: LivePage, client: Client) -> None:
    assert _copied(page, "a pytest assertion").splitlines() == [
        "paltabrain_events.assert_tracked(",
        "    EventEverything,",
        "    flag=False,",
        '    amount=Decimal("12345678901234567890.123456789012345678"),',
        "    color=EnumColor.BLUE,",
        "    number=9223372036854775807,",
        '    label="say \\"hi\\"\\n",',
        "    moment=datetime(2026, 11, 24, 12, 30, 15, 250000, tzinfo=UTC),",
        "    number_array=[1, -1],",
        '    amount_map={"tea": Decimal("1.200000000000000000")},',
        '    header={"parent": {"elements": ["main", "menu"]}},',
        '    context={"user": {"user_id": "u-1"}},',
        ")",
    ]
    send(client, "abc", user="u-1")
    page.page.get_by_role("option", name="abc").click()
    expect(page.detail.get_by_role("heading", name="PageOpen")).to_be_visible()
    assert _copied(page, "a pytest assertion") == (
        'paltabrain_events.assert_tracked(EventPageOpen, page_id="abc",'
        ' context={"user": {"user_id": "u-1"}})'
    )


def test_what_cannot_be_seen_is_escaped_in_an_assertion(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    text = "\u202ea\u2028\x85\x7f\ufeffé\u200d😀"
    assert client.post(batch(payload(2, page_id=text))).status_code == 200
    page = open_page(collector.http_url)
    page.open_first()
    copied = _copied(page, "a pytest assertion")
    escaped = r"\u202ea\u2028\u0085\u007f\ufeffé" + "\u200d😀"
    assert copied == f'paltabrain_events.assert_tracked(EventPageOpen, page_id="{escaped}")'
    assert ast.literal_eval(copied.partition("page_id=")[2].removesuffix(")")) == text


def test_an_address_with_an_event_opens_it(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, "first", "second")
    (event,) = client.request("GET", "/api/events?q=first").json()["events"]
    page = open_page(f"{collector.http_url}/?q=second#{event['id']}")
    expect(page.detail).to_contain_text("first")
    page.page.get_by_role("button", name="Close").click()
    expect(page.detail).to_be_hidden()
    assert not page.page.url.endswith(str(event["id"]))


def test_a_text_turns_the_direction_of_no_other(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    text = "\u202eabc"  # what follows runs from right to left
    sent = batch(
        payload(3, label=text, label_map={text: "1", "k": "2"}),
        context=context(user={"user_id": "u-1"}),
    )
    assert client.post(sent).status_code == 200
    page = open_page(f"{collector.http_url}/?property=label:{text}")
    expect(page.rows).to_have_count(1)
    lefts = page.rows.first.locator(".text > *").evaluate_all(
        "(parts) => parts.map((each) => each.getBoundingClientRect().left)"
    )
    assert lefts == sorted(lefts)
    chip = page.page.locator(".chip").evaluate(
        "(chip) => [...chip.children].map((each) => each.getBoundingClientRect().left)"
    )
    assert chip == sorted(chip)


def test_contents_never_become_markup(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    text = " ".join(HOSTILE)
    data = payload(3, label=text, label_array=HOSTILE, label_map=dict.fromkeys(HOSTILE, text))
    sent = batch(data, context=context(user={"user_id": text}))
    sent.common.instance_id = text
    assert client.post(sent, X_SDK_Name="<b>name</b>").status_code == 200
    page = open_page(collector.http_url)
    title = page.page.title()
    page.open_first()
    label = page.detail.locator(".property", has_text="label").first.locator(".scalar")
    assert label.text_content() == text
    page.detail.get_by_role("button", name="Show events with this user_id").click()
    expect(page.page.locator(".chip .value")).to_have_text(f"user.user_id:{text}")
    expect(page.rows).to_have_count(1)
    found = "img[src=x], b:not(.figure b), main style, aside style, main script, aside script"
    assert page.page.locator(found).count() == 0
    assert page.page.title() == title


def test_the_keyboard_is_enough(collector: Collector, client: Client, open_page: OpenPage) -> None:
    send(client, "first", "second", "third")
    page = open_page(collector.http_url)
    press = page.page.keyboard.press
    selected = page.page.get_by_role("option", selected=True)
    press("j")
    expect(selected).to_contain_text("third")
    press("j")
    press("ArrowDown")
    press("k")
    expect(selected).to_contain_text("second")
    expect(page.detail).to_be_hidden()
    press("Enter")
    expect(page.detail).to_contain_text("second")
    press("j")
    expect(page.detail).to_contain_text("first")
    press("Escape")
    expect(page.detail).to_be_hidden()
    press("p")
    expect(page.page.locator("#connection")).to_have_text("Paused")
    press("p")
    expect(page.page.locator("#connection")).to_have_text("Live")
    press("/")
    page.page.keyboard.type("pj")
    expect(page.page.get_by_role("searchbox")).to_have_value("pj")
    press("Escape")
    press("?")
    expect(page.page.get_by_role("dialog", name="Keyboard and search")).to_be_visible()
    press("Escape")
    expect(page.page.get_by_role("dialog")).to_have_count(0)


def test_everything_that_is_used_has_a_name(page: LivePage) -> None:
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, [role], dialog, nav, aside")]
            .filter((each) => each.checkVisibility() && each.role !== "presentation")
            .filter((each) => !(each.ariaLabel || each.innerText.trim() || each.role === "status"))
            .map((each) => each.outerHTML)"""
    )
    assert nameless == []


def test_light_and_dark_follow_the_system_until_they_are_chosen(
    collector: Collector, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.page.get_by_role("button", name="Switch between light and dark").click()
    light = page.evaluate(ground)
    assert light != dark
    page.page.reload()
    page.is_connected()
    assert page.evaluate(ground) == light
    page.page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(ground) == dark


def test_a_narrow_window_shows_one_thing_at_a_time(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, "first")
    page = open_page(collector.http_url, viewport={"width": 380, "height": 700})
    types = page.page.get_by_role("navigation", name="Filters and counts")
    expect(types).not_to_be_visible()
    page.page.get_by_role("button", name="Filters and counts").click()
    expect(types).to_be_visible()
    page.page.get_by_role("button", name="Filters and counts").click()
    expect(types).not_to_be_visible()
    page.open_first()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.page.get_by_role("button", name="Close").click()
    expect(page.rows.first).to_be_visible()
