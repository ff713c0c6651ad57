"""An application of Flask's that tracks each path that it is asked for."""

from flask import Flask, request

from tests.programs.ends_web.service import track

application = Flask(__name__)


@application.get("/<path:_path>")
def answer(_path: str) -> str:
    return track(request.path)
