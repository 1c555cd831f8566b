"""What a call sends."""

from __future__ import annotations

import json

from tuned.client import api
from tuned.wire import Enqueue, Import, ImportedTrial, Submission


def test_what_was_not_asked_for_is_not_sent() -> None:
    """A daemon refuses keys that it does not know: one of an earlier version has to know no more than what is asked."""
    plain = Submission({"name": "s"}, "/here", {"HOME": "/root"})
    assert json.loads(api.submit(plain).payload or b"") == {
        "study": {"name": "s"},
        "base": "/here",
        "environment": {"HOME": "/root"},
    }
    asked = Submission({"name": "s"}, "/here", {}, stem="s", replace=True)
    assert json.loads(api.submit(asked).payload or b"") == {
        "study": {"name": "s"},
        "base": "/here",
        "environment": {},
        "stem": "s",
        "replace": True,
    }
    assert json.loads(api.enqueue("s", Enqueue([{"x": 1.0}], seeds=2)).payload or b"") == {
        "points": [{"x": 1.0}],
        "seeds": 2,
    }
    trials = Import("s", "file", [ImportedTrial({"x": 1.0}, "completed", {"loss": 1.0})], first=True)
    sent = json.loads(api.Call("POST", "/imports", body=trials).payload or b"")
    assert sent["trials"] == [{"params": {"x": 1.0}, "state": "completed", "values": {"loss": 1.0}}]
    assert (sent["first"], sent.get("last")) == (True, None)
    assert json.loads(api.stop().payload or b"") == {"stop_trials": False}
    assert api.studies().payload is None
