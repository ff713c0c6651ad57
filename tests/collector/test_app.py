"""The collector over HTTP: what it stores, what it refuses, and that no request breaks it."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import paltabrain_fast
from paltabrain_fast.collector.server import Collector
from paltabrain_fast.collector.warehouse import Warehouse
from paltabrain_fast.constant import BATCH_MAX_BYTE_SIZE, ENDPOINT_BATCH

from .batches import EVENT_TS, PAGE_OPEN, Client, batch, context, payload, rows

_DIGITS = Decimal("12345678901234567890.123456789012345678")
_LAST_MOMENT = datetime.max.replace(microsecond=999_000)
_TEXTS = ["", "x" * 10_000, "naïve 🦊 \x00 \u202e", 'it\'s "quoted" \\ ; --', "null", "1"]

_EXTREMES: dict[str, list[Any]] = {
    "flag": [False, True],
    "amount": [_DIGITS, -_DIGITS, Decimal(0), Decimal("1E-18"), Decimal("9" * 20)],
    "number": [0, 2**63 - 1, -(2**63)],
    "label": _TEXTS,
    "moment": [datetime.min, _LAST_MOMENT, datetime(1970, 1, 1)],
}


def test_extremes_come_back_exactly(client: Client, db: Path, stack: ExitStack) -> None:
    expected = [{name: value} for name, values in _EXTREMES.items() for value in values]
    expected += [{f"{name}_array": values} for name, values in _EXTREMES.items()]
    expected += [
        {f"{name}_map": dict(zip(_TEXTS, values, strict=False))}
        for name, values in _EXTREMES.items()
    ]
    message = batch(*(payload(3, **properties) for properties in expected))
    assert client.post(message).status_code == 200
    stack.close()
    stored = rows(db, "FROM event.f_everything ORDER BY batch_event_seq_num")
    columns = [name for name in stored[0] if name.startswith("p_")]
    for properties, row in zip(expected, stored, strict=True):
        found = {name: row[name] for name in columns if row[name] is not None}
        assert found == {f"p_{name}": value for name, value in properties.items()}


def test_empty_arrays_and_maps_are_null(client: Client, db: Path, stack: ExitStack) -> None:
    assert client.post(batch(payload(3, label_array=[], label_map={}))).status_code == 200
    stack.close()
    assert rows(db, "SELECT p_label_array, p_label_map FROM event.f_everything") == [
        {"p_label_array": None, "p_label_map": None}
    ]


def test_base_and_context_columns(client: Client, db: Path, stack: ExitStack) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    message = batch(
        PAGE_OPEN,
        PAGE_OPEN,
        batch_id="b",
        context=context(user={"user_id": "u"}, os={"name": "Plan 9"}, app={"name": "a"}),
    )
    client.post(
        message, X_SDK_Name="NAME", X_SDK_Version="1.2", X_SDK_Client_Upload_TS=str(EVENT_TS + 1)
    )
    stack.close()
    first, second = rows(db, "FROM event.f_page_open ORDER BY batch_event_seq_num")
    uploaded = first.pop("server_upload_ts")
    assert (uploaded - before).total_seconds() > -0.001  # both truncated to milliseconds or less
    assert first == {
        "instance_id": "instance",
        "batch_id": "b",
        "batch_event_seq_num": 1,
        "event_type": "PageOpen",
        "event_ts": datetime(2023, 11, 14, 22, 13, 20, 123_000),
        "client_upload_ts": datetime(2023, 11, 14, 22, 13, 20, 124_000),
        "sdk_name": "NAME",
        "sdk_version": "1.2",
        "session_id": 7,
        "session_event_seq_num": 1,
        "c_user_id": "u",
        "c_os_name": "Plan 9",
        "c_app_name": "a",
        "h_elements": None,
        "p_page_id": "home",
    }
    assert (second["batch_event_seq_num"], second["c_user_id"]) == (2, "u")


def test_a_repeat_is_answered_200_and_stored_once(client: Client) -> None:
    message = batch(PAGE_OPEN)
    answers = [client.post(message) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.json()["status"] for answer in answers] == ["stored", "repeated", "repeated"]
    assert client.counts()["events"]["PageOpen"] == 1


def test_what_cannot_be_stored_is_not_acknowledged_and_the_next_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = batch(PAGE_OPEN)

    def failing(*arguments: Any) -> Any:
        del arguments
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(Warehouse, "store", failing)
        answer = client.post(message)
        assert answer.status_code == 500
        assert answer.json() == {"error": "the batch cannot be stored: no space left"}
    assert client.post(message).json()["status"] == "stored"


def test_clients_in_parallel(start: Callable[..., Collector]) -> None:
    collector = start()

    def post_ten(number: int) -> list[int]:
        with closing(Client(collector.http_url)) as client:
            messages = [batch(*[PAGE_OPEN] * 5, batch_id=f"{number}-{k}") for k in range(10)]
            return [client.post(message).status_code for message in (*messages, *messages)]

    with ThreadPoolExecutor(8) as pool:
        assert [status for done in pool.map(post_ten, range(8)) for status in done] == [200] * 160
    with closing(Client(collector.http_url)) as client:
        assert client.counts()["batches"] == 80
        assert client.counts()["events"]["PageOpen"] == 400
    assert (collector.counters.events, collector.counters.repeats) == (400, 80)


def _of_size(size: int) -> bytes:
    """Return a valid batch of exactly this many bytes."""
    long = [payload(2, page_id="x" * 65_000)] * 8
    rough = size - len(batch(*long, payload(2, page_id="")).SerializeToString())
    for length in range(rough - 30, rough + 1):
        body = bytes(batch(*long, payload(2, page_id="x" * length)).SerializeToString())
        if len(body) == size:
            return body
    raise AssertionError(size)


def _chunks(size: int) -> Iterable[bytes]:
    for _ in range(size // 65_536):
        yield bytes(65_536)


def test_the_largest_body_is_stored(client: Client) -> None:
    assert client.post(_of_size(BATCH_MAX_BYTE_SIZE)).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (_of_size(BATCH_MAX_BYTE_SIZE + 1), {}, 413, "exceeds 524288 bytes"),
        (_chunks(2 * BATCH_MAX_BYTE_SIZE), {}, 413, "exceeds 524288 bytes"),
        (PAGE_OPEN, {"Content_Type": "application/json"}, 415, "not 'application/json'"),
        (PAGE_OPEN, {"Content_Type": None}, 415, "Content-Type must be application/protobuf"),
        (b"\xff", {}, 400, "not a serialized Batch"),
        (b"", {}, 400, "no common.batch_id"),
        (batch(PAGE_OPEN), {"X_SDK_Client_Upload_TS": "now"}, 400, "X-SDK-Client-Upload-TS"),
        (batch(PAGE_OPEN), {"X_SDK_Client_Upload_TS": "9" * 5000}, 400, "X-SDK-Client-Upload-TS"),
        (batch(b"\x98\x06\x01"), {}, 422, "unknown event 99"),
        (batch(PAGE_OPEN, context=b"\xff"), {}, 422, "context is not a serialized Context"),
    ],
    ids=[
        "too-large",
        "chunked-too-large",
        "json",
        "no-type",
        "garbage",
        "empty",
        "upload-ts",
        "long-upload-ts",
        "unknown-event",
        "bad-context",
    ],
)
def test_a_bad_request_is_refused_kept_and_harms_nothing(
    client: Client,
    db: Path,
    stack: ExitStack,
    body: Any,
    headers: dict[str, str | None],
    status: int,
    reason: str,
) -> None:
    answer = client.post(body, **headers, X_SDK_Name="NAME")
    assert answer.status_code == status
    assert reason in answer.json()["error"]
    assert client.post(batch(PAGE_OPEN)).status_code == 200
    assert client.counts()["events"]["PageOpen"] == 1
    stack.close()
    (kept,) = rows(
        db, "SELECT *, (object->'batch_event_seq_num')::INT AS number FROM collector.rejected"
    )
    assert (kept["status"], kept["sdk_name"]) == (status, "NAME")
    assert answer.json()["error"].endswith(kept["reason"])
    if status == 413:
        assert kept["body"] is None
    elif kept["number"] is not None:
        assert kept["body"] == body.events[0].SerializeToString()
    else:
        assert kept["body"] == (body if isinstance(body, bytes) else body.SerializeToString())


def test_an_endless_body_is_cut_off(client: Client) -> None:
    sent = 0

    def endless() -> Iterable[bytes]:
        nonlocal sent
        while sent < 100 * BATCH_MAX_BYTE_SIZE:
            sent += 65_536
            yield bytes(65_536)

    try:
        status = client.post(endless()).status_code
    except OSError:  # the answer may be lost with the connection
        status = 413
    assert status == 413
    assert sent < 100 * BATCH_MAX_BYTE_SIZE
    assert client.post(batch(PAGE_OPEN)).status_code == 200


def test_a_content_type_may_have_parameters(client: Client) -> None:
    answer = client.post(batch(PAGE_OPEN), Content_Type="Application/Protobuf; charset=x")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", ENDPOINT_BATCH, 405),
        ("PUT", ENDPOINT_BATCH, 405),
        ("POST", "/v2/schema/sdk_python.zip", 405),
        ("POST", "/", 405),
        ("POST", ENDPOINT_BATCH + "/", 404),
        ("GET", "/v2", 404),
    ],
)
def test_other_methods_and_paths(client: Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("key", ["", "wrong", "señal", "secret-key-2", "SECRET-KEY"])
def test_a_wrong_key_is_refused_everywhere_and_never_echoed(
    start: Callable[..., Collector], stack: ExitStack, key: str
) -> None:
    url = start(api_key="secret-key").http_url
    stranger = stack.enter_context(closing(Client(url, api_key=key.encode().decode("latin-1"))))
    for answer in (stranger.post(batch(PAGE_OPEN)), stranger.get_config(), stranger.post(b"x")):
        assert answer.status_code == 401
        assert "secret-key" not in answer.text
    assert stranger.counts()["batches"] == 0
    refused = stranger.request("GET", "/api/rejected")
    assert [event["status"] for event in refused.json()["events"]] == [401] * 2  # what was sent
    assert "secret-key" not in refused.text
    assert stranger.request("GET", "/api/counts").json()["unauthorized"] == 2
    friend = stack.enter_context(closing(Client(url, api_key="secret-key")))
    assert friend.post(batch(PAGE_OPEN)).status_code == 200
    assert friend.get_config().status_code == 200


def test_where_no_key_is_configured_any_is_accepted_but_one_is_required(
    start: Callable[..., Collector], stack: ExitStack
) -> None:
    url = start().http_url
    stranger = stack.enter_context(closing(Client(url, api_key="")))
    for answer in (stranger.post(batch(PAGE_OPEN)), stranger.get_config()):
        assert answer.status_code == 401
    assert stack.enter_context(closing(Client(url))).post(batch(PAGE_OPEN)).status_code == 200


def test_the_settings_of_other_platforms_are_the_server_s_defaults(
    start: Callable[..., Collector], stack: ExitStack
) -> None:
    url = start(api_key="secret-key").http_url
    answers = [
        stack.enter_context(closing(Client(url, api_key=key))).request("GET", "/v2/config")
        for key in ("wrong", "", "secret-key")
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 200]
    assert answers[2].json() == {
        "eventUploadThreshold": 30,
        "eventUploadMaxBatchSize": 100,
        "eventMaxCount": 1000,
        "eventUploadPeriod": 30,
        "minTimeBetweenSessions": 300,
    }


def test_a_key_beyond_ascii_fits(start: Callable[..., Collector], stack: ExitStack) -> None:
    url = start(api_key="clé").http_url
    client = stack.enter_context(closing(Client(url, api_key="clé".encode().decode("latin-1"))))
    assert client.post(batch(PAGE_OPEN)).status_code == 200


def test_the_config_zip_imports(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client.get_config()
    assert answer.status_code == 200
    assert answer.content == client.get_config().content
    package = tmp_path / "served_config"
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(package)
    assert "from paltabrain_sdk import" in (package / "__init__.py").read_text()
    paltabrain_fast.install_as_paltabrain_sdk()
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.util.find_spec("served_config") is not None
    served: Any = importlib.import_module("served_config")
    event = served.EventPageOpen(page_id="served")
    assert client.post(batch(event.serialize_payload())).status_code == 200
    assert client.counts()["events"]["PageOpen"] == 1


def _scrambled(data: bytes, header: bytes, context: bytes) -> bytes:
    """Return a valid batch with arbitrary bytes where the schema decides what is valid."""
    message = batch(data, context=context)
    message.events[0].header = header
    return bytes(message.SerializeToString())


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=200) | st.builds(_scrambled, *[st.binary(max_size=60)] * 3))
def test_no_body_gives_a_5xx(client: Client, body: bytes) -> None:
    assert client.post(body).status_code in (200, 400, 422)
