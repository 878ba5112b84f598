"""Addresses that requests name: of corpora, of sounds, and of places for models."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from resilience.fuzzing.functions import JSON, FunctionClient, settings
from resilience.fuzzing.parser import Opened, Parser
from ser.corpora import check_source
from ser.errors import SerError
from ser.fetching import NOTHING, Interrupted, Patience, opener_for
from ser.service.access import Access
from ser.service.settings import Settings

PATIENCE = Patience(connect=0.5, read=0.5)
ADDRESSES = (
    *("https://192.0.2.1/a.zip", "http://user:secret@[::ffff:169.254.169.254]:80/latest?x=1#y"),
    *(
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[fe80::1%25eth0]/",
        "http://b\u00fccher.example/",
    ),
    *("s3://corpora/inbox/emodb.zip", "gs://corpora/a/b.tar.gz", "file:///etc/passwd"),
    *("./demo/corpus.zip", "corpus-{000000..000009}.tar", "ftp://192.0.2.1/x", "//192.0.2.1/x"),
)


def opened(folder: Path) -> Opened:
    del folder
    predict = FunctionClient("predict")

    def read(data: bytes, case: Path) -> None:
        settings(case)
        address = data.decode(errors="replace")
        access = Access(Settings.from_environment())
        for check in (access.location, lambda url: check_source(url, access)):
            with suppress(SerError):
                check(address)
        # Its callers try again after this one.
        with suppress(SerError, Interrupted), opener_for(address, access, PATIENCE)(NOTHING):
            pass
        body = json.dumps({"audio": {"url": address}}).encode()
        predict.request("POST", "/predict", body, headers=JSON)

    return Opened([address.encode() for address in ADDRESSES], read)


PARSERS = (Parser("addresses", opened, share=6),)
