"""What Django's checks say of the setting that names the SDK."""

from __future__ import annotations

from ..support.programs import run_program
from ..support.scarce import needs


@needs("django")
def test_checks_tell_what_is_wrong_with_the_setting() -> None:
    said = run_program("ends_web/django_checks").splitlines()
    told = [line.removeprefix("paltabrain.E001: the setting PALTABRAIN_SDK ") for line in said]
    missing, nowhere, no_name, no_path, other, other_object, path, object_ = told
    assert missing.startswith("is missing: set it to your SDK, or to the dotted path of it")
    assert nowhere.startswith("is 'tests.programs.ends_web.nowhere.sdk', which cannot be imported:")
    assert no_name.startswith("is '__main__.missing', which cannot be imported:")
    assert no_path.startswith("is 'sdk', which cannot be imported:")
    assert other == (
        "must be a PaltabrainSdk, or the dotted path of one, not 7, which '__main__.not_an_sdk' is"
    )
    assert other_object == "must be a PaltabrainSdk, or the dotted path of one, not 7"
    assert (path, object_) == ("", "")
