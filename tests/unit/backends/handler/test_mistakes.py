"""What may be wrong with a handler, judged by its text and by how it ended."""

from __future__ import annotations

import pytest

from certbot_external_auth.backends.handler.mistakes import Kind, Mistake, likely, sentence
from certbot_external_auth.dialects import Call
from certbot_external_auth.processes.program import Ended

FAILED, SAID, SLOW = Ended(code=1), Ended(code=1, tail=("no",)), Ended(timed_out=True)
CALL = Call("deploy_challenge")
QUIET = "#!/bin/sh\ndeploy_challenge() { exit 1; }\n"


@pytest.mark.parametrize(
    ("ended", "script", "expected"),
    [
        (FAILED, QUIET, [Kind.SILENT]),
        (SAID, QUIET, []),
        (SLOW, QUIET, [Kind.SLOW]),
        (SAID, "#!/bin/sh\necho $cbot_domain\n", [Kind.OTHER_DIALECT]),
    ],
)
def test_what_may_be_wrong(ended: Ended, script: str, expected: list[Kind]) -> None:
    assert [one.kind for one in likely(CALL, ended, "dehydrated", script)] == expected


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/bash\n  read -rp 'Add it, then press Enter' x\n",
        "#!/bin/sh\necho 'Add it'\nread x\n",
        "#!/bin/sh\nread x </dev/tty\n",
        "#!/usr/bin/env python3\ninput('Done? ')\n",
        "#!/usr/bin/perl\nmy $x = <STDIN>;\n",
        "#!/usr/bin/ruby\nSTDIN.gets\n",
        "#!/usr/bin/php\n<?php fgets(STDIN);\n",
    ],
)
@pytest.mark.parametrize("ended", [FAILED, SAID, SLOW])
def test_a_hook_that_asks_a_person_is_told_of_the_mode_for_people(script: str, ended: Ended) -> None:
    assert [one.kind for one in likely(CALL, ended, "dehydrated", script)] == [Kind.ASKS_A_PERSON]


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/bash\nwhile read -r line; do :; done < list\n",
        '#!/bin/bash\nread -r a b <<<"$x"\n',
        "#!/bin/bash\necho x | read y\nthread=1; already=2\n",
        "#!/usr/bin/env python3\nfirst = open('token').readline()\nform.input('x')\n",
    ],
)
def test_a_hook_that_reads_a_file_asks_nobody(script: str) -> None:
    assert likely(CALL, SAID, "dehydrated", script) == []


def test_a_hook_that_is_given_a_document_may_read_it() -> None:
    assert likely(Call("perform", document=b"{}"), SAID, "native", "#!/bin/sh\nread x\n$cbot_domain") == []


@pytest.mark.parametrize("kind", Kind)
def test_every_mistake_is_a_sentence(kind: Kind) -> None:
    text = sentence(Mistake(kind, "lego"))
    assert text[0].isupper()
    assert text.endswith((".", "-dialect lego"))


@pytest.mark.parametrize(("dialect", "named"), [("uacme", False), ("dehydrated", True)])
def test_two_values_are_for_two_certificates_or_for_a_chain(dialect: str, named: bool) -> None:
    (mistake,) = likely(CALL, SLOW, dialect, "", taken="_acme-challenge.a.example")
    text = sentence(mistake)
    assert "_acme-challenge.a.example" in text
    assert "two certificates" in text
    assert ("--external-auth-hook-chain yes" in text) is named
