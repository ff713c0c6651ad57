"""Tables and columns of a schema's events."""

from __future__ import annotations

import pytest

from paltabrain_fast.collector.errors import CollectorError
from paltabrain_fast.collector.layout import BASE_COLUMNS, plan_layout
from paltabrain_fast.schema.model import Group, Kind, Property, Schema

from .batches import SCHEMA


def _string(name: str) -> Property:
    return Property(name, 1, Kind.STRING)


def test_one_table_per_event_named_in_snake_case() -> None:
    names = [table.name for table in plan_layout(SCHEMA).tables]
    assert names == ["f_empty", "f_page_open", "f_everything", "f_price"]


def test_columns_are_base_context_header_payload() -> None:
    table = plan_layout(SCHEMA).tables[1]
    assert list(table.columns) == [
        *BASE_COLUMNS,
        "c_user_id",
        "c_os_name",
        "c_app_name",
        "h_elements",
        "p_page_id",
    ]


def test_types_are_exact() -> None:
    columns = plan_layout(SCHEMA).tables[2].columns
    scalars = {
        "flag": "BOOLEAN",
        "amount": "DECIMAL(38,18)",
        "color": "VARCHAR",
        "number": "DECIMAL(20,0)",
        "label": "VARCHAR",
        "moment": "TIMESTAMP_MS",
    }
    for name, type_ in scalars.items():
        assert columns[f"p_{name}"] == type_
        assert columns[f"p_{name}_array"] == f"{type_}[]"
        assert columns[f"p_{name}_map"] == f"MAP(VARCHAR, {type_})"


def test_each_capital_of_an_event_s_name_begins_a_word() -> None:
    (table,) = plan_layout(Schema(events=(Group("HTTPError", 1),))).tables
    assert table.name == "f_h_t_t_p_error"


def test_properties_of_two_groups_are_both_told_apart() -> None:
    groups = (
        Group("User", 1, properties=(_string("name"), _string("age"))),
        Group("DeviceOS", 2, properties=(_string("Name"),)),
    )
    (table,) = plan_layout(Schema(context=groups, header=groups, events=(Group("A", 1),))).tables
    assert list(table.columns) == [
        *BASE_COLUMNS,
        *("c_user_name", "c_age", "c_device_o_s_name"),
        *("h_user_name", "h_age", "h_device_o_s_name"),
    ]


def test_names_are_in_lower_case() -> None:
    layout = plan_layout(Schema(events=(Group("Open", 1, properties=(_string("pageId"),)),)))
    assert "p_pageid" in layout.tables[0].columns


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (Schema(events=(Group("PageOpen", 1), Group("Page_Open", 2))), "f_page_open"),
        (
            Schema(events=(Group("E", 1, properties=(_string("id"), _string("ID"))),)),
            "p_id",
        ),
        (
            Schema(
                context=(
                    Group("A", 1, properties=(_string("x"), _string("b_x"))),
                    Group("B", 2, properties=(_string("x"),)),
                ),
                events=(Group("E", 1),),
            ),
            "c_b_x",
        ),
    ],
    ids=["tables", "case", "group"],
)
def test_names_that_collide_are_refused(schema: Schema, name: str) -> None:
    with pytest.raises(CollectorError, match=rf"\b{name}\b"):
        plan_layout(schema)
