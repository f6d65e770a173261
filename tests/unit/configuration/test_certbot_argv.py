"""Certbot's command line, read before Certbot reads it: each answer is compared with Certbot's own."""

from __future__ import annotations

import types
from typing import Any

import pytest
from certbot._internal.cli import helpful
from hypothesis import example, given
from hypothesis import strategies as st

from certbot_external_auth import client
from certbot_external_auth.configuration import certbot_argv
from tests.support import purity

CERTBOTS_VERBS = tuple(helpful.HelpfulArgumentParser([], {}).VERBS)
words_given = st.lists(st.sampled_from([*CERTBOTS_VERBS, "help", "-h", "--help", "-d", "a.test"]), max_size=4)


@given(words_given)
@example(["certificates", "run"])
@example(["-d", "a.test", "auth"])
@example(["help", "certonly"])
def test_the_verb_is_the_one_that_certbot_finds(words: list[str]) -> None:
    """Guards against `delete --cert-name run` where only verbs that issue a certificate are accepted."""
    # Certbot's constructor prepares the words like this, but takes a while.
    given = ["--help" if (place, word) == (0, "help") else word for place, word in enumerate(words)]
    none = not set(given) & {*CERTBOTS_VERBS, "-h", "--help"}
    theirs: Any = types.SimpleNamespace(args=given, VERBS=CERTBOTS_VERBS)
    helpful.HelpfulArgumentParser.determine_verb(theirs)
    # Certbot's default is `run`; here a command line without a verb must be told apart.
    assert certbot_argv.verb(words) == ("" if none else theirs.verb)


def test_every_list_of_verbs_is_the_same() -> None:
    """Guards against a verb that one list lacks: the client and the tests stand alone, so they repeat it."""
    plain = certbot_argv.VERBS - set(certbot_argv.VERB_ALIASES)
    assert set(CERTBOTS_VERBS) - {"help"} <= certbot_argv.VERBS
    assert client._VERBS == certbot_argv.VERBS
    assert {*purity.VERBS_WITH_LINES, *purity.OTHER_VERBS} == plain
    assert purity.VERBS_WITH_LINES == certbot_argv.SPEAKING_VERBS


@pytest.mark.parametrize(
    ("arguments", "speaks"),
    [
        (["certonly", "-d", "x"], True),
        (["-d", "x"], True),
        (["renew", "-q"], True),
        (["certificates"], False),
        (["plugins"], False),
        (["--version"], False),
        (["certonly", "--help"], False),
        (["help", "certonly"], False),
        (["certonly", "-h"], False),
        (["certonly", "help"], False),
    ],
)
def test_stdout_is_taken_over_only_where_lines_may_come(arguments: list[str], speaks: bool) -> None:
    """Guards against `certbot certificates` that prints nothing because cli.ini has mode json."""
    assert certbot_argv.may_speak(arguments) is speaks


@pytest.mark.parametrize(
    ("words", "option", "expected"),
    [
        (["-da.test", "-d", "b.test", "--domain=c.test"], "domains", ["a.test", "b.test", "c.test"]),
        (["--domains", "a.test,b.test", "--ip-address", "::1"], "domains", ["a.test,b.test", "::1"]),
        (["-vnd", "a.test"], "domains", ["a.test"]),
        # The last value counts, in whichever form it is written.
        (["--work-dir=/a", "--work-dir", "/b"], "work_dir", "/b"),
        (["-c", "/a", "--config=/b"], "configurations", ["/a", "/b"]),
        (["--work", "/w"], "work_dir", "/w"),
        (["--config-d=/c"], "config_dir", "/c"),
        (["--external-auth-m", "handler"], "mode", "handler"),
        (["--external-auth-socket", "/s", "--external-auth-socket="], "socket", ""),
        # These are flags of their own, and longer ones are not shorter ones.
        (["--config", "/c", "--domain", "a.test"], "config_dir", None),
        (["--config", "/c"], "plugins", []),
        (["--work-dir-of-mine", "/w", "--", "-d"], "work_dir", None),
        (["--work-dir-of-mine", "/w", "--", "-d"], "domains", []),
        # Certbot refuses these.
        (["--work-dir", "/w", "--config-dir"], "work_dir", "/w"),
        (["--co", "/c"], "config_dir", None),
    ],
)
def test_an_option_is_read_as_certbot_reads_it(words: list[str], option: str, expected: object) -> None:
    """Guards against a session whose Certbot uses other folders than those the session is looked for in."""
    assert getattr(certbot_argv.options(words), option) == expected


@pytest.mark.parametrize(
    ("words", "chooses"),
    [(["--nginx"], True), (["--dns-route53"], True), (["-awebroot"], True), (["--nginx-ctl", "x", "-v"], False)],
)
def test_an_authenticator_may_be_chosen_by_a_flag_of_its_own(words: list[str], chooses: bool) -> None:
    assert certbot_argv.chooses_authenticator(words) is chooses
