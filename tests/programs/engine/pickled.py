"""Write a pickle (arguments: engine, path) if it is not there yet; else read it and look at it."""

import pickle
import sys
from importlib import import_module
from pathlib import Path

import paltabrain_fast

config = import_module("examples.config")
assert paltabrain_fast.engine == sys.argv[1]
file = Path(sys.argv[2])
if not file.exists():
    event = config.EventPageOpen(page_id="a").set_parent(parent_elements=["b"])
    event.mine = 1
    context = config.Context().set_os(os_name="c")
    file.write_bytes(pickle.dumps([event, context, config.UNDEFINED]))
else:
    event, context, undefined = pickle.loads(file.read_bytes())
    assert event.asdict() == {
        "header": {"parent": {"parent_elements": ["b"]}},
        "payload": {"page_id": "a", "title": None},
    }
    assert event.mine == 1
    assert context.set_os(os_name=undefined).asdict() == {"os": {"os_name": "c"}}
